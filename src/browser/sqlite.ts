/**
 * What the client uses of node:sqlite, for pages: SQLite as WebAssembly (sql.js). A file is in the page's memory, and the
 * same for whoever opens it there.
 */
import initialize, { type Database, type SqlValue, type Statement } from "sql.js";
import wasmBinary from "sql.js/dist/sql-wasm-browser.wasm";

type Value = SqlValue | bigint;

const IN_MEMORY = ":memory:";

const { Database: Connection } = await initialize({ wasmBinary: wasmBinary.buffer });
const files = new Map<string, Database>();

export class DatabaseSync {
  readonly #database: Database;
  readonly #inMemory: boolean;
  readonly #statements = new Set<Statement>();
  #begun = false;

  constructor(file: string) {
    this.#inMemory = file === IN_MEMORY;
    this.#database = files.get(file) ?? new Connection();
    if (!this.#inMemory) files.set(file, this.#database);
  }

  get isTransaction(): boolean {
    return this.#begun;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
    if (sql.startsWith("BEGIN")) this.#begun = true;
    else if (sql === "COMMIT" || sql === "ROLLBACK") this.#begun = false;
  }

  prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    this.#statements.add(statement);
    return new StatementSync(this.#database, statement);
  }

  close(): void {
    for (const statement of this.#statements) statement.free();
    this.#statements.clear();
    if (this.#inMemory) this.#database.close();
  }
}

export class StatementSync {
  readonly #database: Database;
  readonly #statement: Statement;

  constructor(database: Database, statement: Statement) {
    this.#database = database;
    this.#statement = statement;
  }

  run(...values: Value[]): { changes: number } {
    this.#statement.run(values.map(bound));
    return { changes: this.#database.getRowsModified() };
  }

  get(...values: Value[]): object | undefined {
    for (const row of this.iterate(...values)) return row;
    return undefined;
  }

  all(...values: Value[]): object[] {
    return [...this.iterate(...values)];
  }

  *iterate(...values: Value[]): Generator<object> {
    const statement = this.#statement;
    statement.bind(values.map(bound));
    try {
      while (statement.step()) yield statement.getAsObject();
    } finally {
      statement.reset();
    }
  }
}

/** sql.js makes a float of what does not fit 32 bits. */
function bound(value: Value): SqlValue {
  return (
    Number.isSafeInteger(value) && value !== ((value as number) | 0) ? BigInt(value as number) : value
  ) as SqlValue;
}
