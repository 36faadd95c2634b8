/**
 * One market, one term of deals, and every strategy at play in it at once. Time, seeds, proofs and money are the
 * contracts' own; nothing is computed here that they could say.
 */
import { keccak256, toUtf8Bytes } from "ethers";
import { createWorld, type MarketParameters, RATE, type World } from "../contracts/fixture.ts";
import { Book } from "./Book.ts";
import { Coalition, type Proof } from "./Coalition.ts";
import { type Outcome, Player } from "./Player.ts";
import type { Strategy } from "./Strategy.ts";
import type { Term } from "./Term.ts";

/** prevRandao of epoch e's challenge block is keccak256 of this and e in decimal. */
export const SEEDS = "sublet economics, epoch ";
/** Items of one call, so that each fits into a block. */
const PROOFS_TOGETHER = 16;
/** Token base units. No provider of these is ever short of it. */
const STAKE = 1_000_000_000n;

export type SeasonParameters = Omit<MarketParameters, "minCollateral">;

/** Twice as long as the collateral lasts, so that nothing is over before it has cost what it can. */
export function termLength({ coverEpochs }: SeasonParameters): number {
  return 2 * coverEpochs;
}

/** Plays a term from beginning to end, each strategy by as many coalitions as `runs` says. */
export async function season(
  parameters: SeasonParameters,
  strategies: readonly Strategy[],
  runs: (strategy: Strategy) => number = () => 1,
): Promise<Map<Strategy, Outcome[]>> {
  // MIN_COLLATERAL so low that no deal locks more than COVER epochs of penalties: more would deter more.
  const world = await createWorld({ parameters: { ...parameters, minCollateral: 2_000n } });
  const { coverEpochs: cover, missedEpochs: missed, finalEpochs: final, exitEpochs: notice, multiplier } = parameters;
  const [first, length] = [(await world.epoch()) + 1, termLength(parameters)];
  const money = { penaltyRate: BigInt(multiplier) * RATE, stake: STAKE };
  const term: Term = { first, end: first + length, length, cover, missed, final, notice, ...money };
  const players: Player[] = [];
  for (const strategy of strategies) {
    for (let run = 1; run <= runs(strategy); run++) {
      players.push(new Player(strategy, await Coalition.gather(world, term, `${strategy.name} / ${run}`)));
    }
  }

  const book = new Book(world);
  for (let epoch = first; epoch <= term.end + final; epoch++) {
    await world.start(epoch);
    for (const player of players) await (epoch === first ? player.begin(book) : player.commitPhase(epoch));
    if (epoch < term.end) await prove(world, players, epoch);
  }
  await world.start();
  for (const { me } of players) {
    await me.tidy(term.end + final + 1, false);
    await me.withdraw();
  }
  const moved = await book.moved();
  const outcomes = new Map(strategies.map((strategy) => [strategy, [] as Outcome[]]));
  for (const player of players) outcomes.get(player.strategy)!.push(await player.outcome(book, moved));
  return outcomes;
}

/** Everybody's proofs for `epoch`, good or not. */
async function prove(world: World, players: readonly Player[], epoch: number): Promise<void> {
  await world.to("challenge", epoch);
  await world.connection.networkHelpers.setPrevRandao(BigInt(keccak256(toUtf8Bytes(`${SEEDS}${epoch}`))));
  await world.to("prove", epoch);
  const seed = await world.recordSeed();
  const sent: { player: Player; proof: Proof }[] = [];
  for (const player of players) {
    const proof = await player.answer(epoch);
    if (proof) sent.push({ player, proof });
    else await player.judged(false);
  }
  while (sent.length > 0) {
    const some = sent.splice(0, PROOFS_TOGETHER);
    const items = some.map(({ player, proof }) => ({ provider: player.me.host.address, proof: proof.bytes }));
    const skipped = new Map(await world.skipped(world.market.proveMany(seed, items)));
    for (const [index, { player, proof }] of some.entries()) {
      const refusal = skipped.get(index);
      if (refusal !== (proof.whole ? undefined : "Market_ProofRoot")) {
        throw new Error(
          `${player.strategy.name}: a proof that is ${proof.whole ? "" : "not "}whole was ${refusal ?? "taken"}`,
        );
      }
      await player.judged(refusal === undefined);
    }
  }
}
