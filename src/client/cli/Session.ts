/** One command's drive: opened as the flags say, closed when the command is done, whatever came of it. */
import { Command, Option } from "commander";
import type { Address } from "viem";
import { marketAddress } from "../../chain/MarketAddress.ts";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { bootnodesOf } from "../../protocol/PeerAddress.ts";
import { traceOfCommand } from "../../protocol/TraceId.ts";
import { Home } from "../home/Home.ts";
import type { Failure } from "../Parallel.ts";
import type { Incident } from "../retrieve/ShardReader.ts";
import type { Sublet } from "../Sublet.ts";
import { note, type PrintFlags } from "./Terminal.ts";

export interface HomeFlags extends PrintFlags {
  readonly home?: string;
  readonly rpc?: string;
  readonly market?: string;
  readonly bootnodes?: string;
  readonly passwordFile?: string;
}

/** A provider that failed while the command went on, for the command's document. */
export interface IncidentReport {
  readonly provider: Address;
  readonly position: number;
  readonly code: string;
  readonly message: string;
}

export interface Session {
  readonly drive: Sublet;
  /** Each provider and kind of failure once. */
  readonly incidents: IncidentReport[];
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

export function withHome(command: Command): Command {
  return command
    .addOption(new Option("--home <folder>", "where the drive lives (~/.sublet)").env("SUBLET_HOME"))
    .option("--rpc <url>", "the chain's JSON-RPC address, if another than the home's")
    .option("--market <address>", "the market's address or deployment file, if another than the home's")
    .addOption(
      new Option(
        "--bootnodes <multiaddr,...>",
        "whom to ask where a provider is that is not where it announced, if others than the home's",
      ).env("SUBLET_BOOTNODES"),
    )
    .option("--password-file <file>", "the keystore's password; else SUBLET_PASSWORD, else it is asked for")
    .option("--json", "print one JSON document");
}

/** A command that asks no provider. */
export function localCommand(name: string, description: string): Command {
  return withHome(new Command(name)).description(description);
}

/** A command whose calls of providers bear a trace: the one that is given, or that its environment is in, or its own. */
export function command(name: string, description: string): Command {
  return localCommand(name, description)
    .option("--trace <id>", "what providers' logs have of this command: else TRACEPARENT's, else drawn at random")
    .option("--verbose", "say the trace id")
    .hook("preAction", (_, own) => {
      const { trace, verbose } = own.opts<{ trace?: string; verbose?: boolean }>();
      const id = traceOfCommand(trace, process.env);
      own.setOptionValue("trace", id);
      if (verbose) note(`trace ${id}`);
    });
}

export async function withDrive<Result>(
  flags: HomeFlags,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  // Before anybody is asked for a password.
  await new Home(flags.home).readConfig();
  const bootnodes = bootnodesOf(flags);
  return interruptible(async (signal) => {
    const incidents: IncidentReport[] = [];
    // Only now: the network takes a second to load, and a wrong argument should not wait for it.
    const { Sublet } = await import("../Sublet.ts");
    const drive = await Sublet.open({
      ...(flags.home !== undefined && { home: flags.home }),
      ...(flags.rpc !== undefined && { rpcUrl: flags.rpc }),
      ...(flags.market !== undefined && { market: marketAddress("--market", flags.market) }),
      ...(flags.trace !== undefined && { trace: flags.trace }),
      ...bootnodes,
      password: await readPassword(flags.passwordFile, false),
      signal,
      onIncident: (incident) => remember(incidents, incident),
    });
    try {
      return await work({ drive, incidents, signal });
    } finally {
      await drive.close();
    }
  });
}

/** What other devices did is learned first, where there are any; where it cannot be, what is known here has to do. */
export async function withNews({ drive, signal }: Session): Promise<void> {
  if (!drive.shared) return;
  await drive.sync(signal).catch((error: unknown) => {
    if (!SubletException.is(error, "TooFewProviders", "HomeBusy")) throw error;
    note(`What other devices did since is left out: ${error.message}`);
  });
}

/** Gives `work` a signal that aborts on Ctrl-C. */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new SubletException({ code: "Interrupted" }));
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** What could not be done, each in a line; the exit code is 1 then. */
export function endWith(failed: readonly Failure[]): void {
  for (const { path, code, message } of failed) note(`${path}: ${message} [${code}]`);
  if (failed.length > 0) process.exitCode = 1;
}

export function remember(incidents: IncidentReport[], { deal: { provider, position }, error }: Incident): void {
  const code = SubletException.is(error) ? error.code : "Unexpected";
  if (incidents.some((one) => one.provider === provider && one.code === code)) return;
  const message = error instanceof Error ? error.message : String(error);
  incidents.push({ provider, position, code, message });
  note(`position ${position}, provider ${provider}: ${message}`);
}
