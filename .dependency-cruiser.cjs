const { Visitor } = require("@swc/core/Visitor.js");

// swc's visitor is older than "using": it throws on the statement, which is a variable declaration by another name.
const visitStatement = Visitor.prototype.visitStatement;
Visitor.prototype.visitStatement = function visit(statement) {
  if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
  statement.decls = this.visitVariableDeclarators(statement.decls);
  return statement;
};

// The one-way arrows of docs/ARCHITECTURE.md. A room may import only what stands here; type imports count as well.
const ROOMS = {
  kernels: [],
  codec: ["kernels"],
  protocol: ["codec"],
  network: ["protocol", "codec"],
  chain: ["protocol", "codec"],
  alerts: [],
  client: ["chain", "network", "protocol", "codec"],
  "provider-node": ["alerts", "chain", "network", "protocol", "codec"],
  browser: ["client", "network", "protocol"],
  relay: ["chain", "network", "protocol", "codec"],
  bootnode: ["network", "protocol"],
  // Its judgement must not rest on the code it judges: it has trees, seeds and positions of its own.
  auditor: ["alerts", "chain", "network", "protocol"],
  "command-line": ["client", "provider-node", "relay", "bootnode", "auditor", "alerts", "chain", "network", "protocol", "codec"],
};

const arrows = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `${room}-arrows`,
  comment: `src/${room} may import ${allowed.map((other) => `src/${other}`).join(", ") || "no other room"}.`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: { path: "^src/", pathNot: `^src/(${[room, ...allowed].join("|")})/` },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: "src-stands-alone",
      comment: "Shipped code takes nothing from tests, scripts, examples or benches.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|scripts|examples|bench|hardhat\\.config)" },
    },
    {
      name: "no-development-packages",
      comment: "Shipped code may only import packages that are installed with it; the bundle for pages brings its own.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/browser/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "everything-resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
