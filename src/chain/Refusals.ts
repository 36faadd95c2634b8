/** What the custom errors of a market's calls mean, and what whoever called can do about each. */
import type { marketTokenAbi, seedSourceAbi, storageMarketAbi } from "./abi.ts";

type ErrorsOf<Abi extends readonly unknown[]> = Extract<Abi[number], { type: "error"; name: string }>["name"];
type Refused = ErrorsOf<typeof storageMarketAbi> | ErrorsOf<typeof seedSourceAbi> | ErrorsOf<typeof marketTokenAbi>;

export interface Refusal {
  /** Continues "the market refused, because ...". */
  readonly meaning: string;
  readonly advice: string;
}

const because = (meaning: string, advice: string): Refusal => ({ meaning, advice });

const SIGNATURE = because(
  "a signature has not the one form that counts",
  "sign with s in the lower half, in the form that it takes",
);
const INSIDE = because("a contract that it called failed", "look at the transaction's trace");

/** Every one that the ABIs know: a new error of a contract needs its line here. */
export const REFUSALS: Readonly<Record<Refused, Refusal>> = {
  // ---- parties and money
  Market_NotRegistered: because("the provider never registered", "register and stake first"),
  Market_DealsUnclosed: because("the provider still has unclosed deals", "close them, then register anew"),
  Market_OddPenaltyRate: because("the penalty rate is odd, and halves must be exact", "name an even one"),
  Market_PenaltyRateTooLow: because(
    "the provider's penalty rate is too low for that price",
    "lower the price, or register with a higher rate once no deals are open",
  ),
  Market_Unauthorized: because(
    "the caller may not do that",
    "send it from the account that may, or have it authorize you",
  ),
  Market_DelegationInForce: because(
    "a reader's delegation in force can only be widened by authorizing anew",
    "revoke it, and authorize again when that counts",
  ),
  Market_InsufficientBalance: because("more was asked for than is free", "take less, or pay in first"),
  Standing_BalanceOverflow: because(
    "a balance would be larger than any there can be",
    "report it: no call should meet it",
  ),
  Standing_BalanceShort: because("more was taken than a balance has", "report it: no call should meet it"),
  Market_TransferShort: because(
    "fewer tokens arrived than were sent",
    "use a market over a token that moves exactly what it is told",
  ),

  // ---- terms and deals
  Market_WrongSigner: because("another key signed than counts now", "sign with the one that is in force"),
  Market_SlotTaken: because("the slot that the terms name has an unclosed deal", "ask for a new offer"),
  Market_WrongSeries: because("the provider cancelled what it had signed by then", "ask for a new offer"),
  Market_Expired: because(
    "its time is over",
    "ask for a new offer; an answer to a challenge past its epoch is too late",
  ),
  Market_BadTerms: because("the named field does not fit the rules", "correct it and have the terms signed anew"),
  Market_TooLong: because("the list or text has more than the limit", "send it in parts"),
  Market_CapacityExceeded: because("it would be more than the limit", "ask for less, or spread it over more providers"),
  Market_InsufficientEscrow: because("the deal's escrow does not pay for it to the end", "top the deal up first"),
  Market_InsufficientCollateral: because("the provider's free stake does not cover it", "stake more, or offer less"),
  Market_TooFewOpened: because(
    "fewer deals could be opened than were needed, so none was",
    "ask for new offers and open again",
  ),
  Market_WrongDeal: because("another deal is in that slot", "read the provider's deals anew"),
  Market_WrongState: because(
    "the deal is in no state for that",
    "look at its state: it has ended, was given notice, or is empty",
  ),
  Market_StaleRevision: because(
    "a later revision is recorded already",
    "nothing is lost: send the newest one, if any is left",
  ),
  Market_NotDue: because("it is too early for that", "wait until the epoch that it names"),

  // ---- proofs
  Market_WrongPhase: because(
    "what the provider holds is frozen in this part of the epoch",
    "wait for the next commit phase, or until this epoch is proven",
  ),
  Market_WrongSeed: because(
    "it answers another seed than is recorded, as after a reorganisation",
    "make the proof anew for the seed of now",
  ),
  Market_SeedUnknown: because("nobody has recorded this epoch's seed yet", "record it first, in the same transaction"),
  Market_AlreadyProven: because("the epoch is proven already", "nothing need be done"),
  Market_ProofLength: because(
    "the proof is not exactly as long as the set makes it",
    "make it for the sectors that are committed now",
  ),
  Market_ProofRoot: because(
    "a chunk of the proof does not lead to the committed root",
    "check the sector files, and prove from what was committed",
  ),
  Market_DealNotProvable: because(
    "a challenge lands in a deal that has ended or used up its cover",
    "prune that deal, or refill it, before the next epoch",
  ),
  SeedSource_NotPast: because("the challenge block is not past yet", "wait for the block after it"),
  SeedSource_HashUnavailable: because("the chain no longer knows that block's hash", "prove earlier in the next epoch"),
  SeedSource_WrongHeader: because(
    "the header is not that of the challenge block",
    "ask the node for it again, or another node",
  ),
  SeedSource_MalformedHeader: because("the bytes are no block header", "ask another node for it"),

  // ---- challenges and reading
  Market_ChallengeOpen: because("a challenge of this deal is still open", "wait until it is answered or convicted"),
  Market_NoChallenge: because("no challenge of this deal is open", "nothing need be done"),
  Market_ChunkOutOfRange: because("the deal holds no such chunk", "name one of a sector that is committed"),
  Market_NothingToRedeem: because(
    "vouchers up to that sum were paid already",
    "nothing need be done until a higher one comes",
  ),

  // ---- deployment and what lies under the market
  Market_WrongParameters: because("the named relation of the parameters does not hold", "deploy with others"),
  ReentrancyGuardReentrantCall: because("a token called back while it was called", "make that call by itself"),
  SafeERC20FailedOperation: because("the token refused to move", "see that balance and allowance are enough"),
  ERC20InsufficientAllowance: because("the market may not take so many tokens", "approve more, or sign a permit"),
  ERC20InsufficientBalance: because("the account has not so many tokens", "fund it, or send fewer"),
  ERC20InvalidApprover: because("the zero address cannot approve", "name an account"),
  ERC20InvalidReceiver: because("the zero address cannot receive", "name an account"),
  ERC20InvalidSender: because("the zero address cannot send", "name an account"),
  ERC20InvalidSpender: because("the zero address cannot be approved", "name an account"),
  ERC2612ExpiredSignature: because("the permit's time is over", "sign a new one"),
  ERC2612InvalidSigner: because("somebody else signed the permit", "sign it with the owner's key"),
  InvalidAccountNonce: because("the permit was used, or another before it was not", "sign one with the nonce of now"),
  ECDSAInvalidSignature: SIGNATURE,
  ECDSAInvalidSignatureLength: SIGNATURE,
  ECDSAInvalidSignatureS: SIGNATURE,
  AddressEmptyCode: INSIDE,
  FailedCall: INSIDE,
  InvalidShortString: INSIDE,
  StringTooLong: INSIDE,
};

/** Undefined for an error that these ABIs do not know. */
export function refusal(error: string): Refusal | undefined {
  return (REFUSALS as Readonly<Record<string, Refusal>>)[error];
}
