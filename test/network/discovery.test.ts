/** Peers that are found by their id alone, through bootnodes that may know better, nothing, or lie. */
import type { KadDHT } from "@libp2p/kad-dht";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import { connect } from "../../src/network/Client.ts";
import type { DiscoveryOptions } from "../../src/network/Discovery.ts";
import { askingAt, createNode, type Node } from "../../src/network/Node.ts";
import type { PrivateKey } from "../../src/network/PeerKey.ts";
import { DHT_PROTOCOL } from "../../src/network/Yamux.ts";
import { MAX_DHT_STREAM_BYTES, MAX_FOUND_ADDRESSES, MAX_PEER_ADDRESSES } from "../../src/protocol/limits.ts";
import {
  ASK,
  addressOf,
  cleanUp,
  failure,
  LOOPBACK,
  MARKET,
  node,
  type Serving,
  serving,
  strangerOf,
  until,
} from "./fixtures.ts";

/** Nobody listens there. */
const NOWHERE = "/ip4/127.0.0.1/tcp/9";

const bootnode = (bootnodes: readonly string[] = [], more: Partial<DiscoveryOptions> = {}): Promise<Node> =>
  node([LOOPBACK], { discovery: { bootnodes, answers: "always", privateNetwork: true, ...more } });

const asking = (...bootnodes: Node[]): Promise<Node> =>
  node([], { discovery: { bootnodes: bootnodes.map(addressOf), answers: "never", privateNetwork: true } });

/** A server that the bootnodes can tell of. */
async function known(...bootnodes: Node[]): Promise<Serving> {
  const at = bootnodes.map(addressOf);
  const discovery = { bootnodes: at, answers: "always", privateNetwork: true, checkMs: 100 } as const;
  const served = await serving({}, {}, { discovery });
  for (const one of bootnodes) await until(() => one.getConnections(served.node.peerId).length > 0);
  for (const one of bootnodes) await untilKnown(one, served.node);
  return served;
}

/** What a node is made of, which libp2p gives to its services only. */
function inner(node: Node) {
  type Inner = { privateKey: PrivateKey; transportManager: { getAddrs(): unknown[] } };
  return (node as unknown as { components: Inner }).components;
}

