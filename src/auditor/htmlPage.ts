/** A report as one page for browsers: everything is in the file, and nothing in it is fetched or run. */
import { calendar, KINDS } from "./calendar.ts";
import { units } from "./page.ts";
import type { Difference, ProviderRecord, Report, SpotCheck } from "./Report.ts";

export function htmlPage(report: Report): string {
  const { market, chainId, block, epoch, differences, spotChecks, ok } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${ok ? "In order" : "Something is wrong"}: audit of ${text(market)}</title>
<style>${STYLE}</style>
</head>
<body>
${PATTERNS}
<header>
<h1>Audit of a storage market</h1>
<p class="verdict ${ok ? "good" : "bad"}">${verdict(report)}</p>
<p>Market <code>${text(market)}</code> on chain ${chainId}, replayed up to block ${text(block)} in epoch ${epoch}.</p>
</header>
${totals(report)}
${differencesTable(differences)}
${spotChecks.length > 0 ? spotCheckTable(spotChecks) : ""}
${records(report)}
</body>
</html>
`;
}

function verdict({ ok, differences, spotChecks }: Report): string {
  if (ok) return "Everything is in order.";
  const silent = spotChecks.filter((check) => !check.ok).length;
  const parts = [
    ...(differences.length > 0 ? [count(differences.length, "difference")] : []),
    ...(silent > 0
      ? [`${count(silent, "provider")} did not show what ${silent === 1 ? "it holds" : "they hold"}`]
      : []),
  ];
  return `Something is wrong: ${parts.join(", ")}.`;
}

function totals({ checked, burnt, providers }: Report): string {
  const sum = (figure: (one: ProviderRecord) => number) => providers.reduce((all, one) => all + figure(one), 0);
  const amount = (figure: (one: ProviderRecord) => string) =>
    units(`${providers.reduce((all, one) => all + BigInt(figure(one)), 0n)}`);
  const figures: [string, string][] = [
    ["providers", `${providers.length}`],
    ["sectors", `${sum(({ sectors }) => sectors)}`],
    ["epochs proven", `${sum(({ proven }) => proven)}`],
    ["epochs missed", `${sum(({ missed }) => missed)}`],
    ["earned", amount(({ earned }) => earned)],
    ["penalties", amount(({ penalties }) => penalties)],
    ["forfeited", amount(({ forfeited }) => forfeited)],
    ["burnt", units(burnt)],
    ["events judged", `${checked.events}`],
    ["proofs", `${checked.proofs}`],
    ["challenges", `${checked.challenges}`],
    ["settlements", `${checked.settlements}`],
    ["signatures", `${checked.signatures}`],
    ["views compared", `${checked.views}`],
  ];
  return `<section>
<h2>Totals</h2>
<dl class="figures">${figures.map(([what, value]) => `<div><dt>${what}</dt><dd>${value}</dd></div>`).join("")}</dl>
<p class="note">Amounts are in base units of the market's token.</p>
</section>`;
}

function differencesTable(differences: readonly Difference[]): string {
  const rows = differences.map(({ what, expected, actual, epoch, block, transaction, provider, deal }) => {
    const places = { transaction, account: provider, deal };
    const where = Object.entries(places).flatMap(([name, value]) =>
      value ? [`${name} <code>${text(value)}</code>`] : [],
    );
    return row([
      text(what),
      text(expected),
      text(actual),
      `epoch ${epoch}, block ${text(block)}${where.map((one) => `<br>${one}`).join("")}`,
    ]);
  });
  return `<section>
<h2>Differences</h2>
${rows.length > 0 ? table(["what", "expected", "found", "where"], rows) : "<p>None.</p>"}
</section>`;
}

function spotCheckTable(checks: readonly SpotCheck[]): string {
  const rows = checks.map(({ provider, ok, block, chunks, reason }) =>
    row([
      `<code>${text(provider)}</code>`,
      ok ? `showed ${chunks} chunks that block ${text(block)} drew` : `<strong class="bad">${text(reason)}</strong>`,
    ]),
  );
  return `<section>
<h2>Spot checks</h2>
${table(["provider", "asked over the wire"], rows)}
</section>`;
}

function records({ providers, began, differences, spotChecks }: Report): string {
  const accused = new Set(
    [...differences, ...spotChecks.filter(({ ok }) => !ok)].map(({ provider }) => provider?.toLowerCase()),
  );
  const suspect = ({ provider }: ProviderRecord) => (accused.has(provider.toLowerCase()) ? 1 : 0);
  const ordered = [...providers].sort((one, other) => suspect(other) - suspect(one) || other.missed - one.missed);
  const legend = Object.values(KINDS).map(
    ({ kind, words }) =>
      `<li><svg width="15" height="15"><rect class="${kind}" width="15" height="15"/></svg> ${words}</li>`,
  );
  return `<section>
<h2>Records of the providers</h2>
<ul class="legend">${legend.join("")}</ul>
<p class="note">Thirty epochs a row; times are UTC, of each row's first block.</p>
${ordered.map((one) => record(one, began, suspect(one) > 0)).join("\n")}
</section>`;
}

function record(one: ProviderRecord, began: Report["began"], suspect: boolean): string {
  const { provider, sectors, deals, proven, missed, empty, earned, penalties, forfeited } = one;
  const decided = proven + missed;
  const share = decided > 0 ? ` (${((100 * proven) / decided).toFixed(1)} %)` : "";
  return `<article${suspect ? ' class="suspect"' : ""}>
<h3><code>${text(provider)}</code></h3>
<p>${proven} proven${share}, ${missed} missed, ${empty} empty; ${count(sectors, "sector")} in ${count(deals, "deal")};
earned ${units(earned)}, penalties ${units(penalties)}, forfeited ${units(forfeited)}</p>
${calendar(one, began) || '<p class="note">It never held a sector.</p>'}
</article>`;
}

function table(heads: readonly string[], rows: readonly string[]): string {
  return `<div class="wide"><table><thead><tr>${heads.map((head) => `<th>${head}</th>`).join("")}</tr></thead>
<tbody>${rows.join("\n")}</tbody></table></div>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** What comes from chain and peers is text, whatever it looks like. */
function text(value: string): string {
  return value.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Stripes, so that a miss is told from a proof without colours. */
const PATTERNS = `<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>
<pattern id="stripes" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="ground" width="5" height="5"/><rect class="stripe" width="2" height="5"/></pattern></defs></svg>`;

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2024; --soft: #667; --line: #d9dce1; --card: #f7f8fa;
  --proven: #2c8f5d; --missed: #b3261e; --stripe: #f3b5ae; --empty: #d3d7de; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --ink: #e6e8eb; --soft: #9aa3ad; --line: #343a41;
  --card: #1c2024; --proven: #47b883; --missed: #e5534b; --stripe: #6d1f1a; --empty: #3b424a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 74rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .3rem 0; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.verdict { font-weight: 600; padding: .6rem .9rem; border-left: 5px solid; background: var(--card); }
.verdict.good { border-color: var(--proven); } .verdict.bad { border-color: var(--missed); }
strong.bad { color: var(--missed); } .note { color: var(--soft); font-size: .9em; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem; margin: 0; }
.figures div { background: var(--card); padding: .4rem .7rem; } dt { color: var(--soft); font-size: .85em; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: break-word; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 1.2rem; list-style: none; padding: 0; margin: .3rem 0; }
.legend svg { vertical-align: -2px; }
article { background: var(--card); padding: .8rem 1rem; margin: .8rem 0; border-left: 5px solid transparent; overflow-x: auto; }
article.suspect { border-color: var(--missed); } article svg { margin-top: .5rem; display: block; }
text { fill: var(--soft); font: 11px system-ui, sans-serif; }
rect.proven { fill: var(--proven); } rect.missed { fill: url(#stripes); } rect.empty { fill: var(--empty); }
rect.open { fill: none; stroke: var(--soft); stroke-dasharray: 3 2; }
path.gaps { stroke: var(--card); fill: none; } .patterns { position: absolute; }
.ground { fill: var(--missed); } .stripe { fill: var(--stripe); }
`;
