/** A drive that outgrows its volume, by commands alone. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { done, fails, network, place } from "./network.ts";

const MIB = 2 ** 20;

describe("sublet volume grow", function () {
  this.timeout(300_000);
  const contents = { first: randomBytes(2 * MIB), second: randomBytes(2 * MIB), piped: randomBytes(5 * MIB) };
  let folder: string;
  let at: string[];

  const got = async (path: string, from = at): Promise<Buffer> =>
    (await network.command(["get", path, "-", ...from])).stdout as Buffer;

  before(async () => {
    at = ["--home", await network.addClient("grower")];
    folder = join(network.directory, "growing");
    await mkdir(folder);
    for (const [name, bytes] of Object.entries(contents)) await writeFile(join(folder, name), bytes);
    await done(["volume", "create", "--k", "2", "--n", "3", "--size", "2MiB", "--epochs", "100", ...at]);
    await done(["put", join(folder, "first"), "/first", ...at]);
  });

  it("lets put rent more where nothing fits, within its budget, and a dry run say so", async () => {
    const source = join(folder, "second");
    expect(await fails(["put", source, "/second", ...at])).to.include({ code: "VolumeFull" });
    expect(await done(["volume", "grow", ...at])).to.include({ growth: null });
    await done(["volume", "grow", "--budget", "0.000001", "--size", "2MiB", "--epochs", "100", ...at]);
    expect(await fails(["put", source, "/second", ...at])).to.include({ code: "OverBudget", budget: "1" });
    await done(["volume", "grow", "--budget", "5", "--size", "2MiB", "--epochs", "100", ...at]);
    const { rents, ...planned } = await done(["put", source, "/second", "--dry-run", ...at]);
    expect(planned).to.include({ transactions: 1, deals: 3 }).and.not.to.have.property("volume");
    const { state } = await done(["put", source, "/second", ...at]);
    expect(state).to.equal("complete");
    const { growth } = await done(["volume", "grow", ...at]);
    expect(growth).to.include({ bytes: 2 * MIB, epochs: 100 });
    // Providers are drawn anew, and none asks for more than a quarter above the middle one.
    expect(5_000_000n - BigInt(growth.budget) <= (BigInt(rents.total) * 5n) / 4n).to.equal(true);
    expect((await got("/second")).equals(contents.second)).to.equal(true);
  });

  it("goes on with what is piped in, and a drive that comes back has all of it", async () => {
    await done(["put", "-", "/piped", ...at], { input: contents.piped });
    expect((await done(["status", ...at])).volumes.length).to.be.at.least(3);
    const back = ["--home", join(network.directory, "grower-back")];
    const keystore = join(network.directory, "grower", "keystore.json");
    await done(["restore", "--from-key", keystore, "--local-network", ...place(), ...back]);
    for (const [name, bytes] of Object.entries(contents))
      expect((await got(`/${name}`, back)).equals(bytes), name).to.equal(true);
  });

  it("says which providers repair replaces though they answer", async () => {
    expect(await done(["volume", "health", ...at])).to.include({ least: 0.75, epochs: 14 });
    expect(await done(["volume", "health", "--least", "90", "--epochs", "30", ...at])).to.include({ least: 0.9 });
    expect(await fails(["volume", "health", "--least", "101", ...at])).to.include({ code: "BadArgument" });
    const { ok } = await done(["repair", ...at]);
    expect(ok).to.equal(true);
  });
});
