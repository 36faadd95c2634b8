/** A local chain whole: the test token, and a market with the demo's epochs of forty half-second blocks. */
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { deployMarket, PRESETS } from "./parameters.ts";

const ONE_TOKEN = 10n ** 6n;

export default buildModule("Sublet", (m) => {
  const token = m.contract("MarketToken");
  return { token, ...deployMarket(m, token, PRESETS.demo, ONE_TOKEN) };
});
