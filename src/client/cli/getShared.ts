/** What a share link leads to: no home, no key, no password. */
import { bad } from "./Arguments.ts";
import { targetOf, toStandardOutput } from "./Destination.ts";
import { endWith, type IncidentReport, interruptible, remember } from "./Session.ts";
import { counted, type PrintFlags, Progress, print, sizeText } from "./Terminal.ts";

interface Flags extends PrintFlags {
  readonly rpc?: string;
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
      signal,
      onIncident,
    });
    try {
      const { name, kind, entries } = shared;
      if (destination === "-") {
        if (kind === "folder") throw bad("destination", "-", "what is shared is a folder, not a file");
        return await toStandardOutput(shared.get(signal));
      }
      const target = await targetOf(name, destination, kind);
      const progress = new Progress(
        "get",
        entries.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      const onProgress = (bytes: number): void => progress.add(bytes);
      const options = { parallel: flags.parallel, onProgress, signal };
      const fetched = await shared.fetch(target, options).finally(() => progress.stop());
      const hash = kind === "file" ? { hash: Buffer.from(entries[0]!.sha256).toString("hex") } : {};
      print(flags, { path: name, ...fetched, ...hash, incidents }, () => [
        `${target}: ${counted(fetched.files, "file")}, ${sizeText(fetched.bytes)}`,
      ]);
      endWith(fetched.failed);
    } finally {
      await shared.close();
    }
  });
}
