/** docs/economics.svg: what each strategy is worth by what storing costs, and what missing sectors burn. */
import { failing, type Measured, type Row } from "./measure.ts";
import { SAMPLED } from "./strategies/index.ts";

const WIDTH = 1000;
const HEIGHT = 680;
const SIDE = { width: 390, height: 340, top: 60 };
const LEGEND_LINE = 20;
/** Okabe and Ito's colours, which everybody can tell apart. */
const INK = {
  black: "#000000",
  orange: "#e69f00",
  sky: "#56b4e9",
  green: "#009e73",
  blue: "#0072b2",
  red: "#d55e00",
  purple: "#cc79a7",
  grey: "#777777",
  pale: "#dddddd",
};
/** Standard deviations: of a hundred true values, five lie beyond the bar. */
const BAR = 1.96;

/** What the left panel shows, by name; the lines of all others lie between these. */
const SHOWN: readonly (readonly [name: string, colour: string, dashes?: string])[] = [
  ["honest", INK.black],
  ["deletes 1/32", INK.sky],
  ["deletes 1/4", INK.blue],
  ["own deals 9x, deletes everything", INK.purple],
  ["goes dark until the customer leaves", INK.red],
  ["goes dark M - 1 epochs before the end", INK.orange],
  ["commits and resigns at once, notice of 30", INK.green],
  ["refuses all bytes, of one customer after the other", INK.red, "6 4"],
  ["signs and deletes; nobody commits", INK.grey, "6 4"],
];

type Point = readonly [x: number, y: number];

interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  /** Where a value lies, from 0 to 1. */
  place(value: number): number;
}

