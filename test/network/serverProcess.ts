/** A server in a process of its own: prints its address on a line, serves until it is killed or its input ends. */
import { createNode } from "../../src/network/Node.ts";
import { loadPeerKey } from "../../src/network/PeerKey.ts";
import { serve } from "../../src/network/Server.ts";
import { addressOf, handlers, MARKET, PROVIDER, SIGNER_KEY } from "./fixtures.ts";

const [keyFile, listen] = process.argv.slice(2) as [string, string];
const node = await createNode({ privateKey: await loadPeerKey(keyFile), listen: [listen] });
const server = await serve(node, {
  market: MARKET,
  provider: PROVIDER,
  signer: SIGNER_KEY,
  handlers: handlers(),
  onFault: (fault) => console.error(fault),
});
console.log(addressOf(node));
process.stdin.resume().on("end", async () => {
  await server.close();
  await node.stop();
});
