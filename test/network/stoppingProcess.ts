/** Stops nodes whose one connection goes at some moment meanwhile; nothing else holds this process. */
import { multiaddr } from "@multiformats/multiaddr";
import { createNode } from "../../src/network/Node.ts";

const [address] = process.argv.slice(2) as [string];
for (let turns = 0; turns < 20; turns++) {
  const node = await createNode();
  const connection = await node.dial(multiaddr(address));
  const stopped = node.stop();
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  connection.abort(new Error("it is gone"));
  await stopped;
}
console.log("all of them stopped");
