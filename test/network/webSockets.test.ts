/** Callers by WebSocket, as pages are: what they get, and what those may cost that never get as far as libp2p. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { MAX_PENDING_PER_IP, MAX_WEBSOCKET_MESSAGE_BYTES } from "../../src/protocol/limits.ts";
import { ASK, cleanUp, LOOPBACK, node, onCleanUp, serving, strangerOf } from "./fixtures.ts";

const WS = `${LOOPBACK}/ws`;
const UPGRADE = [
  ...["GET / HTTP/1.1", "Host: here", "Connection: Upgrade", "Upgrade: websocket"],
  ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""],
].join("\r\n");

describe("WebSocket", () => {
  afterEach(cleanUp);

  /** A caller that is nothing but a socket. */
  async function caller(address: string): Promise<Socket> {
    const socket = connect(Number(address.split("/")[4]), "127.0.0.1");
    socket.on("error", () => undefined); // how it ends is told by "close"
    onCleanUp(async () => socket.destroy());
    await once(socket, "connect");
    return socket.resume();
  }

  async function upgraded(address: string): Promise<Socket> {
    const socket = await caller(address);
    socket.write(UPGRADE);
    const [answer] = await once(socket, "data");
    expect(`${answer}`).to.match(/^HTTP\/1\.1 101 /);
    return socket;
  }

  it("brings callers as TCP does", async () => {
    const { address } = await serving({}, {}, {}, WS);
    expect(address).to.match(/\/ws\/p2p\//);
    const stranger = await strangerOf(await node([WS]), address);
    expect(await stranger.ask({})).to.deep.equal(ASK);
  });

  it("ends whoever announces a message that is too long, before it comes", async () => {
    const { address } = await serving({}, {}, {}, WS);
    for (const length of [MAX_WEBSOCKET_MESSAGE_BYTES + 1, 2 ** 32]) {
      const socket = await upgraded(address);
      const header = Buffer.from([0x82, 0xff, ...new Array(8).fill(0), 1, 2, 3, 4]);
      header.writeBigUInt64BE(BigInt(length), 2);
      socket.write(header);
      await once(socket, "close");
    }
  });

  it("outlives a frame that is none", async () => {
    const { address } = await serving({}, {}, {}, WS);
    const socket = await upgraded(address);
    socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await once(socket, "close");
    expect(await (await strangerOf(await node([WS]), address)).ask({})).to.deep.equal(ASK);
  });

  it("lets go of those that say nothing, or never come to the point", async function () {
    this.timeout(15_000);
    const { address } = await serving({}, {}, {}, WS);
    const [silent, slow, other] = await Promise.all([caller(address), caller(address), caller(address)]);
    const closed = Promise.all([silent, slow, other].map((socket) => once(socket, "close")));
    slow.write("GET / HTTP/1.1\r\nHost: ");
    other.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    await closed;
  });

  it("has only so many of one IP that are not through yet, and counts none that are", async () => {
    const { address } = await serving({}, {}, {}, WS);
    await upgraded(address);
    const waiting = await Promise.all(Array.from({ length: MAX_PENDING_PER_IP }, () => caller(address)));
    await once(await caller(address), "close");
    expect(waiting.every((socket) => !socket.closed)).to.equal(true);
    waiting[0]!.destroy();
    // Once the other side knows of it, there is room for one.
    let through: Socket | undefined;
    while (!through) through = await Promise.race([upgraded(address).catch(() => undefined), sleep(50, undefined)]);
  });

  it("counts connections of one IP as those by TCP are", async () => {
    const { address, node: listening } = await serving({}, {}, { connectionsPerIp: 2 }, WS);
    const callers = await Promise.all([1, 2].map(() => node([WS])));
    for (const one of callers) await (await strangerOf(one, address)).ask({});
    expect(listening.getConnections().length).to.equal(2);
    const refused = await strangerOf(await node([WS]), address);
    expect(await refused.ask({}).catch(({ code }) => code)).to.equal("DialFailed");
  });
});