async function untilKnown(by: Node, who: Node): Promise<void> {
  const addresses = async () => (await by.peerStore.get(who.peerId)).addresses.length;
  for (let tries = 0; (await addresses().catch(() => 0)) === 0; tries++) {
    expect(tries, "the bootnode does not get to know it").to.be.below(1_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Has a bootnode say that a peer is somewhere else. */
async function lie(bootnode: Node, about: Node, addresses: readonly string[]): Promise<void> {
  await bootnode.peerStore.patch(about.peerId, { multiaddrs: addresses.map((one) => multiaddr(one)) });
}

describe("finding peers", () => {
  afterEach(cleanUp);

  describe("given an address that is out of date", () => {
    it("finds the peer through a bootnode that it is connected to", async () => {
      const boot = await bootnode();
      const { node: moved } = await known(boot);
      const stale = `${NOWHERE}/p2p/${moved.peerId}`;
      expect((await failure((await strangerOf(await node(), stale)).ask({}))).code).to.equal("DialFailed");
      expect(await (await strangerOf(await asking(boot), stale)).ask({})).to.deep.equal(ASK);
    });

    it("finds it where only another bootnode knows it", async () => {
      const far = await bootnode();
      const near = await bootnode([addressOf(far)]);
      const { node: moved } = await known(far);
      await until(() => near.getConnections(far.peerId).length > 0);
      const connection = await strangerOf(await asking(near), `${NOWHERE}/p2p/${moved.peerId}`);
      expect(await connection.ask({})).to.deep.equal(ASK);
    });

    it("finds it after its bootnode was away", async () => {
      const boot = await bootnode();
      const address = addressOf(boot);
      const { node: moved } = await known(boot);
      await boot.stop();
      const { privateKey } = inner(boot);
      const discovery = { bootnodes: [], answers: "always", privateNetwork: true } as const;
      const back = await node([address.split("/p2p/")[0]!], { privateKey, discovery });
      await untilKnown(back, moved);
      const connection = await strangerOf(await asking(back), `${NOWHERE}/p2p/${moved.peerId}`);
      expect(await connection.ask({})).to.deep.equal(ASK);
    });

    it("says so when nobody knows the peer, or no bootnode is there", async () => {
      const boot = await bootnode();
      const { node: unknown } = await serving();
      const stale = `${NOWHERE}/p2p/${unknown.peerId}`;
      const error = await failure((await strangerOf(await asking(boot), stale)).ask({}));
      expect(error).to.include({ code: "DialFailed", address: stale });
      const alone = await asking(boot);
      await boot.stop();
      expect((await failure((await strangerOf(alone, stale)).ask({}))).code).to.equal("DialFailed");
    });
  });

  it("holds nobody up who hangs up meanwhile", async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const find = (): Promise<never> => {
      resolve();
      return new Promise(() => {});
    };
    const asker = Object.assign(await node(), { find });
    const { peerId } = (await serving()).node;
    const connection = connect(asker, `${NOWHERE}/p2p/${peerId}`, { market: MARKET });
    void connection.ask({}).catch(() => {});
    await asked;
    await connection.close();
  });

  describe("given a bootnode that lies", () => {
    it("does not take the peer at another's address for the one that was meant", async () => {
      const boot = await bootnode();
      const { node: meant } = await serving();
      const other = await serving();
      for (const address of [other.address.split("/p2p/")[0]!, other.address]) {
        await lie(boot, meant, [address]);
        const connection = await strangerOf(await asking(boot), `${NOWHERE}/p2p/${meant.peerId}`);
        expect((await failure(connection.ask({}))).code, address).to.equal("DialFailed");
      }
      expect(other.server.sessions).to.equal(0);
    });

    it("takes no more addresses than it may, and those of another bootnode among them", async () => {
      const [honest, liar] = [await bootnode(), await bootnode()];
      const { node: meant } = await known(honest);
      const many = Array.from({ length: 50 }, (_, at) => `/ip4/127.0.0.1/tcp/${at + 1}`);
      await lie(liar, meant, many);
      const asker = await asking(liar, honest);
      const found = (await asker.find!(meant.peerId)).map(String);
      expect(found).to.have.lengthOf(MAX_FOUND_ADDRESSES);
      expect(found).to.include(addressOf(meant));
      // Nor does a bootnode pass on more of what it was told.
      const other = await asking(liar);
      await other.dial(multiaddr(addressOf(liar)));
      const dht = other.services.dht as KadDHT;
      for await (const event of dht.findPeer(meant.peerId, { useCache: false })) {
        if (event.name !== "FINAL_PEER") continue;
        expect(event.peer.multiaddrs).to.have.lengthOf(MAX_PEER_ADDRESSES);
        break;
      }
    });

    it("is not believed by another one about a peer that is there itself", async () => {
      const liar = await bootnode();
      const honest = await bootnode([addressOf(liar)]);
      const { node: meant } = await known(honest);
      const many = Array.from({ length: 50 }, (_, at) => `/ip4/127.0.0.1/tcp/${at + 1}`);
      await lie(liar, meant, many);
      for await (const _ of (honest.services.dht as KadDHT).findPeer(meant.peerId, { useCache: false }));
      expect((await (await asking(honest)).find!(meant.peerId)).map(String)).to.deep.equal([addressOf(meant)]);
    });

    it("takes no address that is too long", async () => {
      const liar = await bootnode();
      const { node: meant } = await serving();
      await lie(liar, meant, [`/dns4/${"a".repeat(300)}/tcp/1`, NOWHERE]);
      const found = await (await asking(liar)).find!(meant.peerId);
      expect(found.map(String)).to.deep.equal([`${NOWHERE}/p2p/${meant.peerId}`]);
    });

    it("takes no private address, and tells none, unless the network is private", async () => {
      const said = ["/dns4/provider.invalid/tcp/4001", "/ip4/192.168.0.7/tcp/4001", NOWHERE];
      const publicly = { bootnodes: [], answers: "always", privateNetwork: false } as const;
      const open = await node([LOOPBACK], { discovery: publicly });
      // It says that it is at a public address, or nobody on a public network would ask it.
      const announce = ["/dns4/boot.invalid/tcp/4001"];
      const boot = await node([LOOPBACK], { announce, discovery: { ...publicly, privateNetwork: true } });
      const { node: meant } = await serving();
      for (const one of [boot, open]) await lie(one, meant, said);
      const at = `${inner(boot).transportManager.getAddrs()[0]}/p2p/${boot.peerId}`;
      const wary = await node([], { discovery: { ...publicly, bootnodes: [at], answers: "never" } });
      for (const asker of [wary, await asking(open)]) {
        expect((await asker.find!(meant.peerId)).map(String)).to.deep.equal([`${said[0]}/p2p/${meant.peerId}`]);
      }
    });

    it("ends the connection of one whose answer is longer than any", async () => {
      const liar = await node([LOOPBACK]);
      await liar.handle(DHT_PROTOCOL, (stream) => void stream.send(new Uint8Array(MAX_DHT_STREAM_BYTES + 1)));
      const { node: meant } = await serving();
      const asker = await asking(liar);
      const found = asker.find!(meant.peerId);
      await until(() => asker.getConnections(liar.peerId).length > 0);
      await until(() => asker.getConnections(liar.peerId).length === 0);
      expect(await found).to.deep.equal([]);
    });
  });

  describe("given a stranger at a bootnode", () => {
    /** Messages of the DHT: type 1 gets a value, 2 has it remember who provides one, 3 asks for that, 5 is a ping. */
    const CID = Buffer.concat([Buffer.from([1, 0x55, 0x12, 32]), Buffer.alloc(32, 7)]);
    const message = (type: number): Buffer =>
      Buffer.concat([Buffer.from([4 + CID.length, 8, type, 0x12, CID.length]), CID]);

    async function answers(boot: Node, type: number): Promise<boolean> {
      const connection = await (await node()).dial(multiaddr(addressOf(boot)));
      const stream = await connection.newStream(DHT_PROTOCOL);
      let answered = false;
      stream.addEventListener("message", () => {
        answered = true;
      });
      stream.send(message(type));
      // Not all have an answer of their own: after what it takes, a ping has.
      stream.send(message(5));
      await until(() => answered || stream.status !== "open");
      return answered;
    }

    it("is answered who is near, and has nothing kept for it", async () => {
      const boot = await bootnode();
      expect(await answers(boot, 5)).to.equal(true);
      for (const type of [1, 2, 3]) expect(await answers(boot, type), `type ${type}`).to.equal(false);
    });
  });

  it("is refused with a bootnode that is none, as are circuits with a relay", async () => {
    for (const text of ["nonsense", "/ip4/300.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1"]) {
      const discovery = { bootnodes: [text], answers: "never", privateNetwork: true } as const;
      expect(await failure(createNode({ discovery }))).to.include({ code: "BadArgument", name: "bootnodes" });
      const circuits = { relays: [text] };
      expect(await failure(createNode({ circuits }))).to.include({ code: "BadArgument", name: "circuit-relays" });
    }
  });

  it("counts a network as private, unless told, only when all its bootnodes are", async () => {
    const boot = await bootnode();
    const { node: meant } = await serving();
    await lie(boot, meant, ["/ip4/127.0.0.1/tcp/9"]);
    const elsewhere = `/dns4/boot.invalid/tcp/1/p2p/${(await serving()).node.peerId}`;
    for (const [others, count] of [
      [[], 1],
      [[elsewhere], 0],
    ] as const) {
      const asker = await node([], askingAt([addressOf(boot), ...others]));
      expect(await asker.find!(meant.peerId)).to.have.lengthOf(count);
    }
  });
});
