import { expect } from "chai";
import fc from "fast-check";
import { FrameReader } from "../../src/network/FrameReader.ts";
import type { Parts } from "../../src/protocol/Envelope.ts";
import { frameOf, prefix } from "./raw.ts";

const part = fc.uint8Array({ maxLength: 40 });
const frames = fc.array(fc.record({ header: part, payload: part }), { maxLength: 6 });

describe("FrameReader", () => {
  it("finds the same frames however the bytes are cut, and knows what is pending", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), part, (sent, cuts, rest) => {
        const tail = frameOf({ header: rest, payload: rest }).subarray(0, 7 + rest.length);
        const bytes = Buffer.concat([...sent.map(frameOf), tail]);
        const reader = new FrameReader();
        const read: Parts[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const chunk = bytes.subarray(at, at + cuts[turn % cuts.length]!);
          at += chunk.length;
          for (let from = 0; from < chunk.length; ) {
            const { end, frame } = reader.take(chunk, from);
            if (frame !== undefined) read.push(frame);
            from = end;
          }
        }
        expect(read).to.deep.equal(sent);
        expect(reader.pendingBytes).to.equal(tail.length);
      }),
    );
  });

  it("keeps no chunk: one that is changed after it was taken changes nothing", () => {
    const bytes = frameOf({ header: Buffer.alloc(16, 1), payload: Buffer.alloc(64, 2) });
    const reader = new FrameReader();
    let read: Parts | undefined;
    const chunk = new Uint8Array(1);
    for (const byte of bytes) {
      chunk[0] = byte;
      read = reader.take(chunk, 0).frame;
      chunk[0] = 0xee;
    }
    expect(read).to.deep.equal({ header: new Uint8Array(16).fill(1), payload: new Uint8Array(64).fill(2) });
  });

  it("refuses lengths over its limits, exactly there", () => {
    const reader = new FrameReader();
    reader.limits = { headerBytes: 10, payloadBytes: 20 };
    expect(reader.take(frameOf({ header: Buffer.alloc(10), payload: Buffer.alloc(20) }), 0)).to.have.property("frame");
    for (const [header, payload] of [
      [11, 0],
      [0, 21],
      [0xffffffff, 0],
      [0, 0xffffffff],
    ] as const) {
      const fresh = new FrameReader();
      fresh.limits = reader.limits;
      expect(() => fresh.take(prefix(header, payload), 0))
        .to.throw()
        .with.property("code", "MessageTooLarge");
    }
  });
});
