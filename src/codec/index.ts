/** The codec's modules by name: `import { SectorTree, Stripe } from '../codec/index.ts'`. */
export * from "./bounds.ts";
export * as ChallengeProof from "./ChallengeProof.ts";
export * as Cipher from "./Cipher.ts";
export { DealTree, dealHeight } from "./DealTree.ts";
export * as Keys from "./Keys.ts";
export * as Positions from "./Positions.ts";
export * as RangeProof from "./RangeProof.ts";
export * as ReedSolomon from "./ReedSolomon.ts";
export * as SectorTree from "./SectorTree.ts";
export * as Slab from "./Slab.ts";
export * as Stripe from "./Stripe.ts";
export * from "./sizes.ts";
