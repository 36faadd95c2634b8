/** What a share link leads to: no home, no key, no password. */

import { bootnodesOf } from "../../protocol/PeerAddress.ts";
import { bad } from "./Arguments.ts";
import { fetchShown, targetOf, toStandardOutput } from "./Destination.ts";
import { type IncidentReport, interruptible, remember } from "./Session.ts";
import type { PrintFlags } from "./Terminal.ts";

interface Flags extends PrintFlags {
  readonly rpc?: string;
  readonly bootnodes?: string;
  readonly parallel: number;
}

export async function getShared(link: string, destination: string | undefined, flags: Flags): Promise<void> {
  const incidents: IncidentReport[] = [];
  await interruptible(async (signal) => {
    const onIncident = remember.bind(undefined, incidents);
    // Only now, as for a drive.
    const { SharedFiles } = await import("../share/SharedFiles.ts");
    const shared = await SharedFiles.open(link, {
      ...(flags.rpc !== undefined && { rpcUrl: flags.rpc }),
      ...(flags.trace !== undefined && { trace: flags.trace }),
      ...bootnodesOf(flags),
      signal,
      onIncident,
    });
    try {
      const { name, kind, entries } = shared;
      if (destination === "-") {
        if (kind === "folder") throw bad("destination", "-", "what is shared is a folder, not a file");
        return await toStandardOutput(shared.get({ signal }));
      }
      const target = await targetOf(name, destination, kind);
      await fetchShown(flags, { path: name, kind, listed: entries, incidents }, (onProgress) =>
        shared.fetch(target, { parallel: flags.parallel, onProgress, signal }),
      );
    } finally {
      await shared.close();
    }
  });
}
