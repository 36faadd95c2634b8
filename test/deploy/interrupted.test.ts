/** A deployment killed between any two of its steps, and the same command given again. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Hex } from "viem";
import { deploy } from "../../scripts/deployment/index.ts";
import { encryptKeystore } from "../../src/chain/Keystore.ts";
import { type Ended, type Running, startScript } from "../auditor/Command.ts";
import { failure } from "../chain/failure.ts";
import { DROPPED } from "../chain/RpcServer.ts";
import { Chain } from "./Chain.ts";

const SCRIPT = join(import.meta.dirname, "..", "..", "scripts", "deploy.ts");
const SEND = "eth_sendRawTransaction";
/** The code of a process that a signal ended. */
const KILLED = -1;

describe("a deployment that was interrupted", function () {
  this.timeout(240_000);
  let chain: Chain;
  beforeEach(async () => {
    chain = await Chain.start();
  });
  afterEach(() => chain.stop());

  /** Lets the node take so many transactions from now on, of which the last is not answered any more. */
  function failAfter(taken: number, atLast: () => unknown = () => undefined): void {
    let left = taken;
    chain.rpc.between = async ({ method }, ask) => {
      if (method !== SEND) return ask();
      if (left <= 0) return DROPPED;
      const answer = await ask();
      if (--left > 0) return answer;
      atLast();
      return DROPPED;
    };
  }

  const undisturbed = (): void => {
    chain.rpc.between = (_request, ask) => ask();
  };

  describe("by SIGKILL", () => {
    let running: Running;

    /** As a person would call it, with a key from an encrypted file. */
    async function command(): Promise<Ended> {
      const keystore = join(chain.folder, "keystore.json");
      const { account, key, chainId, rpc, folder } = chain;
      await writeFile(keystore, await encryptKeystore({ address: account.address, privateKey: key }, "secret", 2));
      const place = ["--rpc", rpc.url, "--chain-id", `${chainId}`, "--folder", join(folder, "market")];
      const wish = ["--test-token", "--preset", "demo", "--confirmations", "1", "--keystore", keystore, "--json"];
      running = startScript(SCRIPT, [...place, ...wish], { SUBLET_PASSWORD: "secret" });
      return running.ended;
    }

    it("goes on where it was, whether the node had the transaction or not, and makes one market", async () => {
      const kill = (): void => running.kill("SIGKILL");
      // The node takes one and the process never hears of it; then one is signed and does not reach the node.
      failAfter(1, kill);
      expect((await command()).code).to.equal(KILLED);
      chain.rpc.between = async ({ method }, ask) => {
        if (method !== SEND) return ask();
        kill();
        return DROPPED;
      };
      expect((await command()).code).to.equal(KILLED);
      // The same for the market itself, the fourth of four.
      failAfter(3, kill);
      expect((await command()).code).to.equal(KILLED);
      expect(await chain.sent()).to.equal(4);
      undisturbed();
      const { code, stderr } = await command();
      expect(code, stderr).to.equal(0);
      const record = JSON.parse(await readFile(join(chain.folder, "market", "market.json"), "utf8"));
      expect((await chain.created()).at(-1)).to.equal(record.market.toLowerCase());
      expect((await chain.created()).length).to.equal(4);
      expect(await chain.sent()).to.equal(4);
    });
  });

  it("has on disk whatever left the process, before it left", async () => {
    const sending = join(chain.folder, "market", "sending.json");
    const found: boolean[] = [];
    chain.rpc.between = async ({ method, params }, ask) => {
      if (method === SEND) found.push((await readFile(sending, "utf8")).includes(params[0] as string));
      return ask();
    };
    await deploy(chain.order());
    expect(found).to.deep.equal([true, true, true, true]);
  });

  it("uses another number for what was signed where the account has used that one since", async () => {
    chain.rpc.between = async ({ method }, ask) => (method === SEND ? DROPPED : ask());
    await failure(deploy(chain.order()), "TransactionPending");
    undisturbed();
    await chain.request("hardhat_impersonateAccount", [chain.account.address]);
    const elsewhere = { from: chain.account.address, to: chain.account.address, value: "0x1" };
    await chain.request<Hex>("eth_sendTransaction", [elsewhere]);
    await chain.request("hardhat_mine", ["0x2"]);
    const { market } = await deploy(chain.order());
    expect((await chain.created()).at(-1)).to.equal(market.toLowerCase());
    expect((await chain.created()).length).to.equal(4);
    expect(await chain.sent()).to.equal(5);
  });

  it("is not mixed with another one", async () => {
    failAfter(2);
    await failure(deploy(chain.order()), "TransactionPending");
    undisturbed();
    const sent = await chain.sent();
    const other = await failure(
      deploy(chain.order({ preset: "daily", seedSource: chain.account.address })),
      "BadArgument",
    );
    expect(other.name).to.equal("--seed-source");
    const file = join(chain.folder, "parameters.toml");
    await writeFile(file, 'minCollateral = "2"\n');
    const { name, reason } = await failure(deploy(chain.order({ parametersFile: file })), "BadArgument");
    expect([name, /begun/.test(reason)]).to.deep.equal(["--folder", true]);
    expect(await chain.sent()).to.equal(sent);
  });

  it("is left to the process that is at it", async () => {
    const first = deploy(chain.order());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await failure(deploy(chain.order()), "HomeBusy");
    await first;
    expect((await chain.created()).length).to.equal(4);
  });

  it("does not take a journal that was changed for one", async () => {
    failAfter(1);
    await failure(deploy(chain.order()), "TransactionPending");
    undisturbed();
    const sending = join(chain.folder, "market", "sending.json");
    await writeFile(sending, (await readFile(sending, "utf8")).slice(0, -20));
    await failure(deploy(chain.order()), "StateCorrupt");
    expect(await chain.sent()).to.equal(1);
  });
});
