/** Stores in folders of their own, for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskStore, type DiskStoreOptions } from "../../../src/provider-node/storage/DiskStore.ts";
import { type Home, roomy } from "../../conformance/store.ts";

export interface DiskHome extends Home {
  readonly directory: string;
}

export async function temporaryHome(options: Partial<DiskStoreOptions> = {}): Promise<DiskHome> {
  const directory = await mkdtemp(join(tmpdir(), "sublet-store-"));
  return {
    directory,
    open: (limits = roomy) => DiskStore.open({ directory, limits, ...options }),
    remove: () => rm(directory, { recursive: true }),
  };
}
