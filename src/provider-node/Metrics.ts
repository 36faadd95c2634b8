/**
 * What a provider tells its operator: numbers for Prometheus and one word for a load balancer, on loopback only.
 * docs/METRICS.md is made of what is said here; no label has a value that a stranger chooses.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Epochs } from "../chain/Epochs.ts";
import type { Sent } from "../chain/Market.ts";
import { DealState, LEDGER_ONE } from "../chain/MarketReader.ts";
import type { Witness } from "../network/SessionRecord.ts";
import type { Seen } from "./alerts/Watch.ts";
import type { DealBook } from "./deals/DealBook.ts";
import { isUnstopped } from "./deals/DealBook.ts";
import type { Store } from "./storage/Store.ts";

/** Heads older than this mean that the chain is out of reach. */
const STALE_MS = 60_000;
/** Of an answer that has left: from a small file's chunk to a sector over a slow line. */
const LATENCY_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
const WEI = 10 ** 18;

/** The provider itself, read whenever somebody asks. */
export interface Sources {
  readonly store: Pick<Store, "usage">;
  readonly book: Pick<DealBook, "deals" | "epoch" | "seen">;
  readonly epochs: Epochs;
  /** Of the token: how many of its base units' digits stand behind the point. */
  readonly decimals: number;
  sessions(): number;
}

export class Metrics {
  readonly registry = new Registry();
  #sources: Sources | undefined;
  #headAt = 0;
  #lastProven = 0;

