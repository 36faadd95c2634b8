/**
 * Web streams in and out, with back pressure: nothing is held in memory but a few pieces, however large the file is.
 *
 *     SUBLET_PASSWORD=... node examples/web-streams.ts <home>
 *
 * <home> is a drive that `sublet init` made, with money on its account; `npm start` leaves one in .sublet/local/client.
 */
import { strict as assert } from "node:assert";
import { Sublet } from "sublet";

const [home] = process.argv.slice(2);
const password = process.env.SUBLET_PASSWORD;
if (!home || password === undefined) throw new Error("usage: SUBLET_PASSWORD=... node examples/web-streams.ts <home>");

// A signal ends whatever is under way; the calls take one of their own as well.
await using drive = await Sublet.open({ home, password, signal: AbortSignal.timeout(600_000) });
const { volumes } = await drive.status();
if (volumes.length === 0) await drive.createVolume({ k: 2, n: 3, bytes: 64 * 2 ** 20, epochs: 10 });

// In: anything that is a stream of bytes, such as the body of a Response, or what a compressor makes of one.
const lines = Array.from({ length: 200_000 }, (_, index) => `line ${index} of a log\n`).join("");
const compressed = new Blob([lines]).stream().pipeThrough(new CompressionStream("gzip"));
const { bytes, state } = await drive.put("examples/log.gz", compressed);
console.log(`${lines.length} bytes became ${bytes}, ${state}`);

// Out: into a Response, a file, or through the other transformers of the platform. It is fetched as it is read.
const restored = drive.stream("examples/log.gz").pipeThrough(new DecompressionStream("gzip"));
assert.equal(await new Response(restored).text(), lines);
console.log(`${lines.length} bytes came back`);

// Whoever has seen enough cancels, and nothing more is fetched.
const reader = drive.stream("examples/log.gz").getReader();
const { value } = await reader.read();
await reader.cancel();
console.log(`the first ${value?.length} bytes, and no more`);

await drive.remove("examples/log.gz");
