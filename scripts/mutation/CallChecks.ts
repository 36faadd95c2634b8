/**
 * A check in a function that several call is tested where one of them is: this takes it away for each of the others. The
 * call goes to a copy of the function without the check, or, where the check is one function further, without that one's.
 */
import { type Change, type Copy, type Edit, edited } from "./Mutant.ts";
import { checked } from "./Operators.ts";
import type { Node, Source } from "./Tree.ts";

const DEEPEST = 2;

interface Function {
  readonly node: Node;
  readonly source: Source;
}

interface Unchecked {
  readonly operator: string;
  readonly name: string;
  /** Of the function, and of those that it calls instead of others. */
  readonly copies: readonly Copy[];
}

export function callChecks(sources: readonly Source[]): Change[] {
  const functions = new Map<number, Function>();
  for (const source of sources) {
    for (const node of source.nodes) if (isInternal(node)) functions.set(node.id, { node, source });
  }
  const calls = sources.flatMap((source) =>
    source.nodes.filter((node) => calleeOf(node, functions)).map((node) => ({ node, source })),
  );
  return calls.flatMap(({ node, source }) => {
    const callee = calleeOf(node, functions)!;
    if (calls.filter((call) => calleeOf(call.node, functions) === callee).length < 2) return [];
    const nothingElse = callee.node.body!.statements?.length === 1;
    if (nothingElse && source.parent(node)?.nodeType === "ExpressionStatement") return []; // as good as not called
    return unchecked(callee, functions, 1).map(({ operator, name, copies }) => ({
      operator,
      file: source.path,
      edits: [{ ...source.range(node.expression!), text: name }],
      copies,
    }));
  });
}

function isInternal({ nodeType, visibility, body, modifiers }: Node): boolean {
  return (
    nodeType === "FunctionDefinition" && /internal|private/.test(visibility ?? "") && !!body && modifiers?.length === 0
  );
}

function calleeOf({ nodeType, expression }: Node, functions: ReadonlyMap<number, Function>): Function | undefined {
  if (nodeType !== "FunctionCall" || expression?.nodeType !== "Identifier") return undefined;
  return functions.get(expression.referencedDeclaration ?? -1);
}

/** The function's copies without one of its checks each. */
function unchecked({ node, source }: Function, functions: ReadonlyMap<number, Function>, depth: number): Unchecked[] {
  const found: Unchecked[] = [];
  const copy = (operator: string, without: string, edits: readonly Edit[], others: readonly Copy[]) => {
    const alike = found.filter(({ name }) => name.startsWith(`${node.name}_without_${without}`)).length;
    const name = `${node.name}_without_${without}${alike === 0 ? "" : `_${alike + 1}`}`;
    const { start } = source.range(node);
    const at = start + source.textOf(node).indexOf(node.name!);
    const renamed = { start: at, end: at + node.name!.length, text: name };
    const text = edited(source.text, source.range(node), [renamed, ...edits]);
    found.push({ operator, name, copies: [...others, { file: source.path, of: node, name, text }] });
  };
  for (const inner of source.below(node.body!)) {
    const operator = inner.nodeType === "IfStatement" ? checked(inner, source) : undefined;
    if (operator) {
      const refusal = /revert (?:\w+\.)*(\w+)|(\w+)\.selector/.exec(source.textOf(inner.trueBody!));
      copy(operator, refusal?.[1] ?? refusal?.[2] ?? "check", [{ ...source.range(inner), text: "" }], []);
    }
    const callee = depth < DEEPEST ? calleeOf(inner, functions) : undefined;
    for (const other of callee && callee.node !== node ? unchecked(callee, functions, depth + 1) : []) {
      const call = { ...source.range(inner.expression!), text: other.name };
      copy(other.operator, other.name.replace("_without_", "_"), [call], other.copies);
    }
  }
  return found;
}
