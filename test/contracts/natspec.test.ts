/** That the interfaces say what they take, give, tell and refuse. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect } from "chai";

interface Input {
  readonly name: string;
}

interface AbiItem {
  readonly type: "function" | "event" | "error" | "constructor";
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly outputs?: readonly Input[];
}

interface Said {
  readonly notice?: string;
  readonly params?: Record<string, string>;
  readonly returns?: Record<string, string>;
}
type Kind = "methods" | "events" | "errors";
/** What was written of an item, by its signature; of errors there may be several. */
type Documents = Partial<Record<Kind, Record<string, Said | Said[]>>>;

interface Compiled {
  readonly abi: readonly AbiItem[];
  readonly devdoc: Documents;
  readonly userdoc: Documents;
}

const ROOT = join(import.meta.dirname, "..", "..");
const KINDS = { function: "methods", event: "events", error: "errors" } as const;
const INTERFACES = ["IMarketSignals", "IMarketAnnex", "IStorageMarket", "ISeedSource"];

function compile(): Record<string, Compiled> {
  const solc = createRequire(import.meta.url)("solc") as { compile(input: string, callbacks: unknown): string };
  const path = (name: string) => `contracts/interfaces/${name}.sol`;
  const read = (file: string) => ({ contents: readFileSync(join(ROOT, file), "utf8") });
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(INTERFACES.map((name) => [path(name), { content: read(path(name)).contents }])),
    settings: { outputSelection: { "*": { "*": ["abi", "devdoc", "userdoc"] } } },
  };
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  return Object.fromEntries(INTERFACES.map((name) => [name, contracts[path(name)][name]]));
}

/** Of all items of a name: those of an interface's bases are among its own, and nothing is overloaded. */
function said(documents: Documents, { type, name }: AbiItem): Said {
  if (type === "constructor") return {};
  const found = Object.entries(documents[KINDS[type]] ?? {}).filter(([signature]) => signature.startsWith(`${name}(`));
  return Object.assign({}, ...found.flatMap(([, one]) => one));
}

describe("natspec", () => {
  const compiled = compile();
  for (const name of INTERFACES) {
    it(`of ${name} tells what each member is for, and what each of its parameters and results is`, () => {
      const { abi, devdoc, userdoc } = compiled[name]!;
      expect(abi).not.to.have.length(0);
      const missing = abi.flatMap((item) => {
        const { params = {}, returns = {} } = said(devdoc, item);
        const results = (item.outputs ?? []).map((output, index) => output.name || `_${index}`);
        return [
          ...(said(userdoc, item).notice ? [] : [`${item.name}: notice`]),
          ...item.inputs.filter((input) => !params[input.name]).map((input) => `${item.name}: ${input.name}`),
          ...results.filter((result) => !returns[result]).map((result) => `${item.name}: what it returns, ${result}`),
        ];
      });
      expect(missing).to.deep.equal([]);
    });
  }
});
