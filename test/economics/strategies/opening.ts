import type { Coalition } from "../Coalition.ts";
import { CUSTOMER_SECTORS } from "../Term.ts";

/** How most strategies begin: one customer, of whose bytes a part is deleted as soon as the receipt is on chain. */
export async function store(me: Coalition, lost = 0): Promise<void> {
  const holding = await me.rent(CUSTOMER_SECTORS);
  holding.lost = lost;
}
