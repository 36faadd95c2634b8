import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { hexToBytes } from "viem";
import { keyOf, wordsOf } from "../../src/client/index.ts";
import { SubletException, describe as say } from "../../src/protocol/Errors.ts";

/** Of BIP-39's own list of vectors, with the entropy that they stand for. */
const VECTORS: [entropy: `0x${string}`, words: string][] = [
  [`0x${"00".repeat(32)}`, `${"abandon ".repeat(23)}art`],
  [
    `0x${"7f".repeat(32)}`,
    `${"legal winner thank year wave sausage worth useful ".repeat(2)}legal winner thank year wave sausage worth title`,
  ],
  [
    "0xf585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
    "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
  ],
];

function refusal(text: string): string {
  try {
    keyOf(text);
  } catch (error) {
    if (SubletException.is(error, "BadArgument")) return say(error.error);
    throw error;
  }
  return "taken";
}

describe("the words of a key", () => {
  it("are those of BIP-39's own vectors", () => {
    for (const [entropy, words] of VECTORS) {
      expect(wordsOf(hexToBytes(entropy)).join(" ")).to.equal(words);
      expect(keyOf(words)).to.deep.equal(hexToBytes(entropy));
    }
  });

  it("lead back to any key, however they are spaced and written", () => {
    for (let time = 0; time < 50; time++) {
      const key = new Uint8Array(randomBytes(32));
      expect(keyOf(`\n  ${wordsOf(key).join(" \t\n").toUpperCase()}  `)).to.deep.equal(key);
    }
  });

  it("are refused when something is wrong with them, and none of them is repeated", () => {
    const words = wordsOf(hexToBytes(VECTORS[2]![0]));
    const swapped = [words[1]!, words[0]!, ...words.slice(2)];
    const misspelt = words.with(2, "efort");
    expect(refusal("")).to.match(/these are 0/);
    expect(refusal(words.slice(0, 12).join(" "))).to.match(/these are 12/);
    expect(refusal([...words, "void"].join(" "))).to.match(/these are 25/);
    expect(refusal(misspelt.join(" "))).to.match(/word 3 is not in/);
    expect(refusal(swapped.join(" "))).to.match(/checksum/);
    // A wallet's twelve words are a key of another length.
    expect(refusal(`${"abandon ".repeat(11)}about`)).to.match(/these are 12/);
    for (const text of [misspelt.join(" "), swapped.join(" ")]) {
      for (const word of ["efort", "camp", "survey"]) expect(refusal(text)).not.to.include(word);
    }
  });
});
