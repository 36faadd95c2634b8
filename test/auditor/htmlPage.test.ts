/** The report as a page: what its drawing says of each epoch, and that nothing in it reaches out or runs. */
import { expect } from "chai";
import fc from "fast-check";
import type { Address } from "viem";
import { htmlPage } from "../../src/auditor/htmlPage.ts";
import type { Outcome, Report, Run } from "../../src/auditor/Report.ts";
import { createWorld, rollBack } from "../contracts/fixture.ts";
import { audited } from "./History.ts";

const KINDS: Record<string, Outcome> = { proven: "proven", missed: "missed", empty: "no sectors", open: "not yet" };
const WHO = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/** What each square of a calendar says, read off where it is drawn; the first row begins with epoch `top`. */
function drawn(page: string, top: number): Map<number, Outcome> {
  const svg = /<svg [^>]*aria-label="Epochs of[\s\S]*?<\/svg>/.exec(page)?.[0] ?? "";
  const squares = new Map<number, Outcome>();
  for (const [, kind, x, y, width] of svg.matchAll(/<rect class="(\w+)" x="(\d+)" y="(\d+)" width="(\d+)"/g)) {
    const from = top + ((Number(y) - 18) / 18) * 30 + (Number(x) - 150) / 18;
    for (let at = 0; at < (Number(width) + 3) / 18; at++) {
      expect(squares.has(from + at), `epoch ${from + at} is drawn twice`).to.equal(false);
      squares.set(from + at, KINDS[kind!]!);
    }
  }
  return squares;
}

function reportOf(epochs: readonly Run[], changes: Partial<Report> = {}): Report {
  return {
    ...{ ok: true, chainId: 1, market: WHO, block: "900", epoch: 90, burnt: "0" },
    began: [{ epoch: 1, time: "2026-01-02T03:04:05.000Z" }],
    checked: { events: 1, proofs: 2, challenges: 3, settlements: 4, signatures: 5, views: 6 },
    providers: [
      {
        ...{ provider: WHO, sectors: 1, deals: 1, firstEpoch: 1, proven: 3, missed: 1, empty: 0, missedEpochs: [] },
        ...{ epochs, earned: "0", penalties: "0", forfeited: "0" },
      },
    ],
    ...{ differences: [], spotChecks: [] },
    ...changes,
  };
}

const world = await createWorld();

describe("the page of a report", () => {
  it("draws every epoch of any record where it belongs, and no other", () => {
    const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 70 }), fc.constantFrom(...Object.values(KINDS))), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), lengths, (begin, parts) => {
        const expected = new Map<number, Outcome>();
        const epochs: Run[] = [];
        for (const [length, outcome] of parts) {
          const first = (epochs.at(-1)?.last ?? begin - 1) + 1;
          epochs.push({ first, last: first + length - 1, outcome });
          for (let epoch = first; epoch < first + length; epoch++) expected.set(epoch, outcome);
        }
        const top = begin - ((begin - 1) % 30);
        expect([...drawn(htmlPage(reportOf(epochs)), top)]).to.deep.equal([...expected]);
      }),
      { numRuns: 30 },
    );
  });

  it("needs nothing beside itself and runs nothing, whatever chain and peers say", () => {
    const nasty = `<script src="https://elsewhere.example/x.js">'&"</script>`;
    const difference = { epoch: 3, block: nasty, what: nasty, expected: nasty, actual: nasty, provider: nasty };
    const check = { provider: nasty as Address, ok: false, block: "1", chunks: 5, reason: nasty };
    const page = htmlPage(
      reportOf([], { ok: false, market: nasty as Address, differences: [difference], spotChecks: [check] }),
    );
    expect(page).not.to.match(/<script/i);
    expect(page).to.include(
      "&lt;script src=&quot;https://elsewhere.example/x.js&quot;&gt;&#39;&amp;&quot;&lt;/script&gt;",
    );
    const markup = page.replaceAll(/&lt;.*?&gt;/g, "");
    expect(markup).not.to.match(/<(link|img|iframe|object|embed|form|a|base)\b|@import|\son\w+=|javascript:/i);
    expect([...markup.matchAll(/url\(([^)]*)\)/g)].map(([, target]) => target)).to.deep.equal(["#stripes"]);
    expect(page).to.include(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it("puts what is wrong first, and says how much", () => {
    const { providers } = reportOf([]);
    const other = { ...providers[0]!, provider: "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65" as Address, missed: 9 };
    const difference = { epoch: 3, block: "7", what: "burnt", expected: "1", actual: "2", provider: WHO.toLowerCase() };
    const report = reportOf([], { ok: false, providers: [other, ...providers], differences: [difference] });
    const page = htmlPage(report);
    expect(page).to.include("Something is wrong: 1 difference.");
    expect(page.match(/<h3><code>(0x\w+)/g)?.map((head) => head.slice(-42))).to.deep.equal([WHO, other.provider]);
    expect(page.match(/<article class="suspect">/g)).to.have.length(1);
    expect(htmlPage(reportOf([])))
      .to.include("Everything is in order.")
      .and.not.include('suspect">');
  });

  describe("of a market's real history", () => {
    rollBack(world);

    it("shows what was proven, missed, empty and still open", async () => {
      const { bob } = world;
      const deal = await world.active(2);
      await world.live(bob, 2);
      await world.miss();
      await world.commit(deal, 0);
      await world.start();
      await world.commit(deal, 1);
      await world.live(bob);
      await world.to("gap");
      const report = await audited(world);
      const ours = { ...report, providers: report.providers.filter(({ provider }) => provider === bob.address) };
      expect([...drawn(htmlPage(ours), 1)]).to.deep.equal([
        ...[[2, "proven"] as const, [3, "proven"] as const, [4, "missed"] as const],
        ...[[5, "no sectors"] as const, [6, "proven"] as const, [7, "not yet"] as const],
      ]);
      const { timestamp } = (await world.ethers.provider.getBlock(world.phases(1).first))!;
      const begun = new Date(timestamp * 1_000).toISOString();
      expect(report.began).to.deep.equal([{ epoch: 1, time: begun }]);
      expect(htmlPage(ours)).to.include(`>1 \u00b7 ${begun.slice(0, 16).replace("T", " ")}<`);
    });
  });
});
