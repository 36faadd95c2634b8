/** `sublet bootnode`: arguments and printing only. Failures are thrown as SubletExceptions. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { toJson } from "../protocol/Json.ts";
import { peerAddresses } from "../protocol/PeerAddress.ts";

interface Flags {
  readonly home?: string;
  readonly json?: boolean;
  readonly listen: readonly string[];
  readonly announce?: readonly string[];
  readonly bootnodes?: readonly string[];
  readonly localNetwork?: boolean;
  readonly circuits?: boolean;
}

const LISTEN = ["/ip4/0.0.0.0/tcp/4002"];

export function bootnodeCommand(): Command {
  return new Command("bootnode")
    .description("tell clients and providers where other providers are, until it is told to stop")
    .option("--home <folder>", "where its peer.key lies (SUBLET_HOME/bootnode, ~/.sublet/bootnode)")
    .option("--listen <multiaddr...>", "where to listen", LISTEN)
    .option("--announce <multiaddr...>", "what to tell others, if they reach it elsewhere")
    .option("--bootnodes <multiaddr...>", "others, each ending in /p2p/ and its peer id")
    .option("--local-network", "tell private addresses too, as on a network of one's own")
    .option("--circuits", "also bring callers to providers that nobody can reach (their circuit-relays)")
    .option("--json", "print one JSON document")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { listen, announce = [], bootnodes = [], localNetwork = false, circuits = false } = flags;
  peerAddresses("--bootnodes", bootnodes);
  // Only now: the network takes a second to load, and a wrong argument should not wait for it.
  const [{ start }, { loadPeerKey }] = await Promise.all([import("./Bootnode.ts"), import("../network/PeerKey.ts")]);
  const home = resolve(flags.home ?? join(process.env.SUBLET_HOME ?? join(homedir(), ".sublet"), "bootnode"));
  const privateKey = await loadPeerKey(join(home, "peer.key"));
  const node = await start({ privateKey, listen, announce, bootnodes, privateNetwork: localNetwork, circuits });
  const stopped = new Promise<void>((done) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => done());
  });
  const document = {
    peerId: `${node.peerId}`,
    multiaddrs: node.getMultiaddrs().map(String),
    circuits,
    pid: process.pid,
  };
  print(flags, document, () => `Bootnode at ${document.multiaddrs.join(" ")}. Stop it with Ctrl-C.`);
  await stopped;
  await node.stop();
}

function print(flags: Flags, document: object, line: () => string): void {
  process.stdout.write(`${flags.json ? toJson(document) : line()}\n`);
}
