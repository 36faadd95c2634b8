/** What goes wrong on this side of the wire: with the network, the chain, this machine, or what was asked for. */
import type { Address, Hex } from "viem";
import type { SlabId } from "../codec/Slab.ts";
import { slabName, type Wording } from "./WireErrors.ts";

/** What an account lacks, in base units of the asset: the token's, or wei. */
export interface Shortage {
  readonly asset: "token" | "gas";
  readonly account: Address;
  readonly have: bigint;
  readonly need: bigint;
  readonly missing: bigint;
}

export interface Local {
  /** A failure of a newer peer that this version does not know. */
  Unrecognized: { theirCode: string; sentence: string };

  // ---- network
  DialFailed: { address: string; reason: string };
  WrongPeer: { expected: string; actual: string };
  ConnectionLost: { peer: string; reason: string };
  RequestTimeout: { verb: string; limitMs: number };

  // ---- chain
  ChainUnavailable: { url: string; reason?: string };
  WrongChain: { expected: number; actual: number };
  NotAMarket: { address: Address };
  /** `also`: the other asset, where that is missing too. */
  InsufficientFunds: Shortage & { also?: Shortage };
  TransactionFailed: { call: string; reason: string };
  /** The contract refused: its custom error and that error's arguments by name; what it means and asks for, if known. */
  ChainRejected: {
    call: string;
    error: string;
    args: Readonly<Record<string, string | number | bigint | boolean>>;
    meaning?: string;
    advice?: string;
  };
  /** Not sent, as the operator's own limits have it. */
  GasHeld: { call: string; reason: string };
  /** A relay has not sent a call, and will not. */
  RelayRefused: { url: string; reason: string };
  /** Sent and not mined yet: the outcome is unknown. */
  TransactionPending: { call: string; hash: Hex; limitMs: number };

  // ---- this machine
  WrongPassword: { keystore: string };
  NotInitialized: { home: string };
  HomeBusy: { home: string; pid?: number };
  StateCorrupt: { file: string; reason: string };
  /** A provider's folder of sectors: not mounted, or no longer in its settings. */
  FolderMissing: { folder: string; sectors: number };
  BadArgument: { name: string; value: string; reason: string };
  Interrupted: Record<never, never>;
  /** A command line that no command takes. */
  Usage: { reason: string };
  /** The operating system refused: files, memory, sockets. */
  SystemError: { reason: string };
  /** A fault of the program itself. */
  Unexpected: { reason: string };

  // ---- files
  NoSuchPath: { path: string };
  SourceUnreadable: { path: string; reason: string };
  NoSuchVersion: { path: string; version: number; have: number };
  PathTaken: { path: string };
  NoVolume: { home: string };
  VolumeFull: { volume: bigint; needSectors: number; freeSectors: number };
  CatalogueTooLarge: { limit: number; actual: number };
  TooFewProviders: { have: number; need: number };
  /** Token base units. */
  OverBudget: { need: bigint; budget: bigint };
  NotDurable: { have: number; need: number };
  BadShard: { provider: Address; slab: SlabId; expected: Hex };
  BadReply: { provider: Address; verb: string; reason: string };

  // ---- share links
  LinkMalformed: { reason: string };
  LinkVersion: { found: string; known: number };
  LinkExpired: { untilEpoch: number; epoch: number };
  LinkRevoked: { delegate: Address };
  /** Ledger units: what a provider is owed, and what the link may still be charged. */
  LinkSpent: { owed: bigint; left: bigint };

  // ---- devices
  /** What takes the key of the drive's owner, asked of a device. */
  OwnerOnly: { what: string; owner: Address };
  /** The owner took the device back, or its time is over. */
  DeviceOver: { device: Address; owner: Address; untilEpoch: number; epoch: number };
  /** Another device had the content forgotten while this one gave it a name. */
  Forgotten: { path: string };

  // ---- audits
  NotProven: { provider: Address; epoch: number; reason: string };
}

