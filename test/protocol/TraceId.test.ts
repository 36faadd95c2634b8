import { expect } from "chai";
import { SubletException } from "../../src/protocol/Errors.ts";
import { newTrace, requireTrace, traceIn, traceOfCommand } from "../../src/protocol/TraceId.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("TraceId", () => {
  it("draws 32 digits of hex that are never the same", () => {
    const drawn = Array.from({ length: 100 }, newTrace);
    for (const trace of drawn) expect(traceIn(trace)).to.equal(trace);
    expect(new Set(drawn).size).to.equal(100);
  });

  // The examples of W3C Trace Context, sections 3.2.2 and 3.2.3.
  const texts: [what: string, text: string, trace: string | undefined][] = [
    ["an id", ID, ID],
    ["an id in capitals", ID.toUpperCase(), ID],
    ["a traceparent", `00-${ID}-00f067aa0ba902b7-01`, ID],
    ["a traceparent of a later version, with more", `cc-${ID}-00f067aa0ba902b7-01-what-comes`, ID],
    ["version ff, which there is not", `ff-${ID}-00f067aa0ba902b7-01`, undefined],
    ["flags cut short", `00-${ID}-00f067aa0ba902b7-0`, undefined],
    ["no id at all", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, undefined],
    ["zeros", "0".repeat(32), undefined],
    ["a digit less", ID.slice(1), undefined],
    ["a digit more", `${ID}0`, undefined],
    ["two lines", `${ID}\n${ID}`, undefined],
    ["nothing", "", undefined],
  ];
  for (const [what, text, trace] of texts) {
    it(`${trace ? "reads" : "takes for none:"} ${what}`, () => {
      expect(traceIn(text)).to.equal(trace);
    });
  }

  it("is a command's own argument before its environment's, and something drawn without either", () => {
    const TRACEPARENT = `00-${"ab".repeat(16)}-00f067aa0ba902b7-01`;
    expect(traceOfCommand(ID, { TRACEPARENT })).to.equal(ID);
    expect(traceOfCommand(undefined, { TRACEPARENT })).to.equal("ab".repeat(16));
    for (const environment of [{}, { TRACEPARENT: "elsewhere" }]) {
      const drawn = [traceOfCommand(undefined, environment), traceOfCommand(undefined, environment)];
      expect(new Set(drawn.map(traceIn)).size).to.equal(2);
    }
    expect(() => traceOfCommand("mine", {})).to.throw(SubletException, /^--trace/);
  });

  it("says which argument is none", () => {
    expect(requireTrace("--trace", ID)).to.equal(ID);
    expect(() => requireTrace("--trace", "mine"))
      .to.throw(SubletException, /32 hexadecimal digits/)
      .with.property("error")
      .that.includes({ code: "BadArgument", name: "--trace", value: "mine" });
  });
});
