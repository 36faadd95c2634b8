/** Where the market keeps what no view shows, found by what a view does show. */
import { AbiCoder, keccak256 } from "ethers";
import type { World } from "./fixture.ts";

const VARIABLES = 16;
const BALANCE_BITS = 128n;

/** The word of a provider's figures, which begin with its free balance, and where it is. */
export async function standingOf(world: World, owner: string): Promise<{ storage: string; word: bigint }> {
  const free = await world.market.freeBalance(owner);
  for (let variable = 0; variable < VARIABLES; variable++) {
    const storage = keccak256(AbiCoder.defaultAbiCoder().encode(["address", "uint256"], [owner, variable]));
    const word = await read(world, storage);
    if (word !== 0n && BigInt.asUintN(Number(BALANCE_BITS), word) === free) return { storage, word };
  }
  throw new Error(`no word holds the balance of ${owner}`);
}

/** The market's plain variables. */
export async function variables(world: World): Promise<bigint[]> {
  return Promise.all(Array.from({ length: VARIABLES }, (_, variable) => read(world, variable)));
}

async function read(world: World, at: string | number): Promise<bigint> {
  return BigInt(await world.ethers.provider.getStorage(world.market, at));
}
