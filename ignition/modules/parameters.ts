/** A market's lengths, and the part of a deployment that every chain shares. */
import type { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/** Table of docs/PROTOCOL.md section 4: `daily` for 12 s blocks, `demo` for 0.5 s blocks. */
export const PRESETS = {
  daily: {
    epochBlocks: 7_200,
    commitBlocks: 1_080,
    gapBlocks: 64,
    multiplier: 1,
    coverEpochs: 30,
    missedEpochs: 10,
    exitEpochs: 7,
    finalEpochs: 2,
    rotateEpochs: 7,
    maxDealEpochs: 4_096,
  },
  demo: {
    epochBlocks: 40,
    commitBlocks: 10,
    gapBlocks: 2,
    multiplier: 1,
    coverEpochs: 8,
    missedEpochs: 3,
    exitEpochs: 2,
    finalEpochs: 1,
    rotateEpochs: 2,
    maxDealEpochs: 4_096,
  },
} as const;

type Lengths = (typeof PRESETS)[keyof typeof PRESETS];
type Builder = Parameters<Parameters<typeof buildModule>[1]>[0];
type Argument = NonNullable<Parameters<Builder["call"]>[2]>[number];

/** Seed source, forwarder and market over `token`. Each length is a parameter of the module, by the same name. */
export function deployMarket(m: Builder, token: Argument, defaults: Lengths, minCollateral: Argument) {
  const lengths = Object.entries(defaults).map(([name, value]) => [name, m.getParameter(name, value)]);
  const forwarder = m.contract("ERC2771Forwarder", ["Sublet"]);
  const seedSource = m.contract("HeaderSeedSource");
  const parameters = { ...Object.fromEntries(lengths), minCollateral };
  return { forwarder, seedSource, market: m.contract("StorageMarket", [parameters, token, seedSource, forwarder]) };
}
