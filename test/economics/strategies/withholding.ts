/** The receipt is signed and the bytes are deleted. What counts is on chain. */
import { mostReserved } from "../../../src/client/volumes/Selection.ts";
import type { Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";

/** What its client reserves is paid for: nothing shows that the bytes are gone. */
export const uncommitted: Strategy = {
  name: "signs and deletes; nobody commits",
  play: (me) => ({
    async begin() {
      await me.open(CUSTOMER_SECTORS, { minSectors: mostReserved(CUSTOMER_SECTORS) });
    },
  }),
};

export const withholding: readonly Strategy[] = [
  uncommitted,
  {
    name: "signs and deletes; the customer commits",
    play: (me) => ({
      async begin() {
        const holding = await me.open(CUSTOMER_SECTORS);
        holding.lost = 1;
      },
      async early(epoch) {
        if (epoch !== me.term.first + 2) return;
        for (const holding of me.customers()) await me.hold(holding, CUSTOMER_SECTORS);
      },
    }),
  },
];
