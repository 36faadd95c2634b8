/**
 * Which providers a volume is offered to: drawn at random, weighted by what stands for their deals, how long they are
 * here and how well they did, among those that ask at most a quarter more than the middle. Never simply the cheapest: a
 * swarm of one operator would always be that. One position of a volume goes to one operator and one network.
 */
import type { Address } from "viem";

/** A provider that may be asked. */
export interface Candidate {
  readonly provider: Address;
  readonly addresses: readonly string[];
  /** Empty: it does not say. */
  readonly operator: string;
  /** Ledger units a sector-epoch and a byte. */
  readonly rate: bigint;
  readonly egressRate: bigint;
  /** Ledger units that stand for its other deals, at least the market's smallest collateral. */
  readonly collateral: bigint;
  readonly ageEpochs: number;
  /** 0 to 1: what it proved of what it should have, and how it served this drive. */
  readonly quality: number;
}

/** What a provider wants of a deal besides its price. `answerBond`: token base units. */
export interface Wants {
  readonly minSectors: number;
  readonly noticeEpochs: number;
  readonly answerBond: bigint;
}

/** Whose positions of a volume count as one: an operator, a network. */
export class Spread {
  readonly #taken = new Set<string>();
  readonly #local: boolean;

  /** @param local a network on one machine, where everybody is at the same address */
  constructor(local: boolean) {
    this.#local = local;
  }

  /** Takes a candidate's place, if its operator and network have none of the volume yet. */
  take(candidate: Candidate): boolean {
    const claims = this.#claims(candidate);
    if (claims.some((claim) => this.#taken.has(claim))) return false;
    for (const claim of claims) this.#taken.add(claim);
    return true;
  }

  /** The candidate did not take the position after all. */
  free(candidate: Candidate): void {
    for (const claim of this.#claims(candidate)) this.#taken.delete(claim);
  }

  #claims({ provider, operator, addresses }: Candidate): string[] {
    const own = `provider ${provider}`;
    if (this.#local) return [own];
    return [
      own,
      ...(operator ? [`operator ${operator}`] : []),
      ...new Set(addresses.map((text) => `net ${network(text)}`)),
    ];
  }
}

const MAX_AGE_EPOCHS = 180;

/** Candidates in the order in which to ask them. @param random uniform in [0, 1) */
export function draw(candidates: readonly Candidate[], random: () => number = Math.random): Candidate[] {
  // Efraimidis and Spirakis: the largest u^(1/w) is a draw by weight, and so on without putting back.
  return affordable(candidates)
    .map((candidate) => ({ candidate, key: Math.log(1 - random()) / weight(candidate) }))
    .sort((a, b) => b.key - a.key)
    .map(({ candidate }) => candidate);
}

/** Those that ask at most 1.25 times the median, for storing and for sending. */
export function affordable<Asking extends Pick<Candidate, "rate" | "egressRate">>(
  candidates: readonly Asking[],
): Asking[] {
  const rate = median(candidates.map((candidate) => candidate.rate));
  const egressRate = median(candidates.map((candidate) => candidate.egressRate));
  return candidates.filter(
    (candidate) => 4n * candidate.rate <= 5n * rate && 4n * candidate.egressRate <= 5n * egressRate,
  );
}

/** Those that want at most twice what the middle one wants, of each; a sector is never too much. */
export function moderate<One extends Wants>(asked: readonly One[]): One[] {
  const twice = (of: (one: Wants) => bigint): bigint => 2n * median(asked.map(of));
  const sectors = twice(({ minSectors }) => BigInt(minSectors)) || 1n;
  const epochs = twice(({ noticeEpochs }) => BigInt(noticeEpochs));
  const bond = twice(({ answerBond }) => answerBond);
  return asked.filter(
    ({ minSectors, noticeEpochs, answerBond }) => minSectors <= sectors && noticeEpochs <= epochs && answerBond <= bond,
  );
}

/** Of a capacity, in one part of so many: a reservation is paid for though nothing is stored, so it stays small. */
const RESERVED_PART = 32;

/** Sectors that a provider may be paid for while it holds less: what it earns by refusing bytes is bounded by them. */
export function mostReserved(capacity: number): number {
  return Math.max(1, Math.floor(capacity / RESERVED_PART));
}

/** What suits everybody: the largest of each. A deal has an epoch's notice at least. */
export function largest(all: readonly Wants[]): Wants {
  return {
    minSectors: Math.max(0, ...all.map(({ minSectors }) => minSectors)),
    noticeEpochs: Math.max(1, ...all.map(({ noticeEpochs }) => noticeEpochs)),
    answerBond: ascending(all.map(({ answerBond }) => answerBond)).at(-1) ?? 0n,
  };
}

function weight({ collateral, ageEpochs, quality }: Candidate): number {
  const stake = Math.max(1, Number(collateral >> 32n));
  return stake * (1 + Math.min(ageEpochs, MAX_AGE_EPOCHS)) * Math.max(quality, 0.01);
}

function median(values: readonly bigint[]): bigint {
  return ascending(values)[Math.floor((values.length - 1) / 2)] ?? 0n;
}

function ascending(values: readonly bigint[]): bigint[] {
  return values.toSorted((a, b) => (a < b ? -1 : 1));
}

/** The /24 of an IPv4, the /48 of an IPv6 multiaddr; of a name, the name. */
function network(multiaddr: string): string {
  const [, kind, host = ""] = multiaddr.split("/");
  if (kind === "ip4") return host.split(".").slice(0, 3).join(".");
  if (kind === "ip6") return expand(host).slice(0, 3).join(":");
  return host;
}

function expand(ip6: string): string[] {
  const [head = "", tail] = ip6.toLowerCase().split("::");
  const before = head.split(":").filter(Boolean);
  const after = tail?.split(":").filter(Boolean) ?? [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => "0"), ...after].map((group) => group.padStart(4, "0"));
}
