/** The receipt is signed and the bytes are deleted. What counts is on chain. */
import type { Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";

export const withholding: readonly Strategy[] = [
  {
    name: "signs and deletes; nobody commits",
    play: (me) => ({
      async begin() {
        await me.open(CUSTOMER_SECTORS);
      },
    }),
  },
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
