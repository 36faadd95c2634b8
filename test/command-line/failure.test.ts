/** What a person or a program is told when a command fails: one of the errors with a code, whatever was thrown. */
import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { CommanderError } from "commander";
import { asSublet } from "../../src/command-line/failure.ts";
import { program } from "../../src/command-line/Program.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { sublet } from "../auditor/Command.ts";

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

describe("a failure", () => {
  it("stays what it is where it has a code already, also inside an abort", () => {
    const interrupted = new SubletException({ code: "Interrupted" });
    expect(asSublet(interrupted)).to.equal(interrupted);
    expect(asSublet(new DOMException("aborted", { name: "AbortError", cause: interrupted } as never))).to.equal(
      interrupted,
    );
  });

  it("is Usage where no command takes the line", async () => {
    const lines = { frobnicate: "unknown command", put: "missing required argument", "ls --nope": "unknown option" };
    for (const [line, reason] of Object.entries(lines)) {
      const thrown = await thrownBy(async () => (await program("put")).parseAsync(line.split(" "), { from: "user" }));
      expect(thrown).to.be.instanceOf(CommanderError);
      const { error } = asSublet(thrown) as SubletException<"Usage">;
      expect(error.code).to.equal("Usage");
      expect(error.reason).to.include(reason);
    }
  });

  it("is SystemError where the operating system refused", async () => {
    const { error } = asSublet(await thrownBy(() => readFile("/nowhere/at/all"))) as SubletException<"SystemError">;
    expect(error).to.deep.include({ code: "SystemError" });
    expect(error.reason).to.include("ENOENT").and.include("/nowhere/at/all");
  });

  it("is Unexpected where the program is at fault, and keeps where", () => {
    const fault = new TypeError("x is not a function");
    const { error, stack } = asSublet(fault) as SubletException<"Unexpected">;
    expect(error).to.deep.equal({ code: "Unexpected", reason: "x is not a function" });
    expect(stack).to.equal(fault.stack);
    expect(asSublet("a string").code).to.equal("Unexpected");
  });

  it("ends with its code in brackets, and as error.code in the document", async function () {
    this.timeout(60_000);
    const words = await sublet("audit", "--rpc", "http://127.0.0.1:9", "--market", "0x12");
    expect(words).to.deep.include({ code: 1, stdout: "" });
    expect(words.stderr).to.equal(
      'sublet: --market cannot be "0x12" (it is no address, nor the market.json of a deployment or its folder): give another; --help has an example for every command [BadArgument]\n',
    );
    const document = await sublet("audit", "--nonsense", "--json");
    expect(document.code).to.equal(2);
    expect(JSON.parse(document.stdout).error).to.include({ code: "Usage", reason: "unknown option '--nonsense'" });
  });
});
