/** The command line of a drive: each command a process of its own, against providers in theirs and a chain in its own. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { dealsOf, marketOf } from "../../scripts/local-market.ts";
import type { CommandOptions, LocalProvider } from "../../scripts/local-network.ts";
import { LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { done, fails, network, place, providerAt, withoutSectors } from "./network.ts";

const MIB = 2 ** 20;
const K = 2;
const N = 4;

describe("sublet", function () {
  this.timeout(300_000);
  const film = randomBytes(3 * MIB + 5);
  let folder: string;
  let home: string;
  let at: string[];

  before(async () => {
    folder = join(network.directory, "files");
    await mkdir(folder);
    home = await network.addClient("drive");
    at = ["--home", home];
    const volume = ["volume", "create", "--k", `${K}`, "--n", `${N}`, "--size", "16MiB", "--epochs", "100"];
    expect(await done([...volume, ...at])).to.include({ k: K, n: N, bytes: 16 * MIB });
    await writeFile(join(folder, "film.bin"), film);
  });

  async function text(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await network.command([...args, ...at]);
    expect(code, stderr).to.equal(0);
    return `${stdout}`;
  }

  /** The bytes of a file of the drive, through a pipe. */
  async function fetched(path: string, ...more: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await network.command(["get", path, "-", ...at, ...more]);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  async function isWhole(): Promise<void> {
    expect(Buffer.compare(await fetched("film.bin"), film)).to.equal(0);
  }

  async function hosts(): Promise<LocalProvider[]> {
    return (await dealsOf(await marketOf(network, home))).map(({ provider }) => providerAt(provider));
  }

  describe("given a command that it does not have", () => {
    it("lists those it has, and ends with the exit code of wrong usage", async () => {
      const [help, none, unknown] = await Promise.all([
        network.command(["--help"]),
        network.command([]),
        network.command(["frobnicate"]),
      ]);
      const names = [
        "init",
        "price",
        "volume",
        "put",
        "get",
        "watch",
        "ls",
        "mv",
        "cp",
        "rm",
        "keep",
        "status",
        "repair",
        "topup",
        "key",
        "restore",
      ];
      for (const name of [...names, "provider", "audit"]) {
        expect(`${help.stdout}`).to.match(new RegExp(`^  ${name} `, "m"));
        expect(none.stderr).to.match(new RegExp(`^  ${name} `, "m"));
      }
      expect([help.code, none.code, unknown.code]).to.deep.equal([0, 2, 2]);
      expect(unknown.stderr).to.match(/unknown command 'frobnicate'/);
    });

    it("says so in the one document, where that is asked for", async () => {
      const { code, json } = await network.sublet(["get"]);
      expect(code).to.equal(2);
      expect(json.error).to.include({ code: "Usage", reason: "missing required argument 'path'" });
    });
  });

  describe("init", () => {
    let poor: string;
    let address: string;

    before(async () => {
      poor = join(folder, "poor");
      ({ address } = await done(["init", ...place(), "--local-network", "--home", poor]));
    });

    it("keeps the key to its owner, encrypted, and never writes over it", async () => {
      for (const name of ["keystore.json", "config.json"]) {
        expect((await stat(join(poor, name))).mode & 0o077, name).to.equal(0);
      }
      const keystore = await readFile(join(poor, "keystore.json"), "utf8");
      expect(JSON.parse(keystore)).to.include({ version: 3 }).and.not.to.have.property("address");
      expect(await fails(["init", ...place(), "--home", poor])).to.include({ code: "BadArgument", name: "home" });
      expect(await readFile(join(poor, "keystore.json"), "utf8")).to.equal(keystore);
    });

    it("makes a wallet that hears at once of all the money it lacks", async () => {
      const volume = ["volume", "create", "--k", "1", "--n", "2", "--size", "1MiB"];
      const error = await fails([...volume, "--home", poor]);
      expect(error).to.include({ code: "InsufficientFunds", asset: "token", account: address, have: "0" });
      expect(error.missing).to.equal(error.need);
      expect(error.also).to.include({ asset: "gas", account: address, have: "0" });
      expect(error.message).to.contain(`send it ${error.missing} more`).and.to.contain(error.also.missing);
      expect((await stat(join(poor, "drive.sqlite"))).mode & 0o077).to.equal(0);
    });
  });

  describe("price", () => {
    it("tells what providers ask, and what a file would cost", async () => {
      const [document, words] = await Promise.all([
        done(["price", join(folder, "film.bin"), ...at]),
        text(["price", "1GiB", "--k", "1", "--n", "2"]),
      ]);
      // Providers that another suite ended announced themselves, too, and answer nobody.
      expect(document).to.deep.include({ decimals: 6, answered: 5 });
      expect(document.asked).to.be.at.least(5);
      expect(document.quote).to.include({ files: 1, bytes: film.length, k: K, n: N, sectors: 2 });
      expect(Number(document.quote.term) > Number(document.quote.month)).to.equal(true);
      expect(words).to.match(
        /5 of \d+ providers answered.*\n.*10\^12 bytes.*\n.*\n1\.0 GiB in a new volume of 2 providers/,
      );
      expect(await fails(["price", "nowhere", ...at])).to.include({ code: "BadArgument", name: "what" });
    });
  });

  describe("put --dry-run", () => {
    it("tells what it would take and cost, and stores nothing", async () => {
      const args = ["put", join(folder, "film.bin"), "/planned", "--dry-run"];
      const [document, words] = await Promise.all([done([...args, ...at]), text(args)]);
      expect(document).to.include({ path: "planned", bytes: film.length, sectors: 2, deals: N, transactions: 0 });
      expect(words).to.match(/would take 2 of 8 free sectors at each of 4 providers.*\n.* is paid in already\.$/m);
      expect((await done(["ls", ...at])).files).to.deep.equal([]);
    });
  });

  describe("put, get, ls and rm", () => {
    it("store a file, and fetch it whole, in part, and through pipes", async () => {
      const receipt = await done(["put", join(folder, "film.bin"), ...at]);
      const hash = createHash("sha256").update(film).digest("hex");
      expect(receipt).to.include({ path: "film.bin", files: 1, bytes: film.length, hash, state: "complete" });

      const target = join(folder, "fetched.bin");
      const [document, part] = await Promise.all([
        done(["get", "/film.bin", target, ...at]),
        fetched("film.bin", "--range", "1000000-1000999"),
        done(["put", "-", "piped/in", ...at], { input: Buffer.from("through a pipe") }),
      ]);
      expect(document).to.include({ destination: target, bytes: film.length, hash });
      expect(Buffer.compare(await readFile(target), film)).to.equal(0);
      expect(Buffer.compare(part, film.subarray(1_000_000, 1_001_000))).to.equal(0);
      expect(`${await fetched("piped/in")}`).to.equal("through a pipe");
    });

    it("store, list, fetch and remove a folder", async () => {
      await mkdir(join(folder, "notes", "deep"), { recursive: true });
      await writeFile(join(folder, "notes", "one.txt"), "one");
      await writeFile(join(folder, "notes", "deep", "two.txt"), "two");
      expect(await done(["put", join(folder, "notes"), "/kept", ...at])).to.include({ files: 2 });
      const [{ files }, words] = await Promise.all([
        done(["ls", "kept", ...at]),
        text(["ls"]),
        done(["get", "kept", join(folder, "back"), ...at]),
      ]);
      expect(files.map(({ path }: { path: string }) => path)).to.deep.equal(["kept/deep/two.txt", "kept/one.txt"]);
      expect(words).to.match(/^ +3 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}kept\/one\.txt$/m);
      expect(await readFile(join(folder, "back", "deep", "two.txt"), "utf8")).to.equal("two");
      expect((await readdir(join(folder, "back"))).sort()).to.deep.equal(["deep", "one.txt"]);
      expect(await done(["mv", "/kept/deep", "kept/low", ...at])).to.include({ path: "kept/low", files: 1 });
      expect(await done(["cp", "/kept/one.txt", "/kept/low/", ...at])).to.include({ path: "kept/low/one.txt" });
      expect(await fails(["cp", "kept/one.txt", "kept/low", ...at])).to.include({ code: "PathTaken" });
      expect(await text(["cp", "kept/low/two.txt", "kept/one.txt", "--force"])).to.match(
        /^kept\/one\.txt: 1 file copied$/m,
      );
      expect(`${await fetched("kept/one.txt")}${await fetched("kept/low/one.txt")}`).to.equal("twoone");
      expect(await done(["rm", "-r", "kept", ...at])).to.include({ files: 3 });
      expect((await done(["ls", ...at])).files.map(({ path }: { path: string }) => path)).to.deep.equal([
        "film.bin",
        "piped/in",
      ]);
    });

    it("keep what a file was, say what that costs, and give it back", async () => {
      for (const input of ["before", "after"]) await done(["put", "-", "note", ...at], { input: Buffer.from(input) });
      await done(["rm", "note", ...at]);
      const [{ versions, keep }, words] = await Promise.all([
        done(["ls", "--versions", "note", ...at]),
        text(["ls", "--versions", "note"]),
      ]);
      expect(keep).to.deep.equal({ days: 30, most: 10 });
      expect(
        versions.map(({ version, bytes, stored }: Record<string, number>) => [version, bytes, stored]),
      ).to.deep.equal([5, 6].map((bytes, index) => [index + 1, bytes, 32 * N]));
      expect(words).to.match(/^5 {2}128 at providers {2}\d{4}-.* {2}note {2}version 1, until \d{4}-/m);
      const target = join(folder, "before");
      expect(await done(["get", "--version", "2", "note", target, ...at])).to.include({ files: 1, bytes: 6 });
      expect(await readFile(target, "utf8")).to.equal("before");
      expect(`${await fetched("note", "--version", "1")}`).to.equal("after");
      expect(await fails(["get", "note", "--version", "3", ...at])).to.include({ code: "NoSuchVersion", have: 2 });
      expect(await done(["keep", "--most", "1", ...at])).to.deep.equal({ days: 30, most: 1 });
      await done(["keep", "--most", "10", ...at]);
      expect(await done(["rm", "--versions", "note", ...at])).to.include({ versions: 2 });
    });

    it("say in a typed error what cannot be, and lose nothing by it", async () => {
      await truncate(join(folder, "film.bin"), 64 * MIB);
      type Case = [what: string, args: readonly string[], error: object, options?: CommandOptions];
      const writing: Case[] = [
        ["no such source", ["put", join(folder, "nowhere")], { code: "NoSuchPath" }],
        ["a volume that is too small", ["put", join(folder, "film.bin")], { code: "VolumeFull" }],
        [
          "more needed than there are",
          ["volume", "create", "--k", "9", "--n", "4"],
          { code: "BadArgument", name: "k" },
        ],
        ["no amount", ["topup", "a lot"], { code: "BadArgument", name: "amount" }],
      ];
      const keystore = join(home, "keystore.json");
      const reading: Case[] = [
        ["a wrong password", ["ls"], { code: "WrongPassword", keystore }, { password: "wrong" }],
        ["nothing to get", ["get", "nowhere"], { code: "NoSuchPath" }],
        ["standard output twice", ["get", "film.bin", "-"], { code: "BadArgument", name: "destination" }],
        ["a range backwards", ["get", "film.bin", "--range", "9-1"], { code: "BadArgument", name: "range" }],
        ["a chain that is down", ["ls", "--rpc", "http://127.0.0.1:9"], { code: "ChainUnavailable" }],
        ["no market", ["ls", "--market", network.chain.token], { code: "NotAMarket" }],
      ];
      // Only one command at a time may write to a home.
      const inTurn = async (cases: Case[]) => {
        for (const [what, args, error, options] of cases) {
          expect(await fails([...args, ...at], options), what).to.include(error);
        }
      };
      await Promise.all([inTurn(writing), inTurn(reading)]);
      await isWhole();
    });

    it("refuse another chain than the home's, and a home that is none", async () => {
      const nowhere = join(folder, "none");
      expect(await fails(["ls", "--home", nowhere])).to.include({ code: "NotInitialized", home: nowhere });
      const file = join(home, "config.json");
      const config = await readFile(file, "utf8");
      await writeFile(file, config.replace('"chainId": 31337', '"chainId": 1'));
      try {
        expect(await fails(["ls", ...at])).to.include({ code: "WrongChain", expected: 1, actual: 31_337 });
      } finally {
        await writeFile(file, config);
      }
    });
  });

  describe("given fewer than k providers that answer", () => {
    it("leaves nothing under a file's name, and has all of it when they are back", async () => {
      const gone = (await hosts()).slice(0, N - K + 1);
      await Promise.all(gone.map((provider) => network.kill(provider)));
      const target = join(folder, "target");
      await mkdir(target);
      try {
        const wide = ["volume", "create", "--k", "2", "--n", "4", "--size", "1MiB"];
        const [unread, unrented] = await Promise.all([
          fails(["get", "film.bin", join(target, "film.bin"), ...at]),
          fails([...wide, ...at]),
        ]);
        expect(unread).to.include({ code: "TooFewProviders", have: K - 1, need: K });
        expect(unrented).to.include({ code: "TooFewProviders", have: 2, need: 4 });
        expect(await readdir(target)).to.deep.equal([]);
      } finally {
        await Promise.all(gone.map((provider) => network.run(provider)));
      }
      await isWhole();
    });
  });

  describe("status, topup and repair", () => {
    it("show how everything stands, and add money", async () => {
      const [status, words] = await Promise.all([done(["status", ...at]), text(["status"])]);
      expect(status).to.include({ unfinished: 0 }).and.to.have.deep.property("warnings", []);
      const { warnings } = await done(["status", "--within", "1000", ...at]);
      expect(warnings.map(({ kind }: { kind: string }) => kind)).to.deep.equal(Array(N).fill("ending"));
      expect(await text(["status", "--within", "1000"])).to.match(
        /^Warning: 4 deals of volume \d+ end, the first in \d+ epochs/m,
      );
      expect(status.volumes[0]).to.include({ k: K, n: N, good: N });
      expect(words).to.match(/4 of 4 providers are good, 2 are needed/);
      const market = await marketOf(network, home);
      const deals = await dealsOf(market);
      const escrow = async () => {
        const held = await Promise.all(deals.map(({ provider, slot }) => market.deal(provider, slot)));
        return held.reduce((sum, deal) => sum + deal.escrow, 0n) / LEDGER_ONE;
      };
      const before = await escrow();
      expect((await done(["topup", "1.5", ...at])).amount).to.equal("1500000");
      // Settling takes a little out meanwhile.
      expect((await escrow()) - before > 1_400_000n).to.equal(true);
    });

    it("warn of what ends soon, and so does put, whose exit code stays that of what was asked", async () => {
      const brief = ["--home", await network.addClient("brief")];
      await done(["volume", "create", "--k", "1", "--n", "1", "--size", "1MiB", "--epochs", "4", ...brief]);
      const input = Buffer.from("soon gone");
      const put = ["put", "-", "note", ...brief];
      expect((await done(put, { input })).warnings[0]).to.include({ kind: "ending", position: 0 });
      const { code, stdout, stderr } = await network.command(put, { input });
      expect(code).to.equal(0);
      expect(stderr).to.match(/^Warning: 1 deal of volume \d+ ends, the first in \d epochs/m);
      expect(`${stdout}`).to.match(/^note: 1 file/);
    });

    it("move what a provider has lost to a fresh one", async () => {
      const [loser] = (await hosts()) as [LocalProvider];
      await withoutSectors(loser, async () => {
        const { ok, volumes } = await done(["repair", ...at]);
        expect(ok).to.equal(true);
        const [{ replaced, complete }] = volumes;
        expect(replaced).to.have.length(1);
        expect(replaced[0]).to.include({ from: loser.address, why: "lost" });
        expect(complete).to.have.length(N);
      });
      await isWhole();
    });
  });

  describe("restore", () => {
    const other = () => ["--home", join(folder, "restored")];
    const key = () => ["--from-key", join(home, "keystore.json"), "--local-network", ...place()];

    it("makes no home where the password is wrong", async () => {
      const error = await fails(["restore", ...key(), ...other()], { password: "wrong" });
      expect(error).to.include({ code: "WrongPassword" });
      expect(await readdir(folder)).not.to.include("restored");
    });

    it("brings everything back from the key alone", async () => {
      const restored = await done(["restore", ...key(), ...other()]);
      expect(restored).to.include({ volumes: 1, deals: N + 1 });
      const [there, here, { stdout }] = await Promise.all([
        done(["ls", ...other()]),
        done(["ls", ...at]),
        network.command(["get", "film.bin", "-", ...other()]),
      ]);
      expect(there.files).to.deep.equal(here.files);
      expect(Buffer.compare(stdout, film)).to.equal(0);
    });

    it("brings everything back from the words of the key, under another password", async () => {
      const [{ words, address }, printed, hex] = await Promise.all([
        done(["key", "export", "--words", ...at]),
        text(["key", "export"]),
        text(["key", "export", "--hex"]),
      ]);
      expect(words).to.have.length(24);
      expect(printed.trim().split(/\s+/)).to.deep.equal(words);
      expect(hex).to.match(/^0x[0-9a-f]{64}\n$/);
      const rewritten = ["--home", join(folder, "rewritten")];
      const from = ["restore", "--from-words", "-", "--local-network", ...place(), ...rewritten];
      const input = (list: string[]) => ({ input: Buffer.from(`${list.join("\n")}\n`), password: "another" });
      const [one, two, ...others] = words;
      expect(await fails(from, input([two, one, ...others]))).to.include({ code: "BadArgument", name: "words" });
      expect(await fails(["restore", ...place(), ...rewritten])).to.include({
        code: "BadArgument",
        name: "--from-key",
      });
      expect(await readdir(folder)).not.to.include("rewritten");
      expect(await done(from, input(words))).to.include({ address, volumes: 1 });
      const there = await done(["ls", ...rewritten], { password: "another" });
      expect(there.files).to.deep.equal((await done(["ls", ...at])).files);
    });

    it("refuses the home of another key", async () => {
      const error = await fails(["restore", ...key(), "--home", join(folder, "poor")]);
      expect(error).to.include({ code: "BadArgument", name: "--home" });
    });
  });
});
