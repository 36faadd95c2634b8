/** The ways by which a node reaches others and is reached. src/browser/Transports.ts has those of a page. */
import type { ConnectionGater } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";

/** TCP; also WebSocket, which pages call by, for who listens there or names somebody who does. */
export async function transports(addresses: readonly string[]) {
  if (!addresses.some((address) => /\/wss?(\/|$)/.test(address))) return [tcp()];
  return [tcp(), (await import("./WebSockets.ts")).boundedWebSockets()];
}

/** Whom it may call: anybody, as libp2p has it outside of pages. */
export const dialGate: Pick<ConnectionGater, "denyDialMultiaddr"> = {};
