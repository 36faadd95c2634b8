/** Every limit of the wire in one file, units last in the name; the relations between them are checked at load. */
import { BLOCK_BYTES, CHUNK_BYTES, MAX_DEAL_SECTORS, NODE_BYTES, SECTOR_BYTES, SECTOR_HEIGHT } from "../codec/sizes.ts";

// ---------------------------------------------------------------- frames

/** Two u32: header length, payload length. */
export const FRAME_PREFIX_BYTES = 8;
/** The protobuf part of a frame. Small on purpose: parsing may cost many times a message's own size in memory. */
export const MAX_HEADER_BYTES = 65_536;
/** The raw part of a frame: what append sends and read answers. */
export const MAX_PAYLOAD_BYTES = SECTOR_BYTES;
export const MAX_FRAME_BYTES = FRAME_PREFIX_BYTES + MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES;

// ---------------------------------------------------------------- parts of messages

export const MAX_HEAD_BYTES = 16_384;
export const MAX_OPERATIONS = 1_024;
export const MAX_LIST_ENTRIES = 512;
export const MAX_SAMPLES = 8;
/** Free text in messages (operator, region, reasons), in UTF-8 bytes. */
export const MAX_TEXT_BYTES = 256;
/** The sentence of a failure, in UTF-8 bytes. */
export const MAX_SENTENCE_BYTES = 1_024;

const DEAL_HEIGHT = Math.ceil(Math.log2(MAX_DEAL_SECTORS));
/** Siblings from a sector's root to its deal's root. */
export const MAX_SECTOR_PATH_BYTES = DEAL_HEIGHT * NODE_BYTES;
/** Siblings on both flanks of a range of chunks, up to the sector's root. */
export const MAX_RANGE_PROOF_BYTES = 2 * SECTOR_HEIGHT * NODE_BYTES;
/** One chunk and its siblings up to the deal's root. */
export const MAX_CHUNK_PROOF_BYTES = 2 * CHUNK_BYTES + (SECTOR_HEIGHT + DEAL_HEIGHT - 1) * NODE_BYTES;

// ---------------------------------------------------------------- a session (one stream)

/**
 * Requests a session may have in flight, and bulk bytes of them and of their answers. Callers keep within; a session that
 * goes beyond twice as many is ended.
 */
export const MAX_IN_FLIGHT_REQUESTS = 32;
export const MAX_IN_FLIGHT_BYTES = 8 * SECTOR_BYTES;
/** Bulk bytes that all sessions of a server together may have in flight. */
export const MAX_HELD_BYTES = 256 * SECTOR_BYTES;
/** Bytes handed to the stream and not yet taken by the transport, above which the next frame waits. */
export const WRITE_HIGH_WATER_BYTES = SECTOR_BYTES;
/** A frame that was begun must be whole, and one being sent must have left, within this. */
export const FRAME_DEADLINE_MS = 60_000;
/** A session with nothing in flight for this long is closed; the client opens another when it needs one. */
export const IDLE_DEADLINE_MS = 300_000;
/** A last word to a peer that broke the protocol may take this long to leave. */
export const LINGER_MS = 1_000;
/** What is in flight at a graceful close may take this long to finish. */
export const CLOSE_GRACE_MS = 5_000;

/** Protobuf of one request before hello: strangers' verbs are small and carry no payload. */
export const MAX_STRANGER_HEADER_BYTES = 4_096;
export const MAX_STREAMS_PER_CONNECTION = 4;
export const MAX_SESSIONS_PER_IP = 64;
/** Streams of any protocol, identify and ping included. */
export const MAX_MUXED_STREAMS = 8;
export const MAX_CONNECTIONS_PER_IP = 64;
export const MAX_CONNECTIONS = 1_024;
/** Connections one IP may open in a second. */
export const MAX_CONNECTIONS_PER_SECOND = 32;

/** Token buckets: requests at once, and refill a second. Strangers are counted by IP, others by session. */
export const STRANGER_BURST_REQUESTS = 64;
export const STRANGER_REQUESTS_PER_SECOND = 8;
export const SESSION_BURST_REQUESTS = 2_048;
export const SESSION_REQUESTS_PER_SECOND = 1_024;
/** IPs whose buckets are remembered; the longest unused go first. */
export const MAX_TRACKED_IPS = 8_192;

// ---------------------------------------------------------------- WebSocket

/** One message: noise sends frames of at most 65,535 bytes, and several of them at a time. */
export const MAX_WEBSOCKET_MESSAGE_BYTES = 1_048_576;
/** From the first packet to the upgrade, and how many of one IP may be on the way there. */
export const WEBSOCKET_UPGRADE_MS = 5_000;
export const MAX_PENDING_PER_IP = 32;

// ---------------------------------------------------------------- yamux

export const STREAM_WINDOW_BYTES = 4 * 1_048_576;
/**
 * What may wait on a stream that nobody reads yet: the window a stream begins with, for those that write at once. Little,
 * since it may come in chunks of a byte, each of which takes hundreds.
 */
