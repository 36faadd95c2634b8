/** What the demo says while it runs, in plain words on standard error, and the checks it makes on its way. */
import { styleText } from "node:util";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export class Telling {
  readonly checks: Check[] = [];
  readonly #started = Date.now();

  get ok(): boolean {
    return this.checks.every(({ ok }) => ok);
  }

  heading(text: string): void {
    this.plain(`\n${styleText("bold", text)}`);
  }

  say(text: string): void {
    const seconds = `${((Date.now() - this.#started) / 1000).toFixed(0)} s`.padStart(6);
    this.plain(`${styleText("dim", seconds)}  ${text}`);
  }

  check(name: string, ok: boolean, detail: string): void {
    this.checks.push({ name, ok, detail });
    this.say(`${ok ? styleText("green", "ok  ") : styleText("red", "FAIL")} ${name}: ${detail}`);
  }

  /** Rows of equal length; all columns but the first are flush right. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    for (const row of rows) {
      const cells = row.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[0]!)));
      this.plain(`  ${cells.join("  ")}`);
    }
  }

  plain(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
