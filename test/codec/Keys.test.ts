import { createECDH } from "node:crypto";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "chai";
import { BoundsError, Keys, LengthError, Slab } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";

const master = content(1, 32);

/** The documented derivation, by another HKDF. */
function step(parent: Uint8Array, label: string, ...fields: Uint8Array[]): Uint8Array {
  const info = Buffer.concat([Buffer.from(`sublet/1/${label}`), ...fields]);
  return hkdf(sha256, parent, new Uint8Array(0), new Uint8Array(info), 32);
}

describe("Keys", () => {
  it("follow the documented labels and fields", () => {
    const id = content(2, 16);
    const slab = { lane: 0x0102030405060708n, sequence: 9 };
    const slabBytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9);
    const drive = step(master, "drive");
    const root = step(step(drive, "volume", Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2)), "mask");
    const cases: [Uint8Array, Uint8Array][] = [
      [Keys.driveKey(master), drive],
      [Keys.deviceKey(master), step(master, "device")],
      [Keys.maskRoot(drive, 258n), root],
      [Keys.maskKey(root, slab, 11), step(step(root, "slab", slabBytes), "position", Uint8Array.of(11))],
      [Keys.objectKey(drive, id), step(step(drive, "content"), "object", id)],
      [Keys.segmentKey(drive, id), step(step(drive, "catalogue"), "segment", id)],
      [Keys.entryKey(drive, id), step(step(drive, "head"), "entry", id)],
    ];
    for (const [actual, expected] of cases) expect(hex(actual)).to.equal(hex(expected));
  });

  for (const [label, of] of [
    ["account", Keys.accountKey],
    ["signer", Keys.signerKey],
  ] as const) {
    it(`reduce the ${label}'s to a private key the curve accepts`, () => {
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const wide = hkdf(sha256, master, new Uint8Array(0), new TextEncoder().encode(`sublet/1/${label}`), 48);
      expect(BigInt(hex(of(master)))).to.equal((BigInt(hex(wide)) % (order - 1n)) + 1n);
      for (let seed = 0; seed < 20; seed++) {
        const ecdh = createECDH("secp256k1");
        ecdh.setPrivateKey(of(content(seed, 32)));
        expect(ecdh.getPublicKey().length).to.equal(65);
      }
    });
  }

  it("are all different, whatever differs: purpose, volume, slab, position, id or master", () => {
    const other = content(3, 32);
    const keys = [master, other].flatMap((key) => [
      Keys.accountKey(key),
      Keys.driveKey(key),
      Keys.signerKey(key),
      Keys.deviceKey(key),
      ...[0n, 1n, 2n ** 64n - 1n].flatMap((volume) => [
        Keys.maskRoot(key, volume),
        ...[0n, 1n].flatMap((lane) =>
          [0, 1].flatMap((sequence) => Keys.maskKeys(Keys.maskRoot(key, volume), { lane, sequence }, 30)),
        ),
      ]),
      ...[4, 5].flatMap((seed) => [
        Keys.objectKey(key, content(seed, 16)),
        Keys.segmentKey(key, content(seed, 16)),
        Keys.entryKey(key, content(seed, 16)),
      ]),
    ]);
    expect(new Set(keys.map(hex)).size).to.equal(keys.length);
  });

  it("give the same mask key one by one and all at once", () => {
    const root = Keys.maskRoot(master, 7n);
    const slab = { lane: 3n, sequence: 4 };
    expect(Keys.maskKeys(root, slab, 255).map(hex)).to.deep.equal(
      Array.from({ length: 255 }, (_, position) => hex(Keys.maskKey(root, slab, position))),
    );
  });

  it("reject what does not fit its field", () => {
    const root = Keys.maskRoot(master, 0n);
    const slab = { lane: 0n, sequence: 0 };
    expect(() => Keys.accountKey(content(1, 31)))
      .to.throw(LengthError)
      .that.includes({ least: 32, actual: 31 });
    expect(() => Keys.maskRoot(master, 2n ** 64n))
      .to.throw(BoundsError)
      .that.includes({ actual: 2n ** 64n });
    expect(() => Keys.maskRoot(master, -1n)).to.throw(BoundsError);
    expect(() => Keys.maskKey(root, slab, 255))
      .to.throw(BoundsError)
      .that.includes({ most: 254, actual: 255 });
    expect(() => Keys.maskKey(root, { lane: 2n ** 64n, sequence: 0 }, 0)).to.throw(BoundsError);
    expect(() => Keys.maskKey(root, { lane: 0n, sequence: 2 ** 32 }, 0)).to.throw(BoundsError);
    expect(() => Keys.maskKeys(root, slab, 256)).to.throw(BoundsError);
    expect(() => Keys.objectKey(master, content(1, 15))).to.throw(LengthError);
    expect(() => Keys.segmentKey(master, content(1, 17))).to.throw(LengthError);
    expect(() => Keys.entryKey(master, content(1, 17))).to.throw(LengthError);
  });
});

describe("Slab ids", () => {
  it("survive their bytes", () => {
    for (const id of [
      { lane: 0n, sequence: 0 },
      { lane: 2n ** 64n - 1n, sequence: 2 ** 32 - 1 },
      { lane: 0x8000000000000001n, sequence: 77 },
    ]) {
      expect(Slab.idFromBytes(Slab.idBytes(id))).to.deep.equal(id);
    }
    expect(() => Slab.idFromBytes(new Uint8Array(11))).to.throw(LengthError);
  });
});
