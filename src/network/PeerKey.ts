/** The key behind a node's peer id: Ed25519, made once, kept in a file of its own. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { SubletException } from "../protocol/Errors.ts";

export type { PrivateKey };

export function newPeerKey(): Promise<PrivateKey> {
  return generateKeyPair("Ed25519");
}

export function peerIdOf(key: PrivateKey): string {
  return peerIdFromPrivateKey(key).toString();
}

/**
 * The key in the file at `path`, made (mode 0600, synced to disk) if there is none: the peer id must survive restarts,
 * since others have it from announcements.
 * @throws SubletException StateCorrupt when the file holds no key
 */
export async function loadPeerKey(path: string): Promise<PrivateKey> {
  for (;;) {
    const held = await readFile(path).catch(absent);
    if (held !== undefined) return parse(path, held);
    await writeOnce(path, privateKeyToProtobuf(await newPeerKey()));
  }
}

function parse(path: string, held: Uint8Array): PrivateKey {
  try {
    return privateKeyFromProtobuf(held);
  } catch (cause) {
    throw new SubletException({ code: "StateCorrupt", file: path, reason: "it holds no peer key" }, { cause });
  }
}

/** Whole or not at all, and never over a file that is there: two starts at once end up with one key. */
async function writeOnce(path: string, contents: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft);
  }
  const entry = await open(folder, "r");
  await entry.sync().finally(() => entry.close());
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
