/** Markets that did wrong: each wrong is named. */
import { expect } from "chai";
import type { Address, Hex } from "viem";
import type { Report } from "../../src/auditor/Report.ts";
import { createWorld, LEDGER, PENALTY_RATE, RATE, rollBack } from "../contracts/fixture.ts";
import { audited, commitOwn, everything, proveBoth, ref, withoutProof } from "./History.ts";
import { altered, between, logsOf, recordAsProven, setStorage, storageSlot, withLogs } from "./Tampering.ts";

const world = await createWorld();
const { bob, alice, dave } = world;
const market = (await world.market.getAddress()) as Address;

const named = (report: Report) => report.differences.map(({ what }) => what);

describe("auditing markets that did wrong", () => {
  rollBack(world);

  describe("given a record in which an epoch is proven that was not", () => {
    it("names the epoch, and the settlement that paid for it", async () => {
      const deal = await world.active(3);
      await world.live(bob);
      await world.miss();
      await recordAsProven(world, bob, 3);
      await world.market.settle([ref(deal)]);

      const report = await audited(world);
      expect(report.ok).to.equal(false);
      const place = { provider: bob.address, deal: deal.id };
      expect(report.differences).to.deep.include.members([
        {
          ...differenceAt(report, "paid by a settlement"),
          ...place,
          epoch: 4,
          expected: `${3n * RATE}`,
          actual: `${6n * RATE}`,
        },
        { ...differenceAt(report, "penalty of a settlement"), ...place, expected: `${3n * PENALTY_RATE}`, actual: "0" },
        {
          ...differenceAt(report, "an epoch in a provider's record"),
          provider: bob.address,
          epoch: 3,
          expected: "not proven",
          actual: "proven",
        },
      ]);
      // The market tells misses from the record.
      const misses = report.differences.filter(({ what }) => what.includes("misses"));
      expect(misses.map(({ what, expected, actual }) => [what, expected, actual])).to.have.deep.members([
        ["misses of a provider", "1", "0"],
        ["a deal's misses", "1", "0"],
      ]);
      expect(named(report)).to.have.length(5);
    });
  });

  describe("given a balance that nobody paid in", () => {
    it("names the account and by how much", async () => {
      await world.as(alice).deposit(alice.address, 5n);
      const { balance } = await world.ledger(alice.address);
      await setStorage(world, await storageSlot(world, alice.address, balance), balance + 1n);
      const report = await audited(world);
      expect(
        report.differences.map(({ what, provider, expected, actual }) => [what, provider, expected, actual]),
      ).to.deep.equal([
        ["free balance of an account", alice.address.toLowerCase(), `${5n * LEDGER}`, `${5n * LEDGER + 1n}`],
      ]);
    });
  });

  describe("given tokens that left without a withdrawal", () => {
    it("names where they went, and that the market cannot pay", async () => {
      const { connection, token, stranger } = world;
      await connection.provider.request({ method: "hardhat_impersonateAccount", params: [market] });
      await connection.networkHelpers.setBalance(market, 10n ** 18n);
      const thief = await world.ethers.getSigner(market);
      await token.connect(thief).transfer(stranger.address, 3n);
      const report = await audited(world);
      expect(named(report)).to.have.members([
        "tokens leave the market without a withdrawal",
        "tokens the market holds, in ledger units",
      ]);
      expect(report.differences[0]).to.include({ provider: stranger.address, actual: `3 from ${market}` });
    });
  });

  describe("given a proof that does not prove", () => {
    async function oneProof(): Promise<Hex> {
      await world.active(3);
      return (await world.prove(bob)).hash as Hex;
    }

    it("names the provider and the epoch where its bytes are withheld", async () => {
      const hash = await oneProof();
      const request = between(world, (answer, { method, params }) => {
        if (method !== "eth_getTransactionByHash" || params?.[0] !== hash) return answer;
        const transaction = answer as { input: Hex };
        return { ...transaction, input: withoutProof(transaction.input) };
      });
      const report = await audited(world, { request });
      expect(report.ok).to.equal(false);
      const [difference] = report.differences;
      expect(difference).to.include({
        what: "an epoch counts as proven without a valid proof",
        provider: bob.address,
        epoch: 2,
        transaction: hash,
      });
      expect(difference?.actual).to.match(/^challenge 0: chunk \d+ of slot \d+ is not shown under root 0x/);
    });

    it("notices a change anywhere in it", async () => {
      const hash = await oneProof();
      const bytes = Buffer.from((await dataOf(hash)).slice(2), "hex");
      const length = bytes.readUInt32BE(4 + 4 * 32 - 4);
      for (let at = 0; at < length; at += 97) {
        const request = between(world, (answer, { method, params }) => {
          if (method !== "eth_getTransactionByHash" || params?.[0] !== hash) return answer;
          const changed = Buffer.from(bytes);
          changed[4 + 4 * 32 + at]! ^= 1;
          return { ...(answer as object), input: `0x${changed.toString("hex")}` };
        });
        expect(named(await audited(world, { request })), `byte ${at}`).to.include(
          "an epoch counts as proven without a valid proof",
        );
      }
    });

    it("names a seed that is not the challenge block's", async () => {
      await oneProof();
      const request = withLogs(world, market, (logs) =>
        logs.map((log) => (nameOf(log) === "SeedRecorded" ? altered(world.market.interface, log, 2) : log)),
      );
      expect(named(await audited(world, { request }))).to.include("seed");
    });
  });

  describe("given a commit or an opening that the other side did not agree to", () => {
    /** The differences where the transaction of that hash came otherwise than it did. */
    async function given(hash: string, change: (transaction: { from: string; input: string }) => object) {
      const request = between(world, (answer, { method, params }) => {
        if (method !== "eth_getTransactionByHash" || params?.[0] !== hash) return answer;
        return { ...(answer as object), ...change(answer as { from: string; input: string }) };
      });
      return named(await audited(world, { request }));
    }

    it("names a provider that neither sent nor signed it", async () => {
      const { hash } = await commitOwn(world, await world.open(), 2);
      expect(await given(hash, () => ({}))).to.deep.equal([]);
      const assent = "the provider's assent to a revision";
      expect(await given(hash, () => ({ from: alice.address }))).to.deep.equal([assent]);
    });

    it("names whose signature is another's", async () => {
      const deal = await world.open();
      const { hash } = await world.commit(deal, 2);
      const { signature } = (await world.countersigned(deal, await world.revision(deal, 0))).item;
      const input = await dataOf(hash);
      for (const [which, what] of [
        [-4, "the client's signature of a revision"],
        [-1, "the provider's assent to a revision"],
      ] as const) {
        const bytes = Buffer.from(input.slice(2), "hex");
        Buffer.from(signature.vs.slice(2), "hex").copy(bytes, bytes.length + 32 * which);
        expect(await given(hash, () => ({ input: `0x${bytes.toString("hex")}` }))).to.deep.equal([what]);
      }
    });

    it("names terms that another opened, or that lead to another id", async () => {
      const terms = await world.terms({ validUntil: 0xabcdefabcdefn });
      const { hash } = await world.openDeals(alice, [await world.item(terms, bob.key)], 1);
      expect(await given(hash, () => ({}))).to.deep.equal([]);
      expect(await given(hash, () => ({ from: dave.address }))).to.deep.equal(["who opens a deal"]);
      const later = ({ input }: { input: string }) => ({ input: input.replace("abcdefabcdef", "abcdefabcdee") });
      expect(await given(hash, later)).to.deep.equal(["a deal without terms"]);
    });
  });

  describe("given a valid proof that is skipped", () => {
    it("names whose", async () => {
      await world.active(1);
      await world.active(2, {}, { host: dave });
      await proveBoth(world);
      const skipped = world.market.interface.encodeEventLog("Skipped", [1n, "0x12345678"]);
      const request = withLogs(world, market, (logs) =>
        logs.flatMap((log) => {
          const event = world.market.interface.parseLog(log);
          if (event?.name === "Skipped") return [];
          if (event?.name !== "Proven" || event.args.provider !== dave.address) return [log];
          return [{ ...log, data: skipped.data, topics: skipped.topics as string[] }];
        }),
      );
      const report = await audited(world, { request });
      const { provider } = differenceAt(report, "a valid proof is skipped")!;
      expect(provider).to.equal(dave.address);
    });

    it("finds nothing where it was not valid", async () => {
      await world.active(1);
      await world.to("prove");
      await world.recordSeed();
      const { value } = await world.market.seed();
      const proof = Buffer.from((await world.proof(bob.address)).slice(2), "hex");
      proof[0]! ^= 1;
      const items = [{ provider: bob.address, proof: `0x${proof.toString("hex")}` }];
      expect(await world.skipped(world.market.proveMany(value, items))).to.have.length(1);
      expect((await audited(world)).differences).to.deep.equal([]);
    });
  });

  describe("given an event that says something else than what happened", () => {
    it("notices each field of each kind of event", async () => {
      await everything(world);
      const logs = await logsOf(world);
      const unnoticed: string[] = [];
      for (const [name, index] of firstOfEach(logs)) {
        const { inputs } = world.market.interface.getEvent(name as never)!;
        for (const [field, input] of inputs.entries()) {
          const request = withLogs(world, market, (all) =>
            all.map((log) => (sameLog(log, logs[index]!) ? altered(world.market.interface, log, field) : log)),
          );
          const { differences } = await audited(world, { request });
          if (differences.length === 0) unnoticed.push(`${name}.${input.name}`);
        }
      }
      // What is skipped changed nothing, so nothing follows from saying so.
      expect(unnoticed).to.deep.equal(["Skipped.index", "Skipped.selector"]);
    }).timeout(240_000);

    it("notices an event of each kind that is missing, and one that is told twice", async () => {
      await everything(world);
      const logs = await logsOf(world);
      const unnoticed: string[] = [];
      for (const [name, index] of firstOfEach(logs)) {
        for (const times of [0, 2]) {
          const request = withLogs(world, market, (all) =>
            all.flatMap((log) => (sameLog(log, logs[index]!) ? Array.from({ length: times }, () => log) : [log])),
          );
          const { differences } = await audited(world, { request });
          if (differences.length === 0) unnoticed.push(`${name} x ${times}`);
        }
      }
      // Nothing follows from these here: the signer was announced anew.
      const idle = ["Announced x 0", "SignerAnnounced x 0", "Skipped x 0"];
      expect(unnoticed).to.have.members(idle);
    }).timeout(240_000);
  });

  function nameOf(log: { topics: readonly string[]; data: string }): string {
    return world.market.interface.parseLog(log)?.name ?? "";
  }

  function firstOfEach(logs: readonly { topics: string[]; data: string }[]): Map<string, number> {
    const first = new Map<string, number>();
    for (const [index, log] of logs.entries()) {
      const name = nameOf(log);
      if (name && !first.has(name)) first.set(name, index);
    }
    return first;
  }

  async function dataOf(hash: string): Promise<string> {
    const transaction = await world.connection.provider.request({ method: "eth_getTransactionByHash", params: [hash] });
    return (transaction as { input: string }).input;
  }
});

const sameLog = (one: object, other: object) => JSON.stringify(one) === JSON.stringify(other);

function differenceAt(report: Report, what: string) {
  return report.differences.find((difference) => difference.what === what);
}
