/** Deals with oneself, of bytes that need not be stored, so that what was deleted is challenged less often. */
import type { Coalition } from "../Coalition.ts";
import type { Play, Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";

/** The customer's sectors stand among the coalition's own so that every stratum has its share: any other order shows more. */
const STRATA = 5;
/** From a challenge to the commit phase in which it can be convicted, in epochs. */
const CONVICTION = 2;

type AddOwn = () => Promise<void>;

function dilutes(
  name: string,
  [times, lost]: readonly [times: number, lost: number],
  more: (me: Coalition, addOwn: AddOwn) => Partial<Play> = () => ({}),
): Strategy {
  const play = (me: Coalition): Play => {
    const addOwn = async () => {
      await me.pretend((times * CUSTOMER_SECTORS) / STRATA);
    };
    const { early, ...others } = more(me, addOwn);
    return {
      async begin() {
        for (let stratum = 0; stratum < STRATA; stratum++) {
          await addOwn();
          const holding = await me.rent(CUSTOMER_SECTORS / STRATA);
          holding.lost = lost;
        }
      },
      async early(epoch) {
        if (me.customers().length > 0) await early?.(epoch);
      },
      ...others,
    };
  };
  return { name, play };
}

/** The own deals are to be gone before the penalty comes: abandoned, emptied, or at least given notice. */
const ownLeave = dilutes("9x, own deals try to leave after the seed", [9, 1], (me, addOwn) => {
  const noticed = new Set<string>();
  return {
    async early() {
      while (me.own().length < STRATA) await addOwn();
    },
    async seeded(_epoch, whole) {
      if (whole) return;
      for (const holding of me.own()) {
        await me.refused(me.abandon(holding));
        await me.refusedToEmpty(holding);
        if (noticed.has(holding.deal.id)) continue;
        noticed.add(holding.deal.id);
        await me.terminate(holding);
      }
    },
  };
});

/** The own deals are to forget how often they were missed. */
const ownEmptied = dilutes("9x, own deals emptied and filled after a miss", [9, 1], (me) => ({
  async early() {
    if (me.missedInARow === 0) return;
    for (const holding of me.own()) {
      const { sectors } = holding;
      await me.hold(holding, 0);
      await me.hold(holding, sectors);
    }
  },
}));

/** A conviction gives all the collateral to the client, who is the provider, and burns nothing. One is held ready. */
const ownConvicted = dilutes("9x, own deals convicted after a miss", [9, 1], (me, addOwn) => {
  const due = new Map<string, number>();
  const ready = (epoch: number) => me.own().filter(({ deal }) => epoch >= (due.get(deal.id) ?? epoch + 1));
  return {
    async early(epoch) {
      const now = me.missedInARow > 0 || epoch === me.term.end - 1;
      if (now) for (const holding of ready(epoch)) await me.convict(holding);
      while (me.own().length < STRATA) await addOwn();
      for (const holding of me.own()) {
        if (due.has(holding.deal.id) || epoch + CONVICTION >= me.term.end) continue;
        due.set(holding.deal.id, epoch + CONVICTION);
        await me.challenge(holding);
      }
    },
    async seeded(epoch, whole) {
      if (!whole) for (const holding of ready(epoch)) await me.refused(me.convict(holding));
    },
  };
});

/** Nobody else is there: half of the penalty comes back. */
const ownMissed: Strategy = {
  name: "its own client only, never proves",
  play: (me) => ({
    async begin() {
      await me.pretend(CUSTOMER_SECTORS);
    },
    silent: () => true,
  }),
};

export const dilutesNine = dilutes("own deals 9x, deletes everything", [9, 1]);

/** Left to luck alone. */
export const plainDilutions: readonly Strategy[] = [
  dilutes("own deals 1x, deletes everything", [1, 1]),
  dilutes("own deals 9x, deletes 1/4", [9, 1 / 4]),
  dilutesNine,
  dilutes("own deals 49x, deletes everything", [49, 1]),
];

export const diluting: readonly Strategy[] = [...plainDilutions, ownLeave, ownEmptied, ownConvicted, ownMissed];
