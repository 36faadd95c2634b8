/** Rules about the tree itself: names, sizes, links, pins. What a compiler or linter can check is left to them. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect } from "chai";

const ROOT = join(import.meta.dirname, "..", "..");
const SELF = "test/style/tidy.test.ts";
const LINES_AT_MOST = 500;
/** Files of src/ that may be longer, each with its reason. */
const LONGER: Record<string, string> = {
  "src/chain/abi.ts": "generated",
  "src/protocol/gen/sublet_pb.js": "generated",
  "src/protocol/gen/sublet_pb.d.ts": "generated",
};

/** Everything that is committed or about to be, but for deletions that are not committed yet. */
const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));
const typescript = files.filter((path) => path.endsWith(".ts") && !path.includes("/gen/"));
const markdown = files.filter((path) => path.endsWith(".md"));

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** `path:line: text` of each line that matches. */
function lines(paths: string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe("the tree", () => {
  it("names folders, files and types for what they are", () => {
    const vague = /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.[^/]*$)|Manager[^/]*$/i;
    expect(files.filter((path) => vague.test(path))).to.deep.equal([]);
    const source = files.filter((path) => /\.(ts|mjs|sol)$/.test(path) && path !== SELF);
    expect(lines(source, /\b(class|interface|contract|library|type) \w*(Manager|Helper|Utils?)\b/)).to.deep.equal([]);
  });

  it(`keeps source files below ${LINES_AT_MOST} lines`, () => {
    const long = files
      .filter((path) => path.startsWith("src/") && /\.(ts|js)$/.test(path))
      .filter((path) => read(path).split("\n").length > LINES_AT_MOST && !(path in LONGER));
    expect(long).to.deep.equal([]);
    expect(Object.keys(LONGER).filter((path) => !files.includes(path))).to.deep.equal([]);
  });

  it("speaks of no machine it was written on", () => {
    const text = files.filter(
      (path) => path !== SELF && /\.(ts|mjs|cjs|js|json|md|sol|proto|ya?ml|toml|sh)$|run$/.test(path),
    );
    expect(lines(text, /registry\.npm|npmjs\.org|(?<![\w.)}-])\/(work|tmp|root)\//)).to.deep.equal([]);
  });

  it("leaves nothing for later in the code", () => {
    const source = files.filter((path) => /\.(ts|mjs|cjs|sol|proto)$/.test(path) && path !== SELF);
    expect(lines(source, /\b(TODO|FIXME|XXX|HACK)\b|\bdebugger;/)).to.deep.equal([]);
  });

  it("imports by the name that is on the disk", () => {
    const wrong = typescript.flatMap((path) =>
      [...read(path).matchAll(/(?:from|import|import\() ?"(\.{1,2}\/[^"]*)"/g)]
        .map((match) => match[1] ?? "")
        .filter((target) => !existsSync(join(ROOT, dirname(path), target)) || !/\.(ts|js|json)$/.test(target))
        .map((target) => `${path}: ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });
});

describe("the documents", () => {
  it("link to files and headings that exist", () => {
    const broken = markdown.flatMap((path) =>
      relativeLinks(read(path))
        .filter((link) => !reaches(path, link))
        .map((link) => `${path}: ${link}`),
    );
    expect(broken).to.deep.equal([]);
  });
});

describe("the packages", () => {
  const manifest = JSON.parse(read("package.json"));
  const locked = JSON.parse(read("package-lock.json")).packages;

  it("are pinned to one version each", () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)),
    );
    expect(loose).to.deep.equal([]);
  });

  it("are locked as the manifest names them", () => {
    expect(locked[""].dependencies).to.deep.equal(manifest.dependencies);
    expect(locked[""].devDependencies).to.deep.equal(manifest.devDependencies);
  });

  it("are locked with the hash of their contents", () => {
    const open = Object.entries<{ integrity?: string; inBundle?: boolean }>(locked).filter(
      ([path, entry]) => path !== "" && !entry.integrity && !entry.inBundle,
    );
    expect(open.map(([path]) => path)).to.deep.equal([]);
  });
});

function relativeLinks(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)]
    .map((match) => match[1] ?? "")
    .filter((link) => !/^[a-z]+:/.test(link));
}

function reaches(from: string, link: string): boolean {
  const [path = "", heading] = link.split("#");
  const target = path === "" ? from : normalize(join(dirname(from), decodeURIComponent(path)));
  if (!existsSync(join(ROOT, target))) return false;
  return heading === undefined || !target.endsWith(".md") || anchors(read(target)).includes(heading);
}

/** The names a heading can be linked by, as forges derive them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ +(.*)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}
