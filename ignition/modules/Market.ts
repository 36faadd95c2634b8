/**
 * A market over a token that exists already, on any chain:
 *
 *     npx hardhat ignition deploy ignition/modules/Market.ts --network custom --parameters parameters.json
 *
 * with `{"Market": {"token": "0x...", "minCollateral": "1000000n"}}`, and any length of the `daily` preset by its name.
 */
import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { deployMarket, PRESETS } from "./parameters.ts";

export default buildModule("Market", (m) =>
  deployMarket(m, m.getParameter("token"), PRESETS.daily, m.getParameter("minCollateral")),
);
