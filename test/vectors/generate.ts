/**
 * The published vectors of the codec's frozen formats. `node test/vectors/generate.ts` writes them beside this file; a
 * test compares what they would be now with what they are, so a change of any format cannot pass unseen.
 *
 * Byte strings are 0x-hex, integers below 2^53 are numbers, larger ones decimal strings. Contents that are not spelled
 * out are `content(seed, length)`: SHA-256(seed u64 ‖ counter u64), big-endian, for counter 0, 1, 2 ..., cut to length.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ChallengeProof,
  Cipher,
  DealTree,
  Keys,
  Positions,
  RangeProof,
  ReedSolomon,
  SECTOR_CHUNKS,
  SectorTree,
  Slab,
  Stripe,
} from "../../src/codec/index.ts";
import { content, hex } from "./content.ts";

const KIB64 = 65_536;
const MIB = 1 << 20;
const SECTORS = [...Array.from({ length: 65 }, (_, count) => count), 127, 128, 129, 255, 256, 257, 511, 512, 513];

/** Sector `index` of every deal here: three chunks, then zeros. */
const sectorBytes = (index: number) => content(index, 96);

/** Every file of vectors by name, as text. */
export function vectorFiles(): Map<string, string> {
  const files = {
    keys: keys(),
    cipher: cipher(),
    masks: masks(),
    "reed-solomon": reedSolomon(),
    stripes: stripes(),
    "sector-roots": sectorRoots(),
    "deal-roots": dealRoots(),
    "challenge-proofs": challengeProofs(),
    positions: positions(),
    "epoch-proofs": epochProofs(),
    "range-proofs": rangeProofs(),
  };
  return new Map(
    Object.entries(files).map(([name, value]) => [`${name}.json`, `${JSON.stringify(value, null, 1)}\n`]),
  );
}

function keys() {
  const master = content(1, 32);
  const drive = Keys.driveKey(master);
  const root = Keys.maskRoot(drive, 258n);
  const slab = { lane: 0x0102030405060708n, sequence: 9 };
  const [id, salt] = [content(2, Keys.OBJECT_ID_BYTES), content(3, Keys.SALT_BYTES)];
  return {
    master: hex(master),
    accountKey: hex(Keys.accountKey(master)),
    driveKey: hex(drive),
    signerKey: hex(Keys.signerKey(drive)),
    deviceKey: hex(Keys.deviceKey(master)),
    maskRoots: [0n, 258n, 2n ** 64n - 1n].map((volume) => ({
      volume: String(volume),
      maskRoot: hex(Keys.maskRoot(drive, volume)),
    })),
    maskKeys: [0, 1, 29, 254].map((position) => ({
      maskRoot: hex(root),
      slab: hex(Slab.idBytes(slab)),
      position,
      maskKey: hex(Keys.maskKey(root, slab, position)),
    })),
    objectKey: { objectId: hex(id), key: hex(Keys.objectKey(drive, id)) },
    segmentKey: { salt: hex(salt), key: hex(Keys.segmentKey(drive, salt)) },
    entryKey: { salt: hex(salt), key: hex(Keys.entryKey(drive, salt)) },
  };
}

function cipher() {
  const key = content(4, 32);
  const plaintext = content(5, 50);
  return {
    ctr: [0, 1, 16, 1_048_575, 2 ** 36 + 5].map((offset) => ({
      key: hex(key),
      offset,
      plaintext: hex(plaintext),
      ciphertext: hex(Cipher.crypt(key, offset, plaintext)),
    })),
    gcm: [0, 1, 50].map((length) => ({
      key: hex(key),
      plaintext: hex(plaintext.subarray(0, length)),
      sealed: hex(Cipher.seal(key, plaintext.subarray(0, length))),
    })),
  };
}

