import { expect } from "chai";
import { type ErrorCode, type ErrorOf, SubletException } from "../../src/protocol/Errors.ts";

/** The typed error that `work` ends with; anything else fails the test. */
export async function expectError<Code extends ErrorCode>(work: Promise<unknown>, code: Code): Promise<ErrorOf<Code>> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!SubletException.is(thrown)) throw new Error(`expected ${code}`, { cause: thrown });
  expect(thrown.error.code).to.equal(code);
  return thrown.error as ErrorOf<Code>;
}
