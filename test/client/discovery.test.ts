/** Providers that are no longer where they announced, and could not say so on chain. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { audit } from "../../src/auditor/audit.ts";
import { start } from "../../src/bootnode/Bootnode.ts";
import type { Node } from "../../src/network/Node.ts";
import { newPeerKey } from "../../src/network/PeerKey.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const LISTEN = ["/ip4/127.0.0.1/tcp/0"];

describe("a drive whose providers have moved", function () {
  this.timeout(120_000);
  let boot: Node;
  let bootnodes: string[];
  let world: World;
  let home: string;
  const bytes = randomBytes(300_000);

  before(async () => {
    const privateKey = await newPeerKey();
    boot = await start({
      privateKey,
      listen: LISTEN,
      announce: [],
      bootnodes: [],
      privateNetwork: true,
      circuits: false,
    });
    bootnodes = boot.getMultiaddrs().map(String);
    world = await World.create(4, { bootnodes });
    home = await world.home();
    const drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 4, bytes: 16 * 2 ** 20, epochs: 20 });
    await drive.put("before.bin", bytes);
    await world.pass(1);
    await drive.close();
    // Gas is too dear for them to announce where they are now.
    for (const host of world.hosts) await host.restart({ gas: { maxFee: 0n } });
    await world.ground.until("the bootnode knows them", async () => boot.getPeers().length === 4);
  });

  after(async () => {
    await world.end();
    await boot.stop();
  });

  it("finds them through its bootnodes, and not without", async () => {
    const lost = await world.open(home);
    await expectError(read(lost.get("before.bin")), "TooFewProviders");
    await lost.close();
    const drive = await world.open(home, { bootnodes });
    expect(Buffer.compare(await read(drive.get("before.bin")), bytes)).to.equal(0);
    expect((await drive.status()).volumes[0]).to.include({ good: 4 });
    const more = randomBytes(100_000);
    await drive.put("after.bin", more);
    expect(Buffer.compare(await read(drive.get("after.bin")), more)).to.equal(0);
    await drive.close();
  });

  it("is audited through them too", async () => {
    const place = { rpcUrl: world.rpc.url, market: world.ground.market };
    const shown = async (asked: readonly string[]) =>
      (await audit({ ...place, bootnodes: asked })).spotChecks.map(({ ok }) => ok);
    expect(await shown([])).to.deep.equal(Array(4).fill(false));
    expect(await shown(bootnodes)).to.deep.equal(Array(4).fill(true));
  });

  it("has its bootnodes from its home too, where one that is none is named", async () => {
    const file = join(home, "config.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, bootnodes }));
    const drive = await world.open(home);
    expect(Buffer.compare(await read(drive.get("before.bin")), bytes)).to.equal(0);
    await drive.close();
    await writeFile(file, JSON.stringify({ ...config, bootnodes: [...bootnodes, "/ip4/127.0.0.1/tcp/1"] }));
    const { reason } = await expectError(world.open(home), "StateCorrupt");
    expect(reason).to.match(/^bootnodes.1: .* a peer id/);
    await writeFile(file, JSON.stringify(config));
  });
});
