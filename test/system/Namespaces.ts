/** Networks of their own for single processes: each is joined to this one, and none to another. Linux, and root there. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";

export interface Namespace {
  /** What goes before a command that runs in it. */
  readonly prefix: readonly string[];
  readonly address: string;
}

/** Where those of one process find this machine, all of them; nothing else can be reached from there. */
export const OUTSIDE = `10.213.${process.pid % 250}.1`;

const made: string[] = [];

/** Why this machine has none; undefined where it has. */
export function forbidden(): string | undefined {
  const name = `sublet-try-${process.pid}`;
  try {
    ip("netns", "add", name);
    ip("netns", "del", name);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : `${error}`;
  }
}

/** `index`: of those of one process, from 0. */
export function namespace(index: number): Namespace {
  const id = `${process.pid % 100_000}${index}`;
  const [name, here, there] = [`sublet-${id}`, `sbl${id}a`, `sbl${id}b`];
  const subnet = OUTSIDE.replace(/\.1$/, "");
  const [gate, address] = [`${subnet}.${4 * index + 1}`, `${subnet}.${4 * index + 2}`];
  ip("netns", "add", name);
  made.push(name);
  ip("link", "add", here, "type", "veth", "peer", "name", there);
  ip("link", "set", there, "netns", name);
  ip("addr", "add", `${gate}/30`, "dev", here);
  ip("link", "set", here, "up");
  ip("-n", name, "addr", "add", `${address}/30`, "dev", there);
  ip("-n", name, "link", "set", there, "up");
  ip("-n", name, "link", "set", "lo", "up");
  if (gate !== OUTSIDE) ip("-n", name, "route", "add", `${OUTSIDE}/32`, "via", gate);
  return { prefix: ["ip", "netns", "exec", name], address };
}

/** Takes their links along. */
export function removeNamespaces(): void {
  for (const name of made.splice(0)) ip("netns", "del", name);
}

/** Has what listens at `host:port` be reached at another address of this machine. Answers the port there. */
export async function forward(address: string, host: string, port: number): Promise<{ port: number; server: Server }> {
  const server = createServer((caller) => {
    const called = connect(port, host);
    for (const [one, other] of [
      [caller, called],
      [called, caller],
    ] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy());
    }
  });
  server.listen(0, address);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, server };
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
