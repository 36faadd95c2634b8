/**
 * The client library for pages: one file, with what Node has and a page has not replaced by what src/browser holds.
 *
 *     npm run build:browser                 dist/browser/sublet.js
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build, type OutputFile, type Plugin } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const STAND_INS = join(ROOT, "src", "browser");

/** Modules of Node and of packages, by what stands in for them: a file of src/browser, or a package. */
const MODULES: Readonly<Record<string, string>> = {
  "node:buffer": "buffer/",
  "node:crypto": "./crypto.ts",
  "node:events": "events/",
  "node:fs": "./fs.ts",
  "node:fs/promises": "./fs-promises.ts",
  "node:net": "./net.ts",
  "node:os": "./os.ts",
  "node:path": "path-browserify",
  "node:path/posix": "path-browserify",
  "node:sqlite": "./sqlite.ts",
  "node:stream": "readable-stream",
  "node:timers/promises": "./timers.ts",
  "node:url": "./url.ts",
  "@chainsafe/hashtree": "./hashtree.ts",
  chokidar: "./chokidar.ts",
};

/** Files of src that have another side for pages, of the same name in src/browser. */
const FILES = [
  "codec/Aes.ts",
  "network/CircuitRelay.ts",
  "network/Transports.ts",
  "client/home/WriterLock.ts",
  "client/retrieve/PartialFile.ts",
];

const standIns: Plugin = {
  name: "stand-ins",
  setup({ onResolve, resolve }) {
    const from = { kind: "import-statement", resolveDir: STAND_INS } as const;
    onResolve({ filter: /./ }, ({ path, resolveDir }) => {
      const module = MODULES[path];
      if (module) return resolve(module, from);
      const file = FILES.find((name) => join(resolveDir, path) === join(ROOT, "src", name));
      return file ? resolve(`./${file.split("/").at(-1)}`, from) : undefined;
    });
  },
};

const LIBRARY = join(ROOT, "dist", "browser", "sublet.js");

/** The module and its source map, as they would be written. @param entry the library's own unless told */
export async function bundle(
  entry = join(ROOT, "src", "client", "index.ts"),
): Promise<{ code: OutputFile; map: OutputFile }> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], outfile: LIBRARY, write: false, bundle: true, minify: true, sourcemap: true },
    ...{ platform: "browser", format: "esm", target: "es2024", logLevel: "warning" },
    inject: [join(STAND_INS, "globals.ts")],
    loader: { ".wasm": "binary" },
    plugins: [standIns],
  });
  const [map, code] = outputFiles as [OutputFile, OutputFile];
  return { code, map };
}

if (import.meta.main) {
  await mkdir(dirname(LIBRARY), { recursive: true });
  for (const { path, contents } of Object.values(await bundle())) await writeFile(path, contents);
}
