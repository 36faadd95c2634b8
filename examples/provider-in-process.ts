/**
 * Runs a provider inside this program, asks it over the wire what it charges, and stops it.
 *
 *     SUBLET_KEY=0x... node examples/provider-in-process.ts <rpc url> <market address> <folder>
 *
 * SUBLET_KEY is the private key of an account with 10 tokens and gas. What the provider keeps goes into <folder>.
 */
import { pino } from "pino";
import { isAddress, isHex } from "viem";
import { LEDGER_ONE, MarketReader } from "../src/chain/MarketReader.ts";
import { connect } from "../src/network/Client.ts";
import { createNode } from "../src/network/Node.ts";
import { ProviderNode } from "../src/provider-node/main.ts";
import { keepingOf } from "../src/provider-node/pricing/Prices.ts";

const [rpcUrl, market, dataDir] = process.argv.slice(2);
const account = process.env.SUBLET_KEY;
if (!rpcUrl || !market || !isAddress(market) || !dataDir || !isHex(account)) {
  throw new Error("usage: SUBLET_KEY=0x... node examples/provider-in-process.ts <rpc url> <market> <folder>");
}

const chain = await MarketReader.connect({ rpcUrl, market });
const { minCollateral, maxDealEpochs, exitEpochs } = chain.parameters;
const policy = {
  // Ledger units are 2^-32 of the token's smallest unit, so that small rates need no fractions.
  rate: LEDGER_ONE / 20n, // a sector (1 MiB) and epoch
  egressRate: LEDGER_ONE / 1_000_000n, // a byte sent out
  minSectors: 1,
  maxEpochs: maxDealEpochs,
  noticeEpochs: exitEpochs,
  answerBond: minCollateral / 100n,
  allowanceBytes: 2 ** 20, // free for each reader of a deal
  creditBytes: 2 ** 24, // sent before a voucher is due
  operator: "example",
  region: "here",
};

const provider = await ProviderNode.start({
  ...{ dataDir, rpcUrl, market, account, policy, keeping: keepingOf(policy) },
  listen: ["/ip4/127.0.0.1/tcp/0"],
  quotaBytes: 2 ** 30,
  stake: 10n * 10n ** BigInt(await chain.tokenDecimals()),
  log: pino({ level: "warn" }, pino.destination(2)),
});
console.log(`provider ${provider.address} serves at ${provider.multiaddrs.join(" ")}`);

// A stranger may ask for terms; an account is only needed for data.
const stranger = await createNode();
const connection = connect(stranger, provider.multiaddrs, { market: { chainId: chain.chainId, address: market } });
const { rate, freeSectors } = await connection.ask({});
console.log(`it asks ${rate} ledger units a sector-epoch and has ${freeSectors} sectors free`);
await connection.close();
await stranger.stop();

// Until here it serves, commits and proves by itself. Started again on the same folder, it goes on.
await provider.stop();
console.log("stopped");
