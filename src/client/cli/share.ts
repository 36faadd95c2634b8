import { Command } from "commander";
import { formatEther, formatUnits } from "viem";
import type { NewShare, ShareOptions, SharePlan, ShareStatus } from "../share/Sharing.ts";
import { bad, hint, tokens } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly until: string;
  readonly budget?: string;
  readonly hint?: string;
  readonly dryRun?: boolean;
}

export function shareCommand(): Command {
  const create = command("create", "a link that reads a file or folder as it is now, for anybody who has it")
    .argument("<path>", "its name on the drive")
    .option("--until <when>", "for how long (30m, 12h, 7d, 3e: epochs) or until which date (2030-01-31)", "7d")
    .option("--budget <tokens>", "what the deals may pay for reading by it (ten times all of it)")
    .option("--hint <url>", "where the link says that the chain can be reached (as this home does), or none")
    .option("--dry-run", "only say what it would cost")
    .action((path: string, flags: Flags) => createShare(path, flags));
  const list = command("list", "links that were made, until when they hold, and what each has cost").action(
    (flags: HomeFlags) => listShares(flags),
  );
  const revoke = command("revoke", "take a link back")
    .argument("<id>", "of the link, as list shows it, or the beginning of it")
    .action((id: string, flags: HomeFlags) => revokeShare(id, flags));
  return new Command("share")
    .description("links to files, for people who have no account")
    .addCommand(create)
    .addCommand(list)
    .addCommand(revoke);
}

async function createShare(path: string, flags: Flags): Promise<void> {
  const until = untilOf(flags.until);
  await withDrive(flags, async ({ drive, signal }) => {
    const decimals = await drive.tokenDecimals();
    const options: ShareOptions = {
      ...{ until, signal },
      ...(flags.budget !== undefined && { budget: tokens("--budget", flags.budget, decimals) }),
      ...(flags.hint !== undefined && { rpcUrl: flags.hint === "none" ? "" : hint(flags.hint) }),
    };
    if (flags.dryRun) {
      const plan = await drive.planShare(path, options);
      print(flags, { decimals, ...plan }, () => [
        `A link to ${what(plan)} would hold ${terms(plan, decimals)}. Its one transaction would take ${plan.gas} gas, ` +
          `${formatEther(plan.fee)} of the chain's coin at today's price. Nothing was changed.`,
      ]);
      return;
    }
    const share = await drive.share(path, options);
    print(flags, { decimals, ...share }, () => [
      share.link,
      `Whoever has this link reads ${what(share)} ${terms(share, decimals)}. share revoke ${share.id.slice(0, 10)} takes it back.`,
    ]);
  });
}

async function listShares(flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const [decimals, shares] = [await drive.tokenDecimals(), await drive.shares()];
    print(flags, { decimals, shares }, () =>
      shares.length === 0 ? ["There are no links."] : shares.map((one) => line(one, decimals)),
    );
  });
}

async function revokeShare(id: string, flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const revoked = await drive.unshare(id);
    print(flags, revoked, () => [
      `The link ${revoked.id} leads nowhere any more; what was fetched by it cannot be taken back.`,
    ]);
  });
}

function line({ id, path, state, epoch, untilEpoch, budget, used }: ShareStatus, decimals: number): string {
  const holds = state === "live" ? `until epoch ${untilEpoch} (now ${epoch})` : `over since epoch ${untilEpoch}`;
  const amounts = [used, budget].map((amount) => formatUnits(amount, decimals));
  return `${id}  /${path}  ${holds}, ${amounts[0]} of ${amounts[1]} tokens used`;
}

function what({ path, files, bytes }: SharePlan | NewShare): string {
  return `/${path} (${counted(files, "file")}, ${sizeText(bytes)})`;
}

function terms({ untilEpoch, budget }: SharePlan | NewShare, decimals: number): string {
  return `until epoch ${untilEpoch}, and makes the deals pay ${formatUnits(budget, decimals)} tokens for it at most`;
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

function untilOf(value: string): NonNullable<ShareOptions["until"]> {
  const [, count, unit] = /^(\d{1,9})([smhdwe])$/.exec(value) ?? [];
  if (count !== undefined && unit !== undefined)
    return unit === "e" ? { epochs: Number(count) } : { seconds: Number(count) * SECONDS[unit]! };
  const date = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(date))
    throw bad("--until", value, "it is a time such as 12h, 7d or 3e, or a date such as 2030-01-31");
  if (date <= Date.now()) throw bad("--until", value, "it is past");
  return { seconds: Math.ceil((date - Date.now()) / 1_000) };
}
