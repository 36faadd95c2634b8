/** `sublet audit`: arguments and printing only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type Address, isAddress } from "viem";
import { z } from "zod";
import { SubletException } from "../protocol/Errors.ts";
import { type AuditOptions, audit } from "./audit.ts";
import { page } from "./page.ts";

interface Flags {
  readonly home?: string;
  readonly rpc?: string;
  readonly market?: string;
  readonly json?: boolean;
  readonly spotCheck: boolean;
}

const config = z.object({
  rpcUrl: z.string(),
  market: z.string(),
  chainId: z.number().optional(),
});

/** Ends with exit code 1 when anything is wrong; failures to audit at all are thrown. */
export function auditCommand(): Command {
  return new Command("audit")
    .description("replay the whole market from the chain, compare, and ask providers to show what they hold")
    .addOption(new Option("--home <folder>", "take the chain and the market from this home").env("SUBLET_HOME"))
    .option("--rpc <url>", "the chain's JSON-RPC address")
    .option("--market <address>", "the market's address")
    .option("--json", "print one JSON document")
    .option("--no-spot-check", "leave out asking the providers")
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      const report = await audit({ ...(await place(flags)), spotCheck: flags.spotCheck });
      process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : page(report));
      if (!report.ok) process.exitCode = 1;
    });
}

/** Which market: as told, else as the home's config.json has it. */
async function place({ home, rpc, market }: Flags): Promise<Pick<AuditOptions, "rpcUrl" | "market" | "chainId">> {
  const known = rpc && market ? undefined : await configOf(home);
  const rpcUrl = rpc ?? known?.rpcUrl;
  const address = market ?? known?.market;
  if (!rpcUrl) throw missing("--rpc", "the chain's URL is needed, here or in a home's config.json");
  if (!address) throw missing("--market", "the market's address is needed, here or in a home's config.json");
  if (!isAddress(address)) throw bad("--market", address, "it is no address");
  const chainId = rpc ? undefined : known?.chainId;
  return { rpcUrl, market: address as Address, ...(chainId !== undefined && { chainId }) };
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