function masks() {
  const maskRoot = content(6, 32);
  const cases = [
    [0n, 0, 0, 0],
    [0n, 0, 1, 0],
    [0n, 1, 0, 0],
    [1n, 0, 0, 0],
    [2n ** 64n - 1n, 2 ** 32 - 1, 29, MIB - 64],
  ] as const;
  return {
    maskRoot: hex(maskRoot),
    cases: cases.map(([lane, sequence, position, offset]) => {
      const slab = { lane, sequence };
      const mask = Cipher.crypt(Keys.maskKey(maskRoot, slab, position), offset, new Uint8Array(64));
      return { slab: hex(Slab.idBytes(slab)), position, offset, mask: hex(mask) };
    }),
  };
}

function reedSolomon() {
  return {
    codes: ReedSolomon.PRESETS.map((code) => {
      const data = Array.from({ length: code.k }, (_, position) => content(100 + position, 40));
      const parityRows = Array.from({ length: code.n - code.k }, (_, row) => ReedSolomon.row(code, code.k + row));
      return {
        ...code,
        parityRows: parityRows.map(hex),
        data: data.map(hex),
        parity: ReedSolomon.encode(code, data).map(hex),
      };
    }),
  };
}

function stripes() {
  const maskRoot = content(6, 32);
  const slab = { lane: 7n, sequence: 8 };
  return {
    maskRoot: hex(maskRoot),
    slab: hex(Slab.idBytes(slab)),
    cases: ReedSolomon.PRESETS.flatMap((code) =>
      [1, 100].map((length) => {
        const ciphertext = content(200 + length, length);
        const blocks = Stripe.encode(code, Keys.maskKeys(maskRoot, slab, code.n), 96, ciphertext);
        return { ...code, offset: 96, ciphertext: hex(ciphertext), blocks: blocks.map(hex) };
      }),
    ),
  };
}

function sectorRoots() {
  const lengths = [0, 1, 32, 33, 64, 96, KIB64 - 1, KIB64, KIB64 + 1, 5 * KIB64 + 100, MIB - 1, MIB];
  return {
    cases: lengths.map((length) => {
      const bytes = content(7, length);
      return { seed: 7, length, root: hex(SectorTree.root(bytes)), blockNodes: hex(SectorTree.blockNodes(bytes)) };
    }),
  };
}

function dealRoots() {
  const roots = Array.from({ length: Math.max(...SECTORS) }, (_, index) => SectorTree.root(sectorBytes(index)));
  return {
    description: "sector i is content(i, 96), then zeros; each deal is the first `sectors` of them",
    zeroSectorRoot: hex(SectorTree.zeroRoot()),
    sectorRoots: roots.map(hex),
    cases: SECTORS.map((sectors) => ({ sectors, root: hex(DealTree.of(roots.slice(0, sectors)).root) })),
  };
}

function challengeProofs() {
  const counts = SECTORS.filter((sectors) => sectors > 0);
  const roots = Array.from({ length: Math.max(...counts) }, (_, index) => SectorTree.root(sectorBytes(index)));
  const cases = counts.flatMap((sectors) => {
    const tree = DealTree.of(roots.slice(0, sectors));
    const spread = (sectors ** 3 * 104_729 + 7919) % (sectors * SECTOR_CHUNKS);
    const challenged = sectors <= 4 || sectors > 64 ? [0, sectors * SECTOR_CHUNKS - 1] : [];
    return [...challenged, (sectors - 1) * SECTOR_CHUNKS + 1, spread].map((chunkIndex) => {
      const bytes = sectorBytes(ChallengeProof.sectorOf(chunkIndex));
      const proof = ChallengeProof.build(tree, chunkIndex, stored(bytes));
      return { sectors, root: hex(tree.root), chunkIndex, proof: hex(proof) };
    });
  });
  return { description: "deals as in deal-roots.json", cases };
}