  readonly #proven = this.#counter("sublet_epochs_proven_total", "Epochs proven by this process");
  readonly #missed = this.#counter("sublet_epochs_missed_total", "Epochs missed while this process ran");
  readonly #calls = this.#counter("sublet_calls_total", "Transactions mined, by call", "call");
  readonly #gas = this.#counter("sublet_gas_used_total", "Gas used, by call", "call");
  readonly #alerts = this.#counter("sublet_alerts_total", "Alerts raised, by kind", "kind");
  readonly #requests = this.#counter("sublet_requests_total", "Requests answered, by verb", "verb");
  readonly #refused = this.#counter(
    "sublet_requests_refused_total",
    "Requests answered with a failure, by verb and code",
    "verb",
    "code",
  );
  readonly #faults = this.#counter("sublet_faults_total", "Requests that failed unexpectedly");
  readonly #seconds = new Histogram({
    name: "sublet_request_seconds",
    help: "From a request's arrival until its answer has left, by verb",
    labelNames: ["verb"],
    buckets: LATENCY_SECONDS,
    registers: [this.registry],
  });
  readonly #received = this.#counter("sublet_received_bytes_total", "Content bytes that callers sent");
  readonly #sent = this.#counter("sublet_sent_bytes_total", "Content bytes that callers were sent");
  readonly #sessionsRefused = this.#counter(
    "sublet_sessions_refused_total",
    "Sessions ended because of what the caller did, by code",
    "code",
  );
  readonly #losses = this.#counter("sublet_lost_sectors_total", "Sector files found missing or wrong when asked for");
  readonly #freeStake = this.#reading("sublet_stake_free_tokens", "Tokens in the market that no deal has locked");
  readonly #ether = this.#reading("sublet_gas_ether", "What the signer's account has for gas, in the chain's coin");
  readonly #diskFree = this.#reading("sublet_disk_free_bytes", "Bytes free on the disk of a folder", "folder");

  constructor() {
    this.#gauge("sublet_used_bytes", "Bytes of sectors on disk", ({ store }) => store.usage().usedBytes);
    this.#gauge("sublet_staged_bytes", "Bytes not yet in a revision", ({ store }) => store.usage().stagedBytes);
    this.#gauge("sublet_quota_bytes", "Bytes that may be used", ({ store }) => store.usage().quotaBytes);
    this.#gauge("sublet_sessions", "Sessions open now", ({ sessions }) => sessions());
    this.#gauge("sublet_epoch", "The current epoch", ({ book }) => book.epoch);
    this.#gauge("sublet_epoch_blocks_left", "Blocks until the current epoch is over", ({ book, epochs }) =>
      Number(epochs.end(book.epoch) - book.seen.number),
    );
    this.#gauge("sublet_last_proven_epoch", "The last epoch that was seen proven", () => this.#lastProven);
    this.#gauge("sublet_block", "The newest block read", ({ book }) => Number(book.seen.number));
    this.#gauge("sublet_head_age_seconds", "Seconds since the chain showed a new block", () => this.#headAge / 1_000);
    this.#gauge("sublet_deals", "Deals that have not stopped", ({ book }) => unstopped(book).length);
    this.#gauge("sublet_committed_sectors", "Sectors committed on chain", ({ book }) =>
      unstopped(book).reduce((sum, { onChain }) => sum + onChain.sectors, 0),
    );
    this.#gauge("sublet_stake_locked_tokens", "Tokens that deals have locked as collateral", ({ book, decimals }) => {
      const unclosed = book.deals().filter(({ onChain }) => onChain.state !== DealState.Closed);
      return tokens(
        unclosed.reduce((sum, { onChain }) => sum + onChain.collateral, 0n),
        decimals,
      );
    });
  }

  /** From now on what is read from the provider itself is there. */
  watch(sources: Sources): void {
    this.#sources = sources;
  }

  head(): void {
    this.#headAt = performance.now();
  }

  sent(call: string, { gasUsed }: Pick<Sent, "gasUsed">): void {
    this.#calls.inc({ call });
    this.#gas.inc({ call }, Number(gasUsed));
  }

  proven(): void {
    this.#proven.inc();
  }

  /** Whoever has proven it. */
  seenProven(epoch: number): void {
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

  lost(): void {
    this.#losses.inc();
  }

  /** What changes slowly, as it was when last looked at. */
  seen({ freeStake, gas, disk }: Seen): void {
    if (freeStake !== undefined && this.#sources) this.#freeStake.set(tokens(freeStake, this.#sources.decimals));
    if (gas !== undefined) this.#ether.set(Number(gas) / WEI);
    if (disk) this.#diskFree.set({ folder: disk.folder }, disk.free);
  }

  /** Counts what a server's sessions do. */
  readonly witness: Pick<Required<Witness>, "answered" | "refused"> = {
    answered: (_by, { verb = "unknown", refused, ms, received, sent }) => {
      this.#requests.inc({ verb });
      if (refused) this.#refused.inc({ verb, code: refused });
      this.#seconds.observe({ verb }, ms / 1_000);
      this.#received.inc(received);
      this.#sent.inc(sent);
    },
    refused: (_by, code) => this.#sessionsRefused.inc({ code }),
  };

  /** Whether the chain has been heard of lately. */
  get healthy(): boolean {
    return this.#headAge < STALE_MS;
  }

  /** Serves /metrics and /healthz on 127.0.0.1; port 0 takes a free one. */
  async serve(port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
    const server = createServer((request, response) => {
      if (request.url === "/metrics") {
        this.registry.metrics().then(
          (text) => response.writeHead(200, { "content-type": this.registry.contentType }).end(text),
          (error: Error) => response.writeHead(500).end(error.message),
        );
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

  get #headAge(): number {
    return this.#headAt === 0 ? Number.POSITIVE_INFINITY : performance.now() - this.#headAt;
  }

  #counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** A gauge that is set when something was looked at. */
  #reading(name: string, help: string, ...labelNames: string[]): Gauge {
    const gauge = new Gauge({ name, help, labelNames, registers: [this.registry] });
    // Until then it is nothing, which is not 0.
    if (labelNames.length === 0) gauge.set(Number.NaN);
    return gauge;
  }

  #gauge(name: string, help: string, read: (sources: Sources) => number): void {
    const value = () => this.#sources && read(this.#sources);
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value() ?? Number.NaN);
      },
    });
  }
}

function tokens(ledgerUnits: bigint, decimals: number): number {
  return Number(ledgerUnits / LEDGER_ONE) / 10 ** decimals;
}

function unstopped(book: Sources["book"]) {
  return book.deals().filter(({ onChain }) => isUnstopped(onChain));
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
}
