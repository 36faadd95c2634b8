import { expect } from "chai";
import { type ErrorCode, type ErrorOf, SubletException } from "../../src/protocol/Errors.ts";

/** The error of that code that `work` fails with; the test fails where it does not. */
export async function failure<Code extends ErrorCode>(work: Promise<unknown>, code: Code): Promise<ErrorOf<Code>> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!SubletException.is(thrown, code)) {
    expect.fail(`expected ${code}, got ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : thrown}`);
  }
  return thrown.error as ErrorOf<Code>;
}
