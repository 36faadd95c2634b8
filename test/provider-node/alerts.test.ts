import { once } from "node:events";
import { readdir, readFile, rename } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import type { AlertsConfig } from "../../src/provider-node/main.ts";
import { slab } from "../conformance/Writer.ts";
import { Ground, type Host, Tenant } from "./Ground.ts";
import { Receiver } from "./Receiver.ts";

describe("a provider's alerts", function () {
  this.timeout(120_000);
  let ground: Ground;
  let receiver: Receiver;

  beforeEach(async () => {
    ground = await Ground.create();
    receiver = await Receiver.start();
  });

  afterEach(async () => {
    await ground.end();
    await receiver.stop();
  });

  const host = (alerts: AlertsConfig, more = {}): Promise<Host> => {
    return ground.provider({ alerts: { webhook: receiver.url, retryMs: [10, 10], lookMs: 0, ...alerts }, ...more });
  };
  const heard = (kind: string, times = 1) =>
    ground.until(`${kind} is told`, async () => receiver.of(kind).length >= times && receiver.of(kind));

  it("tell of an epoch that is about to be missed while it can still be proven, and of one that was", async () => {
    const one = await host({});
    const tenant = await Tenant.open(ground, one);
    const { epochs } = tenant.market;
    await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    const sectors = join(one.config.dataDir, "sectors");
    await rename(sectors, `${sectors}.away`);
    const late = epochs.end(epoch) - (epochs.end(epoch) - epochs.challengeBlock(epoch)) / 4n;
    await ground.to(late - 1n);
    await ground.rest();
    expect(receiver.told).to.deep.equal([]);
    await ground.mine();
    const [risk] = await heard("epoch-at-risk");
    expect(risk).to.include({ epoch, provider: one.address, blocksLeft: Number(epochs.end(epoch) - late) });
    await ground.mine();
    await ground.rest();
    expect(receiver.of("epoch-at-risk")).to.have.length(1);

    // In time: an operator who puts it right loses nothing.
    await rename(`${sectors}.away`, sectors);
    for (let tries = 0; tries < 5 && !(await tenant.market.proven(one.address, epoch)); tries++) {
      await ground.mine();
      await ground.rest();
    }
    expect(await tenant.market.proven(one.address, epoch)).to.equal(true);

    await rename(sectors, `${sectors}.away`);
    await ground.to(epochs.end(epoch + 1));
    await heard("epoch-at-risk", 2);
    await ground.mine();
    expect((await heard("epoch-missed"))[0]!.epochs).to.deep.equal([epoch + 1]);
  });

  it("say nothing of epochs that need no proof", async () => {
    const one = await host({});
    const tenant = await Tenant.open(ground, one);
    await ground.to(tenant.market.epochs.start(tenant.market.epochs.at(await ground.block()) + 2));
    await ground.rest();
    expect(receiver.told).to.deep.equal([]);
  });

  it("tell of low stake once, and again only after it was enough", async () => {
    const one = await host({ limits: { freeStake: 499_999_999n, diskBytes: 0 } });
    const tenant = await Tenant.open(ground, one);
    await ground.mine();
    const [low] = await heard("low-stake");
    expect(low!.message).to.match(/^\d+ base units of the stake are free, below 499999999: deposit more/);
    await ground.mine();
    await ground.rest();
    expect(receiver.of("low-stake")).to.have.length(1);
    await tenant.market.deposit(one.address, 100_000_000n);
    await ground.mine();
    await ground.rest();
    const owner = await ground.reach(one.config.account as `0x${string}`);
    await owner.withdraw(100_000_000n, owner.sender);
    await ground.mine();
    await heard("low-stake", 2);
  });

  it("tell which disk is low", async () => {
    const one = await host({ limits: { freeStake: 0n, diskBytes: Number.MAX_SAFE_INTEGER } });
    const [low] = await heard("low-disk");
    expect(low).to.include({ folder: one.config.dataDir, limit: Number.MAX_SAFE_INTEGER });
    expect(low!.free).to.be.a("number").that.is.greaterThan(0);
  });

  it("tell whose gas does not last, and how much is missing", async () => {
    const account = await ground.account(1_000_000_000n, 5n * 10n ** 15n);
    const one = await host({}, { account });
    const [low] = await heard("low-gas");
    expect(low).to.include({ account: one.address });
    expect(BigInt(low!.missing as string) > 0n).to.equal(true);
  });

  it("tell that the chain is silent, which no block would", async () => {
    await host({ silentMs: 400 });
    ground.outage = true;
    const [silent] = await heard("chain-silent");
    expect(silent!.message).to.match(/^no new block for \d+ seconds/);
  });

  it("are told again to a webhook that refuses, and given up after a few tries", async () => {
    receiver.refuse = 2;
    await host({ limits: { freeStake: 0n, diskBytes: Number.MAX_SAFE_INTEGER } });
    await heard("low-disk");
    expect(receiver.refuse).to.be.lessThan(0);
  });

  it("run a command, with kind and message as arguments and all of it on standard input", async () => {
    const folder = await ground.directory();
    const file = join(folder, "alert 1");
    const command = `printf '%s\\n' "$1" "$2" > '${file}.part'; cat >> '${file}.part'; mv '${file}.part' '${file}'`;
    const one = await host({ command, limits: { freeStake: 0n, diskBytes: Number.MAX_SAFE_INTEGER } });
    await ground.until("it has run", async () => (await readdir(folder)).includes("alert 1"));
    const [kind, message, document] = (await readFile(file, "utf8")).split("\n");
    expect(kind).to.equal("low-disk");
    expect(JSON.parse(document!)).to.include({ kind, message, provider: one.address });
  });

  for (const [how, command, listens] of [
    ["fail", "exit 3", false],
    ["never end", "sleep 1000", true],
  ] as const) {
    it(`that ${how} hold up neither proofs nor the end`, async () => {
      const mute = createServer(() => undefined);
      await once(mute.listen(0, "127.0.0.1"), "listening");
      const { port } = mute.address() as AddressInfo;
      if (!listens) mute.close();
      else ground.onEnd(async () => mute.close());
      await provesAndStops(command, `http://127.0.0.1:${port}/`);
    });
  }

  async function provesAndStops(command: string, webhook: string): Promise<void> {
    const one = await host({
      ...{ command, webhook, retryMs: [3_600_000] },
      limits: { freeStake: 0n, diskBytes: Number.MAX_SAFE_INTEGER },
    });
    const tenant = await Tenant.open(ground, one, { minSectors: 1 });
    const epoch = tenant.market.epochs.at(await ground.block()) + 1;
    await ground.to(tenant.market.epochs.gapStart(epoch));
    await ground.until("it is proven", () => tenant.market.proven(one.address, epoch));
    await one.node.stop();
  }
});
