/** Reading prevRandao out of a header whose hash is known, whatever its bytes are. */
import { expect } from "chai";
import { concat, dataLength, encodeRlp, hexlify, keccak256, type RlpStructuredDataish, zeroPadValue } from "ethers";
import { createWorld, rollBack } from "./fixture.ts";

const world = await createWorld({ parameters: { epochBlocks: 1000 } });
const { seedSource } = world;
const { networkHelpers } = world.connection;

const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
/** EIP-2935's contract in short: the word at storage slot (number mod 8,191). */
const SERVES_HISTORY = "0x5f35611fff9006545f5260205ff3";
const BLOCK = 5;
const RANDOM = zeroPadValue("0xabcdef", 32);

/** Fourteen fields and some, as in a header. */
function fields(): RlpStructuredDataish[] {
  return [
    ...Array.from({ length: 13 }, (_, index) => hexlify(new Uint8Array(index * 5).fill(7))),
    RANDOM,
    "0x01",
    "0x",
  ];
}

/** What the source reads from a block whose hash is that of `header`. */
async function read(header: string): Promise<string> {
  await networkHelpers.setStorageAt(HISTORY, BLOCK, keccak256(header));
  return seedSource.seed(BLOCK, header);
}

describe("HeaderSeedSource", () => {
  rollBack(world);
  beforeEach(async () => {
    await world.reach((await world.block()) + 300);
    await networkHelpers.setCode(HISTORY, SERVES_HISTORY);
  });

  it("reads field 13, whatever the sizes of those before it", async () => {
    expect(await read(encodeRlp(fields()))).to.equal(RANDOM);
    const long = fields();
    long[6] = new Uint8Array(256).fill(1); // the bloom: its length has a length
    expect(await read(encodeRlp(long))).to.equal(RANDOM);
    expect(await read(encodeRlp(fields().slice(0, 14)))).to.equal(RANDOM);
    for (const byte of ["0x00", "0x7f", "0x80"]) expect(await read(replaced(3, byte))).to.equal(RANDOM); // their own items, but for the last
  });

  it("takes no header longer than 2,048 bytes", async () => {
    const longest = fields();
    longest[14] = new Uint8Array(1460);
    const most = encodeRlp(longest);
    longest[14] = new Uint8Array(1460 + 2048 - dataLength(most));
    expect(dataLength(encodeRlp(longest))).to.equal(2048);
    expect(await read(encodeRlp(longest))).to.equal(RANDOM);
    longest[14] = new Uint8Array(1461 + 2048 - dataLength(most));
    await expect(read(encodeRlp(longest)))
      .to.be.revertedWithCustomError(seedSource, "SeedSource_MalformedHeader")
      .withArgs(2048);
  });

  const good = encodeRlp(fields());
  const randomAt = good.indexOf(RANDOM.slice(2)) / 2 - 1;
  const replaced = (index: number, field: RlpStructuredDataish) => {
    const changed = fields();
    changed[index] = field;
    return encodeRlp(changed);
  };
  const malformed: [string, string, number][] = [
    ["nothing", "0x", 0],
    ["a string", encodeRlp(good), 0],
    ["a list that ends before the bytes do", concat([good, "0x00"]), 0],
    ["a list that claims more than there is", good.slice(0, -2), 0],
    ["a length of eight bytes", "0xffffffffffffffffffff", 0],
    ["a length that is cut off", "0xf9", 0],
    ["thirteen fields", encodeRlp(fields().slice(0, 13)), randomAt - 1],
    ["a list for a field", replaced(3, []), 3 + 1 + 6 + 11],
    ["a list for field 13", replaced(13, [RANDOM]), randomAt - 1],
    ["an empty field 13", replaced(13, "0x"), randomAt],
    ["31 bytes for field 13", replaced(13, RANDOM.slice(0, -2)), randomAt],
    ["33 bytes for field 13", replaced(13, `${RANDOM}00`), randomAt],
    [
      "a field whose length is cut off",
      encodeRlp([...fields().slice(0, 13), "0x39"]).replace(/39$/, "b9"),
      randomAt - 1,
    ],
    [
      "a field that claims more than there is",
      good.replace(`a0${RANDOM.slice(2)}`, `b7${RANDOM.slice(2)}`),
      randomAt - 1,
    ],
  ];
  for (const [what, header, offset] of malformed) {
    it(`refuses ${what}`, async () => {
      await expect(read(header))
        .to.be.revertedWithCustomError(seedSource, "SeedSource_MalformedHeader")
        .withArgs(offset);
    });
  }

  const RETURNS: [string, string][] = [
    ["has nothing at EIP-2935's address", "0x"],
    ["reverts there, with a word", "0x60015f5260205ffd"],
    ["returns a word and a byte", "0x60015f5260215ff3"],
    ["knows no such block", "0x60205ff3"],
  ];
  for (const [what, code] of RETURNS) {
    it(`knows no hash where the chain ${what}`, async () => {
      await networkHelpers.setCode(HISTORY, code);
      await expect(seedSource.seed(BLOCK, good))
        .to.be.revertedWithCustomError(seedSource, "SeedSource_HashUnavailable")
        .withArgs(BLOCK);
    });
  }

  it("asks the chain for the last 256 hashes, and EIP-2935's address for those before", async () => {
    const latest = await world.block();
    const answers: string[] = [];
    for (let number = latest - 260; number < latest - 250; number++) {
      await networkHelpers.setStorageAt(HISTORY, number, keccak256(good));
      answers.push(await seedSource.seed(number, good).catch(() => "the block's own hash, which is another"));
    }
    const kept = answers.indexOf("the block's own hash, which is another");
    expect(kept).to.be.greaterThan(0);
    expect(answers.slice(0, kept)).to.deep.equal(new Array(kept).fill(RANDOM));
    for (let number = latest - 260 + kept; number < latest - 250; number++) {
      await expect(seedSource.seed(number, good)).to.be.revertedWithCustomError(seedSource, "SeedSource_WrongHeader");
    }
  });

  it("refuses a block that is not past", async () => {
    const latest = await world.block();
    await expect(seedSource.seed(latest + 5, good))
      .to.be.revertedWithCustomError(seedSource, "SeedSource_NotPast")
      .withArgs(latest + 5, (now: bigint) => now === BigInt(latest) || now === BigInt(latest) + 1n);
  });
});
