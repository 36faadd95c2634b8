/** A coalition that follows a strategy, and the account of what came of it. */
import { RATE } from "../contracts/fixture.ts";
import type { Book, Moved } from "./Book.ts";
import type { Coalition, Proof } from "./Coalition.ts";
import type { Play, Strategy } from "./Strategy.ts";
import { CUSTOMER_SECTORS } from "./Term.ts";

/** What came of a strategy. Money in rates, for each sector-epoch that the customers' deals were made for. */
export interface Outcome {
  readonly income: number;
  /** Of penalties, forfeits and fees, what did not come back to the coalition. */
  readonly lost: number;
  /** The part of it that nobody has now. */
  readonly burnt: number;
  /** What the coalition has more than at first. */
  readonly net: number;
  /** The share of the customers' sector-epochs that was kept. */
  readonly stored: number;
  /** Tries to get out that the gate refused. */
  readonly refusals: number;
  /** Epochs in which a proof was sent though something was not there, and those in which it was not taken. */
  readonly sent: number;
  readonly missed: number;
  /** Sectors that were not there at the first of them, and all that could be challenged. */
  readonly missing: number;
  readonly total: number;
}

export class Player {
  readonly strategy: Strategy;
  readonly me: Coalition;
  readonly #play: Play;
  #before = 0n;
  #stored = 0;
  #exposed = { missing: 0, total: 0 };
  #sent = 0;
  #missed = 0;

  constructor(strategy: Strategy, me: Coalition) {
    [this.strategy, this.me, this.#play] = [strategy, me, strategy.play(me)];
  }

  async begin(book: Book): Promise<void> {
    this.#before = await book.wealth(this.me.host);
    await this.#play.begin();
  }

  async commitPhase(epoch: number): Promise<void> {
    const { me } = this;
    await me.tidy(epoch, !this.strategy.asleep);
    const hidesNothing = me.customers().length === 0 && me.holdings.some(({ own }) => !own);
    // Its own deals go at no cost: what they forfeit is paid to itself.
    if (hidesNothing) for (const holding of me.own()) await me.abandon(holding);
    await this.#play.early?.(epoch);
  }

  /** Once the seed is known. @returns what it sends, where it sends anything */
  async answer(epoch: number): Promise<Proof | undefined> {
    const { me } = this;
    this.#stored += me.kept(epoch);
    if (me.live().length === 0 || this.#play.silent?.(epoch)) return undefined;
    const proof = await me.proof();
    const exposed = me.standing();
    if (exposed.missing > 0) {
      if (this.#sent === 0) this.#exposed = exposed;
      this.#sent++;
      if (!proof.whole) this.#missed++;
    }
    await this.#play.seeded?.(epoch, proof.whole);
    return proof;
  }

  /** Once the market has said whether the epoch is proven. */
  async judged(proven: boolean): Promise<void> {
    if (this.me.standing().total > 0) this.me.count(proven);
    if (proven) await this.#play.late?.();
  }

  async outcome(book: Book, moved: ReadonlyMap<string, Moved>): Promise<Outcome> {
    if (this.me.holdings.some(({ closed }) => !closed)) throw new Error(`${this.strategy.name}: a deal is not closed`);
    let [income, lost, burnt] = [0n, 0n, 0n];
    for (const { deal, own } of this.me.holdings) {
      const { paid, penalty, exit } = moved.get(deal.id) ?? { paid: 0n, penalty: 0n, exit: 0n };
      burnt += penalty / 2n;
      lost += own ? penalty / 2n : penalty + exit;
      if (!own) income += paid;
    }
    const net = (await book.wealth(this.me.host)) - this.#before;
    if (net !== income - lost) throw new Error(`${this.strategy.name}: has ${net}, but earned ${income} - ${lost}`);
    const agreed = CUSTOMER_SECTORS * this.me.term.length;
    const share = (units: bigint) => Number(units) / Number(RATE) / agreed;
    return {
      ...{ income: share(income), lost: share(lost), burnt: share(burnt), net: share(net) },
      ...{ stored: this.#stored / agreed, refusals: this.me.refusals, sent: this.#sent, missed: this.#missed },
      ...this.#exposed,
    };
  }
}
