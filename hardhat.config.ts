import { createRequire } from "node:module";
import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// No compiler is downloaded: the npm package solc carries the same compiler as WASM.
const solc = createRequire(import.meta.url).resolve("solc/soljson.js");
const settings = { viaIR: true, evmVersion: "prague", optimizer: { enabled: true, runs: 1_000 } };
const build = { compilers: [{ version: "0.8.36", path: solc, settings }], isolated: false };
const simulated = { type: "edr-simulated", chainType: "l1", hardfork: "prague" } as const;

export default defineConfig({
  plugins: [toolbox],
  solidity: {
    npmFilesToBuild: ["@openzeppelin/contracts/metatx/ERC2771Forwarder.sol"],
    profiles: { default: build },
  },
  typechain: { tsNocheck: true }, // its files have namespaces, but only types are imported from them
  paths: { sources: "contracts", tests: { solidity: "test/contracts", mocha: "test/contracts" } },
  test: {
    solidity: {
      profiles: {
        default: { fuzz: { runs: 1_000 }, invariant: { runs: 256, depth: 64, failOnRevert: false } },
        deep: { fuzz: { runs: 100_000 }, invariant: { runs: 1_024, depth: 128, failOnRevert: false } },
      },
    },
    mocha: { timeout: 60_000 },
  },
  networks: {
    default: simulated, // what a test gets that names no network
    hardhat: simulated,
  },
});
