/**
 * What the codec does a second on one thread, beside its peers: `node bench/codec.ts [--json]`. MB are 10^6 bytes of
 * data (not of parity); each figure is the median of its rounds. `hashtree` runs here; the other peers' figures were
 * measured on a machine of the same class (two virtual cores, one thread), so those ratios are rough.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { hashInto } from "@chainsafe/hashtree";
import { Cipher, Keys, ReedSolomon, SECTOR_BYTES, SectorTree, Stripe } from "../src/codec/index.ts";

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly run: () => void;
  readonly peers: Readonly<Record<string, number>>;
}

const RS_PEERS = { "isa-l": 5200, "wasm-relaxed-simd": 1670, "npm-library": 85 };
const ROUNDS = 9;
const ROUND_MS = 150;

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const results: Record<string, number> = {};
const sector = new Uint8Array(randomBytes(SECTOR_BYTES));
const hashtreeSpeed = measure({ name: "", bytes: SECTOR_BYTES, run: plainTree, peers: {} });

for (const row of rows()) {
  const speed = measure(row);
  results[row.name] = round(speed);
  for (const [peer, figure] of Object.entries(row.peers)) results[`${row.name}/x-${peer}`] = round(speed / figure);
  if (!values.json) print(row, speed);
}
if (values.json) console.log(JSON.stringify(results));

function* rows(): Generator<Row> {
  for (const code of ReedSolomon.PRESETS) {
    const data = Array.from({ length: code.k }, () => new Uint8Array(randomBytes(65_536)));
    const parity = ReedSolomon.encode(code, data);
    const name = `${code.k}-${code.n}`;
    const lastK = new Map(parity.slice(-code.k).map((block, index) => [code.n - code.k + index, block]));
    const all = Array.from({ length: code.k }, (_, position) => position);
    const bytes = code.k * 65_536;
    // The peers were measured at 10 + 20; their speed at other codes differs, so only that row is set beside them.
    const peers = code.k === 10 ? RS_PEERS : {};
    yield { name: `rs/encode/${name}`, bytes, run: () => ReedSolomon.encode(code, data), peers };
    yield { name: `rs/decode/${name}`, bytes, run: () => ReedSolomon.reconstruct(code, lastK, all), peers: {} };
  }
  yield { name: "tree/sector", bytes: SECTOR_BYTES, run: () => SectorTree.root(sector), peers: treePeers() };
  const key = Keys.maskRoot(new Uint8Array(32), 0n);
  yield { name: "cipher/ctr", bytes: SECTOR_BYTES, run: () => Cipher.crypt(key, 0, sector), peers: {} };
  const keys = Keys.maskKeys(key, { lane: 0n, sequence: 0 }, 12);
  const stripe = sector.subarray(0, 4 * 65_536);
  yield {
    name: "stripe/encode/4-12",
    bytes: stripe.length,
    run: () => Stripe.encode({ k: 4, n: 12 }, keys, 0, stripe),
    peers: {},
  };
}

function treePeers(): Record<string, number> {
  return { hashtree: hashtreeSpeed, "as-sha256": 58, merkletreejs: 100 };
}

/** The same tree with whole digests as nodes, which is what hashtree does by itself. */
function plainTree(): void {
  let layer = sector;
  while (layer.length > 32) {
    const above = new Uint8Array(layer.length / 2);
    hashInto(layer, above);
    layer = above;
  }
}

function measure({ bytes, run }: Row): number {
  const speeds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const start = performance.now();
    let times = 0;
    for (; performance.now() - start < ROUND_MS; times++) run();
    speeds.push((times * bytes) / 1000 / (performance.now() - start));
  }
  // The first round warmed up.
  return speeds.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

function print({ name, peers }: Row, speed: number): void {
  const beside = Object.entries(peers).map(([peer, figure]) => `${(speed / figure).toFixed(2)} x ${peer}`);
  console.log(`${name.padEnd(20)} ${speed.toFixed(0).padStart(6)} MB/s   ${beside.join(", ")}`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
