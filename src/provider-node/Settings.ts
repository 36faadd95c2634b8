/**
 * Everything that can be set, once: its name in the file, which is also that of the flag (`--name`) and of the environment
 * (SUBLET_PROVIDER_NAME), what it may be, and what it means. Prices are written as people say them and turned into
 * ledger units where they are used.
 */
import { z } from "zod";
import { SECTOR_BYTES } from "../codec/index.ts";
import { SubletException } from "../protocol/Errors.ts";
import { peerAddress } from "../protocol/PeerAddress.ts";
import * as Values from "./Values.ts";

/** An announcement has room for so many, and for other addresses. */
const MOST_RELAYS = 2;

export interface Setting {
  readonly name: string;
  readonly schema: z.ZodType;
  /** What stands for its value in --help; without one it is set in the file only. */
  readonly argument?: string;
  readonly help: string;
  /** Begins a part of the file. */
  readonly part?: string;
  /** How people would write a value. */
  readonly write?: (value: never) => string;
  /** Stands commented out in the file where there is no value. */
  readonly example?: unknown;
}

export const SETTINGS = {
  rpcUrl: {
    part: "Where the market is",
    ...{ name: "rpc", schema: Values.url, argument: "<url>", help: "the chain's JSON-RPC address" },
  },
  market: {
    name: "market",
    schema: Values.market,
    argument: "<address>",
    help: "the market's address, or deployment file",
  },
  chainId: { name: "chain-id", schema: Values.whole(1, 2 ** 52), help: "the chain's id: nothing is sent to another" },
  address: { name: "address", schema: Values.address, help: "the provider's account, which the stake belongs to" },
  listen: {
    part: "How it is reached",
    ...{ name: "listen", schema: Values.list(Values.multiaddr, 0), argument: "<multiaddr...>" },
    help: "where to listen, for pages at /ws too; nowhere, if relays of circuits bring all callers",
  },
  announce: {
    ...{ name: "announce", schema: Values.list(Values.multiaddr, 1).optional(), argument: "<multiaddr...>" },
    ...{ help: "what to tell others, if they reach it elsewhere", example: ["/ip4/203.0.113.7/tcp/4001"] },
  },
  bootnodes: {
    ...{ name: "bootnodes", schema: Values.list(peerAddress, 1).optional(), argument: "<multiaddr...>" },
    help: "through whom it is found when its address has changed, each ending in /p2p/ and a peer id",
    example: ["/ip4/203.0.113.7/tcp/4002/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"],
  },
  circuitRelays: {
    ...{
      name: "circuit-relays",
      schema: Values.list(peerAddress, 1, MOST_RELAYS).optional(),
      argument: "<multiaddr...>",
    },
    help: "bootnodes with circuits, which bring it callers where nobody can reach it; announced in place of its own",
    example: ["/ip4/203.0.113.7/tcp/4002/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"],
  },
  operator: {
    ...{ name: "operator", schema: Values.text(64), argument: "<name>" },
    help: "who runs it: a volume takes one position from each operator",
  },
  region: { name: "region", schema: Values.text(32), argument: "<name>", help: "where it stands" },
  price: {
    part: "What it asks and stands for, in tokens",
    ...{ name: "price", schema: Values.decimal, argument: "<tokens>", help: "for 10^12 bytes and 30 epochs" },
  },
  pricePolicy: {
    ...{ name: "price-policy", schema: Values.one("fixed", "market"), argument: "<policy>" },
    help: "whether the price stays, or follows what others ask, by the sectors they hold, within price-min and price-max",
  },
  priceMin: {
    ...{ name: "price-min", schema: Values.decimal.optional(), argument: "<tokens>", example: "1" },
    help: "never asks less when it follows the market",
  },
  priceMax: {
    ...{ name: "price-max", schema: Values.decimal.optional(), argument: "<tokens>", example: "3" },
    help: "never asks more when it follows the market; the stake stands for deals at this price",
  },
  egressPrice: {
    ...{ name: "egress-price", schema: Values.decimal, argument: "<tokens>", help: "for 10^12 bytes sent out" },
  },
  minSectors: {
    ...{ name: "min-sectors", schema: Values.whole(0, 2 ** 24), argument: "<count>" },
    help: "MiB that a deal is billed for even if it holds less",
  },
  stake: { name: "stake", schema: Values.decimal, argument: "<tokens>", help: "to have in the market" },
  gasMaxFee: {
    part: "What it pays for gas",
    ...{ name: "gas-max-fee", schema: Values.decimal.optional(), argument: "<gwei>", example: "20" },
    help: "waits while a unit of gas costs more; whatever it costs is paid unless told",
  },
  gasMaxFeeUrgent: {
    ...{ name: "gas-max-fee-urgent", schema: Values.decimal.optional(), argument: "<gwei>", example: "200" },
    help: "the same for what cannot wait: proofs, answers to challenges, and what must be done before a proof",
  },
  gasPriorityFee: {
    ...{ name: "gas-priority-fee", schema: Values.decimal.optional(), argument: "<gwei>", example: "0.1" },
    help: "of that, for whoever makes the block; what the node suggests unless told",
  },
  gasDailyBudget: {
    ...{ name: "gas-daily-budget", schema: Values.decimal.optional(), argument: "<ether>", example: "0.01" },
    help: "spends no more on a day (UTC), and keeps the last quarter for what cannot wait",
  },
  relay: {
    ...{ name: "relay", schema: Values.url.optional(), argument: "<url>", example: "http://127.0.0.1:4100" },
    help: "a relay that sends this provider's calls and pays their gas, for a tip",
  },
  tip: {
    ...{ name: "tip", schema: Values.decimal.optional(), argument: "<tokens>", example: "0.01" },
    help: "to the relay, for each epoch that is proved",
  },
  quotaBytes: {
    part: "What it stores",
    ...{ name: "quota", schema: Values.size(SECTOR_BYTES), argument: "<size>", write: Values.writeSize },
    help: "how much disk to offer",
  },
  folders: {
    ...{ name: "folders", schema: Values.list(Values.folder, 0), argument: "<folder=size...>" },
    help: "more room on other disks, such as /mnt/disk=2TB",
  },
  alertCommand: {
    part: "How it is watched",
    ...{ name: "alert-command", schema: Values.text(4_096).optional(), argument: "<command>" },
    help: "run by the shell at each alert: its kind is $1, its message $2, all of it is JSON on standard input",
    example: 'mail -s "sublet: $1" root@localhost',
  },
  alertWebhook: {
    ...{ name: "alert-webhook", schema: Values.url.optional(), argument: "<url>" },
    ...{ help: "takes each alert as JSON by POST", example: "http://127.0.0.1:9000/alerts" },
  },
  alertStake: {
    ...{ name: "alert-stake", schema: Values.decimal.optional(), argument: "<tokens>", example: "10" },
    help: "alert when less of the stake is free; a tenth of it unless told",
  },
  alertDiskBytes: {
    ...{ name: "alert-disk", schema: Values.size(0), argument: "<size>", write: Values.writeSize },
    help: "alert when less is free on the disk itself",
  },
  metricsPort: {
    ...{ name: "metrics-port", schema: Values.whole(0, 65_535).optional(), argument: "<port>", example: 9_100 },
    help: "serve /metrics and /healthz on 127.0.0.1",
  },
  logLevel: {
    ...{ name: "log-level", schema: Values.one("debug", "info", "warn", "error"), argument: "<level>" },
    help: "what to log",
  },
} as const satisfies Record<string, Setting>;

