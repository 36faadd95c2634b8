/** Seeds and proofs, recomputed: the block header, the positions, every path. */
import { type Address, type Hex, hexToBytes } from "viem";
import { CHALLENGES, flaw } from "./Challenges.ts";
import type { Handlers, Judgement } from "./Scene.ts";
import { countMisses, membersOf, missCountThrough, sectorsOf } from "./State.ts";

interface Submitted {
  readonly seed: Hex;
  readonly proof: Hex;
}

export const proofs: Handlers = {
  async SeedRecorded(scene) {
    const { epoch, challengeBlock, seed } = scene.event.args;
    scene.same("epoch a seed is recorded for", scene.epoch, epoch);
    const expected = scene.rules.epochs.challengeBlock(scene.epoch);
    scene.same("challenge block", expected, challengeBlock);
    scene.holds(
      "a seed is known before its block is past",
      scene.event.block > expected,
      `after ${expected}`,
      scene.event.block,
    );
    scene.same("seed", await scene.randomness(expected), seed);
    scene.holds("a seed is recorded twice", scene.state.seed?.epoch !== epoch, "once an epoch", "again");
    scene.state.seed = { epoch, value: seed };
  },

  async Proven(scene) {
    const { provider: address, epoch, sectors } = scene.event.args;
    const provider = scene.state.provider(address);
    const place = { provider: address };
    scene.tally.proofs++;
    scene.same("epoch that is proven", scene.epoch, epoch, place);
    scene.holds("an epoch is proven twice", !provider.claimed.has(epoch), "once", "again", place);
    countMisses(provider, epoch - 1);
    scene.same("sectors that a proof is drawn from", sectorsOf(provider), sectors, place);
    const known = sectors === 0 || scene.state.seed?.epoch === epoch;
    scene.holds("a proof before the seed is recorded", known, `a seed of epoch ${epoch}`, "none", place);
    const wrong = await flawOf(scene, address, submittedProofs(scene, address));
    if (wrong) scene.differ("an epoch counts as proven without a valid proof", "a valid proof", wrong, place);
    else provider.proven.add(epoch);
    provider.claimed.add(epoch);
    provider.countedThrough = epoch;
  },

  async Skipped(scene) {
    // Which call an index counts in is certain only where there is one.
    const [call, ...others] = scene.transaction.calls;
    if (call?.functionName !== "proveMany" || others.length > 0) return;
    const [answered, items] = call.args;
    const item = items[Number(scene.event.args.index)];
    if (!item) return;
    const provider = scene.state.provider(item.provider);
    const seedKnown = scene.state.seed?.epoch === scene.epoch;
    if (!provider.signer || provider.claimed.has(scene.epoch)) return;
    if (!seedKnown && sectorsOf(provider) > 0) return;
    const wrong = await flawOf(scene, item.provider, [{ seed: answered, proof: item.proof }]);
    if (!wrong)
      scene.differ("a valid proof is skipped", "counted", scene.event.args.selector, { provider: item.provider });
  },
};

/** What is wrong with the proofs of a provider submitted in a block of this epoch; undefined: one of them holds. */
async function flawOf(
  scene: Judgement,
  address: Address,
  submitted: readonly Submitted[],
): Promise<string | undefined> {
  const { rules, epoch, phase } = scene;
  const provider = scene.state.provider(address);
  const empty = sectorsOf(provider) === 0;
  if (phase === "commit") return "it came in the commit phase";
  if (!empty && phase !== "prove") return `it came in the ${phase} phase`;
  if (submitted.length === 0) return "the transaction carries no proof of this provider";
  if (empty) {
    const some = submitted.find(({ proof }) => proof === "0x");
    return some ? undefined : "the proof of an empty set is not empty";
  }
  const seed = await scene.randomness(rules.epochs.challengeBlock(epoch));
  const missCount = missCountThrough(provider, epoch - 1);
  const members = membersOf(provider, epoch, missCount, rules.parameters.coverEpochs);
  const draw = { seed, chainId: rules.chainId, market: rules.market, epoch, provider: address };
  let wrong: string | undefined;
  for (const { seed: answered, proof: hex } of submitted) {
    const proof = Buffer.from(hexToBytes(hex));
    scene.show({ draw, members, answered, proof });
    scene.tally.challenges += CHALLENGES;
    wrong =
      answered.toLowerCase() === seed
        ? flaw(draw, members, proof)
        : `it answers seed ${answered}, the block's is ${seed}`;
    if (!wrong) return undefined;
  }
  return wrong;
}

function submittedProofs(scene: Judgement, address: Address): Submitted[] {
  const wanted = address.toLowerCase();
  const single = scene.asked("prove").map(({ args: [provider, seed, proof] }) => ({ provider, seed, proof }));
  const many = scene.asked("proveMany").flatMap(({ args: [seed, items] }) => items.map((item) => ({ seed, ...item })));
  return [...single, ...many].filter(({ provider }) => provider.toLowerCase() === wanted);
}
