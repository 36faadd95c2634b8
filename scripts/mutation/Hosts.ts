/** Where a change can be switched on and off: the smallest part of the source that may stand in a branch of its own. */
import type { Edit } from "./Mutant.ts";
import { children, type Node, type Range, type Source } from "./Tree.ts";

/** How a host is written twice, once as it is and once changed. */
export type HostKind = "expression" | "statement" | "yul" | "function" | "constant";

export interface Host {
  readonly node: Node;
  readonly kind: HostKind;
  readonly edits: readonly Edit[];
}

const STATEMENTS = new Set([
  "Block",
  "EmitStatement",
  "ExpressionStatement",
  "ForStatement",
  "IfStatement",
  "InlineAssembly",
  "Return",
  "RevertStatement",
  "TryStatement",
  "UncheckedBlock",
  "VariableDeclarationStatement",
  "WhileStatement",
]);
const YUL_STATEMENTS = new Set([
  "YulAssignment",
  "YulBlock",
  "YulExpressionStatement",
  "YulForLoop",
  "YulIf",
  "YulSwitch",
  "YulVariableDeclaration",
]);
const EXPRESSIONS = new Set([
  "Assignment",
  "BinaryOperation",
  "Conditional",
  "FunctionCall",
  "Identifier",
  "IndexAccess",
  "Literal",
  "MemberAccess",
  "TupleExpression",
  "UnaryOperation",
]);
/** Only of these can either branch of a conditional be had without changing what the whole is. */
const PLAIN_VALUE = /^(bool|u?int\d+|bytes\d+|address|address payable|enum [\w.]+|contract [\w.]+)$/;

/** One host for all edits that share one, or nothing where some edit has none. */
export function hostsOf(source: Source, edits: readonly Edit[]): Host[] | undefined {
  const hosts: { node: Node; kind: HostKind; edits: Edit[] }[] = [];
  for (const edit of edits) {
    const found = hostOf(source, edit);
    if (!found) return undefined;
    hosts.push({ ...found, edits: [edit] });
  }
  // Of two hosts, one within the other, the outer one takes both.
  const outer = hosts.filter(
    ({ node }) => ![...source.ancestors(node)].some((above) => hosts.some((x) => x.node === above)),
  );
  const distinct = outer.filter(({ node }, index) => outer.findIndex((other) => other.node === node) === index);
  for (const host of distinct) host.edits = edits.filter((edit) => encloses(source.range(host.node), edit));
  return distinct;
}

function hostOf(source: Source, edit: Edit): { node: Node; kind: HostKind } | undefined {
  const inner = smallest(source, edit);
  for (const node of [inner, ...source.ancestors(inner)]) {
    const kind = kindOf(node, source);
    if (
      kind === "function" &&
      ![node.body!, ...(node.modifiers ?? [])].some((each) => encloses(source.range(each), edit))
    ) {
      return undefined; // of the rest of its head there is one copy only
    }
    if (kind && (node.nodeType !== "VariableDeclarationStatement" || isAssignable(node, source, edit)))
      return { node, kind };
  }
  return undefined;
}

/** What a statement declares must be known after it: its value may be another one or none, but nothing else of it. */
function isAssignable(node: Node, source: Source, edit: Edit): boolean {
  const { initialValue } = node;
  if (!initialValue) return false;
  return edit.start >= source.range(initialValue).start || edit.text === declarationsOf(node, source);
}

export function declarationsOf({ declarations = [] }: Node, source: Source): string {
  return declarations.flatMap((each) => (each ? [`${source.textOf(each)};`] : [])).join(" ");
}

function smallest(source: Source, edit: Range): Node {
  let node = source.root;
  for (;;) {
    const inner = children(node).find((child) => child.src && encloses(source.range(child), edit));
    if (!inner) return node;
    node = inner;
  }
}

function encloses(outer: Range, inner: Range): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

function kindOf(node: Node, source: Source): HostKind | undefined {
  if (node.nodeType === "FunctionDefinition" && node.kind === "function" && node.body) return "function";
  if (node.nodeType === "VariableDeclaration" && node.constant) return "constant";
  const above = [...source.ancestors(node)];
  if (above.some(({ nodeType, constant }) => nodeType === "VariableDeclaration" && constant)) return undefined;
  if (YUL_STATEMENTS.has(node.nodeType)) {
    const own =
      above[0]?.nodeType === "YulBlock" && !above.some(({ nodeType }) => nodeType === "YulFunctionDefinition");
    return own ? "yul" : undefined;
  }
  if (STATEMENTS.has(node.nodeType) && standsAlone(node, above[0])) return "statement";
  const type = node.typeDescriptions?.typeString ?? "";
  return EXPRESSIONS.has(node.nodeType) && PLAIN_VALUE.test(type) && !node.lValueRequested ? "expression" : undefined;
}

/** Not so the parts of a `for`'s head. */
function standsAlone(node: Node, above: Node | undefined): boolean {
  switch (above?.nodeType) {
    case "Block":
    case "UncheckedBlock":
    case "FunctionDefinition":
    case "TryCatchClause":
      return true;
    case "IfStatement":
      return node === above.trueBody || node === above.falseBody;
    case "ForStatement":
    case "WhileStatement":
      return node === above.body;
    default:
      return false;
  }
}
