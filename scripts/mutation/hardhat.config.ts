/**
 * The project's own configuration, for builds that carry mutants: as the compiler writes them, without optimiser, since
 * nobody pays for them and one build of all mutants is large; and chains that let them be large.
 */
import type { HardhatUserConfig } from "hardhat/config";
import base from "../../hardhat.config.ts";

const { npmFilesToBuild, profiles } = base.solidity as {
  npmFilesToBuild: string[];
  profiles: { default: { compilers: { version: string; path: string; settings: { evmVersion: string } }[] } };
};
const compilers = profiles.default.compilers.map((compiler) => ({
  ...compiler,
  settings: { viaIR: true, evmVersion: compiler.settings.evmVersion },
}));
const profile = { compilers, isolated: false };

const config: HardhatUserConfig = {
  ...base,
  solidity: { npmFilesToBuild, profiles: { default: profile, production: profile } },
  typechain: { dontOverrideCompile: true },
  networks: {
    default: { type: "edr-simulated", chainType: "l1", hardfork: "prague", allowUnlimitedContractSize: true },
  },
  test: { ...base.test, solidity: { fuzz: { runs: 100 } } },
};
export default config;
