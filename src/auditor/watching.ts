/** `sublet audit --watch`: printing, alerting and remembering what a watch tells. */
import { toJson } from "../protocol/Json.ts";
import { Alerts, type Channels } from "./Alerts.ts";
import type { AuditOptions } from "./audit.ts";
import { htmlPage } from "./htmlPage.ts";
import { Memory } from "./Memory.ts";
import { differenceLine } from "./page.ts";
import type { Outcome, Report } from "./Report.ts";
import { writeWhole } from "./WholeFile.ts";
import { type Happening, type Wrong, watch } from "./watch.ts";

export interface WatchSettings extends Channels {
  readonly json: boolean;
  /** Rewritten with each whole audit. */
  readonly html?: string | undefined;
  /** Where it is remembered what was told. */
  readonly remember?: string | undefined;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** Differences that one alert holds; how many more there are is said. */
const ALERTED_TOGETHER = 100;

/** Until SIGINT or SIGTERM. Resolves with whether nothing is wrong. */
export async function runWatch(options: AuditOptions, settings: WatchSettings): Promise<boolean> {
  const { json, html, remember } = settings;
  const memory = remember === undefined ? undefined : await Memory.open(remember);
  const note = (thrown: unknown) =>
    process.stderr.write(`sublet: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  const alerts = new Alerts(settings, note);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const name of SIGNALS) process.once(name, interrupt);
  let ok = false;
  let drawn = false;
  let remembering: Promise<unknown> = Promise.resolve();
  try {
    for await (const happening of watch({ ...options, ...(memory && { told: memory.told }), signal: stop.signal })) {
      if (happening.type === "audited" && html !== undefined) {
        // Before it is told: whoever reads that there was an audit may look at the page.
        const writing = writeWhole("--html", html, htmlPage(happening.report));
        // A file that could never be written is a wrong argument; later it is no reason to stop watching.
        await (drawn ? writing.catch(note) : writing);
        drawn = true;
      }
      process.stdout.write(json ? `${toJson(happening)}\n` : lines(happening));
      if (happening.type === "stopped") ok = happening.ok;
      if (happening.type === "wrong") {
        // Only what was delivered is remembered: what was not is told again by the next watch.
        alerts.send("market-wrong", sentence(happening), { market: options.market, ...excerpt(happening) }, () => {
          remembering = memory?.add(happening.keys).catch(note) ?? remembering;
        });
      }
    }
    await alerts.end();
    await remembering;
  } finally {
    for (const name of SIGNALS) process.off(name, interrupt);
  }
  return ok;
}

/** The news in one sentence, for a pager. */
function sentence({ differences, spotChecks }: Wrong): string {
  const said = [
    ...differences.map(differenceLine),
    ...spotChecks.map(({ provider, reason }) => `provider ${provider} did not show what it holds: ${reason}`),
  ];
  return `${said[0]}${said.length > 1 ? `, and ${said.length - 1} more` : ""}`;
}

function excerpt({ block, differences, spotChecks }: Wrong): object {
  return {
    ...{ block, count: differences.length + spotChecks.length },
    differences: differences.slice(0, ALERTED_TOGETHER),
    spotChecks: spotChecks.slice(0, ALERTED_TOGETHER),
  };
}

function lines(happening: Happening): string {
  const now = new Date().toISOString().slice(0, 19);
  return told(happening)
    .map((line) => `${now}Z  ${line}\n`)
    .join("");
}

function told(happening: Happening): string[] {
  switch (happening.type) {
    case "wrong":
      return [
        ...happening.differences.map((each) => `WRONG  ${differenceLine(each)}`),
        ...happening.spotChecks.map(
          ({ provider, reason }) => `WRONG  ${provider} did not show what it holds: ${reason}`,
        ),
      ];
    case "audited":
      return [standing(happening.report)];
    case "reorganised":
      return [`the chain went another way: everything after block ${happening.block} is judged anew`];
    case "unreachable":
      return [`${happening.reason}; trying again until it answers`];
    case "reachable":
      return ["the chain answers again"];
    case "stopped":
      return [`stopped at block ${happening.block}; ${happening.ok ? "everything is in order" : "something is wrong"}`];
  }
}

function standing({ block, epoch, checked, providers, differences }: Report): string {
  const outcome = (wanted: Outcome) =>
    providers.filter(({ epochs }) =>
      epochs.some(({ first, last, outcome }) => outcome === wanted && first < epoch && last >= epoch - 1),
    ).length;
  const before = epoch > 1 ? `; epoch ${epoch - 1}: ${outcome("proven")} proven, ${outcome("missed")} missed` : "";
  return (
    `audited up to block ${block}, epoch ${epoch}${before}; ${checked.events} events, ` +
    `${checked.views} views, ${differences.length === 0 ? "no" : differences.length} differences`
  );
}
