/** A part of what is stored is deleted; whether that shows is left to the seed. */
import type { Coalition, Holding } from "../Coalition.ts";
import type { Play, Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";
import { store } from "./opening.ts";

function drops(name: string, lost: number, more: (me: Coalition) => Partial<Play> = () => ({})): Strategy {
  return { name, play: (me) => ({ begin: () => store(me, lost), ...more(me) }) };
}

export const dropsQuarter = drops("deletes 1/4", 1 / 4);

const tries: readonly Strategy[] = [
  drops("deletes 1/4, tries to leave after the seed", 1 / 4, (me) => ({
    async seeded(_epoch, whole) {
      if (whole) return;
      for (const holding of me.customers()) {
        await me.refused(me.abandon(holding));
        await me.refusedToPrune(holding);
      }
    },
  })),
  drops("deletes 1/4, resigns at the first miss", 1 / 4, (me) => {
    let resigned = false;
    return {
      async seeded(_epoch, whole) {
        if (whole || resigned) return;
        resigned = true;
        for (const holding of me.customers()) await me.resign(holding);
      },
    };
  }),
  drops("deletes 1/2, refills its collateral", 1 / 2, (me) => ({
    async early() {
      for (const holding of me.customers()) if (2 * holding.misses >= me.term.cover) await me.refill(holding);
    },
  })),
];

/** Of forty sectors one is a small customer's, who may look, or not. */
function smallOne(name: string, looks: boolean): Strategy {
  const play = (me: Coalition): Play => {
    let small: Holding;
    return {
      async begin() {
        await me.rent(CUSTOMER_SECTORS - 1);
        small = await me.rent(1);
        small.lost = 1;
      },
      async early(epoch) {
        if (!looks || small.stopped) return;
        if (epoch === me.term.first + 1) await me.challenge(small);
        if (epoch === me.term.first + 3) await me.convict(small);
      },
    };
  };
  return { name, play };
}

/** Left to luck alone. */
export const plainDrops: readonly Strategy[] = [
  drops("deletes 1/32", 1 / 32),
  drops("deletes 1/16", 1 / 16),
  drops("deletes 1/8", 1 / 8),
  dropsQuarter,
  drops("deletes 1/2", 1 / 2),
  drops("deletes everything", 1),
];

export const dropping: readonly Strategy[] = [
  ...plainDrops,
  ...tries,
  smallOne("deletes a small customer's only sector", false),
  smallOne("deletes it, and that customer names a chunk", true),
];