export const READ_BUFFER_BYTES = 262_144;
/** Bytes a peer may send on a stream of libp2p's own (identify, ping), or on one that has not said yet what it is. */
export const MAX_LIBP2P_STREAM_BYTES = 16_384;
/** Frames that a peer may send while it takes nothing of what waits for it; the windows let an honest one send fewer. */
export const MAX_UNREAD_FRAMES = 4_096;
/** The same on a stream of the DHT: a whole answer, twenty peers with MAX_PEER_ADDRESSES of MAX_ADDRESS_CHARACTERS each. */
export const MAX_DHT_STREAM_BYTES = 65_536;
/** A connection whose peer does not answer a ping for this long is dropped. */
export const PING_INTERVAL_MS = 30_000;
export const PING_TIMEOUT_MS = 30_000;

// ---------------------------------------------------------------- the client's patience

export const DIAL_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;

// ---------------------------------------------------------------- finding peers

/** Addresses of one peer that are passed on, or taken from any one who tells of it, and how long each may be as text. */
export const MAX_PEER_ADDRESSES = 8;
export const MAX_ADDRESS_CHARACTERS = 256;
/** Addresses that a lookup may end with, whoever told them, and how long each may take to be dialled. */
export const MAX_FOUND_ADDRESSES = 8;
export const FOUND_DIAL_TIMEOUT_MS = 3_000;
export const LOOKUP_TIMEOUT_MS = 5_000;
/** How often a node looks whether it is still connected to its bootnodes. */
export const BOOTNODE_CHECK_MS = 30_000;
export const MAX_DHT_STREAMS_PER_CONNECTION = 4;

// ---------------------------------------------------------------- circuits

/** Hosts that a relay of circuits keeps a place for, and how many of one IP; each asks again before its hour is over. */
export const MAX_RESERVATIONS = 128;
export const MAX_RESERVATIONS_PER_IP = 8;
export const RESERVATION_MS = 3_600_000;
/** Circuits through a relay at once, and those that one IP may have opened. A host counts as many as sessions of an IP. */
export const MAX_CIRCUITS = 256;
export const MAX_CIRCUITS_PER_IP = 32;
/** Bytes both ways, and time, after which a circuit ends: sectors by the hundred, and a session of an hour. */
export const CIRCUIT_BYTES = 2 ** 30;
export const CIRCUIT_MS = 3_600_000;
/** What a relay holds of a circuit in each direction while the far end does not read, besides what the window lets in. */
export const CIRCUIT_BUFFER_BYTES = 262_144;
/** How often a host looks whether it still has its place at its relays. */
export const RELAY_CHECK_MS = 15_000;

// An operation is at most tag and length (2 + 2), slab (2 + 12), length (1 + 5); a list entry adds a root (2 + 24).
const MAX_OPERATION_BYTES = 24;
const MAX_ENTRY_BYTES = 50;
const ENVELOPE_BYTES = 1_024;

const relations: ReadonlyArray<readonly [string, boolean]> = [
  ["a frame holds a whole sector", MAX_PAYLOAD_BYTES >= SECTOR_BYTES && MAX_PAYLOAD_BYTES >= BLOCK_BYTES],
  ["a header holds the proof of any read", MAX_RANGE_PROOF_BYTES + ENVELOPE_BYTES <= MAX_HEADER_BYTES],
  [
    "a header holds any revise",
    MAX_HEAD_BYTES + MAX_OPERATIONS * MAX_OPERATION_BYTES + ENVELOPE_BYTES <= MAX_HEADER_BYTES,
  ],
  ["a header holds any page of a list", MAX_LIST_ENTRIES * MAX_ENTRY_BYTES + ENVELOPE_BYTES <= MAX_HEADER_BYTES],
  ["a header holds any samples", MAX_SAMPLES * (MAX_CHUNK_PROOF_BYTES + 128) + ENVELOPE_BYTES <= MAX_HEADER_BYTES],
  ["a header holds any failure", MAX_SENTENCE_BYTES + 2 * MAX_TEXT_BYTES + ENVELOPE_BYTES <= MAX_HEADER_BYTES],
  ["a session may always have one largest frame each way", MAX_IN_FLIGHT_BYTES >= 2 * MAX_FRAME_BYTES],
  ["there are streams left beside the sessions", MAX_MUXED_STREAMS > MAX_STREAMS_PER_CONNECTION],
  [
    "a stream of the DHT holds any answer",
    MAX_DHT_STREAM_BYTES >= 21 * (MAX_PEER_ADDRESSES * MAX_ADDRESS_CHARACTERS + 128) + ENVELOPE_BYTES,
  ],
  ["a stranger can say hello", MAX_STRANGER_HEADER_BYTES >= ENVELOPE_BYTES],
  ["a host's relay may carry more circuits than one caller opens", MAX_SESSIONS_PER_IP > MAX_CIRCUITS_PER_IP],
  ["an idle session outlives a slow frame", IDLE_DEADLINE_MS > FRAME_DEADLINE_MS],
];
for (const [relation, holds] of relations) if (!holds) throw new Error(`limits.ts contradicts itself: ${relation}`);
