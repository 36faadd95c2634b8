/** Moves a provider's data folder, and is killed with SIGKILL before its `n`-th step: node moveProcess.ts HOME FOLDER N. */
import { Home } from "../../src/provider-node/Home.ts";
import { move } from "../../src/provider-node/Move.ts";

const [home, to, n] = process.argv.slice(2) as [string, string, string];
let steps = 0;
await move({
  home: new Home(home),
  to,
  onStep: () => {
    steps++;
    if (steps === Number(n)) process.kill(process.pid, "SIGKILL");
  },
});
