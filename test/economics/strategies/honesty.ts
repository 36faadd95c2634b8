import type { Strategy } from "../Strategy.ts";
import { store } from "./opening.ts";

export const honesty: readonly [honest: Strategy, outage: Strategy] = [
  { name: "honest", play: (me) => ({ begin: () => store(me) }) },
  // Bad luck, not a strategy.
  {
    name: "honest, offline in one epoch",
    play: (me) => ({ begin: () => store(me), silent: (epoch) => epoch === me.term.first + 3 }),
  },
];
