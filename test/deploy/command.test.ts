/** The two commands, as a person calls them. */
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { type Ended, startScript } from "../auditor/Command.ts";
import { Chain } from "./Chain.ts";

const SCRIPTS = join(import.meta.dirname, "..", "..", "scripts");

describe("npm run deploy", function () {
  this.timeout(240_000);
  let chain: Chain;
  let folder: string;
  let place: string[];
  beforeEach(async () => {
    chain = await Chain.start();
    folder = join(chain.folder, "market");
    place = ["--rpc", chain.rpc.url, "--folder", folder];
  });
  afterEach(() => chain.stop());

  const deploy = (args: string[], environment: NodeJS.ProcessEnv = { SUBLET_DEPLOY_KEY: chain.key }): Promise<Ended> =>
    startScript(join(SCRIPTS, "deploy.ts"), [...place, ...args], environment).ended;

  it("says what it would do and cost, does it, and has verified what came of it", async () => {
    const wish = ["--chain-id", `${chain.chainId}`, "--test-token", "--preset", "demo", "--confirmations", "1"];
    const dry = await deploy([...wish, "--dry-run"]);
    expect(dry.code, dry.stderr).to.equal(0);
    expect(dry.stdout).to.match(/StorageMarket +0x[0-9a-fA-F]{40} +9\d{6} gas\n.*It would pay 0\.\d+ ether/s);
    expect(await chain.sent()).to.equal(0);
    expect(await access(folder).catch(({ code }) => code)).to.equal("ENOENT");

    const done = await deploy([...wish, "--json"]);
    expect(done.code, done.stderr).to.equal(0);
    const record = JSON.parse(done.stdout);
    expect(record).to.deep.equal(JSON.parse(await readFile(join(folder, "market.json"), "utf8")));

    await chain.request("hardhat_setCode", [record.seedSource, "0x00"]);
    const { code, stdout, stderr } = await startScript(join(SCRIPTS, "verify.ts"), [folder, "--rpc", chain.rpc.url])
      .ended;
    expect(code, stdout + stderr).to.equal(1);
    expect(stdout).to.match(/HeaderSeedSource 0x[0-9a-fA-F]{40} {2}DIFFERS\n {2}its code has 1 bytes/);
    expect(stdout.match(/is what was recorded/g)?.length).to.equal(4);
    expect(stdout).to.match(/Chain 7357: not all is/);
  });

  it("asks for the id of a chain that is not a local one, for a token, and for a key", async () => {
    const id = ["--chain-id", `${chain.chainId}`];
    for (const [args, environment, name] of [
      [["--test-token"], undefined, "--chain-id"],
      [id, undefined, "--token"],
      [[...id, "--test-token"], { SUBLET_DEPLOY_KEY: undefined }, "--keystore"],
      [[...id, "--test-token"], { SUBLET_DEPLOY_KEY: "0x1234" }, "SUBLET_DEPLOY_KEY"],
      [[...id, "--token", "0x12"], undefined, "--token"],
    ] as const) {
      const { code, stdout } = await deploy([...args, "--json"], environment);
      expect(code).to.equal(1);
      const { error } = JSON.parse(stdout);
      expect([error.code, error.name]).to.deep.equal(["BadArgument", name]);
      expect(stdout).not.to.contain("0x1234");
    }
    const wrong = await deploy(["--chain-id", "1", "--test-token"]);
    expect([wrong.code, /\[WrongChain\]/.test(wrong.stderr)]).to.deep.equal([1, true]);
    expect((await deploy(["--key", chain.key])).code).to.equal(2);
    expect(await chain.sent()).to.equal(0);
  });

  it("does not take another file for a keystore", async () => {
    const keystore = join(chain.folder, "keystore.json");
    await writeFile(keystore, "{}");
    const { code, stderr } = await deploy(["--chain-id", `${chain.chainId}`, "--test-token", "--keystore", keystore], {
      SUBLET_PASSWORD: "other",
    });
    expect([code, /\[StateCorrupt\]/.test(stderr)]).to.deep.equal([1, true]);
  });
});
