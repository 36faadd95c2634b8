import { createCipheriv } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, Cipher, LengthError } from "../../src/codec/index.ts";
import { bytesOf, content, hex } from "../vectors/content.ts";

const key = content(10, 32);

/** Byte `offset` of the keystream as documented: AES-256 of the block number. */
function keystreamByte(offset: number): number {
  const counter = Buffer.from(
    Math.floor(offset / 16)
      .toString(16)
      .padStart(32, "0"),
    "hex",
  );
  return createCipheriv("aes-256-ecb", key, null).update(counter)[offset % 16]!;
}

describe("Cipher.crypt", () => {
  it("is AES-256 of the offset's block number", () => {
    expect(hex(Cipher.crypt(new Uint8Array(32), 0, new Uint8Array(16)))).to.equal("0xdc95c078a2408989ad48a21492842087");
    for (const offset of [0, 1, 15, 16, 17, 255, 65_536, 2 ** 32 * 16 - 1, 2 ** 32 * 16, 2 ** 48 + 5]) {
      const stream = Cipher.crypt(key, offset, new Uint8Array(40));
      expect([...stream]).to.deep.equal(Array.from({ length: 40 }, (_, at) => keystreamByte(offset + at)));
    }
  });

  it("gives the same bytes in one piece and in any pieces, and undoes itself", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(300),
        fc.oneof(fc.nat(1000), fc.nat(2 ** 50)),
        (bytes, cut, offset) => {
          const whole = Cipher.crypt(key, offset, bytes);
          const at = Math.min(cut, bytes.length);
          const pieces = [
            ...Cipher.crypt(key, offset, bytes.subarray(0, at)),
            ...Cipher.crypt(key, offset + at, bytes.subarray(at)),
          ];
          expect(pieces).to.deep.equal([...whole]);
          expect([...Cipher.crypt(key, offset, whole)]).to.deep.equal([...bytes]);
        },
      ),
    );
  });

  it("leaves its input alone", () => {
    const bytes = content(11, 100);
    Cipher.crypt(key, 3, bytes);
    expect(hex(bytes)).to.equal(hex(content(11, 100)));
  });

  it("rejects a short key and an impossible offset", () => {
    expect(() => Cipher.crypt(key.subarray(1), 0, key))
      .to.throw(LengthError)
      .that.includes({ actual: 31 });
    for (const offset of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => Cipher.crypt(key, offset, key), String(offset)).to.throw(BoundsError);
    }
  });
});

describe("Cipher.seal and open", () => {
  it("are AES-256-GCM with a zero nonce (cases 13 and 14 of its specification)", () => {
    const zeroKey = new Uint8Array(32);
    expect(hex(Cipher.seal(zeroKey, new Uint8Array(0)))).to.equal("0x530f8afbc74536b9a963b4f1c4cb738b");
    expect(hex(Cipher.seal(zeroKey, new Uint8Array(16)))).to.equal(
      "0xcea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    );
  });

  it("return what was sealed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (plaintext) => {
        expect([...Cipher.open(key, Cipher.seal(key, plaintext))]).to.deep.equal([...plaintext]);
      }),
    );
  });

  it("refuse every altered, cut or extended text, and every other key", () => {
    const sealed = Cipher.seal(key, content(12, 40));
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at]! ^= 1;
      expect(() => Cipher.open(key, altered), `byte ${at}`)
        .to.throw(Cipher.SealError)
        .that.includes({ code: "SEAL" });
    }
    expect(() => Cipher.open(key, sealed.subarray(0, -1))).to.throw(Cipher.SealError);
    expect(() => Cipher.open(key, bytesOf(`${hex(sealed)}00`))).to.throw(Cipher.SealError);
    expect(() => Cipher.open(content(13, 32), sealed)).to.throw(Cipher.SealError);
    expect(() => Cipher.open(key, sealed.subarray(0, 15)))
      .to.throw(LengthError)
      .that.includes({ least: 16 });
  });
});
