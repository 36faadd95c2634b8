/** The client library: `import { Sublet } from "sublet"`. */
export type { Entry } from "./catalogue/Catalogue.ts";
export type { Version } from "./catalogue/Versions.ts";
export { keyOf, wordsOf } from "./home/Words.ts";
export type { Failure } from "./Parallel.ts";
export type { OpenOptions } from "./Parts.ts";
export type { RepairReport, Replacement } from "./repair/Repair.ts";
export type { Recovered } from "./restore/Recovery.ts";
export type { Fetched, FetchOptions } from "./retrieve/Fetching.ts";
export type { Incident } from "./retrieve/ShardReader.ts";
export { type GetOptions, type Range, type Status, Sublet } from "./Sublet.ts";
export type { Plan, PlanOptions } from "./upload/Plan.ts";
export type { PositionReceipt, PutOptions, PutState, Receipt } from "./upload/Put.ts";
export type { Quote, QuoteOptions } from "./upload/Quote.ts";
export type { Source } from "./upload/Source.ts";
export type { VolumeOptions } from "./volumes/Creation.ts";
export type { Cost, Prices, Spread } from "./volumes/Prices.ts";
export type { Health, PositionStatus, VolumeStatus } from "./volumes/Standing.ts";
export type { Warning } from "./volumes/Warnings.ts";
