/** A chain's provider over JSON-RPC on a loopback port, with a place to stand in between: to drop, delay or alter. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface Provider {
  request(request: { method: string; params?: unknown[] }): Promise<unknown>;
}

/** What a reply becomes on its way: the same, another, or DROPPED: the connection breaks instead. */
export type Between = (request: RpcRequest, ask: () => Promise<unknown>) => Promise<unknown>;

export const DROPPED = Symbol("dropped");

export class RpcServer {
  /** May be exchanged at any time. */
  between: Between = (_request, ask) => ask();
  /** Methods asked for so far, in order. */
  readonly asked: RpcRequest[] = [];
  readonly #server: Server;
  readonly #provider: Provider;

  private constructor(provider: Provider) {
    this.#provider = provider;
    this.#server = createServer((message, response) => {
      void this.#answer(message).then((reply) => {
        if (reply === DROPPED) {
          message.socket.destroy();
          return;
        }
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(reply));
      });
    });
  }

  static async start(provider: Provider): Promise<RpcServer> {
    const server = new RpcServer(provider);
    await new Promise<void>((done) => server.#server.listen(0, "127.0.0.1", done));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(method: string): number {
    return this.asked.filter((request) => request.method === method).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(message: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = JSON.parse(Buffer.concat(chunks).toString()) as RpcRequest;
    const { id, method, params } = request;
    this.asked.push(request);
    try {
      const result = await this.between(request, () => this.#provider.request({ method, params: [...(params ?? [])] }));
      return result === DROPPED ? DROPPED : { jsonrpc: "2.0", id, result };
    } catch (thrown) {
      const { code, message: words, data } = thrown as { code?: number; message: string; data?: unknown };
      return { jsonrpc: "2.0", id, error: { code: code ?? -32603, message: words, data } };
    }
  }
}
