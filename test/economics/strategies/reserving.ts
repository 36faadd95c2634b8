/** minSectors are billed in every proven epoch, and a provider with nothing stored has nothing to prove. */
import { mostReserved } from "../../../src/client/volumes/Selection.ts";
import type { Coalition } from "../Coalition.ts";
import type { Play, Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";
import { LONGEST_NOTICE } from "./leaving.ts";

/** Of the smallest volume. */
const FEWEST_SECTORS = 2;

type More = (me: Coalition) => Partial<Play>;

/** Reserves the most that a client takes, of deals that are as large together as all others. */
function refuses(name: string, capacity: number, more: More, noticeEpochs?: number): Strategy {
  const terms = { minSectors: mostReserved(capacity), ...(noticeEpochs && { noticeEpochs }) };
  const play = (me: Coalition): Play => {
    const { begin, ...others } = more(me);
    return {
      async begin() {
        for (let sectors = 0; sectors < CUSTOMER_SECTORS; sectors += capacity) await me.open(capacity, terms);
        await begin?.();
      },
      ...others,
    };
  };
  return { name, play };
}

/** The customer's part, which its client sees to: notice as soon as its first bytes are refused. */
async function customersLeave(me: Coalition): Promise<void> {
  for (const holding of me.customers()) await me.terminate(holding);
}

const leave: More = (me) => ({ begin: () => customersLeave(me) });

export const reserving: readonly Strategy[] = [
  // One sector is also what a provider started from the command line asks for.
  refuses("refuses all bytes; 1 of 40 sectors reserved", CUSTOMER_SECTORS, leave),
  refuses("refuses all bytes; 1 of 2 reserved", FEWEST_SECTORS, leave),
  refuses("refuses all bytes, of one customer after the other", CUSTOMER_SECTORS, (me) => ({
    begin: () => customersLeave(me),
    async early(epoch) {
      if (epoch >= me.term.end || me.customers().length > 0) return;
      await me.open(CUSTOMER_SECTORS, { minSectors: mostReserved(CUSTOMER_SECTORS) });
      await customersLeave(me);
    },
  })),
  refuses(
    "resigns before it refuses, notice of 30",
    CUSTOMER_SECTORS,
    (me) => ({
      async begin() {
        for (const holding of me.customers()) await me.resign(holding);
        await customersLeave(me);
      },
    }),
    LONGEST_NOTICE,
  ),
  refuses("takes no bytes; the customer never leaves", CUSTOMER_SECTORS, () => ({})),
];
