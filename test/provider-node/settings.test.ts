import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parse as parseToml } from "smol-toml";
import { SubletException } from "../../src/protocol/Errors.ts";
import { Home } from "../../src/provider-node/Home.ts";
import {
  complete,
  DEFAULTS,
  fromEnvironment,
  parse,
  SETTINGS,
  type Setting,
} from "../../src/provider-node/Settings.ts";
import { failure } from "../conformance/store.ts";

const PLACE = {
  ...{ rpcUrl: "http://127.0.0.1:8545", chainId: 31_337, operator: "me" },
  market: "0x1111111111111111111111111111111111111111",
  address: "0x2222222222222222222222222222222222222222",
} as const;
const ALL = Object.values(SETTINGS) as Setting[];

/** What is said about a value that does not fit. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (SubletException.is(error, "BadArgument")) return error.message;
    throw error;
  }
  throw new Error("it was taken");
}

describe("a provider's settings", () => {
  let directory: string;
  let home: Home;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "sublet-settings-"));
    home = new Home(join(directory, "home"));
    await home.create("{}", complete(PLACE));
  });

  afterEach(() => rm(directory, { recursive: true }));

  /** The file, with some text of it replaced. */
  async function edit(from: string | RegExp, to: string): Promise<void> {
    const text = await readFile(home.configFile, "utf8");
    expect(text).to.match(from instanceof RegExp ? from : new RegExp(from));
    await writeFile(home.configFile, text.replace(from, to));
  }

  describe("in the file that init writes", () => {
    it("are all there, each with what it means, and read back as they are", async () => {
      const text = await readFile(home.configFile, "utf8");
      for (const { name, help } of ALL) {
        expect(text).to.match(new RegExp(`^#?${name} = `, "m"));
        expect(text.toLowerCase()).to.include(`# ${help.toLowerCase()}`);
      }
      expect(text).to.match(/^# What to log \(one of debug, info, warn, error\)\.$/m);
      expect(complete(await home.settings())).to.deep.equal({ ...DEFAULTS, ...PLACE });
    });

    it("are their owner's only, since a command that is run stands there", async () => {
      expect((await stat(home.configFile)).mode & 0o077).to.equal(0);
    });

    it("that have no value stand there as an example that is one", async () => {
      const examples = (await readFile(home.configFile, "utf8")).match(/^#\S.*$/gm) ?? [];
      expect(examples.length).to.equal(ALL.filter(({ example }) => example !== undefined).length);
      const values = parseToml(examples.map((line) => line.slice(1)).join("\n"));
      expect(Object.keys(parse(values, (name) => name))).to.have.length(examples.length);
    });

    it("may be written as people do", async () => {
      await edit(/^quota = .*$/m, 'quota = "1.5TiB"');
      await edit(/^price = .*$/m, "price = 2");
      await edit(
        /^#announce = .*$/m,
        'announce = [\n  "/ip4/203.0.113.7/tcp/1", # home\n  "/dns4/host.example/tcp/2",\n]',
      );
      const { quotaBytes, price, announce } = await home.settings();
      expect({ quotaBytes, price, announce }).to.deep.equal({
        ...{ quotaBytes: 1.5 * 2 ** 40, price: "2" },
        announce: ["/ip4/203.0.113.7/tcp/1", "/dns4/host.example/tcp/2"],
      });
    });

    it("are named, with the file, where one does not fit", async () => {
      await edit(/^metrics-port|^#metrics-port = .*$/m, 'metrics-port = "high"');
      expect(await failure(home.settings())).to.include({
        ...{ code: "BadArgument", name: `metrics-port in ${home.configFile}`, value: "high" },
        reason: "it is a whole number, 0 to 65535",
      });
    });

    it("are not guessed where one is misspelt", async () => {
      await edit(/^price = /m, "prize = ");
      expect(await failure(home.settings())).to.include({
        ...{ name: `prize in ${home.configFile}`, reason: "there is no such setting; did you mean price?" },
      });
    });

    it("are refused with line and column where the file is no TOML", async () => {
      await edit(/^stake = .*$/m, "stake = = 5");
      const error = await failure(home.settings());
      expect(error).to.include({ code: "StateCorrupt", file: home.configFile });
      expect(error)
        .to.have.property("reason")
        .that.matches(/^line \d+, column 9: /);
    });
  });

  it("come from flags before the environment, and from that before the file", async () => {
    await edit(/^price = .*$/m, 'price = "3"');
    await edit(/^region = .*$/m, 'region = "file"');
    await edit(/^stake = .*$/m, 'stake = "3"');
    const environment = fromEnvironment({
      SUBLET_PROVIDER_PRICE: "4",
      SUBLET_PROVIDER_REGION: "environment",
      PATH: "x",
    });
    const flags = parse({ price: "5" }, (name) => `--${name}`);
    const { price, region, stake } = complete({ ...(await home.settings()), ...environment, ...flags });
    expect({ price, region, stake }).to.deep.equal({ price: "5", region: "environment", stake: "3" });
  });

  it("say whose they are where one does not fit", () => {
    const wrong = "it is a decimal number, such as 1.5";
    const advice = "give another; --help has an example for every command";
    expect(refusal(() => parse({ price: "much" }, (name) => `--${name}`))).to.equal(
      `--price cannot be "much" (${wrong}): ${advice}`,
    );
    expect(refusal(() => fromEnvironment({ SUBLET_PROVIDER_EGRESS_PRICE: "-1" }))).to.equal(
      `SUBLET_PROVIDER_EGRESS_PRICE cannot be "-1" (${wrong}): ${advice}`,
    );
    expect(refusal(() => fromEnvironment({ SUBLET_PROVIDER_QUOTE: "1GB" }))).to.match(/QUOTE.*did you mean quota\?/);
    for (const bootnode of [
      "/ip4/203.0.113.7/tcp/1",
      "203.0.113.7/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
    ]) {
      expect(refusal(() => fromEnvironment({ SUBLET_PROVIDER_BOOTNODES: bootnode }))).to.match(
        /^SUBLET_PROVIDER_BOOTNODES cannot be .*ends in \/p2p\/ and a peer id/,
      );
    }
    const { market: _, ...rest } = PLACE;
    expect(refusal(() => complete(rest))).to.match(
      /^--market .* \(it is needed: give --market or SUBLET_PROVIDER_MARKET\): /,
    );
  });

  it("are lists where the environment gives items between commas", () => {
    expect(fromEnvironment({ SUBLET_PROVIDER_LISTEN: "/ip4/1.1.1.1/tcp/1, /ip4/2.2.2.2/tcp/2" }).listen).to.deep.equal([
      "/ip4/1.1.1.1/tcp/1",
      "/ip4/2.2.2.2/tcp/2",
    ]);
    expect(refusal(() => fromEnvironment({ SUBLET_PROVIDER_LISTEN: "here" }))).to.match(/each begins with a slash/);
    expect(refusal(() => fromEnvironment({ SUBLET_PROVIDER_ANNOUNCE: "," }))).to.match(/a list of 1 to/);
    expect(parse({ listen: [""] }, String).listen).to.deep.equal([]);
    const relay = "/ip4/203.0.113.7/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    expect(refusal(() => parse({ "circuit-relays": [relay, relay, relay] }, String))).to.match(/a list of 1 to 2/);
  });

  for (const [written, bytes] of [
    ["1MiB", 2 ** 20],
    ["500GB", 5e11],
    ["1.5 TiB", 1.5 * 2 ** 40],
    ["2g", 2e9],
    ["1048576", 2 ** 20],
  ] as const) {
    it(`take ${written} for ${bytes} bytes`, () => {
      expect(parse({ quota: written }, String).quotaBytes).to.equal(bytes);
    });
  }

  for (const written of ["", "5 apples", "-1GB", "1MB", "1e9", "9999999999TiB", "1.2.3GB"]) {
    it(`take "${written}" for no size`, () => {
      expect(refusal(() => parse({ quota: written }, String))).to.match(/write a size such as 500GB or 2TiB/);
    });
  }
});
