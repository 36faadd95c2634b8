/** What is changed in Solidity, one small change at a time. Each yields edits; which of them compile is seen later. */
import { declarationsOf } from "./Hosts.ts";
import type { Change, Edit } from "./Mutant.ts";
import type { Node, Range, Source } from "./Tree.ts";
import { assemblyChanges } from "./YulOperators.ts";

/** Of a binary operation, or of a compound assignment before its "=". */
const INSTEAD: Record<string, readonly string[]> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "==": ["!="],
  "!=": ["=="],
  "&&": ["||"],
  "||": ["&&"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "<<": [">>"],
  ">>": ["<<"],
  "&": ["|"],
  "|": ["&"],
  "^": ["&"],
};
const FAMILIES: readonly [string, RegExp][] = [
  ["boundary", /^([<>]=?|[!=]=)$/],
  ["logic", /^(&&|\|\|)$/],
  ["arithmetic", /./],
];
/** Errors by what the check that raises them is about. */
const CHECKS: readonly [string, RegExp][] = [
  ["role", /Unauthorized|Signer/],
  ["phase", /Phase|State|Due|Expired|Unknown|NotPast|Proven/],
  ["check", /./],
];

type Found = readonly [operator: string, ...edits: Edit[]];

/** All changes of one file, in the order of their places. `declared` finds a declaration of any file by its id. */
export function changes(source: Source, declared: (id: number) => Node | undefined): Change[] {
  const found: Change[] = [];
  for (const node of source.nodes) {
    if (!inCode(node, source)) continue;
    for (const [operator, ...edits] of [...ofNode(node, source, declared)]) {
      found.push({ operator, file: source.path, edits: edits.toSorted((a, b) => a.start - b.start) });
    }
  }
  const distinct = new Map(found.map((change) => [JSON.stringify(change.edits), change]));
  return [...distinct.values()];
}

/** In a function with a body, or the value of a constant. */
function inCode(node: Node, source: Source): boolean {
  for (const above of source.ancestors(node)) {
    if (above.nodeType === "FunctionDefinition") return above.body != null;
    if (above.nodeType === "VariableDeclaration" && above.constant) return true;
  }
  return false;
}

function* ofNode(node: Node, source: Source, declared: (id: number) => Node | undefined): Generator<Found> {
  switch (node.nodeType) {
    case "BinaryOperation":
      return yield* binary(node, source);
    case "Assignment":
      return yield* assignment(node, source);
    case "UnaryOperation":
      return yield* unary(node, source);
    case "Literal":
      return yield* literal(node, source);
    case "MemberAccess":
      return yield* enumMember(node, source, declared);
    case "Conditional":
      yield ["branch", replace(source.range(node), source.textOf(node.trueExpression!))];
      return yield ["branch", replace(source.range(node), source.textOf(node.falseExpression!))];
    case "IfStatement":
      return yield* branch(node, source);
    case "ForStatement":
    case "WhileStatement":
      if (node.condition) yield ["branch", replace(source.range(node.condition), "false")];
      return;
    case "ExpressionStatement":
      if (source.parent(node)?.nodeType === "ForStatement" && source.parent(node)!.body !== node) return;
      if (pointsToStorage(node.expression?.leftHandSide)) return; // the compiler refuses one that points nowhere
      return yield [statementKind(node, source), remove(source.range(node))];
    case "EmitStatement":
      return yield ["emit", remove(source.range(node))];
    case "TryStatement":
      return yield ["call", remove(source.range(node))];
    case "VariableDeclarationStatement":
      return yield* unset(node, source);
    case "Return":
      return yield* returned(node, source);
    case "FunctionCall":
      return yield* swapped(node.arguments ?? [], source);
    case "ModifierInvocation":
      if (node.kind === "modifierInvocation") yield ["modifier", remove(source.range(node))];
      return;
    case "InlineAssembly":
      return yield* assemblyChanges(node, source);
  }
}

function* binary(node: Node, source: Source): Generator<Found> {
  const [left, right] = [node.leftExpression!, node.rightExpression!];
  const token = between(source, left, right, node.operator!);
  for (const other of INSTEAD[node.operator!] ?? []) {
    if (!(isExtremum(node, source) && other.startsWith(node.operator!.charAt(0))))
      yield [family(node.operator!), replace(token, other)];
  }
  if (node.operator !== "&&" && node.operator !== "||") return;
  yield ["operand", replace(source.range(node), source.textOf(left))];
  yield ["operand", replace(source.range(node), source.textOf(right))];
}

/** The lesser or greater of two, `a < b ? a : b` or `if (a < b) b = a`: where both are equal, either is right. */
function isExtremum(node: Node, source: Source): boolean {
  const above = source.parent(node);
  const compared = [source.textOf(node.leftExpression!), source.textOf(node.rightExpression!)];
  if (!above || above.condition !== node) return false;
  const only = above.trueBody?.statements?.length === 1 ? above.trueBody.statements[0] : above.trueBody;
  const set = only?.expression?.operator === "=" ? only.expression : undefined;
  const chosen =
    above.nodeType === "Conditional"
      ? [above.trueExpression!, above.falseExpression!]
      : [set?.leftHandSide, set?.rightHandSide];
  return chosen.every((each) => each && compared.includes(source.textOf(each)));
}

function* assignment(node: Node, source: Source): Generator<Found> {
  const [left, right] = [node.leftHandSide!, node.rightHandSide!];
  const operator = node.operator!.slice(0, -1);
  const token = between(source, left, right, node.operator!);
  for (const other of INSTEAD[operator] ?? []) yield ["arithmetic", replace(token, `${other}=`)];
  if (right.nodeType === "TupleExpression") {
    yield* swapped(
      (right.components ?? []).filter((each) => each !== null),
      source,
    );
  }
}

