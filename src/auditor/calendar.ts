/** A provider's record drawn: a square for each epoch, thirty in a row, as an SVG that needs nothing beside it. */
import { ROW, rowOf } from "./Record.ts";
import type { Outcome, ProviderRecord, Report, Run } from "./Report.ts";

const PITCH = 18;
const GAP = 3;
const SIDE = PITCH - GAP;
const LABEL_WIDTH = 150;
const HEAD_HEIGHT = 18;
/** Columns that carry their number. */
const NUMBERED = [1, 10, 20, 30];

export const KINDS: Readonly<Record<Outcome, { readonly kind: string; readonly words: string }>> = {
  proven: { kind: "proven", words: "proven" },
  missed: { kind: "missed", words: "missed" },
  "no sectors": { kind: "empty", words: "nothing to prove" },
  "not yet": { kind: "open", words: "not over yet" },
};

export function calendar({ epochs, provider }: ProviderRecord, began: Report["began"]): string {
  const [first, last] = [epochs[0]?.first, epochs.at(-1)?.last];
  if (first === undefined || last === undefined) return "";
  const top = rowOf(first);
  const rows = (rowOf(last) - top) / ROW + 1;
  const [width, height] = [LABEL_WIDTH + ROW * PITCH, HEAD_HEIGHT + rows * PITCH];
  const times = new Map(began.map(({ epoch, time }) => [epoch, time]));
  const heads = NUMBERED.map((column) =>
    label(LABEL_WIDTH + (column - 1) * PITCH + SIDE / 2, 12, "middle", `${column}`),
  );
  const labels = Array.from({ length: rows }, (_, row) => {
    const epoch = top + row * ROW;
    const date = times.get(epoch)?.slice(0, 16).replace("T", " ") ?? "";
    return label(LABEL_WIDTH - 8, HEAD_HEIGHT + row * PITCH + SIDE - 3, "end", `${epoch} \u00b7 ${date}`);
  });
  const bars = epochs.flatMap((run) => byRow(run)).map((run) => bar(run, top));
  // What parts the squares of a run: lines in the colour of the ground.
  const gaps = Array.from({ length: ROW - 1 }, (_, column) => {
    return `M${LABEL_WIDTH + column * PITCH + SIDE + GAP / 2} ${HEAD_HEIGHT}V${height}`;
  });
  return [
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Epochs of ${provider}">`,
    ...heads,
    ...labels,
    ...bars,
    `<path class="gaps" stroke-width="${GAP}" d="${gaps.join("")}"/>`,
    "</svg>",
  ].join("\n");
}

/** The parts of a run that lie in one row each. */
function byRow({ first, last, outcome }: Run): Run[] {
  const parts: Run[] = [];
  for (let from = first; from <= last; ) {
    const end = Math.min(last, rowOf(from) + ROW - 1);
    parts.push({ first: from, last: end, outcome });
    from = end + 1;
  }
  return parts;
}

function bar({ first, last, outcome }: Run, top: number): string {
  const { kind, words } = KINDS[outcome];
  const x = LABEL_WIDTH + ((first - 1) % ROW) * PITCH;
  const y = HEAD_HEIGHT + ((rowOf(first) - top) / ROW) * PITCH;
  const width = (last - first + 1) * PITCH - GAP;
  const title = `${first === last ? `epoch ${first}` : `epochs ${first} to ${last}`}: ${words}`;
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${SIDE}"><title>${title}</title></rect>`;
}

function label(x: number, y: number, anchor: string, text: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
}
