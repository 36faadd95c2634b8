/**
 * Stores a file and reads a part of it back.
 *
 *     SUBLET_PASSWORD=... node examples/put-and-get.ts <home>
 *
 * <home> is a drive that `sublet init` made, with money on its account; `npm start` leaves one in .sublet/local/client.
 */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { Sublet } from "sublet";

const [home] = process.argv.slice(2);
const password = process.env.SUBLET_PASSWORD;
if (!home || password === undefined) throw new Error("usage: SUBLET_PASSWORD=... node examples/put-and-get.ts <home>");

await using drive = await Sublet.open({ home, password });

const { volumes } = await drive.status();
// Any 2 of 3 providers bring everything back; 64 MiB for ten epochs.
if (volumes.length === 0) await drive.createVolume({ k: 2, n: 3, bytes: 64 * 2 ** 20, epochs: 10 });

const content = randomBytes(3 * 2 ** 20);
const receipt = await drive.put("examples/random.bin", content);
const signed = receipt.positions.filter(({ state }) => state !== "behind").length;
console.log(`${receipt.path}: ${receipt.state}, ${signed} of ${receipt.n} providers have signed for it`);

// Both ends of a range are included, as in HTTP. Only the stripes that hold it are fetched.
const range = { first: 1_000_000, last: 1_999_999 };
const pieces: Uint8Array[] = [];
for await (const bytes of drive.get(receipt.path, { range })) pieces.push(bytes);
const fetched = Buffer.concat(pieces);
assert.deepEqual(fetched, content.subarray(range.first, range.last + 1));
console.log(`bytes ${range.first} to ${range.last} came back as they were put`);

await drive.remove(receipt.path);
assert.deepEqual([...drive.list("examples")], []);
console.log(`${receipt.path}: removed`);
