/** What a shell offers after a key press: asked of a real bash, and read off the other shells' scripts. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { completionScript } from "../../src/command-line/completion.ts";
import { everyCommand, nameOf, wholeProgram } from "../../src/command-line/Program.ts";

const run = promisify(execFile);

describe("completion", function () {
  this.timeout(30_000);
  let folder: string;
  let script: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-completion-"));
    script = join(folder, "completion.bash");
    await writeFile(script, completionScript("bash", await wholeProgram()));
  });
  after(() => rm(folder, { recursive: true }));

  /** What bash offers for the last of each of these lines' words. */
  async function offered(...lines: string[][]): Promise<string[][]> {
    const asked = lines.map((words) => {
      const quoted = words.map((word) => `'${word}'`).join(" ");
      return `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; COMPREPLY=(); _sublet; echo "\${COMPREPLY[*]}"`;
    });
    const { stdout } = await run("bash", ["--norc", "-c", `source '${script}'\n${asked.join("\n")}`]);
    return stdout
      .slice(0, -1)
      .split("\n")
      .map((line) => line.split(" ").filter((word) => word !== ""));
  }

  it("offers the commands of every command, and its options once one is begun", async () => {
    const commands = everyCommand(await wholeProgram());
    const words = commands.map((command) => nameOf(command).split(" "));
    const names = await offered(...words.map((line) => [...line, ""]));
    const flags = await offered(...words.map((line) => [...line, "--"]));
    for (const [at, command] of commands.entries()) {
      const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
      expect(names[at], nameOf(command)).to.have.members([...command.commands.map((one) => one.name()), ...choices]);
      const options = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long);
      expect(flags[at], nameOf(command)).to.have.members([...options, "--help"]);
    }
  });

  it("offers what is begun, the values that an option may have, and files elsewhere", async () => {
    expect(
      await offered(
        ["sublet", "pu"],
        ["sublet", "put", "--until", ""],
        ["sublet", "put", "photos", "--until", "co"],
        ["sublet", "provider", "run", "--log-level", "w"],
        ["sublet", "put", "--volume", ""],
        ["sublet", "put", ""],
        ["sublet", "nonsense", ""],
      ),
    ).to.deep.equal([
      ["put"],
      ["durable", "complete", "committed"],
      ["complete", "committed"],
      ["warn"],
      ...[[], []],
      (await offered(["sublet", ""]))[0],
    ]);
  });

  it("knows every command and option in the scripts of the other shells too", async () => {
    const tree = await wholeProgram();
    const [zsh, fish] = [completionScript("zsh", tree), completionScript("fish", tree)];
    for (const command of everyCommand(tree)) {
      const path = nameOf(command).split(" ").slice(1).join(" ");
      for (const { long } of command.options.filter(({ hidden }) => !hidden)) {
        expect(fish).to.match(new RegExp(`= '\\\\''${path}'\\\\''' -l ${long?.slice(2)} `));
        expect(zsh).to.match(new RegExp(`'${path} -'\\) offered=\\(.*'${long}:`));
      }
    }
    expect(zsh).to.match(/^#compdef sublet\n/);
  });
});
