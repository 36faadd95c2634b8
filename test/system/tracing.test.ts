/** One trace id on both sides: what a command says, in the logs of the provider processes that it called. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { type LocalProvider, until } from "../../scripts/local-network.ts";
import { done, fails, network, place, providerAt, withoutSectors } from "./network.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

type Line = Readonly<Record<string, unknown>>;

/** What a provider's process has logged so far. */
async function logged({ name }: LocalProvider): Promise<Line[]> {
  const text = await readFile(join(network.directory, `${name}.log`), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

async function linesOf(provider: LocalProvider, trace: string): Promise<Line[]> {
  return (await logged(provider)).filter((line) => line.trace === trace);
}

describe("a command's trace id", function () {
  this.timeout(300_000);
  const name = "wedding-speech.txt";
  let at: string[];
  let source: string;
  let providers: LocalProvider[];

  before(async () => {
    at = ["--home", await network.addClient("traced")];
    source = join(network.directory, name);
    await writeFile(source, "Dear guests");
    await done(["volume", "create", "--k", "1", "--n", "2", "--size", "4MiB", "--epochs", "100", ...at]);
    const { volumes } = await done(["status", ...at]);
    providers = volumes[0].positions.map(({ provider }: { provider: string }) => providerAt(provider));
  });

  it("is in its document, and on every line of the providers' logs that belongs to it", async () => {
    const receipt = await done(["put", source, `/${name}`, "--trace", TRACE, "--until", "complete", ...at]);
    expect(receipt).to.include({ state: "complete", trace: TRACE });
    for (const provider of providers) {
      await until("its session is over", 20_000, async () =>
        (await linesOf(provider, TRACE)).some(({ msg }) => msg === "session closed"),
      );
      const lines = await linesOf(provider, TRACE);
      const [opened, signed, closed] = ["session opened", "revision signed", "session closed"].map((msg) =>
        lines.find((line) => line.msg === msg),
      );
      expect(signed).to.include({ session: opened!.session });
      expect(closed).to.include({ session: opened!.session });
      // Hello, what it sends, and the revision.
      expect(closed!.requests).to.be.at.least(3);
      expect(closed!.received).to.be.at.least(64);
      // No line of the session is without it.
      const session = (await logged(provider)).filter((line) => line.session === opened!.session);
      expect(session.filter(({ trace }) => trace !== TRACE)).to.deep.equal([]);
    }
  });

  it("is another for each command, and said with --verbose", async () => {
    const args = ["get", `/${name}`, "-", "--verbose", ...at];
    const traces = [];
    for (const _ of [1, 2]) {
      const { stdout, stderr, code } = await network.command(args);
      expect([`${stdout}`, code]).to.deep.equal(["Dear guests", 0]);
      traces.push(/^trace ([0-9a-f]{32})$/m.exec(stderr)![1]!);
    }
    expect(new Set([...traces, TRACE]).size).to.equal(3);
    for (const trace of traces) {
      const lines = await Promise.all(providers.map((provider) => linesOf(provider, trace)));
      expect(lines.flat().length).to.be.above(0);
    }
  });

  it("continues the trace that the command's environment is in, and its own argument goes before that", async () => {
    const parent = "aa".repeat(16);
    const environment = { TRACEPARENT: `00-${parent}-00f067aa0ba902b7-01` };
    expect((await done(["status", ...at], { environment })).trace).to.equal(parent);
    expect((await done(["status", "--trace", TRACE, ...at], { environment })).trace).to.equal(TRACE);
    // Somebody else's variable that is none stops no command.
    const odd = await done(["status", ...at], { environment: { TRACEPARENT: "elsewhere" } });
    expect(odd.trace).to.match(/^[0-9a-f]{32}$/);
  });

  it("is in the document of a failure, with which the provider's log says why", async () => {
    const [first, second] = providers as [LocalProvider, LocalProvider];
    const get = ["get", `/${name}`, "-", "--trace", "cc".repeat(16), ...at];
    const { code } = await withoutSectors(first, () => withoutSectors(second, () => network.command(get)));
    expect(code).to.equal(1);
    for (const provider of [first, second]) {
      const why = (await linesOf(provider, "cc".repeat(16))).find(({ level }) => level === 50);
      expect(why)
        .to.have.property("file")
        .that.matches(/sectors/);
    }
    const { json } = await network.sublet(["get", "/nothing", "--trace", TRACE, ...at]);
    expect(json).to.deep.include({ trace: TRACE });
    expect(json.error.code).to.equal("NoSuchPath");
  });

  it("is an audit's too", async () => {
    const { json } = await network.sublet(["audit", "--trace", "dd".repeat(16), ...place()]);
    expect(json.trace).to.equal("dd".repeat(16));
    for (const provider of providers) {
      await until("its session is over", 20_000, async () => (await linesOf(provider, "dd".repeat(16))).length > 0);
      const [closed] = await linesOf(provider, "dd".repeat(16));
      expect(closed).to.include({ msg: "session closed" }).and.not.to.have.property("client");
    }
  });

  it("that is none is refused by its name, and nothing is asked", async () => {
    const error = await fails(["put", source, "/other", "--trace", "mine", ...at]);
    expect(error).to.include({ code: "BadArgument", name: "--trace", value: "mine" });
    expect((await done(["ls", ...at])).files).to.have.length(1);
  });

  it("comes with nothing of what the client stores: no name, no content, no secret", async () => {
    for (const provider of providers) {
      const text = await readFile(join(network.directory, `${provider.name}.log`), "utf8");
      for (const secret of [name, "Dear guests", network.password, network.directory.concat("/traced")]) {
        expect(text).not.to.include(secret);
      }
    }
  });
});
