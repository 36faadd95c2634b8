/** The commands of a drive. */
import type { Command } from "commander";
import { deviceCommand } from "./device.ts";
import { getCommand } from "./get.ts";
import { initCommand } from "./init.ts";
import { keepCommand } from "./keep.ts";
import { keyCommand } from "./key.ts";
import { lsCommand } from "./ls.ts";
import { cpCommand, mvCommand } from "./mv.ts";
import { priceCommand } from "./price.ts";
import { putCommand } from "./put.ts";
import { repairCommand } from "./repair.ts";
import { restoreCommand } from "./restore.ts";
import { rmCommand } from "./rm.ts";
import { shareCommand } from "./share.ts";
import { statusCommand } from "./status.ts";
import { syncCommand } from "./sync.ts";
import { topupCommand } from "./topup.ts";
import { volumeCommand } from "./volume.ts";
import { watchCommand } from "./watch.ts";

export function clientCommands(): Command[] {
  return [
    initCommand(),
    priceCommand(),
    volumeCommand(),
    putCommand(),
    getCommand(),
    watchCommand(),
    lsCommand(),
    mvCommand(),
    cpCommand(),
    rmCommand(),
    keepCommand(),
    shareCommand(),
    deviceCommand(),
    syncCommand(),
    statusCommand(),
    repairCommand(),
    topupCommand(),
    keyCommand(),
    restoreCommand(),
  ];
}
