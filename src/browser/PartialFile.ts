/** In place of src/client/retrieve/PartialFile.ts: a page has no file that what is fetched could go to. */
import { SubletException } from "../protocol/Errors.ts";

const reason = "a page has no files to write: read it with get or stream";

export const PartialFile = {
  async open(target: string): Promise<never> {
    throw new SubletException({ code: "BadArgument", name: "target", value: target, reason });
  },
};

export const isThere = PartialFile.open;

/** There is nothing to clean up. */
export async function sweep(): Promise<void> {}
