/** What is offered in place of a named chunk: another chunk, a node for a chunk, zeros for data and data for zeros. */
import { createHash } from "node:crypto";
import { expect } from "chai";
import { SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { type Content, contentOfBytes, type Held, hex } from "./Content.ts";
import { type Agreement, createWorld, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob } = world;
const [CHUNK, NODE, BLOCK, SECTOR] = [32, 24, 65_536, 1_048_576];
const SECTORS = 3;
/** From a chunk to the root of three sectors. */
const LEVELS = 17;

/** Every node on the way up from a chunk, the chunk itself first. */
function path(answer: Uint8Array, index: number): Buffer[] {
  const nodes = [Buffer.from(answer.subarray(0, CHUNK))];
  for (let level = 0; level < LEVELS; level++) {
    const pair = [padded(nodes[level]!), sibling(answer, level)];
    if ((index >> level) % 2 === 1) pair.reverse();
    nodes.push(createHash("sha256").update(Buffer.concat(pair)).digest().subarray(0, NODE));
  }
  return nodes;
}

function sibling(answer: Uint8Array, level: number): Buffer {
  if (level === 0) return Buffer.from(answer.subarray(CHUNK, 2 * CHUNK));
  const at = 2 * CHUNK + (level - 1) * NODE;
  return padded(answer.subarray(at, at + NODE));
}

function padded(node: Uint8Array): Buffer {
  return Buffer.concat([node, new Uint8Array(CHUNK - node.length)]);
}

/** Bytes none of which is zero, nor like the next. */
function filled(bytes: number): Uint8Array {
  return new Uint8Array(bytes).map((_, at) => 1 + ((at + (at >> 8)) % 255));
}

async function holding(content: Held): Promise<Agreement> {
  const deal = await world.open();
  world.keep(content);
  const revision = await world.revision(deal, content.sectors, { root: content.root });
  await world.commitAll([await world.countersigned(deal, revision)]);
  return deal;
}

async function expectShown(deal: Agreement, answer: Uint8Array): Promise<void> {
  await expect(market.answer(deal, answer)).to.emit(market, "ChallengeClosed").withArgs(deal.id, true, anything);
}
async function expectWrong(deal: Agreement, answer: Uint8Array): Promise<void> {
  await expect(market.answer.staticCall(deal, answer)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
}
const anything = () => true;

describe("what is no answer to a named chunk", () => {
  rollBack(world);

  describe("given three sectors", () => {
    const last = SECTORS * SECTOR_CHUNKS - 1;
    const edges = [0, 1, SECTOR_CHUNKS - 1, SECTOR_CHUNKS, 2 * SECTOR_CHUNKS - 1, 2 * SECTOR_CHUNKS, last - 1, last];
    let deal: Agreement;
    let content: Content;
    beforeEach(async () => {
      content = contentOfBytes(
        filled(SECTOR),
        filled(SECTOR).reverse(),
        filled(SECTOR).map((byte) => byte ^ 0x55 || 1),
      );
      deal = await holding(content);
    });

    for (const index of edges) {
      it(`attack 'wrong index': none of another chunk, one bit of the index away or at an edge, shows chunk ${index}`, async () => {
        await world.as(alice).challenge(deal, index);
        const flipped = Array.from({ length: LEVELS }, (_, bit) => index ^ (1 << bit));
        for (const other of new Set([...flipped, ...edges])) {
          if (other !== index && other <= last) await expectWrong(deal, content.answer(other));
        }
        await expectShown(deal, content.answer(index));
      });
    }

    for (const index of [0, SECTOR_CHUNKS + 0x2a5b, last]) {
      it(`attack 'inner nodes as chunks': no node above chunk ${index} passes for it, short or stretched`, async () => {
        await world.as(alice).challenge(deal, index);
        const answer = content.answer(index);
        const nodes = path(answer, index);
        expect(hex(nodes[LEVELS]!)).to.equal(content.root);
        for (let level = 1; level < LEVELS; level++) {
          const above = answer.subarray(2 * CHUNK + level * NODE);
          const short = Buffer.concat([padded(nodes[level]!), sibling(answer, level), above]);
          await expect(market.answer.staticCall(deal, short))
            .to.be.revertedWithCustomError(market, "Market_ProofLength")
            .withArgs(answer.length, short.length);
          const filling = Buffer.alloc(answer.length - short.length);
          await expectWrong(deal, Buffer.concat([short, filling]));
          await expectWrong(deal, Buffer.concat([short.subarray(0, 2 * CHUNK), filling, above]));
        }
        await expectShown(deal, answer);
      });
    }
  });

  describe("given sectors that are partly filled, full, and empty", () => {
    const lengths = [CHUNK, BLOCK + CHUNK, SECTOR - CHUNK, SECTOR, 0];
    let deal: Agreement;
    let content: Content;
    beforeEach(async () => {
      content = contentOfBytes(...lengths.map(filled));
      deal = await holding(content);
    });

    for (const [sector, length] of lengths.entries()) {
      const chunks = length / CHUNK;
      const named = [0, chunks - 1, chunks, SECTOR_CHUNKS - 1].filter((chunk) => chunk >= 0 && chunk < SECTOR_CHUNKS);
      it(`of ${length} bytes, data and the zeros behind it are shown alike, and nothing else is`, async () => {
        for (const chunk of new Set(named)) {
          const index = sector * SECTOR_CHUNKS + chunk;
          await world.as(alice).challenge(deal, index);
          const answer = content.answer(index);
          const isData = chunk < chunks;
          expect(answer.subarray(0, CHUNK).some((byte) => byte !== 0)).to.equal(isData);
          // Zeros for data, data for zeros; and one byte of the sibling's.
          const other = Uint8Array.from(answer);
          other.fill(isData ? 0 : 1, 0, CHUNK);
          await expectWrong(deal, other);
          const beside = Uint8Array.from(answer);
          beside[CHUNK]! ^= 1;
          await expectWrong(deal, beside);
          await expectShown(deal, answer);
        }
      });
    }

    it("attack 'filled up, and shown as it was': once a sector has more, its old zeros are no answer", async () => {
      const grown = contentOfBytes(...lengths.map((length, sector) => filled(sector === 0 ? 2 * CHUNK : length)));
      world.keep(grown);
      const revision = await world.revision(deal, grown.sectors, { root: grown.root });
      await world.commitAll([await world.countersigned(deal, revision)]);
      await world.as(alice).challenge(deal, 1);
      await expectWrong(deal, content.answer(1));
      await expectShown(deal, grown.answer(1));
    });

    it("are proved as a set, padding included, epoch after epoch", async () => {
      for (let lived = 0; lived < 4; lived++) {
        await expect(world.prove(bob)).to.emit(market, "Proven");
        await world.start();
      }
    });

    it("are proved where nothing but zeros is held", async () => {
      await world.as(bob).abandon(deal);
      await holding(contentOfBytes(...[0, 0, 0].map(filled)));
      await expect(world.prove(bob)).to.emit(market, "Proven").withArgs(bob.address, anything, 3);
    });
  });
});
