import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { bytesToHex } from "viem";
import { LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { signerOf } from "../../src/client/home/Keystore.ts";
import { Keys } from "../../src/codec/index.ts";
import { PARAMETERS, policy, Tenant } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const VOLUME = { k: 1, n: 3, bytes: MIB, epochs: 10 };

describe("warnings", function () {
  this.timeout(120_000);
  let world: World;

  before(async () => {
    world = await World.create(3, {
      policy: { ...policy, rate: 2_000n * LEDGER_ONE, egressRate: LEDGER_ONE / 1_000n, creditBytes: MIB / 4 },
    });
  });

  after(() => world.end());

  it("come when the end of a deal comes near, and not before", async () => {
    const drive = await world.open(await world.home());
    const { id } = await drive.createVolume(VOLUME);
    expect(await drive.warnings()).to.deep.equal([]);
    const far = await drive.warnings({ within: 11 });
    expect(far.map(({ kind, position }) => ({ kind, position }))).to.deep.equal(
      [0, 1, 2].map((position) => ({ kind: "ending", position })),
    );
    await world.ground.mine(4 * PARAMETERS.epochBlocks);
    const { warnings, volumes } = await drive.status();
    const { positions } = volumes[0]!;
    expect(warnings).to.deep.equal(
      positions.map(({ position, deal, provider, epochsLeft }) => ({
        ...{ volume: id, position, deal, provider, kind: "ending", epochs: epochsLeft },
      })),
    );
    expect((await drive.status(undefined, 1)).warnings).to.deep.equal([]);
    await expectError(
      Promise.resolve().then(() => drive.warnings({ volume: 1n })),
      "NoVolume",
    );
  });

  it("come when what is left for reading does not bring everything back", async () => {
    const drive = await world.open(await world.home());
    await drive.createVolume({ ...VOLUME, epochs: 20 });
    await drive.put("film", randomBytes(MIB / 2));
    expect(await drive.warnings()).to.deep.equal([]);
    // Each budget pays for two MiB.
    for (let time = 0; time < 12; time++) await read(drive.get("film"));
    const warnings = await drive.warnings();
    expect(new Set(warnings.map(({ kind }) => kind))).to.deep.equal(new Set(["egress"]));
    await drive.topUp(1_000_000n, { egress: true });
    expect(await drive.warnings()).to.deep.equal([]);
  });

  it("come when the escrow does not pay for what was rented, and tell what is missing", async () => {
    const master = new Uint8Array(randomBytes(32));
    const home = await world.home(master);
    // As another program of this owner would, with 10,000,000 base units for 500 sectors of 2,000 each: ten epochs.
    const { deal } = await Tenant.open(
      world.ground,
      world.hosts[0]!,
      { rate: 2_000n * LEDGER_ONE, capacity: 500, clientSigner: signerOf(Keys.driveKey(master)).address },
      0n,
      bytesToHex(Keys.accountKey(master)),
    );
    const { drive } = await world.restore(master, home);
    expect(await drive.warnings()).to.deep.equal([]);
    const [warning, ...others] = await drive.warnings({ within: 10 });
    expect(others).to.deep.equal([]);
    expect(warning).to.include({ kind: "escrow", position: 0, deal, epochs: 10 });
    const missing = warning?.kind === "escrow" ? warning.missing : 0n;
    // The put that fills it would need as much.
    expect((await drive.quote(500 * MIB)).missing).to.equal(missing);
    const { epochsLeft } = (await drive.status()).volumes[0]!.positions[0]!;
    expect(await drive.planTopUp(missing)).to.include({ lasts: 10, wouldLast: epochsLeft });
    await drive.topUp(missing);
    expect(await drive.warnings({ within: 10 })).to.deep.equal([]);
  });
});
