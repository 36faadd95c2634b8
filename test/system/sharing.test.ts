/** Share links on the command line: made by one process, used by others that have nothing but the link. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { done, fails, network } from "./network.ts";

const CLI = fileURLToPath(new URL("../../src/sublet.ts", import.meta.url));
const MIB = 2 ** 20;

describe("sublet share", function () {
  this.timeout(300_000);
  const film = randomBytes(2 * MIB + 5);
  let at: string[];
  let empty: string;

  before(async () => {
    empty = await mkdtemp(join(tmpdir(), "sublet-empty-"));
    const folder = join(network.directory, "shared");
    await mkdir(join(folder, "trip"), { recursive: true });
    await writeFile(join(folder, "trip", "film.bin"), film);
    await writeFile(join(folder, "trip", "note"), "sunny");
    at = ["--home", await network.addClient("sharer")];
    await done(["volume", "create", "--k", "2", "--n", "3", "--size", "8MiB", "--epochs", "100", ...at]);
    await done(["put", join(folder, "trip"), "/trip", ...at]);
  });

  after(() => rm(empty, { recursive: true, force: true }));

  /** A command of somebody who has an empty home folder, and no variable of the environment but that. */
  async function stranger(...args: string[]) {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args], {
      ...{ cwd: empty, env: { HOME: empty }, stdio: ["ignore", "pipe", "pipe"] },
    });
    const stdout: Buffer[] = [];
    let stderr = "";
    child.stdout!.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr!.on("data", (text) => {
      stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout: Buffer.concat(stdout), stderr };
  }

  it("gives a folder to a process with an empty home and no environment, until it is taken back", async () => {
    const plan = await done(["share", "create", "/trip", "--until", "90e", "--dry-run", ...at]);
    expect(plan).to.include({ path: "trip", files: 2, bytes: film.length + 5 });
    expect(BigInt(plan.fee) > 0n).to.equal(true);
    expect((await done(["share", "list", ...at])).shares).to.deep.equal([]);

    const { link, id } = await done(["share", "create", "/trip", "--until", "90e", "--budget", "1.5", ...at]);
    const got = await stranger("get", link);
    expect(got.code, got.stderr).to.equal(0);
    expect(`${got.stdout}`).to.equal(`${join(empty, "trip")}: 2 files, 2.0 MiB\n`);
    expect(Buffer.compare(await readFile(join(empty, "trip", "film.bin")), film)).to.equal(0);
    expect(await readFile(join(empty, "trip", "note"), "utf8")).to.equal("sunny");
    // It left nothing else behind: no home was made.
    expect(await readdir(empty)).to.deep.equal(["trip"]);

    const [share] = (await done(["share", "list", ...at])).shares;
    expect(share).to.include({ id, path: "trip", state: "live", budget: "1500000" });
    const listed = await network.command(["share", "list", ...at]);
    expect(`${listed.stdout}`).to.match(
      new RegExp(`^${id}  /trip  until epoch \\d+ \\(now \\d+\\), 0 of 1.5 tokens used`),
    );

    expect(await done(["share", "revoke", id.slice(0, 10), ...at])).to.include({ id, path: "trip" });
    const late = await stranger("get", link, "late", "--json");
    expect(late.code).to.equal(1);
    expect(JSON.parse(`${late.stdout}`).error).to.include({ code: "LinkRevoked", delegate: id });
  });

  it("pipes a single file, and says what is wrong with a link", async () => {
    const { link, id } = await done(["share", "create", "/trip/note", "--until", "2h", ...at]);
    const piped = await stranger("get", link, "-");
    expect([`${piped.stdout}`, piped.code]).to.deep.equal(["sunny", 0]);
    const cut = await stranger("get", link.slice(0, -1));
    expect(cut.code).to.equal(1);
    expect(cut.stderr).to.match(/\[LinkMalformed\]/);
    await done(["share", "revoke", id, ...at]);
  });

  it("says which argument, and why, where one is wrong", async () => {
    for (const until of ["soon", "0d", "2020-01-01", "7", "99999999999d"]) {
      const error = await fails(["share", "create", "/trip", "--until", until, ...at]);
      expect(error.code, until).to.equal("BadArgument");
    }
    expect(await fails(["share", "create", "/trip", "--hint", "ftp://x", ...at])).to.include({ name: "--hint" });
    expect(await fails(["share", "create", "/elsewhere", ...at])).to.include({ code: "NoSuchPath" });
    expect(await fails(["share", "revoke", "0xdead", ...at])).to.include({ code: "BadArgument", name: "id" });
    expect(await fails(["get", "sublet:share/1#x", "a", "--range", "0-1"])).to.include({ code: "BadArgument" });
  });
});
