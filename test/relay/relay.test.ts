/** Hosts without gas, and those who would have a relay pay for something else. */

import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import { concat, encodeFunctionData, type Hex, parseAbi, zeroAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { type Call, call } from "../../src/chain/Calls.ts";
import * as Forwarder from "../../src/chain/Forwarder.ts";
import { Market } from "../../src/chain/Market.ts";
import { toJson } from "../../src/protocol/Json.ts";
import { RELAY_BODY_BYTES, type RelayRequest } from "../../src/protocol/Relay.ts";
import { INCOME_FILE, Income, net, sum } from "../../src/provider-node/Income.ts";
import { leave } from "../../src/provider-node/Leaving.ts";
import { Relay, type RelayTerms } from "../../src/relay/Relay.ts";
import { type Listening, listen } from "../../src/relay/Service.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { balanceOf, Ground, type Host, Tenant } from "../provider-node/Ground.ts";

const TIP = 10_000n << 32n;
const STAKE = 500_000_000n;
const quiet = pino({ level: "silent" });
const multicallAbi = parseAbi(["function multicall(bytes[] data) returns (bytes[] results)"]);

describe("a relay", function () {
  this.timeout(120_000);
  let ground: Ground;
  /** The relay's own account. */
  let own: Market;
  let service: Listening;

  beforeEach(async () => {
    ground = await Ground.create();
    own = await ground.reach(await ground.account(0n));
    await serve();
  });

  afterEach(() => ground.end());

  async function serve(terms: Partial<RelayTerms> = {}): Promise<void> {
    const relay = new Relay(own, { leastTip: TIP, gasPerTip: 6_000_000n, newcomersPerEpoch: 2, ...terms }, quiet);
    service = await listen(relay, "127.0.0.1", 0, quiet);
    ground.onEnd(() => service.close());
  }

  /** With tokens, and not one wei. */
  const penniless = (): Promise<Hex> => ground.account(1_000_000_000n, 0n);
  const host = async (more = {}): Promise<Host> => {
    const account = await penniless();
    return ground.provider({ account, stake: STAKE, relay: { url: service.url, tip: TIP }, ...more });
  };

  /** Commits one sector, and answers the epoch that it counts from. */
  async function committed(tenant: Tenant): Promise<number> {
    const { epochs } = own;
    await tenant.revise([{ op: "add", slab: slab(tenant.writer.sectors.length), length: 1_048_576 }]);
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).number === tenant.writer.number);
    return epoch;
  }

  async function proven(of: Host, epoch: number): Promise<void> {
    await ground.to(own.epochs.challengeBlock(epoch));
    await ground.until("it is proven", () => own.proven(of.address, epoch));
  }

  describe("given a host without any gas", () => {
    it("has it register, stake, announce, commit, prove and leave, for its tips", async () => {
      const one = await host();
      expect((await own.announcements()).has(one.address)).to.equal(true);
      expect(await own.provider(one.address)).to.include({ relay: own.sender, tip: TIP, signer: one.address });
      const tenant = await Tenant.open(ground, one);
      const epoch = await committed(tenant);
      for (const next of [epoch, epoch + 1]) await proven(one, next);
      expect(await own.freeBalance(own.sender)).to.equal(2n * TIP);
      expect(await own.gasBalance(one.address)).to.equal(0n);

      await ground.to(own.epochs.start(epoch + 2));
      await tenant.market.settle([tenant.ref]);
      const income = new Income(join(one.config.dataDir, INCOME_FILE), one.address);
      await income.follow(own, await ground.block());
      const earned = income.earned();
      expect(earned.filter(({ deal }) => !deal).map(({ tips }) => tips)).to.deep.equal([2n * TIP]);
      expect(net(sum(earned))).to.equal((await balanceOf(own, one.address)) - (STAKE << 32n));
      income.close();

      const { account } = one.config;
      const connection = { rpcUrl: "in-process", request: ground.request, market: ground.market, pollMs: 10 };
      const leaver = await Market.connect({ ...connection, account, relay: { url: service.url } });
      expect(await leave(leaver)).to.include({ resigned: 1 });
      expect(await own.gasBalance(one.address)).to.equal(0n);
    });

    it("speaks for an owner whose key is elsewhere through the signer's", async () => {
      const owner = await ground.reach(await ground.account());
      const signer = await penniless();
      const { rate } = (await ground.provider()).config.policy;
      await owner.pay(STAKE, [
        call("register", [privateKeyToAccount(signer).address, 2n * rate]),
        call("deposit", [owner.sender, STAKE]),
        call("setTip", [own.sender, TIP]),
      ]);
      const one = await host({ account: signer, owner: owner.sender });
      const tenant = await Tenant.open(ground, one);
      await proven(one, await committed(tenant));
      expect(await own.freeBalance(own.sender)).to.equal(TIP);
      expect(await own.gasBalance(privateKeyToAccount(signer).address)).to.equal(0n);
    });

    it("is done without by a host that has gas after all, when it is gone or refuses", async () => {
      const account = await ground.account();
      const one = await host({ account });
      const tenant = await Tenant.open(ground, one);
      const before = await own.gasBalance(one.address);
      await service.close();
      await one.restart();
      await tenant.redial();
      const epoch = await committed(tenant);
      await proven(one, epoch);
      expect(await own.freeBalance(own.sender)).to.equal(0n);
      expect((await own.gasBalance(one.address)) < before).to.equal(true);
    });

    it("says what it lacks: tokens, a tip that is enough, a relay that is one", async () => {
      const account = await ground.account(7n, 0n);
      const lacking = await failure(host({ account }));
      expect(lacking).to.include({ code: "InsufficientFunds", asset: "token" }).and.not.have.property("also");
      const url = service.url;
      expect(await failure(host({ relay: { url, tip: TIP - 1n } }))).to.include({ code: "BadArgument", name: "tip" });
      const nobody = "http://127.0.0.1:9";
      expect(await failure(host({ relay: { url: nobody, tip: TIP } }))).to.include({
        code: "RelayRefused",
        url: nobody,
      });
      await service.close();
      expect(await failure(host({ relay: { url, tip: TIP } }))).to.include({ code: "RelayRefused", url });
    });
  });

  describe("asked by somebody else", () => {
    let one: Host;
    let tenant: Tenant;

    beforeEach(async () => {
      one = await host();
      tenant = await Tenant.open(ground, one);
    });

    async function post(asked: object | string): Promise<{ status: number; error: string }> {
      const body = typeof asked === "string" ? asked : toJson(asked);
      const before = await own.gasBalance(own.sender);
      const response = await fetch(service.url, { method: "POST", body });
      const { error } = (await response.json()) as { error: string };
      expect(await own.gasBalance(own.sender), error).to.equal(before);
      return { status: response.status, error };
    }

    /** What `key` signed for the forwarder. */
    async function signed(key: Hex, calls: readonly Call[], to = ground.market): Promise<RelayRequest["call"]> {
      const data =
        calls.length === 1
          ? calls[0]!.data
          : encodeFunctionData({ abi: multicallAbi, args: [calls.map((each) => each.data)] });
      const account = privateKeyToAccount(key);
      return Forwarder.sign(own.node, own.forwarder!, own.chainId, account, { to, data, gas: 400_000n });
    }

    const keyOf = (of: Host): Hex => of.config.account as Hex;
    const announcing = [call("announce", ["0x12"])];

    it("sends nothing as itself but proofs", async () => {
      const provider = one.address;
      const thefts = [call("withdraw", [1n, provider]), call("setTip", [provider, 1n]), call("settle", [[tenant.ref]])];
      const proof = call("prove", [provider, `0x${"00".repeat(28)}`, "0x"]);
      const several = (calls: readonly Call[]): Hex =>
        encodeFunctionData({ abi: multicallAbi, args: [calls.map((each) => each.data)] });
      for (const theft of thefts) {
        for (const data of [
          theft.data,
          several([theft, proof]),
          several([proof, theft]),
          several([proof, proof, proof]),
        ]) {
          expect(await post({ provider, proof: data })).to.deep.equal({ status: 403, error: "that is no proof" });
        }
      }
      const nested = encodeFunctionData({ abi: multicallAbi, args: [[several([thefts[0]!]), proof.data]] });
      for (const data of [nested, "0x", "0x12345678", concat([proof.data.slice(0, 10) as Hex])]) {
        expect(await post({ provider, proof: data })).to.include({ status: 403, error: "that is no proof" });
      }
    });

    it("sends for nobody without a standing tip to it that can be paid", async () => {
      const other = await ground.provider();
      const tipless = await post({ provider: other.address, call: await signed(keyOf(other), announcing) });
      expect(tipless).to.include({ status: 403 });
      expect(tipless.error).to.match(/has no standing tip of \d+ ledger units an epoch to 0x/);
      const proof = call("prove", [other.address, `0x${"00".repeat(28)}`, "0x"]);
      expect((await post({ provider: other.address, proof: proof.data })).error).to.match(/has no standing tip/);
      expect((await post({ provider: one.address, proof: proof.data })).error).to.match(/another provider's proof/);

      const owner = await ground.reach(keyOf(other));
      await owner.setTip(own.sender, TIP);
      await owner.withdraw((await owner.freeBalance(other.address)) >> 32n, other.address);
      expect((await post({ provider: other.address, call: await signed(keyOf(other), announcing) })).error).to.match(
        /has less in the market, free, than its tip/,
      );
    });

    it("sends for nobody what he has not signed, and nothing twice", async () => {
      const stranger = await penniless();
      const strangers = await post({ provider: one.address, call: await signed(stranger, announcing) });
      expect(strangers.error).to.match(/does not speak for/);
      const forged = { ...(await signed(stranger, announcing))!, from: one.address };
      expect((await post({ provider: one.address, call: forged })).status).to.equal(502);
      const once = await signed(keyOf(one), announcing);
      const first = await fetch(service.url, { method: "POST", body: toJson({ provider: one.address, call: once }) });
      expect(first.status).to.equal(200);
      expect((await post({ provider: one.address, call: once })).status).to.equal(502);
    });

    it("sends nothing to other contracts, no money, and no calls that are none", async () => {
      const elsewhere = await signed(keyOf(one), announcing, own.token);
      expect((await post({ provider: one.address, call: elsewhere })).error).to.match(/another contract/);
      const paying = { ...(await signed(keyOf(one), announcing))!, value: 1n };
      expect((await post({ provider: one.address, call: paying })).error).to.match(/money along/);
      const nothing = await signed(keyOf(one), [{ name: "nothing", data: "0x12345678" }]);
      expect((await post({ provider: one.address, call: nothing })).error).to.match(/no call of the market/);
    });

    it("pays for nothing that the market refuses", async () => {
      const wrong = await signed(keyOf(one), [call("withdraw", [STAKE * 2n, one.address])]);
      expect((await post({ provider: one.address, call: wrong })).status).to.equal(502);
      const early = call("prove", [one.address, `0x${"00".repeat(28)}`, "0x"]);
      expect((await post({ provider: one.address, proof: early.data })).status).to.equal(502);
    });

    it("takes hosts that are new with stake and tip only, and so many an epoch", async () => {
      const rate = 2n * one.config.policy.rate;
      const tried = async (make: (self: Market["sender"]) => Call[]) => {
        const key = await penniless();
        const provider = privateKeyToAccount(key).address;
        return post({ provider, call: await signed(key, make(provider)) });
      };
      const register = (self: Market["sender"]) => call("register", [self, rate]);
      const tip = (to: Market["sender"], amount: bigint) => call("setTip", [to, amount]);
      for (const make of [
        (self: Market["sender"]) => [register(self)],
        (self: Market["sender"]) => [register(self), tip(own.sender, TIP)],
        (self: Market["sender"]) => [register(self), call("deposit", [self, 999_999n]), tip(own.sender, TIP)],
        (self: Market["sender"]) => [register(self), call("deposit", [self, STAKE]), tip(own.sender, TIP - 1n)],
        (self: Market["sender"]) => [register(self), call("deposit", [self, STAKE]), tip(zeroAddress, TIP)],
        () => announcing,
      ]) {
        expect(await tried(make)).to.include({ status: 403 });
      }
      await host();
      expect(await failure(host()))
        .to.include({ code: "RelayRefused" })
        .and.have.property("reason")
        .that.matches(/no more new hosts/);
    });

    it("spends only so much for a host until it is tipped", async () => {
      await service.close();
      await serve({ gasPerTip: 1_500_000n });
      const account = keyOf(one);
      const connection = { rpcUrl: "in-process", request: ground.request, market: ground.market, pollMs: 10 };
      const chatty = await Market.connect({ ...connection, account, relay: { url: service.url } });
      let refused: unknown;
      for (let nonce = 1; refused === undefined && nonce < 40; nonce++) {
        await chatty.announce(`0x${nonce.toString(16).padStart(2, "0")}`).catch((error) => (refused = error.error));
      }
      expect(refused).to.include({ code: "RelayRefused" });
      expect(refused)
        .to.have.property("reason")
        .that.matches(/gas were spent for 0x\w+ since its last tip/);
    });

    it("answers what is too long, malformed or too much with an error, and goes on", async () => {
      expect((await post("x".repeat(RELAY_BODY_BYTES + 1))).status).to.equal(413);
      for (const body of ["", "{}", "[]", '{"provider":"0x12"}', toJson({ provider: one.address, proof: "0x1" })]) {
        expect((await post(body)).status, body).to.equal(400);
      }
      expect((await post({ provider: one.address })).status).to.equal(403);
      const put = await fetch(service.url, { method: "PUT" });
      expect(put.status).to.equal(405);
      const statuses = await Promise.all(Array.from({ length: 120 }, async () => (await fetch(service.url)).status));
      expect(new Set(statuses)).to.deep.equal(new Set([200, 429]));
    });
  });
});
