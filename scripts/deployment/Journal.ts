/**
 * What of a deployment was signed, in `sending.json`: written before any of it is sent, so that an interrupted deployment
 * finds whatever may be on the chain, and sends the same again rather than another.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Address, isAddressEqual } from "viem";
import { z } from "zod";
import type { Signed } from "../../src/chain/Sender.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { toJson } from "../../src/protocol/Json.ts";
import { replaceFile } from "../../src/provider-node/Durable.ts";
import type { ContractName } from "./build.ts";
import { addressField, hexField, readDocument } from "./fields.ts";

const schema = z.strictObject({
  chainId: z.int(),
  deployer: addressField,
  /** Of the contracts, so that none of an older and a newer state stand together. */
  build: hexField,
  /** What was asked for, as text: another wish is another deployment. */
  wish: z.string(),
  signed: z.record(z.string(), z.array(z.strictObject({ nonce: z.int(), hash: hexField, bytes: hexField }))),
});

/** What makes a deployment this one. */
export interface Identity {
  readonly chainId: number;
  readonly deployer: Address;
  readonly build: `0x${string}`;
  readonly wish: string;
}

export class Journal {
  readonly #file: string | undefined;
  readonly #identity: Identity;
  readonly #signed: Record<string, Signed[]>;

  private constructor(file: string | undefined, identity: Identity, signed: Record<string, Signed[]>) {
    this.#file = file;
    this.#identity = identity;
    this.#signed = signed;
  }

  /** Without a folder it is lost with the process. @throws SubletException StateCorrupt, or BadArgument where another deployment was begun in the folder */
  static async open(folder: string | undefined, identity: Identity): Promise<Journal> {
    if (folder === undefined) return new Journal(undefined, identity, {});
    const file = join(folder, "sending.json");
    const begun = await readDocument(file, schema);
    if (begun === undefined) return new Journal(file, identity, {});
    const { chainId, deployer, build, wish, signed } = begun;
    const other =
      (chainId !== identity.chainId && `on chain ${chainId}`) ||
      (!isAddressEqual(deployer, identity.deployer) && `by ${deployer}`) ||
      (wish !== identity.wish && `with ${wish}`) ||
      (build !== identity.build && "from other contracts than are here now");
    if (other) {
      const reason = `a deployment was begun there ${other} and not finished; finish it, or choose another folder`;
      throw new SubletException({ code: "BadArgument", name: "--folder", value: folder, reason });
    }
    return new Journal(file, identity, signed);
  }

  /** Whatever of it may be on the chain, the newest last. */
  of(name: ContractName): readonly Signed[] {
    return this.#signed[name] ?? [];
  }

  /** On disk when it returns. */
  async add(name: ContractName, signed: Signed): Promise<void> {
    this.#signed[name] = [...this.of(name), signed];
    if (this.#file === undefined) return;
    await replaceFile(this.#file, `${toJson({ ...this.#identity, signed: this.#signed })}\n`);
  }

  async remove(): Promise<void> {
    if (this.#file !== undefined) await rm(this.#file, { force: true });
  }
}
