/**
 * What a provider announces on chain (`announce(bytes)`, an event): where it is reached and what it asks. Compact JSON of
 * at most 1,024 bytes, rates as decimal strings. Anybody may announce anything: it is advice for choosing a provider, and
 * only signed terms bind.
 */
import { z } from "zod";

export const ANNOUNCEMENT_BYTES = 1024;

const ledgerUnits = z
  .string()
  .regex(/^(0|[1-9]\d{0,28})$/)
  .transform(BigInt)
  .refine((value) => value < 1n << 96n, "must fit 96 bits");
const epoch = z.int().min(0).max(0xffffffff);
const sectors = z
  .int()
  .min(0)
  .max(2 ** 31);
const printable = z.string().regex(/^[\x20-\x7e]*$/);

const schema = z.object({
  v: z.literal(1),
  /** Multiaddrs, best first. */
  addrs: z.array(printable.startsWith("/").max(256)).min(1).max(8),
  peerId: z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{32,128}$/),
  /** Asked per sector and epoch, ledger units. */
  rate: ledgerUnits,
  /** Asked per byte sent out, ledger units. */
  egressRate: ledgerUnits,
  /** The least that a deal is billed for, in sectors. */
  minSectors: sectors.optional(),
  freeSectors: sectors,
  /** The last `endEpoch` that it offers. */
  maxEndEpoch: epoch.optional(),
  region: printable.max(32),
  /** Who runs it, as it says itself: at most one position of a volume goes to one operator. */
  operator: printable.max(64),
});

export type Announcement = Readonly<z.output<typeof schema>>;

/** The bytes to announce. @throws AnnouncementError when a field is out of bounds or the whole is over 1,024 bytes */
export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const json = { ...announcement, rate: `${announcement.rate}`, egressRate: `${announcement.egressRate}` };
  const bytes = new TextEncoder().encode(JSON.stringify(json));
  decodeAnnouncement(bytes);
  return bytes;
}

/** What `bytes` announce; fields of later versions are dropped. @throws AnnouncementError when they are no announcement */
export function decodeAnnouncement(bytes: Uint8Array): Announcement {
  if (bytes.length > ANNOUNCEMENT_BYTES)
    throw new AnnouncementError(`${bytes.length} bytes, over ${ANNOUNCEMENT_BYTES}`);
  const parsed = schema.safeParse(json(bytes));
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  throw new AnnouncementError(`${first?.path.join(".") ?? ""}: ${first?.message ?? "not JSON"}`);
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Bytes that are not an announcement (ignore that provider), or fields that do not make one (shorten or correct them). */
export class AnnouncementError extends Error {
  readonly code = "ANNOUNCEMENT";
  readonly reason: string;

  constructor(reason: string) {
    super(`not an announcement: ${reason}`);
    this.name = "AnnouncementError";
    this.reason = reason;
  }
}