export function plot({ daily }: Measured): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
${worth(daily)}
${burning(daily)}
</svg>
`;
}

/** Net of the cost of what is stored: a line for each strategy, as the contract's money does not depend on that cost. */
function worth(rows: readonly Row[]): string {
  const end = 3;
  const x = linear("what it costs to keep a sector for an epoch, c, in rates", [0, 0.5, 1, 1.5, 2, 2.5, 3]);
  const y = linear("worth of a sector-epoch that was agreed, in rates", [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5]);
  const panel = new Panel(80, "What a strategy is worth to a provider", x, y);
  panel.band([1, end], "#f2f2f2");
  panel.note([2, 1.2], "c &gt; 1: nobody stores at this rate");
  panel.line(
    [
      [0, 0],
      [end, 0],
    ],
    INK.grey,
    "1 3",
  );
  for (const [name, colour, dashes] of SHOWN) {
    const { net, stored } = rows.find(({ strategy }) => strategy.name === name)!;
    const last = stored === 0 ? end : Math.min(end, (net + 2) / stored);
    panel.line(
      [
        [0, net],
        [last, net - stored * last],
      ],
      colour,
      dashes,
      name === "honest" ? 3 : 1.6,
    );
    panel.legend(name, colour, dashes);
  }
  panel.legend("takes no deal", INK.grey, "1 3");
  return panel.toString();
}

/** With 95 of 100 bars over the true value, and the bound that the protocol states. */
function burning(rows: readonly Row[]): string {
  const x = logarithmic("share of the set that is missing, R/T", [0.001, 0.01, 0.1, 1]);
  const y = linear("burnt an epoch and missing sector, in P", [0, 1, 2, 3, 4, 5]);
  const panel = new Panel(590, "What missing sectors burn", x, y);
  const shares = Array.from({ length: 61 }, (_, step) => 10 ** (-3 + step / 20));
  const bound = (share: number) => failing({ missing: share, total: 1 }) / share / 2;
  panel.line(
    shares.map((share) => [share, bound(share)]),
    INK.blue,
  );
  panel.line(
    [
      [0.001, 0.5],
      [1, 0.5],
    ],
    INK.red,
    "6 4",
  );
  for (const { name } of SAMPLED) {
    const row = rows.find(({ strategy }) => strategy.name === name)!;
    const share = row.missing / row.total;
    const failed = failing(row);
    const deviation = Math.sqrt((failed * (1 - failed)) / row.sent) / share / 2;
    panel.mark([share, row.burntAnEpoch / row.missing], BAR * deviation, INK.black);
  }
  panel.legend("expected: (1 - (1 - R/T)^5) x T/2 of R sectors", INK.blue);
  panel.legend("at least, whatever T is: R/2", INK.red, "6 4");
  panel.legend("measured; bars: 95 of 100 samples lie so near the curve", INK.black, "", "dot");
  return panel.toString();
}

function linear(label: string, ticks: readonly number[]): Axis {
  const [from, to] = [ticks[0]!, ticks.at(-1)!];
  return { label, ticks, place: (value) => (value - from) / (to - from) };
}

function logarithmic(label: string, ticks: readonly number[]): Axis {
  const { place } = linear(label, ticks.map(Math.log10));
  return { label, ticks, place: (value) => place(Math.log10(value)) };
}

class Panel {
  readonly #left: number;
  readonly #x: Axis;
  readonly #y: Axis;
  readonly #behind: string[] = [];
  readonly #drawn: string[] = [];
  readonly #legend: string[] = [];
  readonly #frame: string;

  constructor(left: number, title: string, x: Axis, y: Axis) {
    [this.#left, this.#x, this.#y] = [left, x, y];
    const { width, height, top } = SIDE;
    const middle = left + width / 2;
    const [bottom, side] = [top + height, left - 48];
    this.#frame = [
      `<text x="${middle}" y="${top - 22}" text-anchor="middle" font-size="16" font-weight="bold">${title}</text>`,
      ...x.ticks.map((tick) => this.#tickAcross(tick)),
      ...y.ticks.map((tick) => this.#tickUp(tick)),
      `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="black"/>`,
      `<text x="${middle}" y="${bottom + 40}" text-anchor="middle">${x.label}</text>`,
      `<text transform="translate(${side} ${top + height / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>`,
    ].join("\n");
  }

  #tickAcross(tick: number): string {
    const [at, bottom] = [this.#across(tick), SIDE.top + SIDE.height];
    const text = `<text x="${at}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`;
    return `<path d="M${at} ${SIDE.top}V${bottom}" stroke="${INK.pale}"/>${text}`;
  }

  #tickUp(tick: number): string {
    const [at, right] = [this.#down(tick), this.#left + SIDE.width];
    const text = `<text x="${this.#left - 8}" y="${at}" dy="4" text-anchor="end">${tick}</text>`;
    return `<path d="M${this.#left} ${at}H${right}" stroke="${INK.pale}"/>${text}`;
  }

  #across(value: number): string {
    return (this.#left + SIDE.width * this.#x.place(value)).toFixed(1);
  }

  #down(value: number): string {
    return (SIDE.top + SIDE.height * (1 - this.#y.place(value))).toFixed(1);
  }

  /** From one x to another, behind everything. */
  band([from, to]: Point, colour: string): void {
    const [left, right] = [this.#across(from), this.#across(to)].map(Number) as [number, number];
    const size = `y="${SIDE.top}" width="${(right - left).toFixed(1)}" height="${SIDE.height}"`;
    this.#behind.push(`<rect x="${left}" ${size} fill="${colour}"/>`);
  }

  note([x, y]: Point, text: string): void {
    this.#drawn.push(
      `<text x="${this.#across(x)}" y="${this.#down(y)}" text-anchor="middle" fill="#555555">${text}</text>`,
    );
  }

  line(points: readonly Point[], colour: string, dashes = "", width = 1.6): void {
    const path = points.map(([x, y]) => `${this.#across(x)} ${this.#down(y)}`).join("L");
    this.#drawn.push(`<path d="M${path}" ${stroke(colour, dashes, width)}/>`);
  }

  /** A dot with a bar of `spread` up and down. */
  mark([x, y]: Point, spread: number, colour: string): void {
    const at = this.#across(x);
    const bar = `M${at} ${this.#down(y - spread)}V${this.#down(y + spread)}`;
    this.#drawn.push(`<path d="${bar}" ${stroke(colour, "", 1.2)}/>`);
    this.#drawn.push(`<circle cx="${at}" cy="${this.#down(y)}" r="3.5" fill="${colour}"/>`);
  }

  legend(text: string, colour: string, dashes = "", sign: "line" | "dot" = "line"): void {
    const y = SIDE.top + SIDE.height + 68 + LEGEND_LINE * this.#legend.length;
    const x = this.#left - 30;
    const drawn =
      sign === "dot"
        ? `<circle cx="${x + 14}" cy="${y}" r="3.5" fill="${colour}"/>`
        : `<path d="M${x} ${y}h28" ${stroke(colour, dashes, 2.4)}/>`;
    this.#legend.push(`${drawn}<text x="${x + 36}" y="${y}" dy="4.5">${text}</text>`);
  }

  toString(): string {
    return [...this.#behind, this.#frame, ...this.#drawn, ...this.#legend].join("\n");
  }
}

function stroke(colour: string, dashes: string, width: number): string {
  return `fill="none" stroke="${colour}" stroke-width="${width}"${dashes === "" ? "" : ` stroke-dasharray="${dashes}"`}`;
}