function positions() {
  const draws = [0, 1, 3, 1000, 2 ** 24, 2 ** 31].flatMap((sectors, index) =>
    [1, 31_337].map((chainId) => {
      const prevRandao = content(300 + index, 32);
      const from: Positions.Draw = {
        seed: Positions.seedOf(prevRandao),
        chainId: BigInt(chainId),
        market: content(310 + index, 20),
        epoch: index === 5 ? 2 ** 32 - 1 : 10 * index,
        provider: content(320 + index, 20),
      };
      return {
        prevRandao: hex(prevRandao),
        seed: hex(from.seed),
        chainId,
        market: hex(from.market),
        epoch: from.epoch,
        provider: hex(from.provider),
        sectors,
        randoms: [0, 1, 2, 3, 4].map((stratum) => String(Positions.randomAt(from, stratum))),
        positions: Positions.draw(from, sectors),
      };
    }),
  );
  const sectorsBySlot = [0, 2, 0, 0, 1, 3, 0];
  const places = [0, 32_767, 32_768, 65_535, 65_536, 98_303, 98_304, 150_000, 6 * 32_768 - 1];
  return {
    draws,
    locate: { sectorsBySlot, cases: places.map((x) => ({ x, ...Positions.locate(x, sectorsBySlot) })) },
  };
}

/** Whole epochs: what a seed challenges of a provider with deals in several slots, and the proof that answers it. */
function epochProofs() {
  const cases = [[1], [3, 0, 1, 8], [0, 64, 0, 5, 5, 2, 0, 33]].map((sectorsBySlot, index) => {
    const from: Positions.Draw = {
      seed: content(400 + index, 28),
      chainId: 31_337n,
      market: content(410 + index, 20),
      epoch: 5 + index,
      provider: content(420 + index, 20),
    };
    const trees = sectorsBySlot.map((sectors) =>
      DealTree.of(Array.from({ length: sectors }, (_, sector) => SectorTree.root(sectorBytes(sector)))),
    );
    const held = sectorsBySlot.reduce((sum, sectors) => sum + sectors, 0);
    const challenged = Positions.draw(from, held).map((x) => Positions.locate(x, sectorsBySlot));
    const answers = challenged.map(({ slot, sector, chunkIndex }) =>
      ChallengeProof.build(trees[slot]!, chunkIndex, stored(sectorBytes(sector))),
    );
    return {
      seed: hex(from.seed),
      chainId: Number(from.chainId),
      market: hex(from.market),
      epoch: from.epoch,
      provider: hex(from.provider),
      sectorsBySlot,
      roots: trees.map((tree) => hex(tree.root)),
      challenged,
      proof: hex(ChallengeProof.join(challenged, answers)),
    };
  });
  return { description: "deals as in deal-roots.json, by slot; empty slots have the zero root", cases };
}

function rangeProofs() {
  const ranges = [
    [0, 1],
    [1, 2],
    [5, 9],
    [2047, 2049],
    [2048, 4096],
    [0, SECTOR_CHUNKS],
    [1001, 30_000],
    [SECTOR_CHUNKS - 1, SECTOR_CHUNKS],
  ] as const;
  const states = [
    [1, 1],
    [3 * KIB64 + 320, 3 * KIB64 + 320],
    [MIB, MIB],
    [MIB, 3 * KIB64 + 320],
  ] as const;
  return {
    description: "the sector is content(7, length); roots and proofs are those it had with its first `asOf` bytes",
    cases: states.flatMap(([length, asOf]) => {
      const bytes = content(7, length);
      const root = hex(SectorTree.root(bytes.subarray(0, asOf)));
      return ranges.map(([first, end]) => {
        const proof = RangeProof.prove(stored(bytes), first, end, asOf);
        return { seed: 7, length, asOf, first, end, root, proof: hex(proof) };
      });
    }),
  };
}

function stored(bytes: Uint8Array): RangeProof.StoredSector {
  return {
    length: bytes.length,
    blockNodes: SectorTree.blockNodes(bytes),
    readBlock: (index) => bytes.subarray(index * KIB64, (index + 1) * KIB64),
  };
}

if (import.meta.main) {
  for (const [name, text] of vectorFiles()) writeFileSync(join(import.meta.dirname, name), text);
}
