/** The command on a market stall of a contract: what it makes, switches, sees killed, and says of what survived. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";

const ROOT = join(import.meta.dirname, "..", "..");
const PROJECT = join(ROOT, "cache", "mutation-sample");
const WORKSPACE = join(PROJECT, "build");
const VERDICTS = join(WORKSPACE, "verdicts.jsonl");
const PATIENCE_MS = 600_000;

const FILES = {
  "contracts/Till.sol": `// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

uint256 constant MOST = 100;

contract Till {
    address private immutable OWNER = msg.sender;
    uint256 public held;
    bool private busy;

    event Put(uint256 amount);
    event Taken(uint256 amount);
    error TooMuch(uint256 amount);
    error NotYours();
    error Busy();

    modifier alone() {
        if (busy) revert Busy();
        _;
    }

    function put(uint256 amount) external alone {
        uint256 before = held;
        amount = _atMost(amount);
        held = before + amount;
        emit Put(amount);
    }

    function take(uint256 amount) external {
        _requireOwner();
        held -= amount;
        emit Taken(amount);
    }

    function setBusy() external {
        busy = true;
    }

    function twice(uint256 amount) external pure returns (uint256 doubled) {
        uint256 twofold = _atMost(amount);
        assembly ("memory-safe") {
            let two := add(1, 1)
            doubled := mul(twofold, two)
        }
    }

    function least(uint256 a, uint256 b) external pure returns (uint256) {
        return a < b ? a : b;
    }

    function _atMost(uint256 amount) private pure returns (uint256) {
        if (amount > MOST) revert TooMuch(amount);
        return amount;
    }

    function _requireOwner() private view {
        if (msg.sender != OWNER) revert NotYours();
    }
}
`,
  // Nothing here looks for events, or doubles too much.
  "test/contracts/till.test.ts": `import { expect } from "chai";
import hre from "hardhat";

const { ethers } = await hre.network.create();
const till = await ethers.deployContract("Till");
const stranger = (await ethers.getSigners())[1];

describe("a till", () => {
  it("holds what is put, up to the most", async () => {
    await till.put(100n);
    await till.put(2n);
    expect(await till.held()).to.equal(102n);
    await expect(till.put(101n)).to.revert(ethers);
  });
  it("gives to its owner", async () => {
    await expect(till.connect(stranger).take(1n)).to.be.revertedWithCustomError(till, "NotYours");
    await till.take(2n);
    expect(await till.held()).to.equal(100n);
  });
  it("doubles", async () => expect([await till.twice(3n), await till.twice(7n)]).to.deep.equal([6n, 14n]));
  it("knows the lesser", async () => expect([await till.least(3n, 4n), await till.least(4n, 3n)]).to.deep.equal([3n, 3n]));
  it("waits", async () => {
    await till.setBusy();
    await expect(till.put(1n)).to.be.revertedWithCustomError(till, "Busy");
  });
});
`,
  "survivors.json": JSON.stringify([
    {
      file: "contracts/Till.sol",
      in: "Till.put",
      operator: "emit",
      before: "emit Put(amount);",
      after: "",
      reason: "nobody listens",
    },
    {
      file: "contracts/Till.sol",
      in: "Till.gone",
      operator: "emit",
      before: "emit Gone();",
      after: "",
      reason: "was listed once",
    },
  ]),
};

interface Verdict {
  readonly mutant: { readonly operator: string; readonly before: string; readonly after: string };
  readonly killer?: string;
}

describe("the mutation command", function () {
  this.timeout(PATIENCE_MS);
  let output = "";
  let code: unknown;
  let verdicts: Verdict[] = [];

  before(async () => {
    rmSync(PROJECT, { recursive: true, force: true });
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(PROJECT, path)), { recursive: true });
      writeFileSync(join(PROJECT, path), text);
    }
    ({ output, code } = await run());
    verdicts = lines().map((line) => JSON.parse(line));
  });

  function run(...options: string[]): Promise<{ output: string; code: unknown }> {
    const places = ["--root", PROJECT, "--workspace", WORKSPACE, "--records", PROJECT];
    const command = [join(ROOT, "scripts", "mutation.ts"), ...places, "--workers", "1", ...options];
    return new Promise((done) => {
      execFile(process.execPath, command, (error, stdout, stderr) =>
        done({ output: stdout + stderr, code: error?.code ?? 0 }),
      );
    });
  }

  function lines(): string[] {
    return readFileSync(VERDICTS, "utf8").trim().split("\n");
  }

  /** The verdict on the one change of this kind that gives this line. */
  function verdictOn(operator: string, after: string): Verdict {
    const found = verdicts.filter(({ mutant }) => mutant.operator === operator && mutant.after === after);
    expect(found, output).to.have.length(1);
    return found[0]!;
  }

  for (const [what, operator, after] of [
    ["a boundary", "boundary", "if (amount >= MOST) revert TooMuch(amount);"],
    ["an operator of a variable's first value's use", "arithmetic", "held = before - amount;"],
    ["a constant, at its use", "constant", "uint256 constant MOST = 101;"],
    ["a check that is gone", "check", ""],
    ["a modifier that is gone", "modifier", "function put(uint256 amount) external {"],
    ["a branch of a conditional", "branch", "return a;"],
    ["an operator in assembly", "arithmetic", "doubled := div(twofold, two)"],
    ["a variable in assembly", "constant", "let two := add(2, 1)"],
  ] as const) {
    it(`kills ${what}`, () => {
      const killers = verdicts.filter(({ mutant }) => mutant.operator === operator && mutant.after === after);
      expect(killers, output).to.not.deep.equal([]);
      for (const { killer } of killers) expect(killer).to.match(/^test\/contracts\/till\.test\.ts: a till /);
    });
  }

  it("runs only tests that reach a mutant", () => {
    expect(verdictOn("arithmetic", "doubled := div(twofold, two)").killer).to.match(/a till doubles/);
  });

  it("takes a check away from one call of several, each for itself", () => {
    expect(verdictOn("check", "uint256 twofold = _atMost_without_TooMuch(amount);").killer).to.equal(undefined);
    expect(verdictOn("check", "amount = _atMost_without_TooMuch(amount);").killer).to.match(/holds what is put/);
  });

  it("says which survived, and fails because of one that nobody listed", () => {
    expect(output).to.match(/UNLISTED contracts\/Till\.sol:\d+ Till\.take \(emit\)\n {4}- emit Taken\(amount\);/);
    expect(code).to.equal(1);
  });

  it("knows a listed one by its text, with the reason", () => {
    expect(output).to.match(
      /listed contracts\/Till\.sol:\d+ Till\.put \(emit\)\n {4}- emit Put\(amount\);\n {4}\+ \n {6}nobody listens/,
    );
  });

  it("names a listed one that is there no more", () => {
    expect(output).to.contain("STALE contracts/Till.sol Till.gone (emit)");
  });

  it("goes on with a run that was ended, and comes to the same", async () => {
    const before = lines();
    const kept = before.slice(0, before.length - 3);
    writeFileSync(VERDICTS, `${kept.join("\n")}\n`);
    const again = await run("--resume");
    expect(lines().slice(0, kept.length).sort(), again.output).to.deep.equal([...kept].sort());
    const judged = (line: string) => JSON.stringify({ ...JSON.parse(line), cpuMs: 0 });
    expect(lines().map(judged).sort()).to.deep.equal(before.map(judged).sort());
    expect(again.code).to.equal(code);
  });

  it("goes on from the record where there was no run, but for what a test killed that has changed since", async () => {
    const before = lines();
    expect((await run("--record")).code).to.equal(0);
    rmSync(VERDICTS);
    await run("--resume");
    const killers = () =>
      lines().map((line): [number, string] => [JSON.parse(line).mutant.id, JSON.parse(line).killer]);
    const onRecord = () => killers().filter(([, killer]) => killer?.endsWith(": on record"));
    expect(onRecord().length).to.equal(before.filter((line) => JSON.parse(line).killer !== undefined).length);

    const test = join(PROJECT, "test/contracts/till.test.ts");
    writeFileSync(test, `${readFileSync(test, "utf8")}\n// changed\n`);
    rmSync(VERDICTS);
    await run("--resume");
    expect(onRecord()).to.deep.equal([]);
    expect(
      killers()
        .map(([id]) => id)
        .sort(),
    ).to.deep.equal(before.map((line) => JSON.parse(line).mutant.id).sort());
  });

  it("counts by file", () => {
    expect(output).to.match(/\nall +\d+ +\d+ +\d+ +3 +1 +\d+\n/);
  });
});
