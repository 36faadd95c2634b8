/** A server that alerts are posted to. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Told {
  readonly kind: string;
  readonly message: string;
  readonly provider: string;
  readonly [detail: string]: unknown;
}

export class Receiver {
  readonly told: Told[] = [];
  /** How many it refuses first. */
  refuse = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Receiver> {
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (text) => (body += text));
      request.on("end", () => {
        const refused = receiver.refuse-- > 0;
        if (!refused) receiver.told.push(JSON.parse(body));
        response.writeHead(refused ? 503 : 204).end();
      });
    });
    const receiver = new Receiver(server);
    await once(server.listen(0, "127.0.0.1"), "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts`;
  }

  of(kind: string): Told[] {
    return this.told.filter((one) => one.kind === kind);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
