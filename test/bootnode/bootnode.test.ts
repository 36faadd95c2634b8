/** The command in processes of its own, and nodes that find each other through it. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ASK, cleanUp, LOOPBACK, node, serving, strangerOf, until } from "../network/fixtures.ts";
import { bootnode, fails, stopAll } from "./Process.ts";

describe("sublet bootnode", function () {
  this.timeout(60_000);
  let folder: string;
  let args: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-bootnode-"));
    args = ["--home", join(folder, "home"), "--listen", LOOPBACK];
  });
  afterEach(async () => {
    await cleanUp();
    await stopAll();
    await rm(folder, { recursive: true });
  });

  it("prints where it is, ends when it is told to, and is the same peer the next time", async () => {
    const first = await bootnode(...args);
    expect(first.multiaddrs[0]).to.match(new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${first.peerId}$`));
    expect((await stat(join(folder, "home", "peer.key"))).mode & 0o777).to.equal(0o600);
    expect(await first.stop("SIGTERM")).to.equal(0);
    const again = await bootnode(...args, "--announce", "/dns4/boot.example.org/tcp/4002");
    expect(again.peerId).to.equal(first.peerId);
    expect(again.multiaddrs).to.deep.equal([`/dns4/boot.example.org/tcp/4002/p2p/${first.peerId}`]);
    expect(await again.stop("SIGINT")).to.equal(0);
  });

  it("leads to a peer by its id, and to one that only another bootnode knows", async () => {
    const far = await bootnode(...args, "--local-network");
    const near = await bootnode(
      ...["--home", join(folder, "near"), "--listen", LOOPBACK, "--local-network"],
      ...["--bootnodes", far.multiaddrs[0]!],
    );
    const answering = { bootnodes: [far.multiaddrs[0]!], answers: "always", privateNetwork: true } as const;
    const { node: moved } = await serving({}, {}, { discovery: answering });
    await until(() => moved.getConnections().length > 0);
    for (const bootnodes of [far.multiaddrs, near.multiaddrs]) {
      const asker = await node([], { discovery: { bootnodes, answers: "never", privateNetwork: true } });
      const connection = await strangerOf(asker, `/ip4/127.0.0.1/tcp/9/p2p/${moved.peerId}`);
      expect(await connection.ask({})).to.deep.equal(ASK);
    }
  });

  it("says which address is none, or cannot be listened on", async () => {
    const { multiaddrs } = await bootnode(...args);
    const home = ["--home", join(folder, "other")];
    const taken = multiaddrs[0]!.split("/p2p/")[0]!;
    for (const [name, ...wrong] of [
      ["--listen", "--listen", "everywhere"],
      ["--listen", "--listen", taken],
      ["--announce", "--listen", LOOPBACK, "--announce", "/ip4/300.0.0.1/tcp/1"],
      ["--bootnodes", "--listen", LOOPBACK, "--bootnodes", "/ip4/127.0.0.1/tcp/1"],
    ]) {
      expect(await fails(...home, ...wrong), wrong.join(" ")).to.include({ code: "BadArgument", name });
    }
  });
});
