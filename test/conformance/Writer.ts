/** A client's side of one deal, kept in memory: what it wrote, and the changes that lead a store there. */
import { randomBytes } from "node:crypto";
import { bytesToHex, type Hex } from "viem";
import { BLOCK_BYTES, DealTree, SectorTree } from "../../src/codec/index.ts";
import { idBytes, type SlabId } from "../../src/codec/Slab.ts";
import type { Change, DealRecord, Kept, Sector, Store } from "../../src/provider-node/storage/Store.ts";

export type Step =
  | { readonly op: "add" | "grow"; readonly slab: SlabId; readonly length: number }
  | { readonly op: "drop"; readonly index: number };

export function record(seed = 1): DealRecord {
  return {
    id: bytesToHex(new Uint8Array(32).fill(seed)),
    slot: seed,
    client: "0x1111111111111111111111111111111111111111",
    clientSigner: "0x2222222222222222222222222222222222222222",
    volume: 2n ** 64n - 1n,
    position: 1,
    k: 4,
    n: 12,
    egressRate: 2n ** 96n - 1n,
  };
}

export function slab(sequence: number, lane = 2n ** 64n - 2n): SlabId {
  return { lane, sequence };
}

export class Writer {
  readonly deal: Hex;
  readonly contents = new Map<string, Uint8Array>();
  readonly states = new Map<bigint, readonly Sector[]>();
  sectors: readonly Sector[] = [];
  number = 0n;

  constructor(deal: Hex) {
    this.deal = deal;
  }

  /** Bytes [0, length) of a slab: random, and the same every time. */
  content(of: SlabId, length: number): Uint8Array {
    const key = Buffer.from(idBytes(of)).toString("hex");
    let bytes = this.contents.get(key) ?? new Uint8Array(0);
    if (bytes.length < length) bytes = Buffer.concat([bytes, randomBytes(length - bytes.length)]);
    this.contents.set(key, bytes);
    return new Uint8Array(bytes.subarray(0, length));
  }

  /** Stages what is missing of a slab up to `length`. */
  async stage(store: Store, of: SlabId, length: number): Promise<void> {
    const bytes = this.content(of, length);
    for (let at = await store.heldBytes(this.deal, of); at < length; ) {
      const end = Math.min(length, at + BLOCK_BYTES);
      at = await store.append(this.deal, of, at, bytes.subarray(at, end));
    }
  }

  /** The change that applies `steps`; `number` defaults to the next one. */
  change(steps: readonly Step[], number = this.number + 65_536n, head = randomBytes(32)): Change {
    const list = [...this.sectors];
    const places = new Map<number, Sector | null>();
    const kept = new Map<string, Kept>();
    for (const step of steps) {
      if (step.op === "drop") {
        const last = list.pop()!;
        places.set(list.length, null);
        if (step.index < list.length) {
          list[step.index] = last;
          places.set(step.index, last);
        }
        continue;
      }
      const bytes = this.content(step.slab, step.length);
      const sector = { slab: step.slab, length: step.length, root: SectorTree.root(bytes) };
      const index = step.op === "add" ? list.length : list.findIndex((one) => sameSlab(one.slab, step.slab));
      list[index] = sector;
      places.set(index, sector);
      const blockNodes = SectorTree.blockNodes(bytes);
      kept.set(Buffer.from(idBytes(step.slab)).toString("hex"), { slab: step.slab, length: step.length, blockNodes });
    }
    const root = DealTree.of(list.map((one) => one.root)).root;
    return {
      previous: this.number,
      receipt: {
        revision: { deal: this.deal, number, root: bytesToHex(root), sectors: list.length, head: bytesToHex(head) },
        clientSignature: bytesToHex(randomBytes(65)),
        providerSignature: bytesToHex(randomBytes(65)),
      },
      head,
      places,
      kept: [...kept.values()],
    };
  }

  /** Remembers that `change` was made. */
  made(change: Change): void {
    const list = [...this.sectors];
    for (const [index, sector] of [...change.places].sort(([a], [b]) => b - a)) {
      if (sector) list[index] = sector;
      else list.splice(index);
    }
    this.sectors = list;
    this.number = change.receipt.revision.number;
    this.states.set(this.number, list);
  }

  /** Stages and makes one revision. */
  async revise(store: Store, steps: readonly Step[]): Promise<Change> {
    for (const step of steps) if (step.op !== "drop") await this.stage(store, step.slab, step.length);
    const change = this.change(steps);
    await store.revise(change);
    this.made(change);
    return change;
  }
}

export function sameSlab(a: SlabId, b: SlabId): boolean {
  return a.lane === b.lane && a.sequence === b.sequence;
}
