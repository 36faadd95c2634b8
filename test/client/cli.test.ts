import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Address } from "viem";
import { PASSWORD, World } from "./World.ts";

const MIB = 2 ** 20;
const CLI = join(import.meta.dirname, "..", "..", "src", "sublet.ts");

interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own document
  readonly json: any;
}

describe("the command line", function () {
  this.timeout(120_000);
  let world: World;
  let folder: string;
  let home: string;
  let account: Address;

  async function sublet(args: string[], given: { input?: Uint8Array; password?: string } = {}): Promise<Ended> {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args], {
      env: { ...process.env, SUBLET_HOME: home, SUBLET_PASSWORD: given.password ?? PASSWORD },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => {});
    child.stdin.end(given.input);
    const out: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => {
      stderr += bytes;
    });
    const [code] = (await once(child, "close")) as [number | null];
    const stdout = Buffer.concat(out);
    return { code: code ?? -1, stdout, stderr, json: args.includes("--json") ? JSON.parse(`${stdout}`) : undefined };
  }

  /** The document of a command that must succeed. */
  async function done(args: string[], input?: Uint8Array) {
    const ended = await sublet([...args, "--json"], input ? { input } : {});
    expect(ended.code, ended.stderr + ended.stdout).to.equal(0);
    return ended.json;
  }

  /** The error of a command that must fail. */
  async function fails(args: string[], password?: string) {
    const ended = await sublet([...args, "--json"], password === undefined ? {} : { password });
    expect(ended.code).to.not.equal(0);
    return ended.json.error;
  }

  before(async () => {
    world = await World.create(4);
    folder = await world.folder();
    home = join(folder, "home");
    const place = ["--rpc", world.rpc.url, "--market", world.ground.market];
    const made = await done(["init", ...place, "--local-network"]);
    account = made.address;
    await world.fund(account, made.token);
    await done(["volume", "create", "--k", "2", "--n", "4", "--size", "64MiB", "--epochs", "20"]);
  });

  after(() => world.end());

  it("keeps the key to its owner, and never writes over it", async () => {
    for (const name of ["keystore.json", "config.json", "drive.sqlite"]) {
      expect((await stat(join(home, name))).mode & 0o077, name).to.equal(0);
    }
    const { address } = JSON.parse(await readFile(join(home, "keystore.json"), "utf8"));
    expect(address).to.equal(undefined);
    const before = await readFile(join(home, "keystore.json"), "utf8");
    const place = ["--rpc", world.rpc.url, "--market", world.ground.market];
    expect(await fails(["init", ...place])).to.include({ code: "BadArgument", name: "home" });
    expect(await readFile(join(home, "keystore.json"), "utf8")).to.equal(before);
  });

  it("puts and gets a file, a range, and through pipes", async () => {
    const bytes = randomBytes(3 * MIB + 5);
    await writeFile(join(folder, "film.bin"), bytes);
    const receipt = await done(["put", join(folder, "film.bin")]);
    const hash = createHash("sha256").update(bytes).digest("hex");
    expect(receipt).to.include({ path: "film.bin", bytes: bytes.length, hash, state: "complete" });

    const target = join(folder, "fetched.bin");
    expect(await done(["get", "/film.bin", target])).to.include({ destination: target, bytes: bytes.length, hash });
    expect(Buffer.compare(await readFile(target), bytes)).to.equal(0);

    const part = await sublet(["get", "film.bin", "-", "--range", "1000000-1000999"]);
    expect(Buffer.compare(part.stdout, bytes.subarray(1_000_000, 1_001_000))).to.equal(0);

    await done(["put", "-", "piped/in"], Buffer.from("through a pipe"));
    expect(`${(await sublet(["get", "piped/in", "-"])).stdout}`).to.equal("through a pipe");
  });

  it("puts, lists, gets and removes a folder", async () => {
    await mkdir(join(folder, "notes", "deep"), { recursive: true });
    await writeFile(join(folder, "notes", "one.txt"), "one");
    await writeFile(join(folder, "notes", "deep", "two.txt"), "two");
    expect(await done(["put", join(folder, "notes"), "/kept"])).to.include({ files: 2 });
    const { files } = await done(["ls", "kept"]);
    expect(files.map(({ path }: { path: string }) => path)).to.deep.equal(["kept/deep/two.txt", "kept/one.txt"]);
    await done(["get", "kept", join(folder, "back")]);
    expect(await readFile(join(folder, "back", "deep", "two.txt"), "utf8")).to.equal("two");
    expect((await readdir(join(folder, "back"))).sort()).to.deep.equal(["deep", "one.txt"]);
    expect(await fails(["rm", "kept"])).to.include({ code: "BadArgument" });
    expect(await done(["rm", "-r", "kept"])).to.include({ files: 2 });
    expect(await fails(["ls", "kept"])).to.include({ code: "NoSuchPath", path: "kept" });
  });

  it("leaves nothing behind under a file's name when it cannot be had whole", async () => {
    const bytes = randomBytes(MIB);
    await writeFile(join(folder, "whole.bin"), bytes);
    await done(["put", join(folder, "whole.bin")]);
    const gone = world.hosts.slice(0, 3);
    await world.stop(...gone);
    const target = await world.folder();
    expect(await fails(["get", "whole.bin", join(target, "whole.bin")])).to.include({
      code: "TooFewProviders",
      have: 1,
      need: 2,
    });
    expect(await readdir(target)).to.deep.equal([]);
    await world.start(...gone);
  });

  it("shows how everything stands, tops up and repairs", async () => {
    const status = await done(["status"]);
    expect(status).to.include({ account, unfinished: 0 });
    expect(status.volumes[0]).to.include({ k: 2, n: 4, good: 4 });
    expect((await done(["topup", "1.5"])).amount).to.equal("1500000");
    expect(await done(["repair"])).to.include({ ok: true });
    expect(await fails(["topup", "a lot"])).to.include({ code: "BadArgument" });
    const words = await sublet(["status"]);
    expect(`${words.stdout}`).to.match(/4 of 4 providers are good, 2 are needed/);
  });

  it("comes back whole from the keystore alone", async () => {
    const other = join(folder, "restored");
    const place = ["--rpc", world.rpc.url, "--market", world.ground.market, "--local-network"];
    await done(["put", "-", "for/restore"], Buffer.from("still here"));
    const restored = await done(["restore", "--from-key", join(home, "keystore.json"), "--home", other, ...place]);
    expect(restored).to.include({ address: account, volumes: 1, deals: 4, answered: 4 });
    const got = await sublet(["get", "for/restore", "-", "--home", other]);
    expect(`${got.stdout}`).to.equal("still here");
    const foreign = await world.home();
    expect(await fails(["restore", "--from-key", join(home, "keystore.json"), "--home", foreign])).to.include({
      code: "BadArgument",
    });
  });

  it("ends in a typed error and another exit code than 0 for what cannot be", async () => {
    expect(await fails(["ls"], "wrong")).to.include({ code: "WrongPassword" });
    expect(await fails(["get", "nowhere"])).to.include({ code: "NoSuchPath" });
    expect(await fails(["put", join(folder, "nowhere")])).to.include({ code: "NoSuchPath" });
    expect(await fails(["get", "film.bin", "-"])).to.include({ code: "BadArgument", name: "destination" });
    expect(await fails(["get", "film.bin", "--range", "9-1"])).to.include({ code: "BadArgument" });
    expect(await fails(["ls", "--home", join(folder, "none")])).to.include({ code: "NotInitialized" });
    expect(await fails(["ls", "--rpc", "http://127.0.0.1:9"])).to.include({ code: "ChainUnavailable" });
    expect(await fails(["ls", "--market", account])).to.include({ code: "NotAMarket" });
    expect(await fails(["volume", "create", "--k", "9", "--n", "4"])).to.include({ code: "BadArgument" });
    expect(await fails(["put", "-", "big", "--volume", "12345"])).to.include({ code: "NoVolume" });
    const usage = await sublet(["frobnicate"]);
    expect(usage.code).to.equal(2);
    expect(usage.stderr).to.match(/unknown command/);
  });
});
