/** Making a market: forwarder, seed source and market, one transaction after the other, each carried out once. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  encodeDeployData,
  getAddress,
  getContractAddress,
  type Hex,
  type TransactionReceipt,
} from "viem";
import type { Node, Parameters } from "../../src/chain/Connection.ts";
import type { Sender, Signed } from "../../src/chain/Sender.ts";
import type { Build, ContractName } from "./build.ts";
import type { Journal } from "./Journal.ts";

/** Over which token, and with what. What is left out is deployed too. */
export interface Wish {
  readonly parameters: Parameters;
  readonly token?: Address;
  readonly seedSource?: Address;
}

export interface Ground {
  readonly node: Node;
  readonly sender: Sender;
}

/** A contract that is to be made. */
export interface Step {
  readonly name: ContractName;
  /** Creation code, the constructor's arguments behind it. */
  readonly code: Hex;
  readonly constructorArguments: Hex;
}

/** What a contract will be and cost. */
export interface Rehearsed extends Step {
  readonly address: Address;
  /** Estimated; more is allowed for, see {@link limitOf}. */
  readonly gas: bigint;
}

export interface Made extends Step {
  readonly address: Address;
  readonly receipt: TransactionReceipt;
}

/** What the forwarder's typed data call it. */
const FORWARDER_NAME = "Sublet";

export class Deployment {
  readonly #build: Build;
  readonly #wish: Wish;
  readonly #ground: Ground;
  readonly #journal: Journal;
  readonly #confirmations: number;

  /** @param confirmations how many blocks must have been made from where something stands until it counts as done */
  constructor(build: Build, wish: Wish, ground: Ground, journal: Journal, confirmations: number) {
    this.#build = build;
    this.#wish = wish;
    this.#ground = ground;
    this.#journal = journal;
    this.#confirmations = confirmations;
  }

  /**
   * What is not made yet, with the addresses that it will have if the account sends nothing else. Nothing is sent.
   * @throws what the chain answers where the market refuses its parameters
   */
  async rehearse(): Promise<Rehearsed[]> {
    const { node, sender } = this.#ground;
    const account = sender.account.address;
    const at = new Map<ContractName, Address>();
    const rehearsed: Rehearsed[] = [];
    let nonce = BigInt(await node.getTransactionCount({ address: account, blockTag: "pending" }));
    for (const name of this.#names()) {
      const signed = await this.#alive(name);
      if (signed) {
        at.set(name, getContractAddress({ from: account, nonce: BigInt(signed.nonce) }));
        if (BigInt(signed.nonce) >= nonce) nonce = BigInt(signed.nonce) + 1n;
        continue;
      }
      const step = this.#step(name, at);
      const address = getContractAddress({ from: account, nonce: nonce++ });
      at.set(name, address);
      rehearsed.push({ ...step, address, gas: await node.estimateGas({ account, data: step.code }) });
    }
    return rehearsed;
  }

  /**
   * Makes what is not made yet, and waits until all of it counts as done.
   * @throws SubletException as {@link Sender.send}; the same again goes on where it ended
   */
  async carryOut(onMade: (made: Made) => void = () => undefined): Promise<Made[]> {
    const made: Made[] = [];
    for (const name of this.#names()) {
      const step = this.#step(name, new Map(made.map((one) => [one.name, one.address])));
      const receipt = await this.#make(step);
      const one = { ...step, address: getAddress(receipt.contractAddress!), receipt };
      onMade(one);
      made.push(one);
    }
    return this.#confirmed(made);
  }

  #names(): ContractName[] {
    const { token, seedSource } = this.#wish;
    const given: (ContractName | false)[] = [
      !token && "MarketToken",
      "ERC2771Forwarder",
      !seedSource && "HeaderSeedSource",
      "StorageMarket",
    ];
    return given.filter((name) => name !== false);
  }

  #step(name: ContractName, at: ReadonlyMap<ContractName, Address>): Step {
    const { parameters, token = at.get("MarketToken"), seedSource = at.get("HeaderSeedSource") } = this.#wish;
    const args =
      name === "StorageMarket"
        ? [parameters, token, seedSource, at.get("ERC2771Forwarder")]
        : name === "ERC2771Forwarder"
          ? [FORWARDER_NAME]
          : [];
    const { abi, bytecode } = this.#build.contracts[name];
    const code = encodeDeployData({ abi, bytecode, args });
    return { name, code, constructorArguments: `0x${code.slice(bytecode.length)}` };
  }

  async #make(step: Step): Promise<TransactionReceipt> {
    const { sender } = this.#ground;
    const { name, code: data } = step;
    const request = { call: `the creation of ${name}`, data };
    const options = { onSigned: (signed: Signed) => this.#journal.add(name, signed) };
    const before = await this.#alive(name);
    return before ? sender.sendAgain(request, before, options) : sender.send(request, options);
  }

  /** What was signed for a contract and made it, or still can. */
  async #alive(name: ContractName): Promise<Signed | undefined> {
    const { node, sender } = this.#ground;
    const signed = this.#journal.of(name);
    const newest = signed.at(-1);
    if (!newest) return undefined;
    // Read before the receipts, and as deep as the deployment itself has to be: a number counts as used for something
    // else only where that will stay so.
    const block = (await node.getBlockNumber({ cacheTime: 0 })) - BigInt(this.#confirmations);
    const used = await node.getTransactionCount({
      address: sender.account.address,
      blockNumber: block > 0n ? block : 0n,
    });
    for (const one of signed) {
      const receipt = await node.getTransactionReceipt({ hash: one.hash }).catch((thrown: Error) => {
        if (thrown.name === "TransactionReceiptNotFoundError") return undefined;
        throw thrown;
      });
      if (receipt?.status === "success") return one;
    }
    return newest.nonce >= used ? newest : undefined;
  }

  /** Reads every receipt again once the last is deep enough: a block may have been replaced by another. */
  async #confirmed(made: readonly Made[]): Promise<Made[]> {
    const { node } = this.#ground;
    for (;;) {
      const receipts = await Promise.all(
        made.map(({ receipt: { transactionHash: hash } }) => node.getTransactionReceipt({ hash })),
      );
      const lowest = (await node.getBlockNumber({ cacheTime: 0 })) - BigInt(this.#confirmations) + 1n;
      if (receipts.every(({ blockNumber }) => blockNumber <= lowest)) {
        return made.map((one, index) => ({ ...one, receipt: receipts[index]! }));
      }
      await sleep(node.pollingInterval);
    }
  }
}
