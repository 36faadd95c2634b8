import { SubletException } from "../protocol/Errors.ts";

/** A page has no folder to watch. */
export default {
  watch(root: string): never {
    const reason = "a page has no folders to watch: put what changed";
    throw new SubletException({ code: "BadArgument", name: "folder", value: root, reason });
  },
};
