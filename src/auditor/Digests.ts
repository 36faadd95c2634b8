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
  size,
  stringToHex,
} from "viem";

const text = (value: string): Hash => keccak256(stringToHex(value));

const DOMAIN_TYPE = text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
const TYPES = {
  Terms:
    "Terms(address client,address clientSigner,address provider,uint64 volume,uint8 position,uint8 k,uint8 n," +
    "uint96 rate,uint96 egressRate,uint32 capacity,uint32 minSectors,uint32 endEpoch,uint32 noticeEpochs," +
    "uint128 answerBond,uint256 nonce,uint64 validUntil)",
  Revision: "Revision(bytes32 deal,uint64 number,bytes24 root,uint32 sectors,bytes32 head)",
  Voucher: "Voucher(bytes32 deal,uint128 cumulative)",
  Extension: "Extension(bytes32 deal,uint32 endEpoch,uint96 rate,uint32 capacity,uint256 nonce,uint64 validUntil)",
} as const;

export type Signed = keyof typeof TYPES;

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

  /** Who signed; undefined: nobody that counts (not 65 bytes, or no point of the curve). Lower case. */
  async signer(name: Signed, message: object, signature: Hex): Promise<string | undefined> {
    if (size(signature) !== 65) return undefined;
    const found = await recoverAddress({ hash: this.of(name, message), signature }).catch(() => undefined);
    return found?.toLowerCase();
  }
}
