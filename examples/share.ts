/**
 * Makes a link to a file, reads it as somebody who has nothing but the link, and takes it back.
 *
 *     SUBLET_PASSWORD=... node examples/share.ts <home>
 *
 * <home> is a drive that `sublet init` made, with money on its account; `npm start` leaves one in .sublet/local/client.
 */
import { strict as assert } from "node:assert";
import { SharedFiles, Sublet, SubletException } from "sublet";

const [home] = process.argv.slice(2);
const password = process.env.SUBLET_PASSWORD;
if (!home || password === undefined) throw new Error("usage: SUBLET_PASSWORD=... node examples/share.ts <home>");

await using drive = await Sublet.open({ home, password });
const { volumes } = await drive.status();
if (volumes.length === 0) await drive.createVolume({ k: 2, n: 3, bytes: 64 * 2 ** 20, epochs: 10 });
await drive.put("examples/invitation.txt", Buffer.from("Come as you are."));

// One transaction. Whoever has the link reads this file as it is now, and nothing else; the drive's deals pay for it.
const { id, link, budget, untilEpoch } = await drive.share("examples/invitation.txt", { until: { epochs: 5 } });
console.log(`${link.slice(0, 24)}...: until epoch ${untilEpoch}, for ${budget} base units at most`);

// Somebody else: no home, no key, no money. The link says where the chain is, and what opens the file.
{
  await using shared = await SharedFiles.open(link);
  const text = await new Response(shared.stream()).text();
  assert.equal(text, "Come as you are.");
  console.log(`${shared.name}: "${text}"`);
}

const used = (await drive.shares()).find((share) => share.id === id)?.used;
console.log(`it has cost ${used} base units so far: providers collect what they were signed for later`);

await drive.unshare(id);
const late = await SharedFiles.open(link).catch((error: unknown) => error);
assert.ok(SubletException.is(late, "LinkRevoked"));
console.log("taken back: the link leads nowhere any more");

await drive.remove("examples/invitation.txt");
