/** What a provider tells its operator: numbers for Prometheus and one word for a load balancer, on loopback only. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Counter, Gauge, Registry } from "prom-client";
import type { Sent } from "../chain/Market.ts";
import type { DealBook } from "./deals/DealBook.ts";
import { isUnstopped } from "./deals/DealBook.ts";
import type { Store } from "./storage/Store.ts";

/** Heads older than this mean that the chain is out of reach. */
const STALE_MS = 60_000;

export class Metrics {
  readonly registry = new Registry();
  readonly #proven = this.#counter("sublet_epochs_proven_total", "Epochs proven by this process");
  readonly #missed = this.#counter("sublet_epochs_missed_total", "Epochs missed while this process ran");
  readonly #faults = this.#counter("sublet_faults_total", "Requests that failed unexpectedly");
  readonly #calls = new Counter({
    name: "sublet_calls_total",
    help: "Transactions mined, by call",
    labelNames: ["call"],
    registers: [this.registry],
  });
  readonly #gas = new Counter({
    name: "sublet_gas_used_total",
    help: "Gas used, by call",
    labelNames: ["call"],
    registers: [this.registry],
  });
  readonly #alerts = new Counter({
    name: "sublet_alerts_total",
    help: "Alerts raised, by kind",
    labelNames: ["kind"],
    registers: [this.registry],
  });
  #headAt = 0;
  #lastProven = 0;

  /** Adds what is read from the provider itself whenever it is asked for. */
  watch(store: Store, book: DealBook): void {
    this.#gauge("sublet_used_bytes", "Bytes of sectors on disk", () => store.usage().usedBytes);
    this.#gauge("sublet_staged_bytes", "Bytes not yet in a revision", () => store.usage().stagedBytes);
    this.#gauge("sublet_quota_bytes", "Bytes that may be used", () => store.usage().quotaBytes);
    this.#gauge("sublet_epoch", "The current epoch", () => book.epoch);
    this.#gauge("sublet_last_proven_epoch", "The last epoch proven by this process", () => this.#lastProven);
    this.#gauge("sublet_block", "The newest block read", () => Number(book.seen.number));
    this.#gauge("sublet_deals", "Deals that have not stopped", () => unstopped(book).length);
    this.#gauge("sublet_committed_sectors", "Sectors committed on chain", () => {
      return unstopped(book).reduce((sum, { onChain }) => sum + onChain.sectors, 0);
    });
  }

  head(): void {
    this.#headAt = performance.now();
  }

  sent(call: string, { gasUsed }: Pick<Sent, "gasUsed">): void {
    this.#calls.inc({ call });
    this.#gas.inc({ call }, Number(gasUsed));
  }

  proven(epoch: number): void {
    this.#proven.inc();
    this.#lastProven = epoch;
  }

  missed(): void {
    this.#missed.inc();
  }

  alerted(kind: string): void {
    this.#alerts.inc({ kind });
  }

  fault(): void {
    this.#faults.inc();
  }

  /** Whether the chain has been heard of lately. */
  get healthy(): boolean {
    return this.#headAt > 0 && performance.now() - this.#headAt < STALE_MS;
  }

  /** Serves /metrics and /healthz on 127.0.0.1; port 0 takes a free one. */
  async serve(port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
    const server = createServer((request, response) => {
      if (request.url === "/metrics") {
        void this.registry.metrics().then((text) => {
          response.writeHead(200, { "content-type": this.registry.contentType }).end(text);
        });
      } else if (request.url === "/healthz") {
        response.writeHead(this.healthy ? 200 : 503, { "content-type": "application/json" });
        response.end(JSON.stringify({ ok: this.healthy }));
      } else {
        response.writeHead(404).end();
      }
    });
    await listening(server, port);
    const { port: bound } = server.address() as AddressInfo;
    const close = (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    return { url: `http://127.0.0.1:${bound}`, close };
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}

function unstopped(book: DealBook) {
  return book.deals().filter(({ onChain }) => isUnstopped(onChain));
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}
