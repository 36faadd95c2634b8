/** A relay over HTTP. Whoever asks is held to a rate and a size; what it asks for has its own signature. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { TokenBucket } from "../network/TokenBucket.ts";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import { bodyOf, parseRequest, RELAY_BODY_BYTES } from "../protocol/Relay.ts";
import { Refusal, type Relay } from "./Relay.ts";

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

const BURST_REQUESTS = 60;
const REQUESTS_PER_SECOND = 2;
const MAX_TRACKED_IPS = 4_096;
const MAX_CONNECTIONS = 512;
const REQUEST_MS = 30_000;

/** Serves until it is closed; port 0 takes a free one. */
export async function listen(relay: Relay, host: string, port: number, log: Logger): Promise<Listening> {
  const visitors = new Visitors();
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
    answer(relay, visitors, request, response, log).catch((error) => {
      log.error({ err: error }, "a request failed unexpectedly");
      say(response, 500, { error: "it failed: see the relay's log" });
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`, close: () => close(server) };
}

async function answer(
  relay: Relay,
  visitors: Visitors,
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<void> {
  if (visitors.of(request.socket.remoteAddress ?? "").take() > 0) {
    return say(response, 429, { error: "too many requests in a short time" });
  }
  if (request.method === "GET") return say(response, 200, relay.facts);
  if (request.method !== "POST") return say(response, 405, { error: "it takes GET and POST" });
  const text = await bodyOf(request, RELAY_BODY_BYTES);
  if (text === undefined) return say(response, 413, { error: `a request has at most ${RELAY_BODY_BYTES} bytes` });
  const asked = parseRequest(text);
  if (!asked) return say(response, 400, { error: "it does not read as a request to relay" });
  try {
    say(response, 200, { hash: await relay.take(asked) });
  } catch (error) {
    if (!(error instanceof Refusal) && !SubletException.is(error)) throw error;
    if (error instanceof Refusal) log.info({ provider: asked.provider, reason: error.message }, "refused");
    else log.warn({ provider: asked.provider, code: error.code, reason: error.message }, "could not be sent");
    say(response, error instanceof Refusal ? 403 : 502, { error: error.message });
  }
}

function say(response: ServerResponse, status: number, document: object): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    "content-type": "application/json",
    connection: status === 200 ? "keep-alive" : "close",
  });
  response.end(toJson(document));
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** How often who may ask: bounded, whoever was longest unseen forgotten first. */
class Visitors {
  readonly #byIp = new Map<string, TokenBucket>();

  of(ip: string): TokenBucket {
    const bucket = this.#byIp.get(ip) ?? new TokenBucket(BURST_REQUESTS, REQUESTS_PER_SECOND);
    this.#byIp.delete(ip);
    this.#byIp.set(ip, bucket);
    for (const old of this.#byIp.keys()) {
      if (this.#byIp.size <= MAX_TRACKED_IPS) break;
      this.#byIp.delete(old);
    }
    return bucket;
  }
}
