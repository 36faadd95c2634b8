/**
 * The project's own configuration, for builds that carry mutants, on chains that let contracts be large. Many mutants go
 * without the optimiser: nobody pays for them, and it would take far longer over them than the tests do.
 */
import type { HardhatUserConfig } from "hardhat/config";
import base from "../../hardhat.config.ts";

const { mocha, solidity } = base.test as {
  mocha: { timeout: number };
  solidity: { profiles: { default: { invariant: { runs: number; depth: number; failOnRevert: boolean } } } };
};
const { npmFilesToBuild, profiles } = base.solidity as {
  npmFilesToBuild: string[];
  profiles: { default: { compilers: { version: string; path: string; settings: { evmVersion: string } }[] } };
};

const usual = solidity.profiles.default;

export function configuration({ optimised }: { optimised: boolean }): HardhatUserConfig {
  const plain = profiles.default.compilers.map((compiler) => ({
    ...compiler,
    settings: { viaIR: true, evmVersion: compiler.settings.evmVersion },
  }));
  const profile = { compilers: optimised ? profiles.default.compilers : plain, isolated: false };
  return {
    ...base,
    solidity: { npmFilesToBuild, profiles: { default: profile, production: profile } },
    typechain: { dontOverrideCompile: true },
    networks: {
      default: { type: "edr-simulated", chainType: "l1", hardfork: "prague", allowUnlimitedContractSize: true },
    },
    test: {
      mocha,
      // What failed need not be made short; and where there are many mutants, a hundred draws for each must do.
      solidity: optimised
        ? { ...usual, invariant: { ...usual.invariant, shrinkRunLimit: 0 } }
        : { fuzz: { runs: 100 } },
    },
  };
}
