/** What can be put, and files as web streams. */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { SharedFiles, type Source, type Sublet } from "../../src/client/index.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
/** So much of a download is fetched ahead of its reader: four runs of 4 MiB. */
const AHEAD_BYTES = 16 * MIB;

describe("streams", function () {
  this.timeout(120_000);
  let world: World;
  let drive: Sublet;

  before(async () => {
    world = await World.create(4);
    drive = await world.open(await world.home());
    await drive.createVolume({ k: 2, n: 4, bytes: 96 * MIB, epochs: 30 });
  });

  after(() => world.end());

  /** Web stream of some pieces. */
  function web(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
    const left = [...pieces];
    return new ReadableStream({
      pull(controller) {
        const piece = left.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
    });
  }

  describe("put", () => {
    const bytes = randomBytes(2 * MIB + 333);
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)];
    const sources: [what: string, source: () => Source][] = [
      ["bytes", () => bytes],
      ["a Blob", () => new Blob([bytes])],
      ["a File", () => new File(pieces, "photo.jpg")],
      ["a small Blob, read ahead", () => new Blob([bytes.subarray(0, 1_000)])],
      ["a web stream", () => web(pieces)],
      ["a Node stream", () => Readable.from(pieces)],
      [
        "an iterable",
        async function* () {
          yield* pieces;
        },
      ],
      ["an empty web stream", () => web([])],
    ];
    for (const [what, source] of sources) {
      it(`takes ${what}`, async () => {
        const receipt = await drive.put("from", source());
        const wanted = what.includes("small")
          ? bytes.subarray(0, 1_000)
          : what.includes("empty")
            ? Buffer.alloc(0)
            : bytes;
        expect(receipt.bytes).to.equal(wanted.length);
        expect(Buffer.compare(await read(drive.get("from")), wanted)).to.equal(0);
      });
    }

    it("refuses by name what is none of these, and says what a piece should be", async () => {
      const locked = web([bytes]);
      locked.getReader();
      for (const source of [null, 7, {}, locked, ["x"]]) {
        expect(await expectError(drive.put("none", source as never), "BadArgument")).to.include({ name: "source" });
      }
      for (const source of [Readable.from(["text"]), web(["text" as never])]) {
        const error = await expectError(drive.put("none", source), "BadArgument");
        expect(error).to.include({ name: "source", value: "string" });
      }
      await expectError(read(drive.get("none")), "NoSuchPath");
    });

    it("fails as its stream fails, and what was laid of it is free again", async () => {
      const reason = new Error("the camera was unplugged");
      const before = (await drive.status()).files;
      const failing = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(randomBytes(100));
          controller.error(reason);
        },
      });
      expect(await drive.put("camera", failing).catch((error: unknown) => error)).to.equal(reason);
      expect((await drive.status()).files).to.equal(before);
      await drive.put("camera", Buffer.from("plugged in"));
      expect((await read(drive.get("camera"))).toString()).to.equal("plugged in");
    });
  });

  describe("stream", () => {
    const film = randomBytes(2 * AHEAD_BYTES);

    before(async () => {
      await drive.put("film", film);
    });

    it("gives a file, or a range of it, to whatever takes web streams", async () => {
      expect(Buffer.compare(Buffer.from(await new Response(drive.stream("film")).arrayBuffer()), film)).to.equal(0);
      const range = { first: 5_000_000, last: 5_000_999 };
      const part = await new Response(drive.stream("film", { range })).arrayBuffer();
      expect(Buffer.compare(Buffer.from(part), film.subarray(5_000_000, 5_001_000))).to.equal(0);
      let written = 0;
      const sink = new WritableStream<Uint8Array>({
        write({ length }) {
          written += length;
        },
      });
      await drive.stream("film").pipeTo(sink);
      expect(written).to.equal(film.length);
    });

    it("fetches nothing before it is read, no more than a little ahead of its reader, and nothing once it is cancelled", async () => {
      let fetched = 0;
      const stores = world.hosts.map(({ node }) => node.store);
      for (const store of stores) {
        const does = store.read.bind(store);
        store.read = (...args) => {
          fetched += args[3];
          return does(...args);
        };
      }
      const settled = async (): Promise<number> => {
        for (let before = -1; before !== fetched; await sleep(400)) before = fetched;
        return fetched;
      };
      const reader = drive.stream("film").getReader();
      expect(await settled()).to.equal(0);
      const { value } = await reader.read();
      expect(Buffer.compare(value!, film.subarray(0, value!.length))).to.equal(0);
      expect(await settled()).to.be.within(value!.length, AHEAD_BYTES + 2 * MIB);
      await reader.cancel("seen enough");
      const before = await settled();
      await sleep(300);
      expect(fetched).to.equal(before).and.be.below(film.length);
      for (const store of stores) Reflect.deleteProperty(store, "read");
      expect(
        Buffer.compare(await read(drive.get("film", { range: { first: 0, last: 99 } })), film.subarray(0, 100)),
      ).to.equal(0);
    });

    it("has what went wrong as its error", async () => {
      await expectError(drive.stream("nothing").getReader().read(), "NoSuchPath");
      await expectError(
        drive
          .stream("film", { range: { first: film.length } })
          .getReader()
          .read(),
        "BadArgument",
      );
      const stop = new AbortController();
      const reader = drive.stream("film", { signal: stop.signal }).getReader();
      await reader.read();
      stop.abort(new Error("enough"));
      const rest = (async () => {
        while (!(await reader.read()).done);
      })();
      expect(await rest.catch((error: unknown) => error)).to.equal(stop.signal.reason);
    });

    it("gives what somebody shared, if that is a file", async () => {
      await drive.put("shared/note", Buffer.from("sunny"));
      const file = await drive.share("shared/note");
      await using note = await SharedFiles.open(file.link);
      expect(await new Response(note.stream()).text()).to.equal("sunny");
      const folder = await drive.share("shared");
      await using files = await SharedFiles.open(folder.link);
      await expectError(files.stream().getReader().read(), "BadArgument");
    });
  });
});
