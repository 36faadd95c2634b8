import type { Coalition } from "./Coalition.ts";

/** What a coalition does of its own accord; the rest is done as the protocol asks. */
export interface Play {
  /** In the commit phase of the term's first epoch. */
  begin(): Promise<void>;
  /** In the commit phase of every other, also when the term is over. */
  early?(epoch: number): Promise<void>;
  /** When the seed is known, and with it whether the proof is whole. */
  seeded?(epoch: number, whole: boolean): Promise<void>;
  /** After a proof that was taken. */
  late?(): Promise<void>;
  /** Whether it sends no proof. Otherwise it sends what it has. */
  silent?(epoch: number): boolean;
}

export interface Strategy {
  readonly name: string;
  /** The customer never leaves and notices nothing. */
  readonly asleep?: boolean;
  play(me: Coalition): Play;
}
