/** minSectors are billed in every proven epoch, and a provider with nothing stored has nothing to prove. */
import type { Coalition } from "../Coalition.ts";
import type { Play, Strategy } from "../Strategy.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";

function refuses(name: string, minSectors: number, more: (me: Coalition) => Partial<Play> = () => ({})): Strategy {
  const play = (me: Coalition): Play => ({
    async begin() {
      await me.open(CUSTOMER_SECTORS, { minSectors });
    },
    ...more(me),
  });
  return { name, play };
}

export const reserving: readonly Strategy[] = [
  // What a provider started from the command line asks for.
  refuses("refuses all bytes; 1 sector reserved, no notice", 1),
  refuses("refuses all bytes; 40 reserved, notice at once", CUSTOMER_SECTORS, (me) => ({
    async early(epoch) {
      if (epoch !== me.term.first + 1) return;
      for (const holding of me.customers()) await me.terminate(holding);
    },
  })),
  refuses("refuses all bytes; 40 reserved, no notice", CUSTOMER_SECTORS),
];
