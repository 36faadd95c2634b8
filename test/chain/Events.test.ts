import { expect } from "chai";
import type { Market } from "../../src/chain/Market.ts";
import type { World } from "../contracts/fixture.ts";
import { failure } from "./failure.ts";
import { LocalMarket } from "./LocalMarket.ts";

describe("the chain's own record", () => {
  let local: LocalMarket;
  let world: World;
  let reader: Market;
  before(async () => {
    local = await LocalMarket.start();
    world = local.world;
    reader = await local.connect();
  });
  after(() => local.stop());
  afterEach(() => {
    local.rpc.between = (_request, ask) => ask();
  });

  async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const each of source) found.push(each);
    return found;
  }

  it("tells events in order, typed, by name and by subject", async () => {
    const registered = await all(reader.events({ names: ["Registered"] }));
    expect(registered.map(({ args }) => args.provider)).to.deep.equal([world.bob.address, world.dave.address]);
    const dave = world.dave.address as `0x${string}`;
    const his = await all(reader.events({ names: ["Registered", "Deposited"], subject: [dave] }));
    expect(his.map(({ name }) => name)).to.deep.equal(["Registered", "Deposited"]);
    const places = (await all(reader.events())).map(({ block, logIndex }) => block * 1000n + BigInt(logIndex));
    expect(places).to.deep.equal([...places].sort((one, other) => (one < other ? -1 : 1)));
  });

  it("asks for fewer blocks where the node finds a range too large", async () => {
    const whole = await all(reader.events());
    local.rpc.between = async ({ method, params }, ask) => {
      const [filter] = (params ?? [{}]) as [{ fromBlock?: string; toBlock?: string }];
      if (method === "eth_getLogs" && Number(filter.toBlock) - Number(filter.fromBlock) >= 20) {
        throw { code: -32_602, message: "query returned more than 10000 results" };
      }
      return ask();
    };
    expect(await all(reader.events())).to.deep.equal(whole);
  });

  it("fails as itself where even one block is refused", async () => {
    local.rpc.between = async ({ method }, ask) => {
      if (method === "eth_getLogs") throw { code: -32_000, message: "pruned" };
      return ask();
    };
    const error = await failure(all(reader.events()), "TransactionFailed");
    expect(error.reason).to.include("pruned");
  });

  it("walks a client's openings back from the newest, reading only their blocks", async () => {
    const opened = [];
    for (let i = 0; i < 3; i++) {
      opened.push(await world.open());
      await world.connection.networkHelpers.mine(7);
    }
    await world.open({}, { client: world.carol });
    const before = local.rpc.count("eth_getLogs");
    const walked = await all(reader.openings(world.alice.address as `0x${string}`));
    expect(walked.map(({ args }) => args.id)).to.deep.equal(opened.map(({ id }) => id).reverse());
    for (const { args } of walked) {
      expect(args).to.include({ client: world.alice.address, provider: world.bob.address, volume: 7n, k: 4, n: 12 });
    }
    expect(local.rpc.count("eth_getLogs") - before).to.equal(3);
    expect(await all(reader.openings(world.stranger.address as `0x${string}`))).to.deep.equal([]);
  });

  it("keeps each provider's last announcement", async () => {
    await world.as(world.bob).announce("0x01");
    await world.as(world.dave).announce("0x02");
    await world.as(world.bob).announce("0x03");
    const latest = await reader.announcements();
    expect([...latest].map(([provider, { data }]) => [provider, data])).to.deep.equal([
      [world.bob.address, "0x03"],
      [world.dave.address, "0x02"],
    ]);
  });

  describe("a header", () => {
    it("hashes to the hash of its block, whether empty or not", async () => {
      await world.token.mint(world.alice.address, 1n);
      const newest = await reader.blockNumber();
      for (let number = newest - 20n; number <= newest; number++) {
        const block = await reader.block(number);
        const { hash, prevRandao } = await reader.header(number);
        expect(hash).to.equal(block.hash);
        expect(prevRandao).to.equal(block.mixHash);
      }
    });

    it("is not handed out where the node's fields do not hash to the node's own hash", async () => {
      local.rpc.between = async ({ method }, ask) => {
        const block = (await ask()) as Record<string, unknown>;
        return method === "eth_getBlockByNumber" ? { ...block, mixHash: `0x${"11".repeat(32)}` } : block;
      };
      const error = await failure(reader.header(await reader.blockNumber()), "TransactionFailed");
      expect(error.reason).to.include("hashes to");
    });

    it("of a block to come is refused", async () => {
      await failure(reader.header(1n << 40n), "TransactionFailed");
    });
  });
});
