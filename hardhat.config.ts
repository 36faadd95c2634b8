import { createRequire } from "node:module";
import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// No compiler is downloaded: the npm package solc carries the same compiler as WASM.
const solc = createRequire(import.meta.url).resolve("solc/soljson.js");
const settings = { viaIR: true, evmVersion: "prague", optimizer: { enabled: true, runs: 10_000 } };

export default defineConfig({
  plugins: [toolbox],
  solidity: {
    profiles: {
      default: { compilers: [{ version: "0.8.36", path: solc, settings }] },
    },
  },
  paths: { sources: "contracts", tests: { solidity: "test/contracts", mocha: "test/contracts" } },
  networks: {
    hardhat: { type: "edr-simulated", chainType: "l1", hardfork: "prague" },
  },
});
