import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createNode } from "../../src/network/Node.ts";
import { loadPeerKey, newPeerKey, peerIdOf } from "../../src/network/PeerKey.ts";
import { failure } from "./fixtures.ts";

describe("PeerKey", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-key-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is made once, readable by its owner only, and the same ever after", async () => {
    const path = join(folder, "deep", "peer.key");
    const made = await loadPeerKey(path);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(join(folder, "deep"))).to.deep.equal(["peer.key"]);
    expect(peerIdOf(await loadPeerKey(path))).to.equal(peerIdOf(made));
    const node = await createNode({ privateKey: made });
    expect(node.peerId.toString()).to.equal(peerIdOf(made));
    await node.stop();
  });

  it("is one key for many that start at once", async () => {
    const path = join(folder, "peer.key");
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadPeerKey(path)));
    expect(new Set(keys.map(peerIdOf)).size).to.equal(1);
    expect(await readdir(folder)).to.deep.equal(["peer.key"]);
  });

  it("is never replaced when the file holds something else", async () => {
    const path = join(folder, "peer.key");
    await writeFile(path, "not a key");
    expect(await failure(loadPeerKey(path))).to.include({ code: "StateCorrupt", file: path });
    expect((await stat(path)).size).to.equal(9);
  });

  it("is another each time it is new", async () => {
    expect(peerIdOf(await newPeerKey())).not.to.equal(peerIdOf(await newPeerKey()));
  });
});