function* unary(node: Node, source: Source): Generator<Found> {
  const { start, end } = source.range(node);
  const token = node.prefix ? { start, end: start + node.operator!.length } : { start: end - 2, end };
  if (node.operator === "!" || node.operator === "~") yield ["logic", remove(token)];
  if (node.operator === "++") yield ["arithmetic", replace(token, "--")];
  if (node.operator === "--") yield ["arithmetic", replace(token, "++")];
}

function* literal(node: Node, source: Source): Generator<Found> {
  const range = source.range(node);
  const text = source.slice(range);
  if (node.kind === "bool") yield ["constant", replace(range, text === "true" ? "false" : "true")];
  if (node.kind === "string" && text !== '""') yield ["constant", replace(range, '""')];
  if (node.kind !== "number" || !/^(0x[\da-f]+|\d+)$/i.test(text) || isAddress(node)) return;
  const value = BigInt(text);
  yield ["constant", replace(range, String(value + 1n))];
  if (value !== 0n) yield ["constant", replace(range, "0")];
}

function isAddress(node: Node): boolean {
  return node.typeDescriptions?.typeString?.startsWith("address") ?? false;
}

/** The next value of the enum. */
function* enumMember(node: Node, source: Source, declared: (id: number) => Node | undefined): Generator<Found> {
  if (!node.expression?.typeDescriptions?.typeString?.startsWith("type(enum")) return;
  const values = declared(node.expression.referencedDeclaration ?? -1)?.members ?? [];
  const at = values.findIndex(({ name }) => name === node.memberName);
  if (at < 0 || values.length < 2) return;
  const other = values[(at + 1) % values.length]!.name!;
  const { end } = source.range(node);
  yield ["constant", replace({ start: end - node.memberName!.length, end }, other)];
}

function* branch(node: Node, source: Source): Generator<Found> {
  const condition = source.range(node.condition!);
  const operator = checked(node, source) ?? "branch";
  yield [operator, replace(condition, `!(${source.slice(condition)})`)];
  if (node.falseBody == null) yield [operator, remove(source.range(node))];
  else yield [operator, replace(condition, "false")];
  if (operator === "branch") yield [operator, replace(condition, "true")];
}

/** What an `if` is about that does nothing but refuse: it reverts, or returns an error. */
export function checked(node: Node, source: Source): string | undefined {
  const statements = node.trueBody?.statements ?? [node.trueBody!];
  const only = statements[0];
  if (statements.length !== 1 || !only || node.falseBody != null) return undefined;
  const text = source.textOf(only);
  if (only.nodeType !== "RevertStatement" && !/^return .*\.selector\b/.test(text)) return undefined;
  return CHECKS.find(([, errors]) => errors.test(text))![0];
}

function pointsToStorage(assigned: Node | undefined): boolean {
  return assigned?.typeDescriptions?.typeString?.endsWith("storage pointer") ?? false;
}

function statementKind(node: Node, source: Source): string {
  const expression = node.expression!;
  if (expression.nodeType !== "FunctionCall") return "assignment";
  const called = source.textOf(expression.expression!);
  if (/^_?requireSender$/.test(called)) return "role";
  return /^_?(require|check|cap)/i.test(called.split(".").at(-1)!) ? "check" : "call";
}

/** A variable that gets its value from a call with effects: declared, but the call is not made. */
function* unset(node: Node, source: Source): Generator<Found> {
  const value = node.initialValue;
  if (value?.nodeType !== "FunctionCall" || value.kind !== "functionCall") return;
  const type = value.expression?.typeDescriptions?.typeString ?? "";
  if (!type.startsWith("function") || /\b(pure|view)\b/.test(type)) return;
  yield ["call", replace(source.range(node), declarationsOf(node, source))];
}

function* returned(node: Node, source: Source): Generator<Found> {
  const value = node.expression;
  if (!value || value.nodeType === "Literal" || value.nodeType === "TupleExpression") return;
  const above = source.parent(node);
  const check = above?.nodeType === "IfStatement" ? above : above && source.parent(above);
  if (check?.nodeType === "IfStatement" && checked(check, source)) return; // going on is the change to make there
  const type = value.typeDescriptions?.typeString ?? "";
  const range = source.range(node);
  if (type === "bool") yield ["return", replace(range, `return !(${source.textOf(value)});`)];
  else if (/^(uint|int|bytes)\d+$|^address$/.test(type)) yield ["return", replace(range, `return ${type}(0);`)];
}

/** Neighbours of one type, the one for the other. */
function* swapped(values: readonly Node[], source: Source): Generator<Found> {
  for (let at = 1; at < values.length; at++) {
    const [one, other] = [values[at - 1]!, values[at]!];
    const [first, second] = [source.textOf(one), source.textOf(other)];
    const type = one.typeDescriptions?.typeString;
    if (first === second || type !== other.typeDescriptions?.typeString) continue;
    yield ["swap", replace(source.range(one), second), replace(source.range(other), first)];
  }
}

function family(operator: string): string {
  return FAMILIES.find(([, operators]) => operators.test(operator))![0];
}

/** The operator's own place: what stands between the operands may hold comments too. */
function between(source: Source, left: Node, right: Node, operator: string): Range {
  const { end } = source.range(left);
  const gap = source.text.slice(end, source.range(right).start);
  const blank = gap.replaceAll(/\/\*.*?\*\/|\/\/[^\n]*/gs, (comment) => " ".repeat(comment.length));
  const start = end + blank.indexOf(operator);
  return { start, end: start + operator.length };
}

export function replace({ start, end }: Range, text: string): Edit {
  return { start, end, text };
}

export function remove(range: Range): Edit {
  return replace(range, "");
}
