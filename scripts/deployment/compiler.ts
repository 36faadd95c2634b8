/** The Solidity compiler of npm, by its standard JSON. */
import { createRequire } from "node:module";

export interface StandardInput {
  readonly language: string;
  readonly sources: Readonly<Record<string, { readonly content: string }>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Where in the code a value stands that only the constructor knew. */
export interface Reference {
  readonly start: number;
  readonly length: number;
}

export interface CompiledContract {
  readonly metadata: string;
  readonly evm: {
    readonly bytecode: { readonly object: string };
    readonly deployedBytecode: {
      readonly object: string;
      readonly immutableReferences: Readonly<Record<string, readonly Reference[]>>;
    };
  };
}

/** As far as it was asked for. */
export interface Output {
  readonly contracts: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
  readonly sources: Readonly<Record<string, { readonly ast: unknown }>>;
}

interface Solc {
  compile(input: string): string;
  version(): string;
}

const load = createRequire(import.meta.url);

/** Such as 0.8.36+commit.8a079791. */
export function compilerVersion(): string {
  return (load("solc") as Solc).version().replace(/\.Emscripten.*$/, "");
}

/** @throws Error with the compiler's own words where it refuses */
export function compile(input: StandardInput): Output {
  const output = JSON.parse((load("solc") as Solc).compile(JSON.stringify(input))) as Output & {
    errors?: { severity: string; formattedMessage: string }[];
  };
  const refused = output.errors?.find(({ severity }) => severity === "error");
  if (refused) throw new Error(refused.formattedMessage);
  return output;
}
