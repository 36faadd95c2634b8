import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect } from "chai";
import { Market } from "../../src/chain/Market.ts";
import { accountOf } from "../../src/client/home/Keystore.ts";
import { setUp } from "../../src/client/home/Setup.ts";
import { Sublet } from "../../src/client/index.ts";
import { policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;
const VOLUME = { k: 1, n: 3, bytes: 8 * MIB, epochs: 10 };

describe("money", function () {
  this.timeout(120_000);
  let world: World;

  before(async () => {
    world = await World.create(3, {
      // A thousandth of a token's base unit a byte, nothing free, and a quarter of a megabyte on trust.
      policy: { ...policy, egressRate: 2n ** 32n / 1_000n, allowanceBytes: 0, creditBytes: MIB / 4 },
    });
  });

  after(() => world.end());

  it("pays for what it reads by vouchers, and for no more", async () => {
    const key = randomBytes(32);
    const home = await world.home(key);
    const drive = await world.open(home);
    const { id } = await drive.createVolume(VOLUME);
    const bytes = randomBytes(3 * MIB);
    await drive.put("film.bin", bytes);
    for (let time = 0; time < 2; time++) {
      expect(Buffer.compare(await read(drive.get("film.bin")), bytes)).to.equal(0);
    }
    await drive.close();
    // A later process knows what it has signed, and pays on.
    const again = await world.open(home);
    expect(Buffer.compare(await read(again.get("film.bin")), bytes)).to.equal(0);
    const paid = again.promised(id);
    const rate = 2n ** 32n / 1_000n;
    expect(paid > BigInt(8 * MIB) * rate).to.equal(true);
    expect(paid <= BigInt(9 * MIB + MIB) * rate).to.equal(true);
  });

  it("says how much of which money is missing, before anything is sent", async () => {
    const poor = await world.open(await world.home(randomBytes(32), 1_000n));
    const tokens = await expectError(poor.createVolume(VOLUME), "InsufficientFunds");
    expect(tokens).to.include({ asset: "token", account: poor.account, have: 1_000n });
    expect(tokens.missing).to.equal(tokens.need - 1_000n);
    expect((await poor.status()).volumes).to.deep.equal([]);

    const penniless = await world.open(await world.home(randomBytes(32), 0n, 0n));
    const both = await expectError(penniless.createVolume(VOLUME), "InsufficientFunds");
    expect(both).to.include({ asset: "token", have: 0n, missing: tokens.need });
    expect(both.also).to.include({ asset: "gas", account: penniless.account, have: 0n });

    const gasless = await world.open(await world.home(randomBytes(32), 10n ** 9n, 1n));
    const gas = await expectError(gasless.createVolume(VOLUME), "InsufficientFunds");
    expect(gas).to.include({ asset: "gas", account: gasless.account, have: 1n });
    expect(gas.missing > 0n).to.equal(true);
  });

  it("opens all deals of a volume in one transaction, funded to their end", async () => {
    const key = randomBytes(32);
    const drive = await world.open(await world.home(key));
    await drive.createVolume(VOLUME);
    const { account, volumes } = await drive.status();
    const market = await Market.connect({
      rpcUrl: world.rpc.url,
      market: world.ground.market,
      account: accountOf(key),
    });
    const blocks = new Set<bigint>();
    for await (const { block } of market.openings(account)) blocks.add(block);
    expect(blocks.size).to.equal(1);
    const { capacity, positions } = volumes[0]!;
    // 1,000 base units a sector and epoch.
    for (const { escrow, epochsLeft } of positions)
      expect(escrow >= BigInt(capacity * 1_000 * epochsLeft)).to.equal(true);
  });

  it("tops up what is there, to the last base unit", async () => {
    const drive = await world.open(await world.home());
    await expectError(drive.topUp(100n), "NoVolume");
    await drive.createVolume(VOLUME);
    const before = (await drive.status()).volumes[0]!.positions.map(({ escrow, egress }) => ({ escrow, egress }));
    const deals = await drive.topUp(100_001n);
    expect(deals.reduce((sum, { escrow }) => sum + escrow, 0n)).to.equal(100_001n);
    await drive.topUp(300n, { egress: true });
    const after = (await drive.status()).volumes[0]!.positions.map(({ escrow, egress }) => ({ escrow, egress }));
    for (const [index, { escrow, egress }] of after.entries()) {
      expect(escrow > before[index]!.escrow && egress > before[index]!.egress).to.equal(true);
    }
    await expectError(drive.topUp(0n), "BadArgument");
    const { missing } = await expectError(drive.topUp(10n ** 15n), "InsufficientFunds");
    expect(missing > 0n).to.equal(true);
  });

  it("offers to more providers than it needs, where some refuse", async () => {
    const full = await world.host({ quotaBytes: 2 * MIB });
    const drive = await world.open(await world.home());
    await drive.createVolume(VOLUME);
    const providers = (await drive.status()).volumes[0]!.positions.map(({ provider }) => provider);
    expect(providers).to.not.include(full.address);
    const few = await expectError(drive.createVolume({ ...VOLUME, n: 4 }), "TooFewProviders");
    expect(few).to.include({ have: 3, need: 4 });
    await expectError(drive.createVolume({ ...VOLUME, k: 4, n: 3 }), "BadArgument");
    await expectError(drive.createVolume({ ...VOLUME, epochs: 0 }), "BadArgument");
  });

  it("knows a wrong chain, a wrong market and a chain that is down", async () => {
    const key = randomBytes(32);
    const home = await world.home(key);
    const { rpc, ground } = world;
    const at = { password: PASSWORD, rpcUrl: rpc.url, market: ground.market, scryptN: 2 };
    const nobody = "0x00000000000000000000000000000000000000AA";
    await expectError(Sublet.open({ home, key, market: nobody }), "NotAMarket");
    await expectError(Sublet.open({ home, key, rpcUrl: "http://127.0.0.1:9" }), "ChainUnavailable");
    await expectError(setUp({ ...at, home: join(home, "a"), market: nobody }), "NotAMarket");
    await expectError(setUp({ ...at, home: join(home, "b"), rpcUrl: "http://127.0.0.1:9" }), "ChainUnavailable");
    await expectError(setUp({ ...at, home }), "BadArgument");
    const honest = rpc.between;
    rpc.between = async (request, ask) => (request.method === "eth_chainId" ? "0x5" : ask());
    expect(await expectError(Sublet.open({ home, key }), "WrongChain")).to.include({ expected: 31_337, actual: 5 });
    rpc.between = honest;
  });
});
