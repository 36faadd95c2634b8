import { expect } from "chai";
import {
  ANNOUNCEMENT_BYTES,
  type Announcement,
  AnnouncementError,
  decodeAnnouncement,
  encodeAnnouncement,
} from "../../src/protocol/Announcement.ts";

const announcement: Announcement = {
  v: 1,
  addrs: ["/ip4/127.0.0.1/tcp/4001"],
  peerId: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
  rate: 2n ** 96n - 1n,
  egressRate: 0n,
  freeSectors: 1024,
  region: "local",
  operator: "someone",
};

describe("Announcement", () => {
  it("comes back as it was announced", () => {
    expect(decodeAnnouncement(encodeAnnouncement(announcement))).to.deep.equal(announcement);
    const full = { ...announcement, minSectors: 3, maxEndEpoch: 4_000_000_000 };
    expect(decodeAnnouncement(encodeAnnouncement(full))).to.deep.equal(full);
  });

  it("drops fields that it does not know", () => {
    const text = new TextDecoder().decode(encodeAnnouncement(announcement)).replace("{", '{"later":1,');
    expect(decodeAnnouncement(new TextEncoder().encode(text))).to.deep.equal(announcement);
  });

  it("refuses what is over the limit before it parses it", () => {
    const bytes = new Uint8Array(ANNOUNCEMENT_BYTES + 1).fill(0x20);
    bytes.set(encodeAnnouncement(announcement));
    expect(() => decodeAnnouncement(bytes)).to.throw(AnnouncementError, "1025 bytes");
    const addrs = Array.from({ length: 8 }, () => `/dns4/${"a".repeat(140)}/tcp/1`);
    expect(() => encodeAnnouncement({ ...announcement, addrs })).to.throw(AnnouncementError, "over 1024");
  });

  for (const [what, text] of [
    ["no JSON", "{"],
    ["no object", "[]"],
    ["another version", '{"v":2}'],
  ] as const)
    it(`refuses ${what}`, () => {
      expect(() => decodeAnnouncement(new TextEncoder().encode(text))).to.throw(AnnouncementError);
    });

  for (const [field, value] of [
    ["rate", 2n ** 96n],
    ["rate", -1n],
    ["addrs", []],
    ["addrs", ["no multiaddr"]],
    ["peerId", "short"],
    ["freeSectors", 1.5],
    ["operator", "line\nbreak"],
  ] as const)
    it(`refuses ${field} ${String(value)}`, () => {
      expect(() => encodeAnnouncement({ ...announcement, [field]: value } as Announcement)).to.throw(
        AnnouncementError,
        field,
      );
    });
});
