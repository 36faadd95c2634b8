/** The compiler's own syntax tree of every Solidity file of a project, with the text each node stands for. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);

/** What is read of a node of solc's tree; which of it is there depends on `nodeType`. */
export interface Node {
  readonly nodeType: string;
  readonly src?: string;
  readonly id: number;
  readonly name?: string;
  readonly kind?: string;
  readonly value?: string | Node;
  readonly operator?: string;
  readonly prefix?: boolean;
  readonly constant?: boolean;
  readonly stateVariable?: boolean;
  readonly visibility?: string;
  readonly stateMutability?: string;
  readonly memberName?: string;
  readonly referencedDeclaration?: number;
  readonly absolutePath?: string;
  readonly lValueRequested?: boolean;
  readonly names?: readonly string[];
  readonly typeDescriptions?: { readonly typeString?: string };
  readonly leftExpression?: Node;
  readonly rightExpression?: Node;
  readonly leftHandSide?: Node;
  readonly rightHandSide?: Node;
  readonly subExpression?: Node;
  readonly expression?: Node;
  readonly condition?: Node;
  readonly trueBody?: Node;
  readonly falseBody?: Node | null;
  readonly trueExpression?: Node;
  readonly falseExpression?: Node;
  readonly initialValue?: Node | null;
  readonly eventCall?: Node;
  readonly errorCall?: Node;
  readonly body?: Node | null;
  readonly length?: Node | null;
  readonly arguments?: readonly Node[];
  readonly components?: readonly (Node | null)[];
  readonly statements?: readonly Node[];
  readonly declarations?: readonly (Node | null)[];
  readonly modifiers?: readonly Node[];
  readonly nodes?: readonly Node[];
  readonly members?: readonly Node[];
  readonly parameters?: { readonly parameters: readonly Node[] } & Node;
  readonly returnParameters?: { readonly parameters: readonly Node[] } & Node;
  readonly functionName?: Node;
  readonly AST?: Node;
  readonly externalReferences?: readonly { readonly declaration: number; readonly src: string }[];
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A statement's own text ends before its semicolon in solc's tree; here the semicolon belongs to it. */
const SIMPLE = new Set([
  "ExpressionStatement",
  "VariableDeclarationStatement",
  "EmitStatement",
  "RevertStatement",
  "Return",
  "Break",
  "Continue",
  "PlaceholderStatement",
]);

/** One file. Offsets are bytes, and so is `text`: one character a byte, whatever the file holds beyond ASCII. */
export class Source {
  readonly path: string;
  readonly text: string;
  readonly root: Node;
  /** Outer ones first. */
  readonly nodes: Node[] = [];
  readonly #parents = new Map<Node, Node>();
  readonly #ranges = new Map<Node, Range>();
  readonly #uses = new Map<number, Range[]>();

  constructor(path: string, text: string, root: Node) {
    this.path = path;
    this.text = text;
    this.root = root;
    this.#learn(root);
  }

  #learn(node: Node): void {
    this.nodes.push(node);
    const { start, end } = rangeOf(node.src);
    const ends = [end];
    const wholes = SIMPLE.has(node.nodeType) || node.constant || node.stateVariable;
    if (wholes) ends.push(end + (/^\s*;/.exec(this.text.slice(end, end + 200))?.[0].length ?? 0));
    for (const child of children(node)) {
      this.#parents.set(child, node);
      this.#learn(child);
      if (this.range(child).start >= start) ends.push(this.range(child).end);
    }
    this.#ranges.set(node, { start, end: Math.max(...ends) });
    this.#learnUses(node);
  }

  #learnUses(node: Node): void {
    const note = (id: number | undefined, range: Range) => {
      if (id !== undefined) this.#uses.set(id, [...(this.#uses.get(id) ?? []), range]);
    };
    const named = node.nodeType === "Identifier" || node.nodeType === "MemberAccess";
    const imported = [...this.ancestors(node)].some(({ nodeType }) => nodeType === "ImportDirective");
    if (named && !imported) note(node.referencedDeclaration, this.range(node));
    for (const { declaration, src } of node.externalReferences ?? []) note(declaration, rangeOf(src));
  }

  /** Where a declaration is named, imports aside. */
  uses(declaration: Node): readonly Range[] {
    return this.#uses.get(declaration.id) ?? [];
  }

  parent(node: Node): Node | undefined {
    return this.#parents.get(node);
  }

  *ancestors(node: Node): Generator<Node> {
    for (let above = this.parent(node); above; above = this.parent(above)) yield above;
  }

  range(node: Node): Range {
    return this.#ranges.get(node)!;
  }

  slice({ start, end }: Range): string {
    return this.text.slice(start, end);
  }

  *below(node: Node): Generator<Node> {
    yield node;
    for (const child of children(node)) yield* this.below(child);
  }

  textOf(node: Node): string {
    return this.slice(this.range(node));
  }

  /** `Contract.function` around an offset, as far as there is one. */
  placeAt(offset: number): string {
    const around = this.nodes.filter((node) => {
      const { start, end } = this.range(node);
      return /^(Function|Contract)Definition$/.test(node.nodeType) && start <= offset && offset < end;
    });
    return around.map(({ name, kind }) => name || kind).join(".");
  }

  /** Counted from 1. */
  lineAt(offset: number): number {
    return this.text.slice(0, offset).split("\n").length;
  }
}

function rangeOf(src = ""): Range {
  const [start = 0, length = 0] = src.split(":").map(Number);
  return { start, end: start + length };
}

export function children(node: Node): Node[] {
  const found: Node[] = [];
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) found.push(...value.filter(isNode));
    else if (isNode(value)) found.push(value);
  }
  return found;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "nodeType" in value;
}

export interface CompilerError {
  readonly severity: string;
  readonly message: string;
  readonly formattedMessage?: string;
  readonly sourceLocation?: { readonly file: string; readonly start: number; readonly end: number };
}

interface Output {
  readonly errors?: readonly CompilerError[];
  readonly sources: Record<string, { readonly ast?: Node }>;
}

/** Solidity texts by path, in the encoding of {@link Source}. */
export type Texts = ReadonlyMap<string, string>;

/** The files below `folders`, paths relative to `root`. */
export function readTexts(root: string, folders: readonly string[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      const path = `${folder}/${name.replaceAll("\\", "/")}`;
      if (path.endsWith(".sol")) texts.set(path, readFileSync(join(root, path), "latin1"));
    }
  }
  return texts;
}

/** Everything up to types and control flow, but no code: seconds where a build takes a minute. */
export function analyse(texts: Texts, trees = true): { errors: CompilerError[]; sources: Map<string, Source> } {
  const compiler = require("solc") as { compile(input: string, callbacks: unknown): string };
  const contents = [...texts].map(([path, text]) => [path, { content: Buffer.from(text, "latin1").toString() }]);
  const settings = { evmVersion: "prague", outputSelection: trees ? { "*": { "": ["ast"] } } : {} };
  const input = JSON.stringify({ language: "Solidity", sources: Object.fromEntries(contents), settings });
  const output: Output = JSON.parse(compiler.compile(input, { import: installed }));
  const sources = new Map<string, Source>();
  for (const [path, text] of texts) {
    const ast = output.sources?.[path]?.ast;
    if (ast) sources.set(path, new Source(path, text, ast));
  }
  return { errors: (output.errors ?? []).filter(({ severity }) => severity === "error"), sources };
}

function installed(path: string): { contents: string } | { error: string } {
  try {
    return { contents: readFileSync(require.resolve(path), "utf8") };
  } catch {
    return { error: `${path} is not installed` };
  }
}
