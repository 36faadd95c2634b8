import { SubletException } from "../../protocol/Errors.ts";

/** @param failures what each of those that were asked said, kept as its cause */
export function tooFewProviders(have: number, need: number, failures: readonly unknown[]): SubletException {
  const cause = new AggregateError(failures, "what those that were asked said");
  return new SubletException({ code: "TooFewProviders", have, need }, { cause });
}
