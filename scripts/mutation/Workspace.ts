/** A project of its own for a build with mutants, beside the real one, which it leaves alone. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { guard, mutantAt } from "./Guards.ts";
import type { Mutant } from "./Mutant.ts";
import { analyse, readTexts, type Source } from "./Tree.ts";

const HERE = import.meta.dirname;
const HARDHAT = "node_modules/hardhat/dist/src/cli.js";

export interface Build {
  readonly workspace: string;
  /** In it, to be switched on by their numbers. */
  readonly mutants: readonly Mutant[];
  /** Not in it: the compiler refuses them, or there is no place for a switch. */
  readonly stillborn: readonly Mutant[];
}

interface Where {
  readonly workspace: string;
  /** As what is deployed is: for few mutants, and tests of gas. */
  readonly optimised: boolean;
}

/** Leaves out, round by round, what does not compile; then builds the rest at once. */
export async function build(
  { workspace, optimised }: Where,
  sources: ReadonlyMap<string, Source>,
  mutants: readonly Mutant[],
): Promise<Build> {
  const switchText = readFileSync(join(HERE, "Switch.sol"), "latin1");
  let live = mutants;
  for (;;) {
    const { texts, unplaced } = guard(sources, live, switchText);
    live = live.filter((mutant) => !unplaced.includes(mutant));
    const { errors } = analyse(texts, false);
    if (errors.length === 0) {
      write(workspace, texts, optimised);
      await promisify(execFile)(process.execPath, [join(repository(), HARDHAT), "build"], {
        cwd: workspace,
        maxBuffer: 1 << 28,
      });
      const alive = new Set(live);
      return { workspace, mutants: live, stillborn: mutants.filter((mutant) => !alive.has(mutant)) };
    }
    const refused = new Set(
      errors.map(({ sourceLocation: at, formattedMessage }) => {
        const id = at && mutantAt(texts.get(at.file) ?? "", at);
        if (id === undefined) throw new Error(`the build with mutants does not compile: ${formattedMessage}`);
        return id;
      }),
    );
    live = live.filter(({ id }) => !refused.has(id));
  }
}

function repository(): string {
  return join(HERE, "..", "..");
}

function write(workspace: string, texts: ReadonlyMap<string, string>, optimised: boolean): void {
  const path = relative(workspace, join(HERE, "configuration.ts"));
  const config = `import { configuration } from "${path}";\nexport default configuration({ optimised: ${optimised} });\n`;
  const files = new Map([
    ...texts,
    ["package.json", '{ "name": "mutants", "type": "module", "private": true }\n'],
    ["hardhat.config.ts", config],
  ]);
  if (existsSync(workspace)) {
    const stale = ["contracts", "test"].filter((folder) => existsSync(join(workspace, folder)));
    for (const path of readTexts(workspace, stale).keys()) if (!files.has(path)) rmSync(join(workspace, path));
  }
  for (const [path, text] of files) {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text, "latin1");
  }
}
