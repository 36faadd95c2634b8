import { open, readFile, unlink } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { formatUnits } from "viem";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { isDeviceLink } from "../devices/DeviceLink.ts";
import type { DeviceOptions, DeviceStatus } from "../devices/Devices.ts";
import { bad, hint, tokens, wholeNumber } from "./Arguments.ts";
import { strangeLines } from "./restore.ts";
import { command, type HomeFlags, type IncidentReport, interruptible, remember, withDrive } from "./Session.ts";
import { note, print } from "./Terminal.ts";

interface AddFlags extends HomeFlags {
  readonly epochs: string;
  readonly budget: string;
  readonly reads?: string;
  readonly hint?: string;
  readonly to?: string;
}

interface JoinFlags extends HomeFlags {
  readonly localNetwork?: boolean;
}

export function deviceCommand(): Command {
  const add = command("add", "let another machine of yours read and write the drive, without the key to its money")
    .argument("<name>", "what to call it")
    .option("--epochs <count>", "for so many", "365")
    .option("--budget <tokens>", "what it may spend on deals, to create volumes and repair", "0")
    .option("--reads <tokens>", "what deals may pay for its reading (all that they have for that now)")
    .option("--hint <url>", "where the link says that the chain can be reached (as this home does), or none")
    .option("--to <file>", "put the link into a new file that only you can read, in place of printing it")
    .action((name: string, flags: AddFlags) => addDevice(name, flags));
  const join = command("join", "make this machine a device of a drive")
    .argument("<file>", "with the link that device add made, or - to read it from what comes in")
    .option("--local-network", "everything runs on one machine")
    .action((file: string, flags: JoinFlags) => joinDrive(file, flags));
  const list = command("list", "devices, until when they are let in, and what each may spend yet").action(
    (flags: HomeFlags) => listDevices(flags),
  );
  const revoke = command("revoke", "take a device back: stolen, lost or sold")
    .argument("<device>", "its name or address")
    .action((device: string, flags: HomeFlags) => revokeDevice(device, flags));
  return new Command("device")
    .description("other machines of yours that read and write the drive")
    .addCommand(add)
    .addCommand(join)
    .addCommand(list)
    .addCommand(revoke);
}

async function addDevice(name: string, flags: AddFlags): Promise<void> {
  const epochs = wholeNumber("--epochs", flags.epochs);
  await withDrive(flags, async ({ drive }) => {
    const decimals = await drive.tokenDecimals();
    const options: DeviceOptions = {
      ...{ epochs, budget: tokens("--budget", flags.budget, decimals) },
      ...(flags.reads !== undefined && { reads: tokens("--reads", flags.reads, decimals) }),
      ...(flags.hint !== undefined && { rpcUrl: flags.hint === "none" ? "" : hint(flags.hint) }),
    };
    // Before money moves: where the link is to go.
    const { to } = flags;
    const file = to === undefined ? undefined : await newFile(to);
    try {
      const { link, ...added } = await drive.devices.add(name, options);
      await file?.writeFile(`${link}\n`);
      await file?.sync();
      const { id, untilEpoch, budget, reads } = added;
      const [deals, reading] = [budget, reads].map((amount) => formatUnits(amount, decimals));
      print(flags, { decimals, ...added, ...(to === undefined ? { link } : { to }) }, () => [
        to === undefined ? link : `The link is in ${to}.`,
        `${name} is ${id}, until epoch ${untilEpoch}; it may spend ${deals} tokens on deals and ${reading} on reading.`,
      ]);
      note("Whoever has the link is this device: give it to sublet device join there, and keep no copy.");
    } catch (error) {
      if (to !== undefined) await unlink(to).catch(() => undefined);
      throw error;
    } finally {
      await file?.close();
    }
  });
}

async function joinDrive(file: string, flags: JoinFlags): Promise<void> {
  const link = (await linkIn(file)).trim();
  const password = await readPassword(flags.passwordFile, true);
  await interruptible(async (signal) => {
    const incidents: IncidentReport[] = [];
    const { joinDevice } = await import("../devices/Joining.ts");
    const { drive, recovered } = await joinDevice({
      ...{ link, password, signal, onIncident: (incident) => remember(incidents, incident) },
      ...(flags.home !== undefined && { home: flags.home }),
      ...(flags.rpc !== undefined && { rpcUrl: flags.rpc }),
      ...(flags.localNetwork !== undefined && { localNetwork: flags.localNetwork }),
    });
    const { home, account: address } = drive;
    await drive.close();
    print(flags, { address, home, ...recovered, incidents }, () => [
      `This machine is ${address} now, with ${recovered.files} files of ${recovered.volumes} volumes. The link is used up: remove it.`,
      ...strangeLines(recovered),
    ]);
  });
}

async function listDevices(flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const [decimals, devices] = [await drive.tokenDecimals(), await drive.devices.list()];
    print(flags, { decimals, devices }, () =>
      devices.length === 0 ? ["There are no devices."] : devices.map((one) => line(one, decimals)),
    );
  });
}

async function revokeDevice(device: string, flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const revoked = await drive.devices.revoke(device);
    const { id, name, fromEpoch } = revoked;
    print(flags, revoked, () => [
      `${name ?? id} may do nothing more from epoch ${fromEpoch} on. Until then it reads, writes and spends as before.`,
      "What it had read it keeps, and its keys open what a provider would give it behind your back. If it was stolen, make a",
      "drive with another key (sublet init --home ...), copy what you have into it, and let the deals of this one run out.",
    ]);
  });
}

function line({ id, name, state, epoch, untilEpoch, budget, reads }: DeviceStatus, decimals: number): string {
  const holds = state === "live" ? `until epoch ${untilEpoch} (now ${epoch})` : `over since epoch ${untilEpoch}`;
  const [deals, reading] = [budget, reads].map((amount) => formatUnits(amount, decimals));
  const left = state === "live" ? `, ${deals} tokens left for deals and ${reading} for reading` : "";
  return `${id}  ${name ?? "(no name)"}  ${holds}${left}`;
}

/** Never from the command line, which others may see and shells remember. */
async function linkIn(file: string): Promise<string> {
  if (isDeviceLink(file))
    throw bad("file", "", "others can see a command line: put the link into a file, or give - and paste it");
  if (file === "-") return text(process.stdin);
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  });
}

async function newFile(path: string) {
  return open(path, "wx", 0o600).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SubletException({ code: "BadArgument", name: "--to", value: path, reason }, { cause });
  });
}
