/**
 * The README's tutorial, typed as it stands there: its `sh` block starts the network, its `console` blocks are what is typed in
 * another terminal and what that shows. In what is shown, `...` within a line is anything, and alone on a line any lines.
 */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { until } from "../../scripts/local-network.ts";
import { ROOT, Terminal } from "./terminal.ts";

/** Hang protection only: of the start, and of a line. */
const START_MS = 280_000;
const LINE_MS = 120_000;

/** A line that is typed, and what is to be seen then. */
interface Step {
  readonly command: string;
  readonly shown: string;
}

const page = readFileSync(join(ROOT, "README.md"), "utf8");

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, text = ""]) => text);
}

/** @throws Error when a block shows something before anything is typed */
function steps(block: string): Step[] {
  const [before, ...typed] = block.split(/^\$ /m);
  if (before !== "") throw new Error(`the README shows this before a command: ${before}`);
  return typed.map((text) => {
    const end = text.indexOf("\n");
    return { command: text.slice(0, end), shown: text.slice(end + 1) };
  });
}

function pattern(shown: string): RegExp {
  const lines = shown.split(/(?<=\n)/).map((line) => {
    if (line === "...\n") return "(?:.*\\n)*?";
    return line.split("...").map(literal).join(".+?");
  });
  return new RegExp(`^${lines.join("")}$`);
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** A shell that is told one line after the other, and keeps what a line exported. */
class Shell {
  readonly #terminal = new Terminal("exec sh");
  #count = 0;
  /** What has not ended yet: nothing that is typed after it would be read. */
  #runs: string | undefined;

  /** What the line printed on both streams, and its exit code. */
  async types(line: string): Promise<{ output: string; code: number }> {
    if (this.#runs) throw new Error(`"${this.#runs}" has not ended`);
    this.#runs = line;
    const from = this.#terminal.stdout.length;
    const mark = `=== ${++this.#count}: `;
    this.#terminal.child.stdin?.write(`{ ${line}\n} 2>&1 < /dev/null; echo "${mark}$?."\n`);
    const end = new RegExp(`${mark}(\\d+)\\.\n$`);
    await until(`"${line}" ended`, LINE_MS, async () => end.test(this.#terminal.stdout));
    this.#runs = undefined;
    const text = this.#terminal.stdout.slice(from);
    return { output: text.replace(end, ""), code: Number(end.exec(text)?.[1]) };
  }
}

describe("the README's tutorial", function () {
  this.timeout(START_MS + 10_000);
  const [start = "", ...others] = blocks("sh");
  const typed = blocks("console").flatMap(steps);
  let network: Terminal;
  let shell: Shell;

  before(async () => {
    network = new Terminal(start);
    await until("the network is up", START_MS, async () => {
      if (network.child.exitCode !== null) throw new Error(`it ended: ${network.stdout}${network.stderr}`);
      return /Ctrl-C ends it all/.test(network.stdout + network.stderr);
    });
    shell = new Shell();
  });

  after(async () => {
    Terminal.killAll();
    await rm(join(ROOT, ".sublet", "hello.txt"), { force: true });
  });

  it("starts one network, and shows what the main commands say", () => {
    expect(others).to.deep.equal([]);
    const shows = typed.filter(({ shown }) => /\w/.test(shown)).map(({ command }) => command.split(" ")[2]);
    expect(shows).to.deep.equal(["put", "ls", "get", "status", "audit", "get", "status"]);
  });

  for (const [index, { command, shown }] of typed.entries())
    it(`${index + 1}. ${command}`, async () => {
      const { output, code } = await shell.types(command);
      expect(code, output).to.equal(0);
      expect(output).to.match(pattern(shown));
    });

  it("ends with Ctrl-C, and leaves nothing running", async () => {
    network.interrupt();
    await network.ended();
    await until("all of it is gone", 20_000, async () => !network.lives);
  });
});
