import { Command } from "commander";
import { SECTOR_BYTES } from "../../codec/index.ts";
import { size, wholeNumber } from "./Arguments.ts";
import { extendCommand, renewCommand } from "./extend.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly k: string;
  readonly n: string;
  readonly size: string;
  readonly epochs: string;
}

export function volumeCommand(): Command {
  const create = command("create", "rent space with n providers, any k of which bring everything back")
    .requiredOption("--k <count>", "providers that are enough to read")
    .requiredOption("--n <count>", "providers in all")
    .option("--size <size>", "how much it holds", "1GiB")
    .option("--epochs <count>", "for how long", "30")
    .action((flags: Flags) => createVolume(flags));
  return new Command("volume")
    .description("rented space")
    .addCommand(create)
    .addCommand(extendCommand())
    .addCommand(renewCommand());
}

async function createVolume(flags: Flags): Promise<void> {
  const options = {
    k: wholeNumber("--k", flags.k),
    n: wholeNumber("--n", flags.n),
    bytes: size("--size", flags.size),
    epochs: wholeNumber("--epochs", flags.epochs),
  };
  await withDrive(flags, async ({ drive, signal }) => {
    const { id, k, n, capacity } = await drive.createVolume({ ...options, signal });
    const bytes = (capacity - 1) * k * SECTOR_BYTES;
    print(flags, { volume: id, k, n, capacity, bytes }, () => [
      `Volume ${id}: ${sizeText(bytes)} with ${n} providers, any ${k} of which bring it back.`,
    ]);
  });
}
