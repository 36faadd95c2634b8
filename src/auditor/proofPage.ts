/** A replayed proof for people, step by step. */
import { type Hex, size, slice } from "viem";
import { CHALLENGES } from "./Challenges.ts";
import type { ChallengeReport, ProofReport } from "./ProofReplay.ts";
import { differenceLine } from "./page.ts";
import { CHUNKS_A_SECTOR } from "./Trees.ts";

/** Longer values are cut in a page; the document has them whole. */
const SHOWN_BYTES = 32;

export function proofPage(report: ProofReport): string {
  const { chainId, market, epoch, provider, firstBlock, lastBlock, sent, challenges, wrong, differences } = report;
  const lines = [
    `Proof of epoch ${epoch} by provider ${provider}`,
    `Market ${market} on chain ${chainId}; the epoch is blocks ${firstBlock} to ${lastBlock}`,
    `Sent in block ${sent.block} by transaction ${sent.transaction}, ${report.proofBytes} bytes`,
    "",
    ...seedLines(report),
    ...setLines(report),
    ...challenges.flatMap((one) => challengeLines(one, report.chunks)),
  ];
  if (wrong) lines.push(`The proof does not hold: ${wrong}.`);
  lines.push(...differences.map(differenceLine), verdict(report));
  return `${lines.join("\n")}\n`;
}

function verdict({ ok, challenges }: ProofReport): string {
  if (!ok) return "Something is wrong.";
  if (challenges.length === 0) return "The set was empty: an empty proof is valid, and needs no seed.";
  return `Valid: all ${challenges.length} challenged chunks lead to the roots that are committed on chain.`;
}

function seedLines({ seed }: ProofReport): string[] {
  if (!seed) return [];
  const { block, header, hash, fields, recorded, answered } = seed;
  const width = Math.max(...fields.map(({ name }) => name.length));
  const compared = (what: string, value: Hex) =>
    `  ${what} ${value}: ${value.toLowerCase() === seed.seed ? "matches" : "DIFFERS"}`;
  return [
    `The seed: block ${block} decides it, whose header of ${size(header)} bytes has these fields`,
    ...fields.map(({ name, value }) => `  ${name.padEnd(width)}  ${name === "number" ? BigInt(value) : brief(value)}`),
    `  keccak256 of the header's RLP is ${hash}, the block's hash`,
    `  the first 28 bytes of prevRandao are the seed: ${seed.seed}`,
    recorded
      ? `${compared("recorded on chain as", recorded.seed)} (block ${recorded.block}, transaction ${recorded.transaction})`
      : "  it was never recorded on chain",
    compared("the proof answers", answered),
    "",
  ];
}

function setLines({ set, chunks }: ProofReport): string[] {
  if (set.length === 0) return [];
  const sectors = chunks / CHUNKS_A_SECTOR;
  return [
    `The set: T = ${sectors} sectors x ${CHUNKS_A_SECTOR} chunks = ${chunks} chunks`,
    ...set.map((one) => {
      const last = one.firstChunk + BigInt(one.sectors) * CHUNKS_A_SECTOR - 1n;
      return (
        `  slot ${one.slot}: ${count(one.sectors, "sector")}, chunks ${one.firstChunk} to ${last}, root ${one.root}, ` +
        `deal ${one.deal}${one.barred ? `, which ${one.barred}` : ""}`
      );
    }),
    "",
  ];
}

function challengeLines(one: ChallengeReport, chunks: bigint): string[] {
  const { challenge: i, random, x, levels } = one;
  return [
    `Challenge ${i}, in stratum ${i} of ${CHALLENGES}: chunks ${one.stratum.first} to ${one.stratum.last}`,
    `  r = ${random}, the low 128 bits of keccak256(seed, chain, market, epoch, provider, ${i})`,
    `  x = (${i} x 2^128 + r) x ${chunks} / (${CHALLENGES} x 2^128), rounded down: ${x}`,
    `  lies in slot ${one.slot}, deal ${one.deal}, sector ${one.sector}, chunk ${one.chunk} of the sector`,
    `  its 32 bytes are ${one.content}`,
    ...levels.map(
      ({ level, side, sibling, node, sectorRoot }) =>
        `  level ${`${level}`.padStart(2)}: with ${sibling} on the ${side} makes ${node}${sectorRoot ? ", the sector's root" : ""}` +
        (level === one.met ? `, on the way of challenge ${i - 1}, as all above` : ""),
    ),
    levels.length === 0
      ? "  its bytes are too few for a path"
      : `  the deal's root on chain is ${one.root}: ${one.matches ? "matches" : "DIFFERS"}`,
    ...(one.wrong ? [`  WRONG: ${one.wrong}`] : []),
    "",
  ];
}

function brief(value: Hex): string {
  if (value === "0x") return "0x (nothing)";
  return size(value) > SHOWN_BYTES ? `${slice(value, 0, SHOWN_BYTES)}... (${size(value)} bytes)` : value;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
