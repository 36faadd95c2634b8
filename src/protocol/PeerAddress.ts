/** The address of one peer, as people give it: where it is and, by its id, who must be there. */
import { z } from "zod";
import { SubletException } from "./Errors.ts";
import { MAX_ADDRESS_CHARACTERS } from "./limits.ts";

/** What a circuit through it adds: `/p2p-circuit/p2p/` and another peer id. */
const CIRCUIT_CHARACTERS = 72;

const PEER_ADDRESS = /^\/[\x21-\x7e]+\/p2p\/[1-9A-HJ-NP-Za-km-z]{32,128}$/;
const WANTED =
  "each begins with a slash and ends in /p2p/ and a peer id, such as /ip4/203.0.113.7/tcp/4001/p2p/12D3Koo...";

/** Of a peer that is reached without another in between. */
export const peerAddress = z
  .string(WANTED)
  .max(MAX_ADDRESS_CHARACTERS - CIRCUIT_CHARACTERS, WANTED)
  .regex(PEER_ADDRESS, WANTED)
  .refine((text) => text.split("/p2p/").length === 2 && !text.includes("/p2p-circuit"), WANTED);

/** Of several peers. @param name of the option that they were given by @throws SubletException BadArgument */
export function peerAddresses(name: string, each: readonly string[]): string[] {
  return each.map((value) => {
    const { data, error } = peerAddress.safeParse(value);
    if (data !== undefined) return data;
    throw new SubletException({ code: "BadArgument", name, value, reason: error!.issues[0]!.message });
  });
}

/** What a command's `--bootnodes` says: addresses between commas, or nothing. @throws SubletException BadArgument */
export function bootnodesOf({ bootnodes }: { readonly bootnodes?: string }): { bootnodes?: string[] } {
  if (bootnodes === undefined) return {};
  const each = bootnodes.split(",").map((one) => one.trim());
  return { bootnodes: peerAddresses("--bootnodes", each.filter(Boolean)) };
}
