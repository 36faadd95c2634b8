/** The auditor's own maths against the codec's and viem's, which it does not import. */
import { createCipheriv } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { MerkleTree } from "merkletreejs";
import { bytesToHex, type Hex, hashTypedData, hexToBytes } from "viem";
import { flaw, locate, type Member, position } from "../../src/auditor/Challenges.ts";
import { Digests, type Signed } from "../../src/auditor/Digests.ts";
import { hashNode, proofBytes, showsChunk } from "../../src/auditor/Trees.ts";
import { ChallengeProof, Positions, SectorTree } from "../../src/codec/index.ts";
import { SECTOR_BYTES } from "../../src/codec/sizes.ts";
import { domain, TYPES } from "../../src/protocol/TypedData.ts";
import { contentOf } from "../contracts/Content.ts";

const MARKET = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const CHUNKS = 32_768;

describe("the auditor's trees", () => {
  it("have the codec's root over a whole sector, built leaf by leaf", () => {
    const key = new Uint8Array(32).fill(7);
    const sector = createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(SECTOR_BYTES));
    const leaves = Array.from({ length: CHUNKS }, (_, i) => sector.subarray(32 * i, 32 * i + 32));
    const tree = new MerkleTree(leaves, hashNode, { sortPairs: false });
    const [first, last] = [tree.getRoot().subarray(0, 24), tree.getRoot().subarray(24)];
    expect(Buffer.compare(first, SectorTree.root(sector))).to.equal(0);
    expect(last).to.deep.equal(Buffer.alloc(8));
  }).timeout(20_000);

  it("accept the codec's answer to every challenge, of this chunk and no other", () => {
    for (const sectors of [1, 2, 3, 4, 5, 8, 9, 31, 33]) {
      const content = contentOf("auditor", sectors, 3);
      const root = content.root as Hex;
      const all = fc.integer({ min: 0, max: sectors * CHUNKS - 1 });
      fc.assert(
        fc.property(all, all, (index, other) => {
          const proof = Buffer.from(content.answer(index));
          expect(proof.length).to.equal(proofBytes(sectors));
          expect(showsChunk(proof, BigInt(index), root, sectors)).to.equal(true);
          if (other !== index) expect(showsChunk(proof, BigInt(other), root, sectors)).to.equal(false);
        }),
        { numRuns: 10 },
      );
    }
  });

  it("take no inner node for a chunk, no other length, no other count, no padding", () => {
    const content = contentOf("auditor", 5);
    const root = content.root as Hex;
    const proof = Buffer.from(content.answer(100));
    // The pair of chunks hashed to a node that stands where a chunk should, one level up.
    const node = hashNode(proof.subarray(0, 64));
    const shorter = Buffer.concat([node, Buffer.concat([proof.subarray(64, 88), Buffer.alloc(8)]), proof.subarray(88)]);
    expect(showsChunk(shorter, 50n, root, 5)).to.equal(false);
    expect(showsChunk(Buffer.concat([proof, Buffer.alloc(1)]), 100n, root, 5)).to.equal(false);
    expect(showsChunk(proof.subarray(0, -1), 100n, root, 5)).to.equal(false);
    expect(showsChunk(proof, 100n, root, 4)).to.equal(false);
    expect(showsChunk(proof, 100n, root, 0)).to.equal(false);
    expect(showsChunk(Buffer.from(content.answer(4 * CHUNKS)), 5n * 32_768n, root, 5)).to.equal(false);
    expect(showsChunk(proof, 100n, root, 5)).to.equal(true);
  });
});

describe("the auditor's challenges", () => {
  const seed = fc.uint8Array({ minLength: 28, maxLength: 28 });
  const sizes = fc.array(fc.integer({ min: 0, max: 2 ** 20 }), { minLength: 1, maxLength: 40 });

  it("are those that the codec draws, and lie where it finds them", () => {
    fc.assert(
      fc.property(seed, sizes, fc.integer({ min: 1, max: 2 ** 31 }), (bytes, leaves, epoch) => {
        const total = leaves.reduce((sum, count) => sum + count, 0);
        fc.pre(total > 0);
        const provider = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
        const from = {
          seed: bytes,
          chainId: 31_337n,
          market: hexToBytes(MARKET),
          epoch,
          provider: hexToBytes(provider),
        };
        const draw = { seed: bytesToHex(bytes), chainId: 31_337, market: MARKET, epoch, provider } as const;
        const root: Hex = `0x${"00".repeat(24)}`;
        const members = leaves.flatMap((sectors, slot): Member[] => (sectors ? [{ slot, sectors, root }] : []));
        for (const [i, x] of Positions.draw(from, total).entries()) {
          const chunk = position(draw, i, BigInt(total) * BigInt(CHUNKS));
          expect(chunk).to.equal(BigInt(x));
          const { slot, chunkIndex } = Positions.locate(x, leaves);
          const { member, index } = locate(members, chunk);
          expect([member.slot, index]).to.deep.equal([slot, BigInt(chunkIndex)]);
        }
      }),
    );
  });

  it("find a proof wrong that has bytes too many, too few, or answers for a barred deal", () => {
    const content = contentOf("auditor", 2);
    const draw = { seed: `0x${"ab".repeat(28)}`, chainId: 1, market: MARKET, epoch: 3, provider: MARKET } as const;
    const member = { slot: 0, sectors: 2, root: content.root as Hex };
    const chunks = Array.from({ length: 5 }, (_, i) => Number(position(draw, i, 2n * 32_768n)));
    const answers = chunks.map((chunk) => content.answer(chunk));
    const challenges = chunks.map((chunkIndex) => ({ slot: 0, chunkIndex }));
    const proof = Buffer.from(ChallengeProof.join(challenges, answers));
    expect(flaw(draw, [member], proof)).to.equal(undefined);
    expect(flaw(draw, [member], Buffer.concat(answers))).to.match(/^challenge/);
    expect(flaw(draw, [member], Buffer.concat([proof, Buffer.alloc(3)]))).to.equal("3 bytes too many");
    expect(flaw(draw, [member], proof.subarray(0, -24))).to.match(/^challenge 4/);
    expect(flaw(draw, [{ ...member, barred: "stopped" }], proof)).to.include("stopped");
    expect(flaw(draw, [], proof)).to.include("an empty set");
    expect(flaw(draw, [], Buffer.alloc(0))).to.equal(undefined);
  });
});

describe("the auditor's digests", () => {
  const values: Record<string, fc.Arbitrary<unknown>> = {
    address: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => bytesToHex(bytes)),
    bytes32: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes)),
    bytes24: fc.uint8Array({ minLength: 24, maxLength: 24 }).map((bytes) => bytesToHex(bytes)),
  };
  const arbitrary = (type: string) =>
    values[type] ?? fc.bigInt({ min: 0n, max: (1n << BigInt(type.slice("uint".length))) - 1n });

  for (const name of ["Terms", "Revision", "Voucher", "Extension"] as const satisfies readonly Signed[]) {
    it(`of ${name} are those that wallets sign`, () => {
      const fields = TYPES[name].map((field) => [field.name, arbitrary(field.type)] as const);
      fc.assert(
        fc.property(fc.record(Object.fromEntries(fields)), fc.integer({ min: 1, max: 2 ** 31 }), (message, chainId) => {
          const market = { chainId, address: MARKET } as const;
          const expected = hashTypedData({ domain: domain(market), types: TYPES, primaryType: name, message } as never);
          expect(new Digests(chainId, MARKET).of(name, message)).to.equal(expected);
        }),
        { numRuns: 20 },
      );
    });
  }
});
