/** EIP-712 digests of what parties sign, hashed here field by field so that no library's reading of them is shared. */
import {
  type AbiParameter,
  type Address,
  concat,
  encodeAbiParameters,
  type Hash,
  type Hex,
  keccak256,
  recoverAddress,
  stringToHex,
  toHex,
} from "viem";

const text = (value: string): Hash => keccak256(stringToHex(value));

const DOMAIN_TYPE = text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
const TYPES = {
  Terms:
    "Terms(address client,address clientSigner,address provider,uint16 slot,bytes32 previous,uint32 series," +
    "uint64 volume,uint8 position,uint8 k,uint8 n,uint96 rate,uint96 egressRate,uint32 capacity,uint32 minSectors," +
    "uint32 endEpoch,uint32 noticeEpochs,uint128 answerBond,uint64 validUntil)",
  Revision: "Revision(bytes32 deal,uint64 number,bytes24 root,uint32 sectors,bytes32 head)",
  Voucher: "Voucher(bytes32 deal,uint128 cumulative)",
  Extension:
    "Extension(bytes32 deal,uint32 from,uint32 endEpoch,uint96 rate,uint32 capacity,uint32 series,uint64 validUntil)",
} as const;

export type Signed = keyof typeof TYPES;

/** A signature in two words: r, and s with v - 27 in its top bit. */
export interface Signature {
  readonly r: Hex;
  readonly vs: Hex;
}

const TOP_BIT = 1n << 255n;
/** Of the two values of s that a signature could have, the one up to half of secp256k1's order counts. */
const MOST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
/** Characters of a deal's id that are the digest's: 19 bytes and "0x"; and those of a word. */
const [ID_CHARS, WORD_CHARS] = [40, 66];

/** The members' types and names, read from the type's own string. */
const members = Object.fromEntries(
  Object.entries(TYPES).map(([name, type]) => [
    name,
    type
      .slice(type.indexOf("(") + 1, -1)
      .split(",")
      .map((member) => member.split(" ") as [string, string]),
  ]),
) as Record<Signed, [string, string][]>;

export class Digests {
  readonly #separator: Hash;

  constructor(chainId: number, market: Address) {
    this.#separator = keccak256(
      encodeAbiParameters(
        [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }],
        [DOMAIN_TYPE, text("Sublet"), text("1"), BigInt(chainId), market],
      ),
    );
  }

  of(name: Signed, message: object): Hash {
    const values = message as Record<string, unknown>;
    const types: AbiParameter[] = [{ type: "bytes32" }, ...members[name].map(([type]) => ({ type }))];
    const encoded = encodeAbiParameters(types, [text(TYPES[name]), ...members[name].map(([, field]) => values[field])]);
    return keccak256(concat(["0x1901", this.#separator, keccak256(encoded)]));
  }

  /** The id of the deal that terms open. */
  id(terms: object): Hash {
    return this.of("Terms", terms).slice(0, ID_CHARS).padEnd(WORD_CHARS, "0") as Hash;
  }

  /** Who signed; undefined: nobody that counts (s too high, or no point of the curve). Lower case. */
  async signer(name: Signed, message: object, { r, vs }: Signature): Promise<string | undefined> {
    const s = BigInt(vs) & (TOP_BIT - 1n);
    if (s > MOST_S) return undefined;
    const signature = { r, s: toHex(s, { size: 32 }), yParity: BigInt(vs) >= TOP_BIT ? 1 : 0 };
    const found = await recoverAddress({ hash: this.of(name, message), signature }).catch(() => undefined);
    return found?.toLowerCase();
  }
}
