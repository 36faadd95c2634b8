/** An epoch's proof as PROTOCOL section 2 has it: answers one behind the other, each up to where it meets an earlier one. */
import { createHash } from "node:crypto";

const [CHUNK, NODE] = [32, 24];

export interface Challenged {
  readonly slot: number;
  readonly chunkIndex: number;
  /** Levels from the chunk to the deal's root. */
  readonly height: number;
}

/** What an answer has of its own: `levels` of it from `offset` on, up to the deal's root or to the node at `junction`. */
export interface Part {
  readonly levels: number;
  readonly offset: number;
  readonly junction: number | undefined;
}

export function partsOf(challenged: readonly Challenged[]): Part[] {
  const parts: Part[] = [];
  let offset = 0;
  for (const [i, { slot, chunkIndex, height }] of challenged.entries()) {
    let part: Part = { levels: height, offset, junction: undefined };
    for (let j = i - 1; j >= 0 && challenged[j]!.slot === slot; j--) {
      const met = (chunkIndex ^ challenged[j]!.chunkIndex).toString(2).replace(/^0$/, "").length;
      if (met > parts[j]!.levels) continue;
      const levels = Math.max(met - 1, 0);
      part = { levels, offset, junction: parts[j]!.offset + bytesOf(levels) };
      break;
    }
    parts.push(part);
    offset += bytesOf(part.levels);
  }
  return parts;
}

export function bytesOf(levels: number): number {
  return levels === 0 ? 0 : 2 * CHUNK + (levels - 1) * NODE;
}

/** The node that a part of a proof leads to. */
export function climb(proof: Buffer, { levels, offset }: Part, chunkIndex: number): string {
  let node = proof.subarray(offset, offset + CHUNK);
  let at = offset + CHUNK;
  for (let level = 0; level < levels; level++) {
    const width = level === 0 ? CHUNK : NODE;
    const pair = [node, proof.subarray(at, at + width)].map((one) => Buffer.concat([one, Buffer.alloc(CHUNK)], CHUNK));
    if (Math.floor(chunkIndex / 2 ** level) % 2 === 1) pair.reverse();
    node = createHash("sha256").update(Buffer.concat(pair)).digest().subarray(0, NODE);
    at += width;
  }
  return `0x${node.toString("hex")}`;
}

export function nodeAt(proof: Buffer, junction: number): string {
  return `0x${proof.subarray(junction, junction + NODE).toString("hex")}`;
}
