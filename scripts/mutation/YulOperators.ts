/** The same for inline assembly. */
import type { Edit } from "./Mutant.ts";
import type { Node, Range, Source } from "./Tree.ts";

const INSTEAD: Record<string, string> = {
  add: "sub",
  sub: "add",
  mul: "div",
  div: "mul",
  mod: "mul",
  shl: "shr",
  shr: "shl",
  and: "or",
  or: "and",
  xor: "and",
  lt: "gt",
  gt: "lt",
  slt: "sgt",
  sgt: "slt",
};
/** Of one argument, which stands for the call. */
const DROPPED = new Set(["iszero", "not"]);

export function* assemblyChanges(assembly: Node, source: Source): Generator<readonly [string, ...Edit[]]> {
  for (const node of source.below(assembly.AST!)) {
    const range = source.range(node);
    switch (node.nodeType) {
      case "YulFunctionCall":
        yield* called(node, source);
        break;
      case "YulLiteral":
        if (node.kind === "number") yield* literal(range, source.slice(range));
        break;
      case "YulIf":
        yield ["branch", { ...source.range(node.condition!), text: `iszero(${source.textOf(node.condition!)})` }];
        yield ["branch", { ...range, text: "" }];
        break;
      case "YulForLoop":
        yield ["branch", { ...source.range(node.condition!), text: "0" }];
        break;
      case "YulExpressionStatement":
        yield ["call", { ...range, text: "" }];
        break;
      case "YulAssignment":
        // Without it, a pointer to storage points nowhere, which the compiler refuses.
        if (!/^\w+\.slot\b/.test(source.slice(range))) yield ["assignment", { ...range, text: "" }];
        break;
    }
  }
}

function* called(node: Node, source: Source): Generator<readonly [string, Edit]> {
  const name = node.functionName!.name!;
  const values = node.arguments ?? [];
  const only = values[0];
  if (DROPPED.has(name) && only) yield ["logic", { ...source.range(node), text: source.textOf(only) }];
  const other = INSTEAD[name];
  if (other)
    yield [/^s?[lg]t$/.test(name) ? "boundary" : "arithmetic", { ...source.range(node.functionName!), text: other }];
  if (name === "eq") yield ["boundary", { ...source.range(node), text: `iszero(${source.textOf(node)})` }];
  if (!/^s?[lg]t$/.test(name)) return;
  const opposite = `${INSTEAD[name]}(${values.map((value) => source.textOf(value)).join(", ")})`;
  yield ["boundary", { ...source.range(node), text: `iszero(${opposite})` }]; // < becomes <=, > becomes >=
}

function* literal(range: Range, text: string): Generator<readonly [string, Edit]> {
  const value = BigInt(text);
  yield ["constant", { ...range, text: String(value + 1n) }];
  if (value !== 0n) yield ["constant", { ...range, text: "0" }];
}
