/** What must hold while connections drop, nodes forget and several send at once. */
import { expect } from "chai";
import { call } from "../../src/chain/Calls.ts";
import { Market } from "../../src/chain/Market.ts";
import type { World } from "../contracts/fixture.ts";
import { failure } from "./failure.ts";
import { keyOf, LocalMarket } from "./LocalMarket.ts";
import { DROPPED } from "./RpcServer.ts";

const SEND = "eth_sendRawTransaction";

describe("sending transactions", () => {
  let local: LocalMarket;
  let world: World;
  let bob: Market;
  beforeEach(async () => {
    local = await LocalMarket.start();
    world = local.world;
    bob = await local.connect(world.bob);
  });
  afterEach(() => local.stop());

  const announced = async (): Promise<number> => {
    let count = 0;
    for await (const _ of bob.events({ names: ["Announced"] })) count++;
    return count;
  };

  it("gives many at once one nonce each, also from two connections of one account", async () => {
    await local.byTheClock(20);
    const again = await local.connect(world.bob);
    const first = await world.bob.account.getNonce();
    const sent = await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 ? bob : again).announce(`0x${`${index}`.padStart(2, "0")}`)),
    );
    expect(new Set(sent.map(({ hash }) => hash)).size).to.equal(12);
    expect(await world.bob.account.getNonce()).to.equal(first + 12);
    expect(await announced()).to.equal(12);
  });

  describe("given a connection that drops after the node took the transaction", () => {
    it("sends the same bytes again and carries out once", async () => {
      let drops = 2;
      local.rpc.between = async ({ method }, ask) => {
        if (method !== SEND) return ask();
        const answer = await ask().catch((error: unknown) => error);
        if (drops-- > 0) return DROPPED;
        if (answer instanceof Error) throw answer;
        return answer;
      };
      await bob.announce("0x01");
      expect(await announced()).to.equal(1);
      const sent = local.rpc.asked.filter(({ method }) => method === SEND).map(({ params }) => params[0]);
      expect(sent.length).to.be.greaterThan(1);
      expect(new Set(sent).size).to.equal(1);
    });
  });

  describe("given a connection that drops before the node sees the transaction", () => {
    it("sends the same bytes again", async () => {
      let drops = 2;
      local.rpc.between = ({ method }, ask) => (method === SEND && drops-- > 0 ? Promise.resolve(DROPPED) : ask());
      await bob.announce("0x01");
      expect(await announced()).to.equal(1);
    });
  });

  describe("given a node that was gone all along", () => {
    it("is ChainUnavailable where nothing was signed yet", async () => {
      local.rpc.between = async () => DROPPED;
      await failure(bob.announce("0x01"), "ChainUnavailable");
      local.rpc.between = (_request, ask) => ask();
      await bob.announce("0x02");
      expect(await announced()).to.equal(1);
    }).timeout(30_000);

    it("is TransactionPending once signed, which goes out before the next one, with its own nonce", async () => {
      local.rpc.between = ({ method }, ask) => (method === SEND ? Promise.resolve(DROPPED) : ask());
      await failure(bob.announce("0x01"), "TransactionPending");
      local.rpc.between = (_request, ask) => ask();
      await bob.announce("0x02");
      const data: string[] = [];
      for await (const { args } of bob.events({ names: ["Announced"] })) data.push(args.data);
      expect(data).to.deep.equal(["0x01", "0x02"]);
    }).timeout(30_000);
  });

  describe("given something signed that got no answer and is refused later", () => {
    it("gives its nonce to the next one", async () => {
      const first = await world.bob.account.getNonce();
      local.rpc.between = ({ method }, ask) => (method === SEND ? Promise.resolve(DROPPED) : ask());
      await failure(bob.announce("0x01"), "TransactionPending");
      const lost = local.rpc.asked.findLast(({ method }) => method === SEND)?.params[0];
      local.rpc.between = async ({ method, params }, ask) => {
        if (method === SEND && params[0] === lost) throw { code: -32_000, message: "insufficient funds for gas" };
        return ask();
      };
      const { hash } = await bob.announce("0x02");
      expect((await world.ethers.provider.getTransaction(hash))?.nonce).to.equal(first);
      expect(await announced()).to.equal(1);
    }).timeout(30_000);
  });

  describe("given a node that forgets its pool", () => {
    it("hands it the same bytes again", async () => {
      await local.provider.request({ method: "evm_setAutomine", params: [false] });
      const sending = bob.announce("0x01");
      while (local.rpc.count(SEND) === 0) await new Promise((done) => setTimeout(done, 5));
      const { result } = await pooled(local);
      await local.provider.request({ method: "hardhat_dropTransaction", params: [result] });
      while (local.rpc.count(SEND) === 1) await new Promise((done) => setTimeout(done, 5));
      await local.automatic();
      await local.provider.request({ method: "hardhat_mine", params: [] });
      await sending;
      expect(await announced()).to.equal(1);
    });
  });

  describe("given another process that uses the same account", () => {
    it("takes the next nonce", async () => {
      let raced = false;
      local.rpc.between = async ({ method }, ask) => {
        if (method === SEND && !raced) {
          raced = true;
          await (await world.as(world.bob).announce("0x0a")).wait();
        }
        return ask();
      };
      await bob.announce("0x0b");
      expect(await announced()).to.equal(2);
    });
  });

  describe("given a block in which the simulation no longer holds", () => {
    it("is ChainRejected with the market's reason", async () => {
      await local.provider.request({ method: "evm_setAutomine", params: [false] });
      const all = (await bob.freeBalance(bob.sender)) >> 32n;
      let raced = false;
      local.rpc.between = async ({ method }, ask) => {
        if (method === SEND && !raced) {
          raced = true;
          await local.provider.request({ method: "evm_setAutomine", params: [true] });
          // Simulated as free, gone by the time it is mined.
          await world.open({}, { host: world.bob });
        }
        return ask();
      };
      const error = await failure(bob.withdraw(all, bob.sender), "ChainRejected");
      expect(error).to.include({ call: "withdraw", error: "Market_InsufficientBalance" });
    });
  });

  it("says that a transaction is pending when it is not mined in time", async () => {
    await local.provider.request({ method: "evm_setAutomine", params: [false] });
    const error = await failure(bob.send(call("announce", ["0x01"]), { receiptMs: 50 }), "TransactionPending");
    const { result } = await pooled(local);
    expect(error.hash).to.equal(result);
  });

  it("tells how deep a transaction is, and that a reorganisation took it out", async () => {
    const { restore } = await world.connection.networkHelpers.takeSnapshot();
    const { hash } = await bob.announce("0x01");
    expect(await bob.depth(hash)).to.equal(1);
    await world.connection.networkHelpers.mine(4);
    expect(await bob.depth(hash)).to.equal(5);
    await restore();
    await world.connection.networkHelpers.mine(9);
    expect(await bob.depth(hash)).to.equal(0);
  });

  it("follows the heads, and notices a reorganisation", async () => {
    const stop = new AbortController();
    const heads = bob.heads(stop.signal);
    const first = (await heads.next()).value!;
    const { restore } = await world.connection.networkHelpers.takeSnapshot();
    await world.connection.networkHelpers.mine(2);
    const second = (await heads.next()).value!;
    expect(second.number).to.equal(first.number + 2n);
    expect(second.reorganised).to.equal(false);
    await restore();
    await bob.announce("0x01");
    await world.connection.networkHelpers.mine(3);
    let last = (await heads.next()).value!;
    let reorganised = last.reorganised;
    while (last.number < first.number + 4n) {
      last = (await heads.next()).value!;
      reorganised ||= last.reorganised;
    }
    expect(reorganised).to.equal(true);
    stop.abort();
    expect((await heads.next()).done).to.equal(true);
  });

  it("keeps accounts on different nodes apart", async () => {
    const other = await LocalMarket.start();
    try {
      const there = await Market.connect({
        rpcUrl: other.rpc.url,
        market: other.address,
        account: keyOf(world.bob),
        pollMs: 10,
      });
      await bob.announce("0x01");
      await bob.announce("0x02");
      await there.announce("0x03");
      expect(await announced()).to.equal(2);
    } finally {
      await other.stop();
    }
  });
});

/** The hash of the one transaction in the node's pool. */
async function pooled(local: LocalMarket): Promise<{ result: string }> {
  const block = (await local.provider.request({ method: "eth_getBlockByNumber", params: ["pending", false] })) as {
    transactions: string[];
  };
  return { result: block.transactions[0]! };
}
