/** `sublet audit --watch` as a process of its own, which sees a market do wrong and is told to stop. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { until } from "../../scripts/local-network.ts";
import type { Happening, Wrong } from "../../src/auditor/watch.ts";
import { LocalMarket } from "../chain/LocalMarket.ts";
import { type Agreement, RATE } from "../contracts/fixture.ts";
import { type Running, start, sublet } from "./Command.ts";
import { ref } from "./History.ts";
import { recordAsProven } from "./Tampering.ts";

const WAIT_MS = 60_000;

describe("sublet audit --watch", function () {
  this.timeout(180_000);
  let local: LocalMarket;
  let folder: string;
  let hook: Server;
  let deal: Agreement;
  const posted: (Wrong & { kind: string; message: string })[] = [];
  const running: Running[] = [];

  before(async () => {
    local = await LocalMarket.start();
    folder = await mkdtemp(join(tmpdir(), "sublet-watch-"));
    hook = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      posted.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.end();
    });
    await new Promise<void>((done) => hook.listen(0, "127.0.0.1", done));
    deal = await local.world.active(3);
    await local.world.live(local.world.bob);
    await local.world.miss();
    await local.world.connection.networkHelpers.mine(1);
  });
  after(async () => {
    for (const one of running) one.kill("SIGKILL");
    hook.closeAllConnections();
    hook.close();
    await local.stop();
    await rm(folder, { recursive: true });
  });

  const file = (name: string) => join(folder, name);
  const where = () => ["--rpc", local.rpc.url, "--market", local.address, "--no-spot-check"];
  const channels = () => [
    ...["--alert", `cat >> '${file("alerts")}'`],
    ...["--alert-webhook", `http://127.0.0.1:${(hook.address() as AddressInfo).port}`],
    ...["--remember", file("told.json"), "--html", file("audit.html")],
  ];

  function watching(...flags: string[]): Running {
    const one = start("audit", "--watch", ...where(), ...flags);
    running.push(one);
    return one;
  }

  const prints = (one: Running, text: string) =>
    until(`it prints ${text}`, WAIT_MS, async () => one.printed().includes(text));

  it("ends with 0 where all is in order, and says so", async () => {
    const watch = watching();
    await prints(watch, "audited up to block");
    watch.kill("SIGTERM");
    const { code, stdout, stderr } = await watch.ended;
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(
      /epoch 3: 0 proven, 1 missed; \d+ events, \d+ views, no differences\n.*stopped at block \d+; everything is in order\n$/,
    );
    expect(stderr).to.equal("");
  });

  it("tells a wrong settlement on standard output, by command, by webhook and in the page, and ends with 1", async () => {
    const watch = watching("--json", ...channels());
    await prints(watch, '"type":"audited"');
    expect(await readFile(file("audit.html"), "utf8")).to.include("Everything is in order.");
    await settleWrongly();
    await prints(watch, "paid by a settlement");
    await until("the page shows it", WAIT_MS, async () =>
      (await readFile(file("audit.html"), "utf8")).includes("an epoch in a provider&#39;s record"),
    );
    watch.kill("SIGINT");
    const { code, stdout, stderr } = await watch.ended;
    expect(code, stderr).to.equal(1);
    const told = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Happening);
    const wrong = told.filter((one) => one.type === "wrong");
    const [paid] = wrong
      .flatMap(({ differences }) => differences)
      .filter(({ what }) => what === "paid by a settlement");
    expect(paid).to.deep.include({ deal: deal.id, expected: `${3n * RATE}`, actual: `${6n * RATE}` });
    expect(told.at(-1)).to.deep.include({ type: "stopped", ok: false });

    const page = await readFile(file("audit.html"), "utf8");
    expect(page).to.include("Something is wrong: 5 differences.").and.include("paid by a settlement");
    expect(posted.map(({ differences }) => differences)).to.deep.equal(wrong.map(({ differences }) => differences));
    expect(posted[0]?.message).to.match(/^paid by a settlement: expected \d+, found \d+ .*, and 1 more$/);
    const alerts = (await readFile(file("alerts"), "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(alerts).to.deep.equal(posted);
  });

  it("does not tell it again when it is started again, and still ends with 1", async () => {
    const before = posted.length;
    const watch = watching(...channels());
    await prints(watch, "audited up to block");
    watch.kill("SIGINT");
    const { code, stdout } = await watch.ended;
    expect(code).to.equal(1);
    expect(stdout).not.to.include("WRONG");
    expect(stdout).to.include("5 differences").and.include("something is wrong");
    expect(posted).to.have.length(before);
  });

  it("refuses what has no sense", async () => {
    const error = async (...args: string[]) =>
      JSON.parse((await sublet("audit", ...where(), "--json", ...args)).stdout).error;
    expect(await error("--alert", "true")).to.include({ code: "BadArgument", name: "--alert" });
    expect(await error("--watch", "--alert-webhook", "ftp://x")).to.include({ name: "--alert-webhook" });
  });

  /** Has the market pay for the missed epoch as if it had been proven. */
  async function settleWrongly(): Promise<void> {
    await recordAsProven(local.world, local.world.bob, 3);
    await local.world.market.settle([ref(deal)]);
  }
});
