/** `sublet audit`: arguments and printing only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { z } from "zod";
import { addressOf, marketAddress } from "../chain/MarketAddress.ts";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import { bootnodesOf } from "../protocol/PeerAddress.ts";
import { traceOfCommand } from "../protocol/TraceId.ts";
import { type AuditOptions, audit } from "./audit.ts";
import { htmlPage } from "./htmlPage.ts";
import { replayProof } from "./ProofReplay.ts";
import { page } from "./page.ts";
import { proofPage } from "./proofPage.ts";
import { writeWhole } from "./WholeFile.ts";

interface Flags {
  readonly home?: string;
  readonly rpc?: string;
  readonly market?: string;
  readonly json?: boolean;
  readonly spotCheck: boolean;
  readonly html?: string;
  readonly trace?: string;
  readonly bootnodes?: string;
  readonly watch?: boolean;
  readonly alert?: string;
  readonly alertWebhook?: string;
  readonly remember?: string;
}

const config = z.object({
  rpcUrl: z.string(),
  market: z.string(),
  chainId: z.number().optional(),
});

/** Ends with exit code 1 when anything is wrong; failures to audit at all are thrown. */
export function auditCommand(): Command {
  return withPlace(new Command("audit"))
    .description("replay the whole market from the chain, compare, and ask providers to show what they hold")
    .option("--no-spot-check", "leave out asking the providers")
    .option("--html <file>", "also write the report as a page for browsers, with each provider's calendar")
    .option("--trace <id>", "what the providers' logs have of it: else TRACEPARENT's, else drawn at random")
    .addOption(
      new Option("--bootnodes <multiaddr,...>", "who is asked where a provider is that is not where it announced").env(
        "SUBLET_BOOTNODES",
      ),
    )
    .option("--watch", "go on with every new block, and tell each wrong once, until Ctrl-C")
    .option("--alert <command>", "with --watch: run this when something is wrong, with $1 the kind, $2 what it is")
    .option("--alert-webhook <url>", "with --watch: post what is wrong to this URL, as JSON")
    .option("--remember <file>", "with --watch: what was told, so that the next watch does not tell it again")
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      const trace = traceOfCommand(flags.trace, process.env);
      command.setOptionValue("trace", trace);
      if (flags.watch) return watching({ ...flags, trace });
      without(flags, ["alert", "alertWebhook", "remember"], "it is for --watch");
      const report = await audit({ ...(await place(flags)), spotCheck: flags.spotCheck, trace, ...bootnodesOf(flags) });
      if (flags.html !== undefined) await writeWhole("--html", flags.html, htmlPage(report));
      process.stdout.write(flags.json ? `${JSON.stringify({ ...report, trace })}\n` : page(report));
      if (!report.ok) process.exitCode = 1;
    })
    .addCommand(proofCommand());
}

function without(flags: Flags, names: readonly (keyof Flags)[], reason: string): void {
  for (const name of names) {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (flags[name] !== undefined) throw bad(flag, `${flags[name]}`, reason);
  }
}

async function watching(flags: Flags): Promise<void> {
  const { alert, alertWebhook: webhook, html, remember, spotCheck, trace, json = false } = flags;
  if (webhook !== undefined && !/^https?:$/.test(URL.parse(webhook)?.protocol ?? ""))
    throw bad("--alert-webhook", webhook, "it is an http or https URL");
  const { runWatch } = await import("./watching.ts");
  const ok = await runWatch(
    { ...(await place(flags)), spotCheck, ...(trace && { trace }), ...bootnodesOf(flags) },
    { command: alert, webhook, html, remember, json },
  );
  if (!ok) process.exitCode = 1;
}

/** The parent takes the options it knows wherever they stand: only their help is this command's own. */
function proofCommand(): Command {
  return withPlace(new Command("proof"))
    .description("replay one proof step by step: seed, challenged chunks, and each level of their paths")
    .argument("<epoch>", "the number of an epoch that the provider proved")
    .argument("<provider>", "the provider's address")
    .action(async (epoch: string, provider: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      without(flags, ["html", "trace", "watch", "alert", "alertWebhook", "remember"], "it is for a whole audit");
      if (!/^[1-9]\d{0,9}$/.test(epoch)) throw bad("epoch", epoch, "it is a number from 1 on");
      const report = await replayProof(await place(flags), Number(epoch), addressOf("provider", provider));
      process.stdout.write(flags.json ? `${toJson(report)}\n` : proofPage(report));
      if (!report.ok) process.exitCode = 1;
    });
}

function withPlace(command: Command): Command {
  return command
    .addOption(new Option("--home <folder>", "take the chain and the market from this home").env("SUBLET_HOME"))
    .option("--rpc <url>", "the chain's JSON-RPC address")
    .option("--market <address>", "the market's address, or deployment file")
    .option("--json", "print one JSON document; with --watch, one a line");
}

/** Which market: as told, else as the home's config.json has it. */
async function place({ home, rpc, market }: Flags): Promise<Pick<AuditOptions, "rpcUrl" | "market" | "chainId">> {
  const known = rpc && market ? undefined : await configOf(home);
  const rpcUrl = rpc ?? known?.rpcUrl;
  const address = market ?? known?.market;
  if (!rpcUrl) throw missing("--rpc", "the chain's URL is needed, here or in a home's config.json");
  if (!address) throw missing("--market", "the market's address is needed, here or in a home's config.json");
  const chainId = rpc ? undefined : known?.chainId;
  return { rpcUrl, market: marketAddress("--market", address), ...(chainId !== undefined && { chainId }) };
}

async function configOf(home: string | undefined): Promise<z.infer<typeof config> | undefined> {
  if (!home) return undefined;
  const file = join(home, "config.json");
  const text = await readFile(file, "utf8").catch(() => {
    throw new SubletException({ code: "NotInitialized", home });
  });
  const parsed = config.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SubletException({ code: "StateCorrupt", file, reason: `${issue?.path.join(".")}: ${issue?.message}` });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const missing = (name: string, reason: string) => bad(name, "nothing", reason);

function bad(name: string, value: string, reason: string): Error {
  return new SubletException({ code: "BadArgument", name, value, reason });
}
