/**
 * The master key as 24 words (BIP-39): what a person can write down. They stand for the key itself, with a checksum; no
 * wallet's seed is stretched from them, so a wallet that is given them shows other accounts.
 */
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english";
import { Keys } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";

/** Of a key of 32 bytes. */
const WORDS = 24;

/** The 24 words that a master key of 32 bytes is written down as, in their order. */
export function wordsOf(master: Uint8Array): string[] {
  return entropyToMnemonic(master, wordlist).split(" ");
}

/**
 * The key that was written down, however it is spaced.
 * @throws SubletException BadArgument, which tells no word: what is almost right is almost the key
 */
export function keyOf(text: string): Uint8Array {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.length !== WORDS)
    throw bad(`a key has ${WORDS} words, and these are ${text.trim() === "" ? 0 : words.length}`);
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0) throw bad(`word ${unknown + 1} is not in BIP-39's English list`);
  try {
    const key = mnemonicToEntropy(words.join(" "), wordlist);
    if (key.length === Keys.KEY_BYTES) return key;
  } catch {
    // What it throws may name the words.
  }
  throw bad("one of them is wrong, or not in its place: their checksum does not fit");
}

function bad(reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name: "words", value: "", reason });
}
