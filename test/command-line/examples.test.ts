/** Every command has an example, which its own parser takes, and which both its help and the documents show. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Command } from "commander";
import { REFUSALS } from "../../src/chain/Refusals.ts";
import { EXAMPLE_NAMES, examplesOf } from "../../src/command-line/examples.ts";
import { everyCommand, nameOf, program, wholeProgram } from "../../src/command-line/Program.ts";
import { LOCAL } from "../../src/protocol/LocalErrors.ts";
import { WIRE } from "../../src/protocol/WireErrors.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const document = (name: string) => readFileSync(join(ROOT, "docs", name), "utf8");
/** What stands for a value in the README, and one that a parser takes. */
const VALUES: Readonly<Record<string, string>> = {
  "<url>": "http://127.0.0.1:8545",
  "<address>": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  "<provider>": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  "<id>": "31337",
};

/** The words of a line as a shell makes them, of the part of a pipe that is the tool's own. */
function words(line: string): string[] {
  const parts: string[] = line.match(/'[^']*'|"[^"]*"|[|<>()]|[^\s|<>()'"]+/g) ?? [];
  const from = parts.indexOf("sublet");
  const until = parts.findIndex((part, at) => at > from && /^[|<>()]$/.test(part));
  const own = parts.slice(from, until === -1 ? undefined : until);
  return own.map((part) => (/^['"]/.test(part) ? part.slice(1, -1) : part));
}

/** Which command takes these words, in place of doing what it does. */
async function taker(argv: readonly string[]): Promise<string> {
  const tree = await wholeProgram();
  let taken = "";
  for (const command of everyCommand(tree)) {
    command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command.commands.length > 0 && command.name() !== "audit") continue;
    command.action(() => {
      taken = nameOf(command);
    });
  }
  await tree.parseAsync(argv, { from: "user" });
  return taken;
}

function helpText(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  return text;
}

describe("the examples", () => {
  it("are there for every command, and for nothing else", async () => {
    const names = everyCommand(await wholeProgram()).map(nameOf);
    expect([...EXAMPLE_NAMES].sort()).to.deep.equal(names.sort());
    expect(names.filter((name) => examplesOf(name).length === 0)).to.deep.equal([]);
  });

  it("are taken by the command that they are of", async () => {
    for (const command of everyCommand(await wholeProgram())) {
      const name = nameOf(command);
      for (const { line } of examplesOf(name)) {
        const argv = words(line).slice(1);
        expect(argv, line).not.to.deep.equal([]);
        if (argv.includes("--help")) continue;
        // One of a group of commands shows one of these.
        expect((await taker(argv)).startsWith(name), line).to.equal(true);
      }
    }
  });

  it("stand in the help of every command, however much of the tree is loaded", async () => {
    const trees = await Promise.all([wholeProgram(), program("put"), program("provider"), program("audit")]);
    for (const command of trees.flatMap(everyCommand)) {
      const help = helpText(command);
      for (const { why, line } of examplesOf(nameOf(command))) expect(help).to.include(`  # ${why}\n  $ ${line}`);
    }
  });
});

describe("the lines of the README that begin with npx sublet", () => {
  const page = readFileSync(join(ROOT, "README.md"), "utf8");
  const lines = page.match(/(?<=^(?:\$ )?npx )sublet .*$/gm) ?? [];

  it("are each taken by a command", async () => {
    expect(lines).to.have.length.of.at.least(20);
    for (const line of lines) {
      const [own = ""] = line.split(/ +#/);
      const argv = words(own.replaceAll(/<\w+>/g, (name) => VALUES[name] ?? name.slice(1, -1))).slice(1);
      if (argv.includes("--help")) continue;
      expect(await taker(argv), line).to.match(/^sublet \w/);
    }
  });
});

describe("the documents made from the program", () => {
  it("have every command, with its options and examples", async () => {
    const page = document("CLI.md");
    for (const command of everyCommand(await wholeProgram())) {
      expect(page).to.include(`\n## ${nameOf(command)}\n`);
      for (const { flags } of command.options.filter(({ hidden }) => !hidden))
        expect(page).to.include(`| \`${flags}\` |`);
      for (const { line } of examplesOf(nameOf(command))) expect(page).to.include(`\n${line}\n`);
    }
  });

  it("say of every error what happened and what to do, each in words of its own", () => {
    const page = document("ERRORS.md");
    const codes = [...Object.keys(LOCAL), ...Object.keys(WIRE)];
    const rows = new Map(
      [...page.matchAll(/^\| `(\w+)` \| (.+?) \| (.+?) \|$/gm)].map(([, code, ...cells]) => [code, cells]),
    );
    expect([...rows.keys()]).to.have.members(codes);
    for (const [code, [happened, advice]] of rows) {
      expect(happened, code).to.match(/^[`A-Z0-9].{12,}[^.]$/);
      expect(advice, code).to.match(/^[`A-Z0-9].{6,}[^.]$/);
      expect(`${happened} ${advice}`, code).not.to.match(/undefined|\[object|function/);
    }
    expect(new Set([...rows.values()].map(([happened]) => happened)).size).to.equal(codes.length);
    for (const name of Object.keys(REFUSALS)) expect(page).to.include(`\n| \`${name}(`);
  });
});
