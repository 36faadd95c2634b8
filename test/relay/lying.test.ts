/** Relays that do not do what they say. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import type { Hex } from "viem";
import { Market } from "../../src/chain/Market.ts";
import { toJson } from "../../src/protocol/Json.ts";
import { parseRequest } from "../../src/protocol/Relay.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { Ground, type Host, Tenant } from "../provider-node/Ground.ts";

const TIP = 10_000n << 32n;

describe("a relay that lies", function () {
  this.timeout(120_000);
  let ground: Ground;
  /** Its own account. */
  let relay: Market;
  let url: string;
  let asked: number;
  let answer: (response: ServerResponse, body: string) => unknown;

  beforeEach(async () => {
    ground = await Ground.create();
    relay = await ground.reach(await ground.account());
    asked = 0;
    answer = () => undefined;
    const server = await serve();
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    ground.onEnd(async () => {
      server.closeAllConnections();
      server.close();
    });
  });

  afterEach(() => ground.end());

  async function serve(): Promise<Server> {
    const { sender, chainId, address: market } = relay;
    const server = createServer((request, response) => {
      if (request.method === "GET") response.end(toJson({ relay: sender, chainId, market, leastTip: 1n }));
      else {
        asked++;
        let body = "";
        request.on("data", (text) => (body += text)).on("end", () => answer(response, body));
      }
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return server;
  }

  function through(account: Hex): Promise<Market> {
    const place = { rpcUrl: "in-process", request: ground.request, market: ground.market, pollMs: 10 };
    return Market.connect({ ...place, account, relay: { url } });
  }

  /** Someone who is registered, with so much gas left. */
  async function member(wei: bigint): Promise<{ account: Hex; free: () => Promise<bigint> }> {
    const account = await ground.account();
    const direct = await ground.reach(account);
    await direct.register(direct.sender, 2n);
    await direct.deposit(direct.sender, 1_000_000n);
    await ground.request({ method: "hardhat_setBalance", params: [direct.sender, `0x${wei.toString(16)}`] } as never);
    return { account, free: async () => (await direct.freeBalance(direct.sender)) >> 32n };
  }

  it("and names a transaction that does something else is not believed", async () => {
    const { account } = await member(0n);
    const { hash } = await relay.register(relay.sender, 2n);
    answer = (response) => response.end(toJson({ hash }));
    const error = await failure((await through(account)).announce("0x12"));
    expect(error).to.include({ code: "ChainUnavailable", url });
    expect(error)
      .to.have.property("reason")
      .that.matches(/named a transaction that does something else/);
  });

  it("and answers without end is cut off", async () => {
    const { account } = await member(0n);
    let sent = 0;
    answer = (response) => {
      const more = (): void => {
        while (!response.destroyed && sent < 2 ** 26) {
          sent += 65_536;
          if (!response.write("x".repeat(65_536))) return void response.once("drain", more);
        }
      };
      more();
    };
    const error = await failure((await through(account)).announce("0x12"));
    expect(error).to.include({ code: "ChainUnavailable", url });
    expect(error)
      .to.have.property("reason")
      .that.matches(/answers more than \d+ bytes/);
    expect(sent).to.be.lessThan(2 ** 24);
  });

  it("and sends what it said that it would not has nothing done twice", async () => {
    const { account, free } = await member(10n ** 18n);
    answer = async (response, body) => {
      await relay.forward(parseRequest(body)!.call!);
      response.end(toJson({ error: "I will not" }));
    };
    const market = await through(account);
    await failure(market.withdraw(1_000n, market.sender));
    expect(asked).to.equal(1);
    expect(await free()).to.equal(999_000n);
  });

  it("and refuses is done without by who has gas", async () => {
    const { account, free } = await member(10n ** 18n);
    answer = (response) => response.end(toJson({ error: "I will not" }));
    const market = await through(account);
    await market.withdraw(1_000n, market.sender);
    expect([asked, await free()]).to.deep.equal([1, 999_000n]);
  });

  describe("given a host that has something to prove", () => {
    let host: Host;
    let tenant: Tenant;
    let epoch: number;

    beforeEach(async () => {
      host = await ground.provider();
      await (await ground.reach(host.config.account as Hex)).setTip(relay.sender, TIP);
      tenant = await Tenant.open(ground, host);
      await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
      const { epochs } = tenant.market;
      epoch = epochs.at(await ground.block()) + 1;
      await ground.to(epochs.start(epoch) + 12n);
      await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    });

    async function proven(): Promise<void> {
      await ground.to(tenant.market.epochs.challengeBlock(epoch));
      await ground.until("it is proven", () => tenant.market.proven(host.address, epoch));
    }

    it("costs it no epoch where it has gas", async () => {
      const { hash } = await relay.register(relay.sender, 2n);
      answer = (response) => response.end(toJson({ hash }));
      const listen = host.node.multiaddrs.map((address) => address.replace(/\/p2p\/.*$/, ""));
      await host.restart({ relay: { url, tip: TIP }, listen });
      await proven();
      expect(asked).to.be.greaterThan(0);
    });

    it("costs it no epoch where it has none and is refused everything but proofs", async () => {
      answer = async (response, body) => {
        const { proof } = parseRequest(body)!;
        if (!proof) return response.end(toJson({ error: "I will not" }));
        return response.end(toJson({ hash: (await relay.send({ name: "prove", data: proof })).hash }));
      };
      await ground.request({ method: "hardhat_setBalance", params: [host.address, "0x0"] } as never);
      // It listens elsewhere now, and would announce that.
      await host.restart({ relay: { url, tip: TIP } });
      await proven();
      expect(await relay.gasBalance(host.address)).to.equal(0n);
    });
  });
});
