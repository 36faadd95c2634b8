/** In place of src/network/CircuitRelay.ts: nobody can call a page, so it relays for nobody. */
export class CircuitRelay {
  constructor() {
    throw new Error("a page is no relay of circuits");
  }
}
