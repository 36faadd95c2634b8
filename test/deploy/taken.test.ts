/** What was recorded of a deployment, where the commands take a market; and the parameters that the folder has to copy. */
import { join } from "node:path";
import { expect } from "chai";
import { deploy } from "../../scripts/deployment/index.ts";
import { PRESETS, parametersOf, readParameters } from "../../scripts/deployment/parameters.ts";
import { sublet } from "../auditor/Command.ts";
import { Chain } from "./Chain.ts";

const DEPLOYMENTS = join(import.meta.dirname, "..", "..", "deployments");

describe("a deployment's record", function () {
  this.timeout(120_000);
  let chain: Chain;
  before(async () => {
    chain = await Chain.start();
  });
  after(() => chain.stop());

  it("is taken for the market by client, provider, relay and auditor", async () => {
    const { market } = await deploy(chain.order());
    const folder = join(chain.folder, "market");
    const password = ["--password-file", join(folder, "market.json")]; // any text is one
    const home = (name: string): string[] => ["--home", join(chain.folder, name), ...password];
    const place = ["--rpc", chain.rpc.url, "--market", folder, "--json"];
    const document = async (...args: string[]) => {
      const { code, stdout, stderr } = await sublet(...args);
      expect(code, `${args.join(" ")}: ${stdout}${stderr}`).to.equal(0);
      return JSON.parse(stdout);
    };
    expect((await document("init", ...home("drive"), ...place)).market).to.equal(market);
    expect((await document("provider", "init", ...home("provider"), ...place)).market).to.equal(market);
    expect((await document("audit", "--no-spot-check", ...place)).ok).to.equal(true);
    await document("relay", "init", ...home("relay"), "--json");
    expect((await document("relay", "collect", ...home("relay"), ...place)).tokens).to.equal("0");
  });

  it("is beside a parameters file that says what daily is", async () => {
    const written = await readParameters(join(DEPLOYMENTS, "parameters.toml"));
    expect(parametersOf("demo", written, 6)).to.deep.equal({ ...PRESETS.daily, minCollateral: 1_000_000n });
  });
});
