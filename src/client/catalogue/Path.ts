/** Names of files: `photos/2024/beach.jpg`. No leading slash, no empty, `.` or `..` part, Unicode NFC. */
import { SubletException } from "../../protocol/Errors.ts";

const MAX_PATH_BYTES = 4_096;

/**
 * The one spelling of a file's path. Slashes at both ends are dropped.
 * @throws SubletException BadArgument for what cannot be a path
 */
export function normalize(path: string): string {
  const normal = path.normalize("NFC").replace(/^\/+|\/+$/g, "");
  const reason = flaw(normal);
  if (reason) throw new SubletException({ code: "BadArgument", name: "path", value: path.slice(0, 256), reason });
  return normal;
}

/** The same for the name of a folder, where nothing or `/` is the whole drive. */
export function normalizeFolder(path: string): string {
  return /^\/*$/.test(path) ? "" : normalize(path);
}

/** Every folder a path lies in: `a/b/c` lies in `a` and `a/b`. */
export function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function flaw(path: string): string | undefined {
  if (path === "") return "a file needs a name";
  if (path.includes("\0")) return "a NUL byte cannot be part of a name";
  if (!path.isWellFormed()) return "it is not valid Unicode";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  const part = path.split("/").find((name) => name === "" || name === "." || name === "..");
  return part === undefined ? undefined : `"${part}" cannot be a part of it`;
}
