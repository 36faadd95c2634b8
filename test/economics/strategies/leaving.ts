/** Going, at the moment and in the manner that cost least. */
import type { Coalition } from "../Coalition.ts";
import type { Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";
import { store } from "./opening.ts";

export const LONGEST_NOTICE = 30;

export const dark: Strategy = {
  name: "goes dark until the customer leaves",
  play: (me) => ({ begin: () => store(me, 1), silent: () => true }),
};

const darkUnnoticed: Strategy = { ...dark, name: "goes dark until the cover has run out", asleep: true };

export const resignsDark: Strategy = {
  name: "resigns and goes dark",
  play: (me) => ({ begin: () => resign(me, { lost: 1 }), silent: () => true }),
};

const resignsDarkNamed: Strategy = {
  name: "resigns and goes dark; the customer names a chunk",
  play: (me) => ({
    begin: () => resign(me, { lost: 1 }),
    silent: () => true,
    early: (epoch) => nameAndConvict(me, epoch),
  }),
};

/** Too late for the customer to leave after M misses in a row. */
export const darkAtTheEnd: Strategy = {
  name: "goes dark M - 1 epochs before the end",
  play(me) {
    const from = me.term.end - (me.term.missed - 1);
    return {
      begin: () => store(me),
      async early(epoch) {
        if (epoch === from) for (const holding of me.customers()) holding.lost = 1;
      },
      silent: (epoch) => epoch >= from,
    };
  },
};

export const abandons: Strategy = {
  name: "abandons after its first proof",
  play: (me) => ({
    begin: () => store(me),
    async late() {
      for (const holding of me.customers()) await me.abandon(holding);
    },
  }),
};

const convicted: Strategy = {
  name: "lets itself be convicted",
  play: (me) => ({
    begin: () => store(me, 1),
    early: (epoch) => nameAndConvict(me, epoch),
  }),
};

export const resigns: Strategy = { name: "commits and resigns at once", play: (me) => ({ begin: () => resign(me) }) };

export const resignsLate: Strategy = {
  name: "commits and resigns at once, notice of 30",
  play: (me) => ({ begin: () => resign(me, { noticeEpochs: LONGEST_NOTICE }) }),
};

const resignsAlways: Strategy = {
  name: "commits and resigns at once, again and again",
  play: (me) => ({
    begin: () => resign(me),
    async early(epoch) {
      const over = me.customers().length === 0;
      if (over && epoch + me.term.notice < me.term.end) await resign(me);
    },
  }),
};

/** Commits what it is given, and gives notice in the same epoch. */
async function resign(me: Coalition, { noticeEpochs = me.term.notice, lost = 0 } = {}): Promise<void> {
  const holding = await me.rent(CUSTOMER_SECTORS, { noticeEpochs });
  holding.lost = lost;
  await me.resign(holding);
}

/** The customer's part: names a chunk in the second epoch, and is shown nothing. */
async function nameAndConvict(me: Coalition, epoch: number): Promise<void> {
  for (const holding of me.customers()) {
    if (epoch === me.term.first + 1) await me.challenge(holding);
    if (epoch === me.term.first + 3) await me.convict(holding);
  }
}

export const leaving: readonly Strategy[] = [
  dark,
  darkUnnoticed,
  resignsDark,
  resignsDarkNamed,
  darkAtTheEnd,
  abandons,
  convicted,
  resigns,
  resignsLate,
  resignsAlways,
];
