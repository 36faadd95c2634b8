/** A change to a source that its tests should notice. */
import type { Node, Range, Source } from "./Tree.ts";

export interface Edit extends Range {
  readonly text: string;
}

export interface Change {
  readonly operator: string;
  readonly file: string;
  /** In order, none overlapping. */
  readonly edits: readonly Edit[];
  /** Functions that the edits call: they are there in every build that has this change. */
  readonly copies?: readonly Copy[];
}

/** A function under another name, put behind the one it was made of. */
export interface Copy {
  readonly file: string;
  readonly of: Node;
  readonly name: string;
  readonly text: string;
}

/** What a change is known by from one version of the sources to the next: never by a line number. */
export interface Signature {
  readonly file: string;
  /** Contract and function. */
  readonly in: string;
  readonly operator: string;
  /** The lines that the change touches, white space aside, and what they become. */
  readonly before: string;
  readonly after: string;
}

export interface Mutant extends Change, Signature {
  /** From 1; what the switch of the build is set to. */
  readonly id: number;
  readonly line: number;
}

/** The text of `range` with the edits that lie in it made. */
export function edited(text: string, { start, end }: Range, edits: readonly Edit[]): string {
  let out = "";
  let at = start;
  for (const edit of edits) {
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return out + text.slice(at, end);
}

export function describe(change: Change, source: Source): Signature & { line: number } {
  const first = change.edits[0]!;
  const last = change.edits.at(-1)!;
  const start = source.text.lastIndexOf("\n", first.start - 1) + 1;
  const newline = source.text.indexOf("\n", last.end);
  const lines = { start, end: newline < 0 ? source.text.length : newline };
  return {
    file: change.file,
    in: source.placeAt(first.start),
    operator: change.operator,
    before: plain(source.slice(lines)),
    after: plain(edited(source.text, lines, change.edits)),
    line: source.lineAt(first.start),
  };
}

function plain(text: string): string {
  return Buffer.from(text, "latin1").toString().replaceAll(/\s+/g, " ").trim();
}
