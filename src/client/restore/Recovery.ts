/**
 * Everything back from the key: the client's openings on chain lead to its deals and their providers, these to the newest
 * heads, the heads to the segments, and the segments say what is stored where. Can be repeated until it succeeds.
 */
import { bytesToHex } from "viem";
import { Cipher, NODE_BYTES, ReedSolomon, SectorTree, Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { decodeHead, openListing, type SegmentReference } from "../catalogue/Heads.ts";
import type { Parts } from "../Parts.ts";
import { fetchExtents } from "../retrieve/Download.ts";
import { gather } from "../retrieve/Gather.ts";
import { listed, requireOwn } from "../upload/Uploads.ts";
import { currentVolumes } from "../volumes/Current.ts";
import { DealMirror, headHash } from "../volumes/DealMirror.ts";
import { learnOpenings } from "../volumes/Openings.ts";
import { refreshDeals } from "../volumes/Standing.ts";
import { tooFewProviders } from "../volumes/tooFew.ts";
import type { Deal, Volume } from "../volumes/Volume.ts";

/**
 * `answered`: deals whose provider told what it holds, of `deals` in all. `files`: those that are there again. `strange`:
 * deals in the owner's name under another signer, of which nothing can be read.
 */
export interface Recovered {
  readonly volumes: number;
  readonly deals: number;
  readonly answered: number;
  readonly files: number;
  readonly strange: number;
}

/**
 * @throws SubletException TooFewProviders when not enough of them answer now for some part of the catalogue; what was
 * learned so far is kept, and the next attempt goes on from there
 */
export async function recover(parts: Parts, signal?: AbortSignal): Promise<Recovered> {
  const strange = await learnOpenings(parts, parts.signer.address);
  const volumes = await currentVolumes(parts);
  let answered = 0;
  let deals = 0;
  for (const volume of volumes) {
    await refreshDeals(parts, volume);
    const current = parts.volumes.deals(volume.id);
    const told = await Promise.allSettled(current.map((deal) => learnDeal(parts, deal, signal)));
    deals += current.length;
    const have = told.filter(({ status }) => status === "fulfilled").length;
    answered += have;
    if (have < volume.k) {
      const failures = told.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
      throw tooFewProviders(have, volume.k, failures);
    }
  }
  parts.lanes.own();
  await learnSegments(parts, signal);
  parts.database.transaction(() => parts.catalogue.settle(parts.catalogue.forgettings([])));
  for (const volume of volumes) await completeSlabs(parts, volume, signal);
  let files = 0;
  for (const _ of parts.catalogue.list("")) files++;
  return { volumes: volumes.length, deals, answered, files, strange };
}

/** What a provider holds of a deal, by a revision that this client signed, and the head that goes with it. */
async function learnDeal(parts: Parts, deal: Deal, signal?: AbortSignal): Promise<void> {
  const { database, market, signer, providers, lanes } = parts;
  const options = signal ? { signal } : {};
  await providers.call(deal.provider, async (connection) => {
    const { newest, headBytes } = await connection.head({ deal: deal.id }, options);
    const { number: committed } = await market.deal(deal.provider, deal.slot);
    const bad = (reason: string): SubletException =>
      new SubletException({ code: "BadReply", provider: deal.provider, verb: "head", reason });
    if (!newest) {
      if (committed > 0n) throw bad(`it shows no revision, and number ${committed} is on chain`);
      return;
    }
    const { revision } = newest;
    if (revision.deal !== deal.id) throw bad("its revision is of another deal");
    if (revision.number < committed)
      throw bad(`its newest revision is ${revision.number}, and ${committed} is on chain`);
    if (headHash(headBytes) !== revision.head) throw bad("its head is not the one of its revision");
    await requireOwn({ chainId: market.chainId, address: market.address }, signer.address, newest);
    // First: from now on nobody is told less of other writers than this provider knew.
    for (const entry of decodeHead(parts.drive, headBytes)) lanes.learn(entry);
    const mirror = new DealMirror(database, deal);
    if (revision.number > mirror.number) {
      mirror.adopt(newest, await listed(connection, deal.id, revision.number, signal));
    }
  });
}

/**
 * Fetches every segment that a known head names and that is not here yet: those of other devices too.
 * @throws SubletException TooFewProviders
 */
export async function learnSegments(parts: Parts, signal?: AbortSignal): Promise<void> {
  const own = parts.lanes.own();
  const current = new Set((await currentVolumes(parts)).map(({ id }) => id));
  for (const entry of parts.lanes.entries()) {
    if (entry.lane === own) continue;
    const { segments } = openListing(parts.drive, entry);
    for (const segment of segments) {
      // What a volume held whose time is over is gone; its lane says anew, elsewhere, what is not.
      if (parts.segments.knows(segment.salt) || !current.has(segment.volume)) continue;
      parts.segments.apply(entry.lane, segment, await fetchSegment(parts, segment, signal));
    }
  }
}

async function fetchSegment(parts: Parts, segment: SegmentReference, signal?: AbortSignal): Promise<Uint8Array> {
  const volume = parts.volumes.require(segment.volume, parts.home.path);
  const reading = {
    ...parts.reading,
    // Its slab need not be in the catalogue yet: it is this segment, or a later one, that tells of it.
    place: (slab: Slab.SlabId) => ({ volume, maskKeys: parts.shards.maskKeys(volume, slab) }),
  };
  const sealed = new Uint8Array(segment.length);
  let at = 0;
  for await (const bytes of fetchExtents(reading, segment.extents, 0, segment.length, signal)) {
    sealed.set(bytes, at);
    at += bytes.length;
  }
  return sealed;
}

/**
 * Records slabs that providers hold more of than the catalogue says: the last segments themselves are in no later one.
 * Each is sealed at the longest length that k positions have, and the roots of all positions are computed anew.
 */
export async function completeSlabs(parts: Parts, volume: Volume, signal?: AbortSignal): Promise<void> {
  parts.catalogue.forgetAbsentSlabs(volume.id);
  const held = parts.database.all<{ slab: Uint8Array; length: number; position: number; root: Uint8Array }>(
    `SELECT slab, length, position, sector.root FROM sector JOIN deal ON deal.id = sector.deal
     WHERE deal.volume = ? AND deal.retired = 0 AND EXISTS (SELECT 1 FROM extent WHERE extent.slab = sector.slab)
     ORDER BY slab, length DESC`,
    `${volume.id}`,
  );
  for (const [name, sectors] of Map.groupBy(held, ({ slab }) => bytesToHex(slab))) {
    const id = Slab.idFromBytes(sectors[0]!.slab);
    const positions = [...new Map(sectors.toReversed().map((sector) => [sector.position, sector.length])).values()];
    const length = positions.sort((a, b) => b - a)[volume.k - 1];
    if (length === undefined || length <= (parts.catalogue.slab(id)?.length ?? 0)) continue;
    const roots = await rootsOf(parts, volume, id, length, signal);
    for (const { position, length: at, root } of sectors) {
      const computed = roots.subarray(position * NODE_BYTES, (position + 1) * NODE_BYTES);
      if (at !== length || Buffer.compare(root, computed) === 0) continue;
      const reason = `position ${position} of slab ${name} was signed under a root that the others do not lead to`;
      throw new SubletException({ code: "StateCorrupt", file: parts.home.databaseFile, reason });
    }
    parts.catalogue.learnSlab({ id, volume: volume.id, length, roots }, null);
  }
}

async function rootsOf(
  parts: Parts,
  volume: Volume,
  slab: Slab.SlabId,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const sources = parts.reader.sources(volume.id, slab, length);
  const blocks = await gather(parts.reader, sources, { slab, from: 0, to: length, preferred: [], k: volume.k }, signal);
  const keys = parts.shards.maskKeys(volume, slab);
  const plain = new Map([...blocks].map(([position, block]) => [position, Cipher.crypt(keys[position]!, 0, block)]));
  const all = Array.from({ length: volume.n }, (_, position) => position);
  const roots = new Uint8Array(volume.n * NODE_BYTES);
  for (const [position, block] of ReedSolomon.reconstruct(volume, plain, all)) {
    roots.set(SectorTree.root(Cipher.crypt(keys[position]!, 0, block)), position * NODE_BYTES);
  }
  return roots;
}
