/** Nodes, servers and callers for the tests of this folder; all on loopback, all ended by `cleanUp`. */
import type { Address, Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { type Connection, type ConnectOptions, connect } from "../../src/network/Client.ts";
import type { Fault, Handlers } from "../../src/network/Handlers.ts";
import { createNode, type Node, type NodeOptions } from "../../src/network/Node.ts";
import { type ServeLimits, type Server, serve } from "../../src/network/Server.ts";
import type { Answered, SessionFacts, SessionSum } from "../../src/network/SessionRecord.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import type { Market } from "../../src/protocol/TypedData.ts";

export const MARKET: Market = { chainId: 31_337, address: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
export const PROVIDER: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
export const SIGNER_KEY: Hex = `0x${"51".repeat(32)}`;
export const CLIENT_KEY: Hex = `0x${"c1".repeat(32)}`;
export const CLIENT: Address = privateKeyToAccount(CLIENT_KEY).address;
export const SIGNER: Address = privateKeyToAccount(SIGNER_KEY).address;
export const DEAL: Hex = `0x${"d0".repeat(32)}`;
export const SLAB = { lane: 7n, sequence: 1 };

const endings: (() => Promise<unknown>)[] = [];

export async function cleanUp(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}

export function onCleanUp(end: () => Promise<unknown>): void {
  endings.push(end);
}

export const LOOPBACK = "/ip4/127.0.0.1/tcp/0";

export async function node(listen: readonly string[] = [], options: Omit<NodeOptions, "listen"> = {}): Promise<Node> {
  const made = await createNode({ listen, ...options });
  onCleanUp(async () => made.stop());
  return made;
}

export function addressOf(listening: Node): string {
  return listening.getMultiaddrs()[0]!.toString();
}

/** Handlers that answer what the tests can recognise; those that are given replace them. */
export function handlers(replaced: Partial<Handlers> = {}): Handlers {
  const unused = async (): Promise<never> => {
    throw new SubletException({ code: "UnknownDeal", deal: DEAL });
  };
  return {
    ask: async () => ASK,
    offer: unused,
    extend: unused,
    append: async ({ offset, bytes }) => ({ length: offset + bytes.length }),
    revise: unused,
    paths: unused,
    list: unused,
    head: unused,
    read: async ({ firstChunk, endChunk }) => ({
      bytes: new Uint8Array((endChunk - firstChunk) * 32).fill(firstChunk),
      proof: new Uint8Array(24),
    }),
    prove: unused,
    revoke: async () => ({}),
    status: unused,
    ...replaced,
  };
}

export const ASK = {
  provider: PROVIDER,
  signer: SIGNER,
  rate: 2n ** 40n,
  egressRate: 3n,
  minSectors: 1,
  freeSectors: 100,
  maxEndEpoch: 400,
  noticeEpochs: 7,
  answerBond: 2n ** 100n,
  allowanceBytes: 1_048_576,
  creditBytes: 65_536,
  operator: "test",
  region: "here",
  version: "1",
};

export interface Serving {
  readonly node: Node;
  readonly server: Server;
  readonly address: string;
  readonly faults: Fault[];
  readonly heard: Heard;
}

/** What a server's witness heard, in order. */
export interface Heard {
  readonly greeted: SessionFacts[];
  readonly answered: (Answered & { readonly by: SessionFacts })[];
  readonly refused: { readonly by: SessionFacts; readonly code: string }[];
  readonly ended: (SessionSum & { readonly by: SessionFacts })[];
}

export async function serving(
  replaced: Partial<Handlers> = {},
  limits: Partial<ServeLimits> = {},
  options: Omit<NodeOptions, "listen"> = {},
  listen = LOOPBACK,
): Promise<Serving> {
  const listening = await node([listen], options);
  const faults: Fault[] = [];
  const heard: Heard = { greeted: [], answered: [], refused: [], ended: [] };
  const server = await serve(listening, {
    market: MARKET,
    provider: PROVIDER,
    signer: SIGNER_KEY,
    handlers: handlers(replaced),
    onFault: (fault) => faults.push(fault),
    witness: {
      greeted: (by) => heard.greeted.push(by),
      answered: (by, answered) => heard.answered.push({ ...answered, by }),
      refused: (by, code) => heard.refused.push({ by, code }),
      ended: (by, sum) => heard.ended.push({ ...sum, by }),
    },
    limits: { lingerMs: 50, ...limits },
  });
  onCleanUp(() => server.close());
  return { node: listening, server, address: addressOf(listening), faults, heard };
}

export async function client(target: string, options: Partial<ConnectOptions> = {}): Promise<Connection> {
  const connection = connect(await node(), target, { market: MARKET, caller: { account: CLIENT_KEY }, ...options });
  onCleanUp(() => connection.close());
  return connection;
}

export async function stranger(target: string, options: Partial<ConnectOptions> = {}): Promise<Connection> {
  return strangerOf(await node(), target, options);
}

/** One that calls from a node of its own choice. */
export async function strangerOf(
  from: Node,
  target: string,
  options: Partial<ConnectOptions> = {},
): Promise<Connection> {
  const connection = connect(from, target, { market: MARKET, ...options });
  onCleanUp(() => connection.close());
  return connection;
}

/** The error of a promise that must fail with a SubletException. */
export async function failure(work: Promise<unknown>): Promise<SubletException["error"]> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SubletException) return error.error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** Waits for what must come; mocha's own limit ends the test if it does not. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

export function read(firstChunk: number, endChunk: number) {
  return { deal: DEAL, slab: SLAB, firstChunk, endChunk, asOf: 1_048_576 };
}
