import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { expect } from "chai";
import { Clone } from "./clone.ts";

const OLD_NODE = "Object.defineProperty(process.versions, 'node', { value: '20.0.0' });";

describe("the launcher", () => {
  let clone: Clone;
  beforeEach(() => {
    clone = new Clone();
  });
  afterEach(() => clone.remove());

  describe("given a clone without dependencies", () => {
    it("installs them by the lockfile, then runs the command line", async () => {
      const { code, stdout } = await clone.launch(["exit", "0", "--json"]);
      expect(code).to.equal(0);
      expect(JSON.parse(stdout).arguments).to.deep.equal(["exit", "0", "--json"]);
      const [call] = clone.calls();
      expect(call?.arguments).to.include.members(["install", "--no-save", "--ignore-scripts"]);
      expect(realpathSync(call?.cwd ?? "")).to.equal(realpathSync(clone.root));
    });

    it("calls npm no second time", async () => {
      await clone.launch(["exit", "0"]);
      expect((await clone.launch(["exit", "0"])).stderr).to.equal("");
      expect(clone.calls()).to.have.length(1);
    });

    it("keeps what Node compiled, in the clone", async () => {
      await clone.launch(["exit", "0"], { preload: "delete process.env.NODE_COMPILE_CACHE;" });
      expect(readdirSync(join(clone.modules, ".cache", "compiled"))).to.have.length(1);
    });

    it("lets one of several launches install, and the others wait for it", async () => {
      const outcomes = await Promise.all([1, 2, 3, 4].map((code) => clone.launch(["exit", String(code)])));
      expect(outcomes.map(({ code }) => code)).to.deep.equal([1, 2, 3, 4]);
      expect(clone.calls()).to.have.length(1);
      expect(readdirSync(clone.toolchain)).to.deep.equal([]);
    });

    it("starts over from a node_modules that npm did not finish", async () => {
      mkdirSync(clone.modules);
      await clone.launch(["exit", "0"]);
      expect(clone.calls()[0]?.emptied).to.equal(true);
    });
  });

  it("updates a whole installation in place when the lockfile has changed", async () => {
    await clone.launch(["exit", "0"]);
    clone.changeLockfile(2);
    await clone.launch(["exit", "0"]);
    expect(clone.calls().map(({ emptied }) => emptied)).to.deep.equal([true, false]);
  });

  describe("when npm fails", () => {
    it("says so, starts nothing, and tries again the next time", async () => {
      const failed = await clone.launch(["exit", "0"], { env: { NPM_EXIT: "7" } });
      expect(failed.code).to.equal(1);
      expect(failed.stdout).to.equal("");
      expect(failed.stderr).to.contain("no such registry").and.to.contain("exit code 7");
      expect((await clone.launch(["exit", "5"])).code).to.equal(5);
      expect(clone.calls()).to.have.length(2);
    });

    it("starts over after an update that failed", async () => {
      await clone.launch(["exit", "0"]);
      clone.changeLockfile(2);
      await clone.launch(["exit", "0"], { env: { NPM_EXIT: "7" } });
      await clone.launch(["exit", "0"]);
      expect(clone.calls().at(-1)?.emptied).to.equal(true);
    });

    it("says that it is missing", async () => {
      rmSync(join(clone.root, "bin", "npm"));
      const { code, stderr } = await clone.launch([], { preload: "process.env.PATH = '';" });
      expect(code).to.equal(1);
      expect(stderr).to.contain("npm could not be started");
    });
  });

  describe("given a lock", () => {
    it("waits while its owner lives", async () => {
      hold({ pid: process.pid, host: hostname() });
      const { child, ended } = clone.start(["exit", "0"]);
      await said(child.stderr, "waiting for another launch");
      expect(clone.calls()).to.deep.equal([]);
      rmSync(clone.lock, { recursive: true });
      expect((await ended).code).to.equal(0);
    });

    it("takes over from an owner that has died", async () => {
      const dead = spawnSync(process.execPath, ["--version"]).pid;
      hold({ pid: dead, host: hostname() });
      expect((await clone.launch(["exit", "0"])).code).to.equal(0);
      expect(readdirSync(clone.toolchain)).to.deep.equal([]);
    });

    it("takes over from an owner elsewhere that has fallen silent", async () => {
      hold({ pid: process.pid, host: "elsewhere" });
      const longAgo = new Date(Date.now() - 3_600_000);
      utimesSync(join(clone.lock, "owner.json"), longAgo, longAgo);
      expect((await clone.launch(["exit", "0"])).code).to.equal(0);
    });

    function hold(owner: { pid: number; host: string }): void {
      mkdirSync(clone.lock, { recursive: true });
      writeFileSync(join(clone.lock, "owner.json"), JSON.stringify({ token: "theirs", ...owner }));
    }
  });

  describe("given a Node that is too old", () => {
    it("fetches the pinned build once, its contents checked, and runs on it", async () => {
      expect((await clone.launch(["exit", "3"], { preload: OLD_NODE })).code).to.equal(3);
      expect((await clone.launch(["exit", "4"], { preload: OLD_NODE })).code).to.equal(4);
      const [fetched, installed, ...more] = clone.calls();
      expect(fetched?.arguments).to.include.members(["ci", "--ignore-scripts"]);
      const entry = Object.entries(fetched?.lock.packages ?? {}).find(([path]) =>
        path.startsWith("node_modules/node-"),
      );
      expect(entry?.[1].integrity).to.match(/^sha512-/);
      expect(installed?.arguments).to.include("install");
      expect(more).to.deep.equal([]);
      const [folder, ...others] = readdirSync(clone.toolchain);
      expect(folder).to.match(/^node-24\.\d+\.\d+-/);
      expect(others).to.deep.equal([]);
    });

    it("refuses a build that does not run here, and keeps nothing of it", async () => {
      const { code, stdout, stderr } = await clone.launch(["exit", "0"], {
        preload: OLD_NODE,
        env: { NODE_CLAIMS: "v1.0.0" },
      });
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
      expect(stderr).to.contain("does not run on this system");
      expect(readdirSync(clone.toolchain)).to.deep.equal([]);
    });

    it("names what to install where npm has no build", async () => {
      const preload = `${OLD_NODE} Object.defineProperty(process, 'arch', { value: 'mips' });`;
      const { code, stderr } = await clone.launch(["exit", "0"], { preload });
      expect(code).to.equal(1);
      expect(stderr).to.contain("Node 24.15").and.to.contain("20.0.0").and.to.contain("mips");
      expect(clone.calls()).to.deep.equal([]);
    });
  });

  describe("given everything is installed", () => {
    beforeEach(() => clone.launch(["exit", "0"]));

    it("leaves input, output and the working folder to the program", async () => {
      const cwd = join(clone.root, "src");
      const { stdout } = await clone.launch(["echo"], { cwd, input: "bytes in" });
      const [report = "", echoed] = stdout.split("\n");
      expect(realpathSync(JSON.parse(report).cwd)).to.equal(realpathSync(cwd));
      expect(echoed).to.equal("bytes in");
    });

    it("runs a script of the repository by name", async () => {
      writeFileSync(join(clone.root, "scripts", "other.ts"), 'const other: string = "other"; console.log(other);');
      expect((await clone.launch(["run", "scripts/other.ts"])).stdout).to.equal("other\n");
      const { code, stderr } = await clone.launch(["run"]);
      expect(code).to.equal(1);
      expect(stderr).to.contain("usage");
    });

    it("ends by the signal that ended the program", async () => {
      expect((await clone.launch(["die", "SIGKILL"])).signal).to.equal("SIGKILL");
    });

    it("passes a signal on and ends with the program", async () => {
      const { child, ended } = clone.start(["wait"]);
      const { pid } = JSON.parse(await said(child.stdout, "\n"));
      child.kill("SIGTERM");
      expect((await ended).code).to.equal(43);
      expect(isAlive(pid)).to.equal(false);
    });

    it("passes an interrupt on where no terminal did", async () => {
      const { child, ended } = clone.start(["wait"]);
      const { pid } = JSON.parse(await said(child.stdout, "\n"));
      child.kill("SIGINT");
      expect((await ended).signal).to.equal("SIGINT");
      expect(isAlive(pid)).to.equal(false);
    });
  });

  it("ends npm with itself, and leaves no lock", async () => {
    const { child, ended } = clone.start(["exit", "0"], { env: { NPM_WAITS: "yes" } });
    await said(child.stderr, "npm waits");
    child.kill("SIGTERM");
    const { signal, stdout } = await ended;
    expect({ signal, stdout }).to.deep.equal({ signal: "SIGTERM", stdout: "" });
    expect(isAlive(clone.calls()[0]?.pid ?? 0)).to.equal(false);
    expect(existsSync(clone.lock)).to.equal(false);
  });
});

/** What a stream has said once it contains `text`. */
async function said(stream: Readable, text: string): Promise<string> {
  let heard = "";
  while (!heard.includes(text)) {
    const [bytes] = await once(stream, "data");
    heard += bytes;
  }
  return heard;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
