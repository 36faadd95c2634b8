/** Documents cite tests as `file` "title", "title": a title may be cut short, but is what the file says as far as it goes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const CITED = /`(test\/[^`]+)`((?:(?:, | )"[^"]+")+)/g;

export interface Citation {
  readonly file: string;
  readonly titles: readonly string[];
}

/** @throws Error when a test is named otherwise: what does not read as a citation would not be checked */
export function citations(page: string): Citation[] {
  const found = [...page.matchAll(CITED)].map(([, file = "", titles = ""]) => ({
    file,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => title),
  }));
  const named = [...page.matchAll(/`test\//g)].length;
  if (found.length !== named) throw new Error(`${named} tests are named, but only ${found.length} with a title`);
  return found;
}

/** `file: title` of each that is not there. */
export function missing(cited: readonly Citation[]): string[] {
  return cited.flatMap(({ file, titles }) => {
    const path = join(ROOT, file);
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return titles.filter((title) => !text.includes(title)).map((title) => `${file}: ${title}`);
  });
}
