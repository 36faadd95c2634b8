/** Delivering what is wrong: by a real command, and to a real server. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { until } from "../../scripts/local-network.ts";
import { Alerts, type Channels } from "../../src/auditor/Alerts.ts";
import { Memory } from "../../src/auditor/Memory.ts";
import { expectError } from "../client/failures.ts";

const WAIT_MS = 20_000;

describe("alerts", function () {
  this.timeout(40_000);
  let folder: string;
  let failures: string[];
  const servers: Server[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-alerts-"));
    failures = [];
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await rm(folder, { recursive: true });
  });

  const alertsBy = (channels: Channels) => new Alerts(channels, (reason) => failures.push(reason));

  /** Sends one, and resolves once it is delivered. */
  async function deliver(alerts: Alerts, text: string, document: object): Promise<void> {
    let delivered = false;
    alerts.send("test", text, document, () => {
      delivered = true;
    });
    await until(`"${text}" is delivered`, WAIT_MS, async () => delivered);
  }

  /** A server that answers with the next of `statuses`, the last one for ever. */
  async function hook(...statuses: number[]): Promise<{ url: string; bodies: unknown[] }> {
    const bodies: unknown[] = [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(statuses[Math.min(bodies.length, statuses.length) - 1]!).end();
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, bodies };
  }

  it("run the command with what is wrong beside it, never in it", async () => {
    const file = join(folder, "said");
    const alerts = alertsBy({ command: `{ printf '%s %s\\n' "$1" "$2"; cat; } >> '${file}'` });
    const nasty = `$(touch '${folder}/ran'); "quoted"`;
    await deliver(alerts, nasty, { amount: 5n });
    await deliver(alerts, "the second", { amount: 6n });
    const [first, ...rest] = (await readFile(file, "utf8")).trimEnd().split("\n");
    expect(first).to.equal(`test ${nasty}`);
    expect(JSON.parse(rest[0]!)).to.deep.include({ kind: "test", message: nasty, amount: "5" });
    expect(rest[1]).to.equal("test the second");
    expect(JSON.parse(rest[2]!)).to.deep.include({ kind: "test", message: "the second", amount: "6" });
    expect(failures).to.deep.equal([]);
  });

  it("post a sentence and the document", async () => {
    const { url, bodies } = await hook(204);
    await deliver(alertsBy({ webhook: url }), "two sectors too many", { block: 7n });
    expect(bodies).to.have.length(1);
    expect(bodies[0]).to.deep.include({ kind: "test", message: "two sectors too many", block: "7" });
  });

  it("are tried again until they arrive, in order, and by no channel twice", async () => {
    const { url, bodies } = await hook(500, 200);
    const file = join(folder, "said");
    const alerts = alertsBy({ command: `printf '%s\\n' "$2" >> '${file}'`, webhook: url });
    await Promise.all([deliver(alerts, "first", {}), deliver(alerts, "second", {})]);
    expect(await readFile(file, "utf8")).to.equal("first\nsecond\n");
    expect(bodies.map((body) => (body as { message: string }).message)).to.deep.equal(["first", "first", "second"]);
    expect(failures).to.deep.equal(["the alert by webhook failed: it was answered with status 500"]);
  });

  it("are tried once more at the end, and given up where that fails", async () => {
    const { url, bodies } = await hook(503);
    const alerts = alertsBy({ webhook: url });
    const delivered: string[] = [];
    for (const text of ["first", "second"]) alerts.send("test", text, {}, () => delivered.push(text));
    await until("the first attempt", WAIT_MS, async () => bodies.length > 0);
    await alerts.end();
    expect([bodies.length, delivered]).to.deep.equal([2, []]);
  });

  it("name a command that fails", async () => {
    const alerts = alertsBy({ command: "exit 3" });
    alerts.send("test", "something", {}, () => undefined);
    await alerts.end();
    expect(failures[0]).to.equal("the alert by command failed: it ended with code 3");
  });

  describe("what was told", () => {
    const key = (digit: number) => `0x${`${digit}`.repeat(64)}`;

    it("is remembered from one watch to the next", async () => {
      const file = join(folder, "told.json");
      const memory = await Memory.open(file);
      await Promise.all([memory.add([key(1), key(2)]), memory.add([key(3)]), memory.add([key(1)])]);
      expect([...(await Memory.open(file)).told]).to.deep.equal([key(1), key(2), key(3)]);
    });

    it("is refused where it is something else", async () => {
      const file = join(folder, "told.json");
      for (const text of ["", "{", "[]", '{"told":["0x12"]}']) {
        await writeFile(file, text);
        const { name, value } = await expectError(Memory.open(file), "BadArgument");
        expect([name, value]).to.deep.equal(["--remember", file]);
        expect(await readFile(file, "utf8")).to.equal(text);
      }
    });
  });
});
