/**
 * Many mutants in one build: each host is written as it is and as each of its mutants has it, behind a switch that is
 * read when it is reached. With no switch set, the build behaves as the sources do.
 */
import { dirname, relative } from "node:path";
import { declarationsOf, type Host, hostsOf } from "./Hosts.ts";
import { type Copy, type Edit, edited, type Mutant } from "./Mutant.ts";
import { children, type Node, type Range, type Source } from "./Tree.ts";

const SWITCH_FILE = "contracts/Switch.sol";
const [IS_ON, WHICH] = ["__mutant", "__mutantNumber"];

/** The files with all mutants in them, and those mutants that could not be placed. */
export function guard(
  sources: ReadonlyMap<string, Source>,
  mutants: readonly Mutant[],
  switchText: string,
): { texts: Map<string, string>; unplaced: Mutant[] } {
  const files = new Map([...sources.values()].map((source) => [source.path, new GuardedFile(source)]));
  const unplaced = mutants.filter((mutant) => !place(mutant, files));
  const texts = new Map([...files].map(([path, file]) => [path, file.text()]));
  return { texts: texts.set(SWITCH_FILE, switchText), unplaced };
}

/** The mutant whose text an error is in, or in whose branch it is, by the marks around each. */
export function mutantAt(text: string, { start, end }: Range): number | undefined {
  const open: number[] = [];
  for (const [mark, id] of text.slice(0, start).matchAll(/\/\*<(\d+)\*\/|\/\*>\*\//g)) {
    if (id === undefined) open.pop();
    else if (mark) open.push(Number(id));
  }
  const within = /\/\*<(\d+)\*\//.exec(text.slice(start, end))?.[1];
  return open.at(-1) ?? (within === undefined ? undefined : Number(within));
}

function place(mutant: Mutant, files: ReadonlyMap<string, GuardedFile>): boolean {
  const file = files.get(mutant.file)!;
  const hosts = hostsOf(file.source, mutant.edits);
  if (!hosts) return false;
  for (const copy of mutant.copies ?? []) files.get(copy.file)!.addCopy(copy);
  for (const host of hosts) {
    if (host.kind !== "constant") file.add(mutant.id, host);
    else if (!placeConstant(mutant.id, file, host.node, host.edits, files)) return false;
  }
  return true;
}

/** A second constant beside the first, and a switch at each of its uses; a constant that uses it gets a second, too. */
function placeConstant(
  id: number,
  file: GuardedFile,
  constant: Node,
  edits: readonly Edit[],
  files: ReadonlyMap<string, GuardedFile>,
): boolean {
  const name = `${constant.name}_${id}`;
  if (!file.addConstant(id, constant, name, edits)) return true;
  let used = false;
  for (const user of files.values()) {
    for (const { end } of user.source.uses(constant)) {
      const edit = { start: end - constant.name!.length, end, text: name };
      const hosts = hostsOf(user.source, [edit]);
      const host = hosts?.[0];
      if (!host) continue;
      used = true;
      if (user !== file && file.source.parent(constant)?.nodeType === "SourceUnit") user.import(name, file.source.path);
      if (host.kind === "constant") placeConstant(id, user, host.node, [edit], files);
      else user.add(id, host);
    }
  }
  return used;
}

class GuardedFile {
  readonly source: Source;
  readonly #hosts = new Map<Node, { id: number; host: Host }[]>();
  readonly #constants = new Map<Node, Map<string, string>>();
  readonly #copies = new Map<Node, Map<string, string>>();
  readonly #imports = new Set<string>();
  /** Hosts and everything around them: the rest is copied. */
  readonly #touched = new Set<Node>();

  constructor(source: Source) {
    this.source = source;
  }

  add(id: number, host: Host): void {
    const there = this.#hosts.get(host.node) ?? [];
    const same = there.find((other) => other.id === id);
    if (same) same.host = { ...host, edits: [...same.host.edits, ...host.edits].sort((a, b) => a.start - b.start) };
    else this.#hosts.set(host.node, [...there, { id, host }]);
    this.#touch(host.node);
    this.import(IS_ON, SWITCH_FILE);
    if (host.kind === "yul") this.import(WHICH, SWITCH_FILE);
  }

  addCopy({ of, name, text }: Copy): void {
    this.#copies.set(of, (this.#copies.get(of) ?? new Map<string, string>()).set(name, text));
    this.#touch(of);
  }

  /** @returns whether it is new. */
  addConstant(id: number, constant: Node, name: string, edits: readonly Edit[]): boolean {
    const copies = this.#constants.get(constant) ?? new Map<string, string>();
    if (copies.has(name)) return false;
    const own = this.source.textOf(constant).lastIndexOf(constant.name!, this.#valueOf(constant));
    const start = this.source.range(constant).start + own;
    const renamed = { start, end: start + constant.name!.length, text: name };
    const text = edited(this.source.text, this.source.range(constant), [renamed, ...edits]);
    this.#constants.set(constant, copies.set(name, ` /*<${id}*/${text}/*>*/`));
    this.#touch(constant);
    return true;
  }

  #valueOf(constant: Node): number {
    return this.source.textOf(constant).indexOf("=");
  }

  import(name: string, path: string): void {
    const to = relative(dirname(this.source.path), path);
    this.#imports.add(`import {${name}} from "${to.startsWith(".") ? to : `./${to}`}";`);
  }

  #touch(node: Node): void {
    this.#touched.add(node);
    for (const above of this.source.ancestors(node)) this.#touched.add(above);
  }

  text(): string {
    const { text } = this.source;
    const { start, end } = this.source.range(this.source.root);
    const guarded = `${text.slice(0, start)}${this.#render(this.source.root)}${text.slice(end)}`;
    // Without the promise, the compiler keeps all variables on the stack, where those of a guarded function find no room.
    const promised = guarded.replaceAll(/\bassembly\s*\{/g, 'assembly ("memory-safe") {');
    return `${promised}${[...this.#imports].join("\n")}\n`;
  }

  #render(node: Node): string {
    return [this.#hosting(node), ...(this.#copies.get(node)?.values() ?? [])].join(" ");
  }

  #hosting(node: Node): string {
    const hosted = this.#hosts.get(node);
    switch (hosted?.[0]?.host.kind) {
      case undefined:
        return this.#plain(node) + [...(this.#constants.get(node)?.values() ?? [])].join("");
      case "expression":
        return hosted!.reduce(
          (text, { id, host }) => `(${IS_ON}(${id}) ? (${this.#edited(id, host)}) : ${text})`,
          `(${this.#plain(node)})`,
        );
      case "statement":
        return this.#statement(node, hosted!);
      case "yul":
        return this.#yul(node, hosted!);
      default:
        return this.#function(node, hosted!);
    }
  }

  /** A node's text with what is hosted within it. */
  #plain(node: Node): string {
    const { start, end } = this.source.range(node);
    const inner = children(node).filter((child) => this.#touched.has(child));
    let text = "";
    let at = start;
    for (const child of inner.sort((a, b) => this.source.range(a).start - this.source.range(b).start)) {
      const range = this.source.range(child);
      text += this.source.text.slice(at, range.start) + this.#render(child);
      at = range.end;
    }
    text += this.source.text.slice(at, end);
    return node.nodeType === "InlineAssembly" ? this.#assembly(node, text) : text;
  }

  #edited(id: number, host: Host, within = this.source.range(host.node)): string {
    return `/*<${id}*/${edited(this.source.text, within, host.edits)}/*>*/`;
  }

  #statement(node: Node, hosted: readonly { id: number; host: Host }[]): string {
    const value = node.nodeType === "VariableDeclarationStatement" ? node.initialValue : undefined;
    if (!value) return `{ ${this.#choice(hosted, (host, id) => this.#edited(id, host), this.#plain(node))} }`;
    // What is declared must be known after the branches.
    const names = (node.declarations ?? []).map((each) => each?.name ?? "").join(", ");
    const set = names.includes(",") ? `(${names}) = ` : `${names} = `;
    const from = this.source.range(value).start;
    const rest = { start: from, end: this.source.range(node).end }; // and what an edit puts behind it
    const changed = (host: Host, id: number) =>
      host.edits.every(({ start }) => start >= from) ? `${set}${this.#edited(id, host, rest)}` : "";
    const kept = this.#touched.has(value) ? this.#render(value) : this.source.textOf(value);
    return `${declarationsOf(node, this.source)} { ${this.#choice(hosted, changed, `${set}${kept};`)} }`;
  }

  #choice(
    hosted: readonly { id: number; host: Host }[],
    changed: (host: Host, id: number) => string,
    original: string,
  ): string {
    const branches = hosted.map(({ id, host }) => `if (${IS_ON}(${id})) { ${changed(host, id)} } else `);
    return `${branches.join("")}{ ${original} }`;
  }

  #yul(node: Node, hosted: readonly { id: number; host: Host }[]): string {
    const value = node.nodeType === "YulVariableDeclaration" ? (node.value as Node) : undefined;
    const { start } = this.source.range(node);
    const head = value ? this.source.text.slice(start, this.source.range(value).start) : "";
    const names = head.replace(/^let\s+/, "");
    const cases = hosted.map(({ id, host }) => {
      const text = value ? `${names}${this.#edited(id, host, this.source.range(value))}` : this.#edited(id, host);
      return `case ${id} { ${text} } `;
    });
    const declared = value ? `${head.slice(0, head.indexOf(":="))}\n` : "";
    const original = value ? `${names}${this.source.textOf(value)}` : this.#plain(node);
    return `${declared}switch ${WHICH}_ ${cases.join("")}default { ${original} }`;
  }

  /** What is chosen inside is read outside: assembly cannot call. And where it is only asked what is reached, it is told here. */
  #assembly(node: Node, text: string): string {
    const within = [...this.#hosts].filter(
      ([host, [first]]) => first?.host.kind === "yul" && [...this.source.ancestors(host)].includes(node),
    );
    if (within.length === 0) return text;
    const ids = within.flatMap(([, hosted]) => hosted.map(({ id }) => id));
    return `{ uint256 ${WHICH}_ = ${WHICH}(); ${ids.map((id) => `${IS_ON}(${id});`).join(" ")} ${text} }`;
  }

  /** A function that goes on to one of several private copies: the only way to have a modifier or not. */
  #function(node: Node, hosted: readonly { id: number; host: Host }[]): string {
    const { source } = this;
    const body = source.range(node.body!);
    const { start } = source.range(node);
    const gone = (node.modifiers ?? []).map((modifier) => ({ ...source.range(modifier), text: "" }));
    const head = edited(
      source.text,
      { start, end: body.start },
      gone.sort((a, b) => a.start - b.start),
    );
    const parameters = source.textOf(node.parameters!);
    const results = node.returnParameters?.parameters.length ? ` returns ${source.textOf(node.returnParameters)}` : "";
    const mutability = /^(pure|view)$/.test(node.stateMutability ?? "") ? node.stateMutability : "";
    const name = (id: number) => `${node.name}__${id}`;
    const args = node.parameters!.parameters.map((each) => each.name).join(", ");
    const call = (id: number) => `${results ? "return " : ""}${name(id)}(${args});`;
    const copy = (id: number, modifiers: string, text: string) =>
      `function ${name(id)}${parameters} private ${mutability} ${modifiers}${results} ${text}`;
    const kept = (edits: readonly Edit[]) =>
      (node.modifiers ?? [])
        .map((each) =>
          edited(
            source.text,
            source.range(each),
            edits.filter((edit) => edit.start >= source.range(each).start && edit.end <= source.range(each).end),
          ),
        )
        .join(" ");
    const copies = hosted.map(({ id, host }) =>
      copy(
        id,
        kept(host.edits),
        edited(
          source.text,
          body,
          host.edits.filter((edit) => edit.start >= body.start),
        ),
      ),
    );
    const original = copy(
      0,
      kept([]),
      this.#touched.has(node.body!) ? this.#render(node.body!) : source.textOf(node.body!),
    );
    return `${head} { ${this.#choice(hosted, (_, id) => call(id), call(0))} } ${[...copies, original].join(" ")}`;
  }
}
