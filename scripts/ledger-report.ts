/** What a chain's history says of everybody: who stored, earned, paid, lost, and the gas of each kind of call. */
import { Interface, JsonRpcProvider, type TransactionResponse } from "ethers";
import { storageMarketAbi } from "../src/chain/abi.ts";
import type { LocalChain } from "./local-network.ts";

/** Amounts in whole tokens. */
export interface LedgerReport {
  providers: { provider: string; sectors: number; epochsProven: number; earned: number; lost: number }[];
  client: { paid: number; compensated: number; refunded: number };
  burnt: number;
  gas: { call: string; transactions: number; gas: number }[];
}

const LEDGER_UNITS_PER_TOKEN = 2 ** 32 * 1e6;
const market = new Interface(storageMarketAbi as never);

export async function ledgerReport(chain: LocalChain): Promise<LedgerReport> {
  const rpc = new JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true });
  try {
    return { ...(await fromEvents(rpc, chain)), gas: await gasByCall(rpc, chain) };
  } finally {
    rpc.destroy();
  }
}

async function fromEvents(rpc: JsonRpcProvider, chain: LocalChain): Promise<Omit<LedgerReport, "gas">> {
  const rows = new Map<string, LedgerReport["providers"][number]>();
  const providerOf = new Map<string, string>();
  const sectorsOf = new Map<string, number>();
  const client = { paid: 0, compensated: 0, refunded: 0 };
  let burnt = 0;
  const row = (provider: string) => {
    const known = rows.get(provider) ?? { provider, sectors: 0, epochsProven: 0, earned: 0, lost: 0 };
    rows.set(provider, known);
    return known;
  };
  for (const log of await rpc.getLogs({ address: chain.market, fromBlock: 0, toBlock: "latest" })) {
    const event = market.parseLog(log);
    if (!event) continue;
    const { args } = event;
    const deal = () => row(providerOf.get(args.id) ?? "unknown");
    const settled = () => {
      deal().earned += tokens(args.paid);
      client.paid += tokens(args.paid);
    };
    switch (event.name) {
      case "Registered":
        row(args.provider);
        break;
      case "DealOpened":
        providerOf.set(args.id, args.provider);
        break;
      case "Committed":
        deal().sectors += Number(args.sectors) - (sectorsOf.get(args.id) ?? 0);
        sectorsOf.set(args.id, Number(args.sectors));
        settled();
        break;
      case "Proven":
        row(args.provider).epochsProven += 1;
        break;
      case "Settled":
        settled();
        break;
      case "Penalised":
        deal().lost += tokens(args.penalty);
        client.compensated += tokens(args.penalty) / 2;
        burnt += tokens(args.penalty) / 2;
        break;
      case "Redeemed":
        deal().earned += tokens(args.paid);
        client.paid += tokens(args.paid);
        break;
      case "Stopped":
        deal().lost += tokens(args.forfeited);
        deal().sectors -= sectorsOf.get(args.id) ?? 0;
        sectorsOf.set(args.id, 0);
        client.compensated += tokens(args.forfeited);
        break;
      case "Closed":
        deal().lost += tokens(args.exitFee);
        client.compensated += tokens(args.exitFee);
        client.refunded += tokens(args.refund);
        break;
    }
  }
  return { providers: [...rows.values()], client, burnt };
}

async function gasByCall(rpc: JsonRpcProvider, chain: LocalChain): Promise<LedgerReport["gas"]> {
  const used = new Map<string, { transactions: number; gas: number }>();
  const newest = await rpc.getBlockNumber();
  for (let number = 0; number <= newest; number++) {
    const block = await rpc.getBlock(number, true);
    for (const transaction of block?.prefetchedTransactions ?? []) {
      if (transaction.to?.toLowerCase() !== chain.market.toLowerCase()) continue;
      const receipt = await rpc.getTransactionReceipt(transaction.hash);
      const name = nameOf(transaction);
      const sum = used.get(name) ?? { transactions: 0, gas: 0 };
      used.set(name, { transactions: sum.transactions + 1, gas: sum.gas + Number(receipt?.gasUsed ?? 0n) });
    }
  }
  return [...used].map(([call, { transactions, gas }]) => ({
    call,
    transactions,
    gas: Math.round(gas / transactions),
  }));
}

function nameOf({ data }: TransactionResponse): string {
  const call = market.parseTransaction({ data });
  if (call?.name !== "multicall") return call?.name ?? data.slice(0, 10);
  return (call.args[0] as string[]).map((inner) => market.parseTransaction({ data: inner })?.name ?? "?").join(" + ");
}

function tokens(ledgerUnits: bigint): number {
  return Number(ledgerUnits) / LEDGER_UNITS_PER_TOKEN;
}