export const LOCAL: { readonly [Code in keyof Local]: Wording<Local[Code]> } = {
  Unrecognized: {
    happened: (e) =>
      `the peer answered ${e.theirCode}, which this version does not know (${e.sentence || "no reason given"})`,
    advice: () => "update this program, or ask another peer",
  },
  DialFailed: {
    happened: (e) => `no connection to ${e.address} (${e.reason})`,
    advice: () => "check that it runs and can be reached",
  },
  WrongPeer: {
    happened: (e) =>
      `the peer proved to be ${e.actual}, not ${e.expected}, so its address changed or someone is in between`,
    advice: () => "look up what it announced last, and trust no other address",
  },
  ConnectionLost: {
    happened: (e) => `the connection to ${e.peer} was lost (${e.reason}), and whether the request was done is unknown`,
    advice: () => "send the same again",
  },
  RequestTimeout: {
    happened: (e) => `${e.verb} got no answer within ${e.limitMs} ms, and whether it was done is unknown`,
    advice: () => "send the same again",
  },
  ChainUnavailable: {
    happened: (e) => `the chain does not answer at ${e.url}${e.reason ? ` (${e.reason})` : ""}`,
    advice: () => "check the node and the URL",
  },
  WrongChain: {
    happened: (e) => `the node is on chain ${e.actual} and ${e.expected} is configured`,
    advice: () => "correct the URL or the chain id",
  },
  NotAMarket: {
    happened: (e) => `there is no storage market at ${e.address}`,
    advice: () => "check the contract address and the chain",
  },
  InsufficientFunds: {
    happened: ({ account, have, asset, need }) => `${account} has ${have} base units of ${asset} and needs ${need}`,
    advice: ({ missing, also }) =>
      `send it ${missing} more` +
      (also
        ? `; ${also.account} has ${also.have} base units of ${also.asset} and needs ${also.need}: send it ${also.missing} more`
        : "") +
      ", then repeat",
  },
  TransactionFailed: {
    happened: (e) => `${e.call} failed on the chain (${e.reason})`,
    advice: () => "remove the cause or ask another node, look whether it was done all the same, and repeat",
  },
  ChainRejected: {
    happened: ({ call, error, args, meaning }) => {
      const named = Object.entries(args).map(([name, value]) => `${name} ${value}`);
      return `the market refused ${call} and changed nothing, with ${error}(${named.join(", ")})${meaning ? `, because ${meaning}` : ""}`;
    },
    advice: (e) => e.advice ?? "look up what this refusal means in docs/ERRORS.md",
  },
  GasHeld: {
    happened: (e) => `${e.call} was not sent (${e.reason})`,
    advice: () => "wait, as it is tried again, or raise that limit",
  },
  RelayRefused: {
    happened: (e) => `the relay at ${e.url} did not send it (${e.reason})`,
    advice: () => "try another relay, or give the account gas of its own",
  },
  TransactionPending: {
    happened: (e) =>
      `transaction ${e.hash} (${e.call}) is sent and not mined after ${e.limitMs} ms, so its outcome is unknown`,
    advice: () => "look it up before doing the same again",
  },
  WrongPassword: {
    happened: (e) => `the password does not open keystore ${e.keystore}; nothing was changed`,
    advice: () => "try another",
  },
  NotInitialized: {
    happened: (e) => `there is nothing set up in ${e.home}`,
    advice: () => "run init first, or choose another home",
  },
  HomeBusy: {
    happened: (e) => `${e.home} is in use${e.pid ? ` by process ${e.pid}` : ""}`,
    advice: () => "end that one first, or choose another home",
  },
  StateCorrupt: {
    happened: (e) => `${e.file} cannot be used (${e.reason})`,
    advice: () => "restore it from a copy or from the key",
  },
  FolderMissing: {
    happened: (e) => `${e.sectors} sectors lie in ${e.folder}, which is not there`,
    advice: (e) =>
      "mount its disk and name it in the settings; if it is lost for good, give it up with sublet provider fsck " +
      `--give-up ${e.folder}`,
  },
  BadArgument: {
    happened: (e) => `${e.name} cannot be ${JSON.stringify(e.value)} (${e.reason})`,
    advice: () => "give another; --help has an example for every command",
  },
  Interrupted: {
    happened: () => "it was interrupted before it was done",
    advice: () => "see with status what was done, and repeat it where it is still wanted",
  },
  Usage: {
    happened: (e) => `the command line cannot be understood (${e.reason})`,
    advice: () => "look at the examples that --help has for every command",
  },
  SystemError: {
    happened: (e) => `this machine refused something (${e.reason})`,
    advice: () => "check path, permissions and free space, then repeat",
  },
  Unexpected: {
    happened: (e) => `the program has a fault (${e.reason})`,
    advice: () => "look with status what was done, and report this with the lines that follow",
  },
  NoSuchPath: {
    happened: (e) => `${e.path} does not exist`,
    advice: () => "list what there is with ls",
  },
  SourceUnreadable: {
    happened: (e) => `${e.path} could not be read to its end (${e.reason}), and nothing of it was stored`,
    advice: () => "check its permissions and that nothing changes it meanwhile, then put it again",
  },
  NoSuchVersion: {
    happened: (e) => `${e.path} has no version ${e.version}, since ${e.have} of them are kept`,
    advice: () => "list them with ls --versions",
  },
  PathTaken: {
    happened: (e) => `there is a file at ${e.path} already; nothing was changed`,
    advice: () => "choose another name, or say with --force that it is to be replaced",
  },
  NoVolume: {
    happened: (e) => `there is no volume in use in ${e.home}`,
    advice: () => "create one first, with volume create",
  },
  VolumeFull: {
    happened: (e) =>
      `volume ${e.volume} has ${e.freeSectors} sectors free at each position and ${e.needSectors} are needed`,
    advice: () =>
      "remove files or, with rm --versions, what they were before, or let the drive rent more with volume grow",
  },
  CatalogueTooLarge: {
    happened: (e) => `the catalogue's head would take ${e.actual} bytes and ${e.limit} fit; nothing was changed`,
    advice: () => "keep what is new in a drive of its own",
  },
  TooFewProviders: {
    happened: (e) => `${e.have} providers answer and ${e.need} are needed`,
    advice: () => "wait for more of them, then repeat",
  },
  OverBudget: {
    happened: (e) => `it would cost ${e.need} base units of the token and the budget is ${e.budget}; nothing was paid`,
    advice: () => "raise the budget, or ask for fewer epochs",
  },
  NotDurable: {
    happened: (e) => `${e.have} providers have countersigned and ${e.need} make it durable, so the outcome is unknown`,
    advice: () => "put the same again",
  },
  BadShard: {
    happened: (e) =>
      `provider ${e.provider} sent bytes of slab ${slabName(e.slab)} that do not match root ${e.expected}, and they ` +
      "were thrown away",
    advice: () => "let another provider be asked, and repair the volume where this goes on",
  },
  BadReply: {
    happened: (e) => `provider ${e.provider} answered ${e.verb} wrongly (${e.reason}), and is not asked again`,
    advice: () => "let another provider be asked, and repair the volume where this goes on",
  },
  LinkMalformed: {
    happened: (e) => `this is no whole link (${e.reason})`,
    advice: () => "copy all of it, in quotes, or ask for it again",
  },
  LinkVersion: {
    happened: (e) => `the link is of version ${e.found}, and this program knows ${e.known}`,
    advice: () => "update this program, or ask for another link",
  },
  LinkExpired: {
    happened: (e) => `the share link held until epoch ${e.untilEpoch}, and this is epoch ${e.epoch}`,
    advice: () => "ask for a new one",
  },
  LinkRevoked: {
    happened: (e) => `the owner took the share link of ${e.delegate} back`,
    advice: () => "ask for a new one",
  },
  LinkSpent: {
    happened: (e) =>
      `reading by this share link is not paid any more, since ${e.owed} ledger units are owed to a provider and its own budget has ${e.left} left`,
    advice: () => "ask its owner for one with a larger budget, or to top up the egress of the deals",
  },
  OwnerOnly: {
    happened: (e) => `${e.what} takes the key of ${e.owner}, whose drive this is a device of; nothing was changed`,
    advice: () => "do it where the drive's own key is",
  },
  DeviceOver: {
    happened: (e) =>
      `${e.owner} lets the device ${e.device} do nothing since epoch ${e.untilEpoch}, and this is epoch ${e.epoch}`,
    advice: () => "have its owner add it anew, with device add, and join in another home",
  },
  Forgotten: {
    happened: (e) => `another device had what is at ${e.path} forgotten meanwhile, and the name was taken back`,
    advice: () => "put the content again, where you have it",
  },
  NotProven: {
    happened: (e) => `provider ${e.provider} has not proven epoch ${e.epoch} (${e.reason})`,
    advice: () => "choose an epoch that it has proven, as its record in an audit shows",
  },
};