type Name = keyof typeof SETTINGS;

export type Settings = { readonly [Key in Name]: z.output<(typeof SETTINGS)[Key]["schema"]> };

/** What a provider asks and offers unless told. */
export const DEFAULTS = {
  listen: ["/ip4/0.0.0.0/tcp/4001"],
  price: "1.5",
  pricePolicy: "fixed",
  egressPrice: "1",
  minSectors: 1,
  quotaBytes: 10 * 2 ** 30,
  folders: [],
  stake: "100",
  region: "local",
  alertDiskBytes: 2 ** 30,
  logLevel: "info",
} satisfies Partial<Settings>;

/** The words that a setting may be, where it is one of a few. */
export function choicesOf({ schema }: Setting): string[] | undefined {
  return schema instanceof z.ZodEnum ? schema.options.map(String) : undefined;
}

const ALL = Object.entries(SETTINGS) as [Name, Setting][];

/**
 * Values by the names of their settings. `called`: what whoever gave them calls one.
 * @throws SubletException BadArgument naming the one that is none, or does not fit
 */
export function parse(values: object, called: (name: string) => string): Partial<Settings> {
  const parsed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const [key, setting] = ALL.find(([, one]) => one.name === name) ?? [];
    const outcome = setting?.schema.safeParse(value);
    if (key && outcome?.success) parsed[key] = outcome.data;
    else {
      const reason = outcome?.error?.issues[0]?.message ?? `there is no such setting${nearest(name)}`;
      throw new SubletException({ code: "BadArgument", name: called(name), value: said(value), reason });
    }
  }
  return parsed;
}

/** Settings that a program gives, under their names here. @throws SubletException BadArgument */
export function check(given: Partial<Settings>): Partial<Settings> {
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return parse(Object.fromEntries(named.map(([key, value]) => [SETTINGS[key as Name].name, value])), (name) => name);
}

/** What is left out has its default. @throws SubletException BadArgument naming what has none and is needed */
export function complete(given: Partial<Settings>): Settings {
  const settings: Partial<Settings> = { ...DEFAULTS, ...given };
  for (const [key, { name, schema, argument }] of ALL) {
    if (settings[key] !== undefined || schema.safeParse(undefined).success) continue;
    const reason = argument ? `it is needed: give --${name} or ${variable(name)}` : "it is needed, in the file";
    throw new SubletException({ code: "BadArgument", name: argument ? `--${name}` : name, value: "", reason });
  }
  return settings as Settings;
}

/** The settings in an environment. @throws SubletException BadArgument */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Partial<Settings> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    values[name.slice(PREFIX.length).toLowerCase().replaceAll("_", "-")] = value;
  }
  return parse(values, variable);
}

const PREFIX = "SUBLET_PROVIDER_";

function variable(name: string): string {
  return `${PREFIX}${name.toUpperCase().replaceAll("-", "_")}`;
}

function said(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : `${value}`;
}

/** The setting that somebody may have meant. */
function nearest(name: string): string {
  const close = ALL.map(([, one]) => one.name).filter((one) => distance(one, name) <= 2)[0];
  return close ? `; did you mean ${close}?` : "";
}

/** Letters to change, add or leave out between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
