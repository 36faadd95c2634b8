// Generated from the contracts by scripts/generate-abi.ts. Do not edit.
export const storageMarketAbi = [
  {
    inputs: [
      {
        components: [
          {
            internalType: "uint32",
            name: "epochBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "commitBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "gapBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "multiplier",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "coverEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "missedEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "exitEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "finalEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "rotateEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "maxDealEpochs",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "minCollateral",
            type: "uint128",
          },
        ],
        internalType: "struct Parameters",
        name: "p",
        type: "tuple",
      },
      {
        internalType: "contract IERC20",
        name: "token_",
        type: "address",
      },
      {
        internalType: "contract ISeedSource",
        name: "source",
        type: "address",
      },
      {
        internalType: "address",
        name: "forwarder",
        type: "address",
      },
    ],
    stateMutability: "nonpayable",
    type: "constructor",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "target",
        type: "address",
      },
    ],
    name: "AddressEmptyCode",
    type: "error",
  },
  {
    inputs: [],
    name: "FailedCall",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
    ],
    name: "Market_AlreadyProven",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "field",
        type: "bytes32",
      },
    ],
    name: "Market_BadTerms",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "limit",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_CapacityExceeded",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
    ],
    name: "Market_ChallengeOpen",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint64",
        name: "limit",
        type: "uint64",
      },
      {
        internalType: "uint64",
        name: "actual",
        type: "uint64",
      },
    ],
    name: "Market_ChunkOutOfRange",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint16",
        name: "slot",
        type: "uint16",
      },
    ],
    name: "Market_DealNotProvable",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "deals",
        type: "uint32",
      },
    ],
    name: "Market_DealsUnclosed",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "untilEpoch",
        type: "uint32",
      },
      {
        internalType: "uint128",
        name: "egressCap",
        type: "uint128",
      },
    ],
    name: "Market_DelegationInForce",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "validUntil",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_Expired",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_InsufficientBalance",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_InsufficientCollateral",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_InsufficientEscrow",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
    ],
    name: "Market_NoChallenge",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "fromEpoch",
        type: "uint32",
      },
      {
        internalType: "uint32",
        name: "actual",
        type: "uint32",
      },
    ],
    name: "Market_NotDue",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
    ],
    name: "Market_NotRegistered",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint128",
        name: "above",
        type: "uint128",
      },
      {
        internalType: "uint128",
        name: "actual",
        type: "uint128",
      },
    ],
    name: "Market_NothingToRedeem",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint96",
        name: "penaltyRate",
        type: "uint96",
      },
    ],
    name: "Market_OddPenaltyRate",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "atLeast",
        type: "uint256",
      },
      {
        internalType: "uint96",
        name: "actual",
        type: "uint96",
      },
    ],
    name: "Market_PenaltyRateTooLow",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_ProofLength",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes24",
        name: "expected",
        type: "bytes24",
      },
      {
        internalType: "bytes24",
        name: "actual",
        type: "bytes24",
      },
    ],
    name: "Market_ProofRoot",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
    ],
    name: "Market_SeedUnknown",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint16",
        name: "slot",
        type: "uint16",
      },
    ],
    name: "Market_SlotTaken",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint64",
        name: "above",
        type: "uint64",
      },
      {
        internalType: "uint64",
        name: "actual",
        type: "uint64",
      },
    ],
    name: "Market_StaleRevision",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_TooFewOpened",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "limit",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_TooLong",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "expected",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "actual",
        type: "uint256",
      },
    ],
    name: "Market_TransferShort",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "account",
        type: "address",
      },
    ],
    name: "Market_Unauthorized",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "expected",
        type: "bytes32",
      },
      {
        internalType: "bytes32",
        name: "actual",
        type: "bytes32",
      },
    ],
    name: "Market_WrongDeal",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "relation",
        type: "bytes32",
      },
    ],
    name: "Market_WrongParameters",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
      {
        internalType: "bool",
        name: "proven",
        type: "bool",
      },
    ],
    name: "Market_WrongPhase",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes28",
        name: "expected",
        type: "bytes28",
      },
      {
        internalType: "bytes28",
        name: "actual",
        type: "bytes28",
      },
    ],
    name: "Market_WrongSeed",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "expected",
        type: "uint32",
      },
      {
        internalType: "uint32",
        name: "actual",
        type: "uint32",
      },
    ],
    name: "Market_WrongSeries",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "expected",
        type: "address",
      },
      {
        internalType: "address",
        name: "actual",
        type: "address",
      },
    ],
    name: "Market_WrongSigner",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
    ],
    name: "Market_WrongState",
    type: "error",
  },
  {
    inputs: [],
    name: "ReentrancyGuardReentrantCall",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "token",
        type: "address",
      },
    ],
    name: "SafeERC20FailedOperation",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "units",
        type: "uint256",
      },
    ],
    name: "Standing_BalanceOverflow",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "have",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "units",
        type: "uint256",
      },
    ],
    name: "Standing_BalanceShort",
    type: "error",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "bytes",
        name: "data",
        type: "bytes",
      },
    ],
    name: "Announced",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "client",
        type: "address",
      },
      {
        indexed: true,
        internalType: "address",
        name: "delegate",
        type: "address",
      },
      {
        components: [
          {
            internalType: "uint8",
            name: "scopes",
            type: "uint8",
          },
          {
            internalType: "uint32",
            name: "untilEpoch",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "repairBudget",
            type: "uint128",
          },
          {
            internalType: "uint96",
            name: "maxRate",
            type: "uint96",
          },
          {
            internalType: "uint96",
            name: "maxEgressRate",
            type: "uint96",
          },
          {
            internalType: "uint128",
            name: "egressCap",
            type: "uint128",
          },
        ],
        indexed: false,
        internalType: "struct Delegation",
        name: "delegation",
        type: "tuple",
      },
    ],
    name: "Authorized",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "bool",
        name: "proved",
        type: "bool",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "bond",
        type: "uint128",
      },
    ],
    name: "ChallengeClosed",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "address",
        name: "challenger",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint64",
        name: "chunk",
        type: "uint64",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "deadlineEpoch",
        type: "uint32",
      },
    ],
    name: "Challenged",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "refund",
        type: "uint128",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "exitFee",
        type: "uint128",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "unlocked",
        type: "uint128",
      },
    ],
    name: "Closed",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint64",
        name: "number",
        type: "uint64",
      },
      {
        indexed: false,
        internalType: "bytes24",
        name: "root",
        type: "bytes24",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "sectors",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "bytes32",
        name: "head",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "paid",
        type: "uint128",
      },
    ],
    name: "Committed",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint16",
        name: "slot",
        type: "uint16",
      },
      {
        indexed: false,
        internalType: "uint8",
        name: "position",
        type: "uint8",
      },
      {
        indexed: false,
        internalType: "uint96",
        name: "rate",
        type: "uint96",
      },
      {
        indexed: false,
        internalType: "uint96",
        name: "egressRate",
        type: "uint96",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "escrow",
        type: "uint128",
      },
    ],
    name: "DealOpened",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "account",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "from",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "amount",
        type: "uint128",
      },
    ],
    name: "Deposited",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "endEpoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint96",
        name: "rate",
        type: "uint96",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "capacity",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "collateral",
        type: "uint128",
      },
    ],
    name: "Extended",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "enum Reason",
        name: "reason",
        type: "uint8",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "stopAt",
        type: "uint32",
      },
    ],
    name: "NoticeGiven",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "series",
        type: "uint32",
      },
    ],
    name: "OffersCancelled",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "penalty",
        type: "uint128",
      },
    ],
    name: "Penalised",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: true,
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "sectors",
        type: "uint32",
      },
    ],
    name: "Proven",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "address",
        name: "signer",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "cumulative",
        type: "uint128",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "paid",
        type: "uint128",
      },
    ],
    name: "Redeemed",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "collateral",
        type: "uint128",
      },
    ],
    name: "Refilled",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "signer",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint96",
        name: "penaltyRate",
        type: "uint96",
      },
    ],
    name: "Registered",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "client",
        type: "address",
      },
      {
        indexed: true,
        internalType: "address",
        name: "delegate",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "fromEpoch",
        type: "uint32",
      },
    ],
    name: "Revoked",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint256",
        name: "challengeBlock",
        type: "uint256",
      },
      {
        indexed: false,
        internalType: "bytes28",
        name: "seed",
        type: "bytes28",
      },
    ],
    name: "SeedRecorded",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "throughEpoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "paid",
        type: "uint128",
      },
    ],
    name: "Settled",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "signer",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "fromEpoch",
        type: "uint32",
      },
    ],
    name: "SignerAnnounced",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: false,
        internalType: "uint256",
        name: "index",
        type: "uint256",
      },
      {
        indexed: false,
        internalType: "bytes4",
        name: "selector",
        type: "bytes4",
      },
    ],
    name: "Skipped",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "enum Reason",
        name: "reason",
        type: "uint8",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "stopAt",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "forfeited",
        type: "uint128",
      },
    ],
    name: "Stopped",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "relay",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "amount",
        type: "uint128",
      },
    ],
    name: "TipPaid",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "relay",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint96",
        name: "tip",
        type: "uint96",
      },
    ],
    name: "TipSet",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        indexed: false,
        internalType: "address",
        name: "from",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "escrow",
        type: "uint128",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "egress",
        type: "uint128",
      },
    ],
    name: "ToppedUp",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "client",
        type: "address",
      },
      {
        indexed: true,
        internalType: "uint64",
        name: "volume",
        type: "uint64",
      },
      {
        indexed: false,
        internalType: "address",
        name: "clientSigner",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint8",
        name: "k",
        type: "uint8",
      },
      {
        indexed: false,
        internalType: "uint8",
        name: "n",
        type: "uint8",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "capacity",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "minSectors",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "startEpoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "endEpoch",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint32",
        name: "noticeEpochs",
        type: "uint32",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "answerBond",
        type: "uint128",
      },
      {
        indexed: false,
        internalType: "uint64",
        name: "previousBlock",
        type: "uint64",
      },
    ],
    name: "VolumeOpened",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "account",
        type: "address",
      },
      {
        indexed: false,
        internalType: "address",
        name: "to",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint128",
        name: "amount",
        type: "uint128",
      },
    ],
    name: "Withdrawn",
    type: "event",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "abandon",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "bytes",
        name: "",
        type: "bytes",
      },
    ],
    name: "announce",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
      {
        internalType: "bytes",
        name: "",
        type: "bytes",
      },
    ],
    name: "answer",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "delegate",
        type: "address",
      },
      {
        components: [
          {
            internalType: "uint8",
            name: "scopes",
            type: "uint8",
          },
          {
            internalType: "uint32",
            name: "untilEpoch",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "repairBudget",
            type: "uint128",
          },
          {
            internalType: "uint96",
            name: "maxRate",
            type: "uint96",
          },
          {
            internalType: "uint96",
            name: "maxEgressRate",
            type: "uint96",
          },
          {
            internalType: "uint128",
            name: "egressCap",
            type: "uint128",
          },
        ],
        internalType: "struct Delegation",
        name: "delegation",
        type: "tuple",
      },
    ],
    name: "authorize",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "burnt",
    outputs: [
      {
        internalType: "uint128",
        name: "",
        type: "uint128",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "cancelOffers",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
      {
        internalType: "uint64",
        name: "",
        type: "uint64",
      },
    ],
    name: "challenge",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef[]",
        name: "",
        type: "tuple[]",
      },
    ],
    name: "close",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        components: [
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "uint64",
            name: "number",
            type: "uint64",
          },
          {
            internalType: "bytes24",
            name: "root",
            type: "bytes24",
          },
          {
            internalType: "uint32",
            name: "sectors",
            type: "uint32",
          },
          {
            internalType: "bytes32",
            name: "head",
            type: "bytes32",
          },
          {
            components: [
              {
                internalType: "bytes32",
                name: "r",
                type: "bytes32",
              },
              {
                internalType: "bytes32",
                name: "vs",
                type: "bytes32",
              },
            ],
            internalType: "struct Signature",
            name: "signature",
            type: "tuple",
          },
        ],
        internalType: "struct CommitItem[]",
        name: "items",
        type: "tuple[]",
      },
      {
        components: [
          {
            internalType: "bytes32",
            name: "r",
            type: "bytes32",
          },
          {
            internalType: "bytes32",
            name: "vs",
            type: "bytes32",
          },
        ],
        internalType: "struct Signature[]",
        name: "assents",
        type: "tuple[]",
      },
    ],
    name: "commit",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "convict",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "currentEpoch",
    outputs: [
      {
        internalType: "uint32",
        name: "",
        type: "uint32",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "uint16",
        name: "slot",
        type: "uint16",
      },
    ],
    name: "deal",
    outputs: [
      {
        components: [
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
          {
            internalType: "address",
            name: "client",
            type: "address",
          },
          {
            internalType: "address",
            name: "clientSigner",
            type: "address",
          },
          {
            internalType: "enum State",
            name: "state",
            type: "uint8",
          },
          {
            internalType: "enum Reason",
            name: "reason",
            type: "uint8",
          },
          {
            internalType: "uint96",
            name: "rate",
            type: "uint96",
          },
          {
            internalType: "uint32",
            name: "capacity",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "minSectors",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "noticeEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "activeSince",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "stopAt",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "settledThrough",
            type: "uint32",
          },
          {
            internalType: "uint64",
            name: "number",
            type: "uint64",
          },
          {
            internalType: "uint32",
            name: "sectors",
            type: "uint32",
          },
          {
            internalType: "bytes24",
            name: "root",
            type: "bytes24",
          },
          {
            internalType: "uint32",
            name: "misses",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "escrow",
            type: "uint128",
          },
          {
            internalType: "uint128",
            name: "egress",
            type: "uint128",
          },
          {
            internalType: "uint128",
            name: "collateral",
            type: "uint128",
          },
          {
            internalType: "uint128",
            name: "answerBond",
            type: "uint128",
          },
          {
            internalType: "uint32",
            name: "challengeDeadline",
            type: "uint32",
          },
          {
            internalType: "uint64",
            name: "challengedChunk",
            type: "uint64",
          },
          {
            internalType: "address",
            name: "challenger",
            type: "address",
          },
        ],
        internalType: "struct Deal",
        name: "known",
        type: "tuple",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "client",
        type: "address",
      },
      {
        internalType: "address",
        name: "delegate",
        type: "address",
      },
    ],
    name: "delegationOf",
    outputs: [
      {
        components: [
          {
            internalType: "uint8",
            name: "scopes",
            type: "uint8",
          },
          {
            internalType: "uint32",
            name: "untilEpoch",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "repairBudget",
            type: "uint128",
          },
          {
            internalType: "uint96",
            name: "maxRate",
            type: "uint96",
          },
          {
            internalType: "uint96",
            name: "maxEgressRate",
            type: "uint96",
          },
          {
            internalType: "uint128",
            name: "egressCap",
            type: "uint128",
          },
        ],
        internalType: "struct Delegation",
        name: "",
        type: "tuple",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
      {
        internalType: "uint128",
        name: "amount",
        type: "uint128",
      },
    ],
    name: "deposit",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
    ],
    name: "epochStart",
    outputs: [
      {
        internalType: "uint256",
        name: "startBlock",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "challengeBlock",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
      {
        components: [
          {
            internalType: "bytes32",
            name: "deal",
            type: "bytes32",
          },
          {
            internalType: "uint32",
            name: "from",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "endEpoch",
            type: "uint32",
          },
          {
            internalType: "uint96",
            name: "rate",
            type: "uint96",
          },
          {
            internalType: "uint32",
            name: "capacity",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "series",
            type: "uint32",
          },
          {
            internalType: "uint64",
            name: "validUntil",
            type: "uint64",
          },
        ],
        internalType: "struct Extension",
        name: "",
        type: "tuple",
      },
      {
        components: [
          {
            internalType: "bytes32",
            name: "r",
            type: "bytes32",
          },
          {
            internalType: "bytes32",
            name: "vs",
            type: "bytes32",
          },
        ],
        internalType: "struct Signature",
        name: "",
        type: "tuple",
      },
    ],
    name: "extend",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
    ],
    name: "freeBalance",
    outputs: [
      {
        internalType: "uint128",
        name: "",
        type: "uint128",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "genesis",
    outputs: [
      {
        internalType: "uint256",
        name: "blockNumber",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "forwarder",
        type: "address",
      },
    ],
    name: "isTrustedForwarder",
    outputs: [
      {
        internalType: "bool",
        name: "",
        type: "bool",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "client",
        type: "address",
      },
    ],
    name: "lastOpening",
    outputs: [
      {
        internalType: "uint64",
        name: "blockNumber",
        type: "uint64",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "from",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "count",
        type: "uint256",
      },
    ],
    name: "leaves",
    outputs: [
      {
        internalType: "uint32[]",
        name: "sectors",
        type: "uint32[]",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "bytes[]",
        name: "data",
        type: "bytes[]",
      },
    ],
    name: "multicall",
    outputs: [
      {
        internalType: "bytes[]",
        name: "results",
        type: "bytes[]",
      },
    ],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "client",
            type: "address",
          },
          {
            internalType: "address",
            name: "clientSigner",
            type: "address",
          },
          {
            internalType: "uint64",
            name: "volume",
            type: "uint64",
          },
          {
            internalType: "uint8",
            name: "k",
            type: "uint8",
          },
          {
            internalType: "uint8",
            name: "n",
            type: "uint8",
          },
          {
            internalType: "uint32",
            name: "capacity",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "minSectors",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "endEpoch",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "noticeEpochs",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "answerBond",
            type: "uint128",
          },
        ],
        internalType: "struct VolumeTerms",
        name: "",
        type: "tuple",
      },
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "uint8",
            name: "position",
            type: "uint8",
          },
          {
            internalType: "uint96",
            name: "rate",
            type: "uint96",
          },
          {
            internalType: "uint96",
            name: "egressRate",
            type: "uint96",
          },
          {
            internalType: "uint64",
            name: "validUntil",
            type: "uint64",
          },
          {
            internalType: "uint256",
            name: "escrow",
            type: "uint256",
          },
          {
            internalType: "uint256",
            name: "egress",
            type: "uint256",
          },
          {
            components: [
              {
                internalType: "bytes32",
                name: "r",
                type: "bytes32",
              },
              {
                internalType: "bytes32",
                name: "vs",
                type: "bytes32",
              },
            ],
            internalType: "struct Signature",
            name: "signature",
            type: "tuple",
          },
        ],
        internalType: "struct DealItem[]",
        name: "",
        type: "tuple[]",
      },
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    name: "openDeals",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "parameters",
    outputs: [
      {
        components: [
          {
            internalType: "uint32",
            name: "epochBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "commitBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "gapBlocks",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "multiplier",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "coverEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "missedEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "exitEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "finalEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "rotateEpochs",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "maxDealEpochs",
            type: "uint32",
          },
          {
            internalType: "uint128",
            name: "minCollateral",
            type: "uint128",
          },
        ],
        internalType: "struct Parameters",
        name: "",
        type: "tuple",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "deadline",
        type: "uint256",
      },
      {
        internalType: "uint8",
        name: "v",
        type: "uint8",
      },
      {
        internalType: "bytes32",
        name: "r",
        type: "bytes32",
      },
      {
        internalType: "bytes32",
        name: "s",
        type: "bytes32",
      },
    ],
    name: "permit",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "bytes28",
        name: "answered",
        type: "bytes28",
      },
      {
        internalType: "bytes",
        name: "proof",
        type: "bytes",
      },
    ],
    name: "prove",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "bytes28",
        name: "answered",
        type: "bytes28",
      },
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "bytes",
            name: "proof",
            type: "bytes",
          },
        ],
        internalType: "struct ProofItem[]",
        name: "items",
        type: "tuple[]",
      },
    ],
    name: "proveMany",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
    ],
    name: "proven",
    outputs: [
      {
        internalType: "bool",
        name: "",
        type: "bool",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "word",
        type: "uint256",
      },
    ],
    name: "provenWord",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "provider",
        type: "address",
      },
    ],
    name: "providerOf",
    outputs: [
      {
        components: [
          {
            internalType: "address",
            name: "signer",
            type: "address",
          },
          {
            internalType: "address",
            name: "nextSigner",
            type: "address",
          },
          {
            internalType: "uint32",
            name: "nextSignerFrom",
            type: "uint32",
          },
          {
            internalType: "uint96",
            name: "penaltyRate",
            type: "uint96",
          },
          {
            internalType: "uint32",
            name: "deals",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "slots",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "sectors",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "capacity",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "missCount",
            type: "uint32",
          },
          {
            internalType: "uint32",
            name: "series",
            type: "uint32",
          },
          {
            internalType: "address",
            name: "relay",
            type: "address",
          },
          {
            internalType: "uint96",
            name: "tip",
            type: "uint96",
          },
        ],
        internalType: "struct Provider",
        name: "known",
        type: "tuple",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef[]",
        name: "",
        type: "tuple[]",
      },
    ],
    name: "prune",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "bytes",
        name: "header",
        type: "bytes",
      },
    ],
    name: "recordSeed",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            components: [
              {
                internalType: "bytes32",
                name: "deal",
                type: "bytes32",
              },
              {
                internalType: "uint128",
                name: "cumulative",
                type: "uint128",
              },
            ],
            internalType: "struct Voucher",
            name: "voucher",
            type: "tuple",
          },
          {
            components: [
              {
                internalType: "bytes32",
                name: "r",
                type: "bytes32",
              },
              {
                internalType: "bytes32",
                name: "vs",
                type: "bytes32",
              },
            ],
            internalType: "struct Signature",
            name: "signature",
            type: "tuple",
          },
        ],
        internalType: "struct RedeemItem[]",
        name: "items",
        type: "tuple[]",
      },
    ],
    name: "redeem",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "id",
        type: "bytes32",
      },
      {
        internalType: "address",
        name: "signer",
        type: "address",
      },
    ],
    name: "redeemed",
    outputs: [
      {
        internalType: "uint128",
        name: "",
        type: "uint128",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "refill",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
      {
        internalType: "uint96",
        name: "",
        type: "uint96",
      },
    ],
    name: "register",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "resign",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "delegate",
        type: "address",
      },
    ],
    name: "revoke",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "seed",
    outputs: [
      {
        internalType: "uint32",
        name: "epoch",
        type: "uint32",
      },
      {
        internalType: "bytes28",
        name: "value",
        type: "bytes28",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "seedSource",
    outputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
    ],
    name: "setSigner",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
      {
        internalType: "uint96",
        name: "",
        type: "uint96",
      },
    ],
    name: "setTip",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef[]",
        name: "deals",
        type: "tuple[]",
      },
    ],
    name: "settle",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "terminate",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
    ],
    name: "terminateMissed",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "token",
    outputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        components: [
          {
            internalType: "address",
            name: "provider",
            type: "address",
          },
          {
            internalType: "uint16",
            name: "slot",
            type: "uint16",
          },
          {
            internalType: "bytes32",
            name: "id",
            type: "bytes32",
          },
        ],
        internalType: "struct DealRef",
        name: "",
        type: "tuple",
      },
      {
        internalType: "uint128",
        name: "",
        type: "uint128",
      },
      {
        internalType: "uint128",
        name: "",
        type: "uint128",
      },
    ],
    name: "topUp",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "trustedForwarder",
    outputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "uint128",
        name: "amount",
        type: "uint128",
      },
      {
        internalType: "address",
        name: "to",
        type: "address",
      },
    ],
    name: "withdraw",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
] as const;

export const seedSourceAbi = [
  {
    inputs: [
      {
        internalType: "uint256",
        name: "blockNumber",
        type: "uint256",
      },
    ],
    name: "SeedSource_HashUnavailable",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "offset",
        type: "uint256",
      },
    ],
    name: "SeedSource_MalformedHeader",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "blockNumber",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "current",
        type: "uint256",
      },
    ],
    name: "SeedSource_NotPast",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "expected",
        type: "bytes32",
      },
      {
        internalType: "bytes32",
        name: "actual",
        type: "bytes32",
      },
    ],
    name: "SeedSource_WrongHeader",
    type: "error",
  },
  {
    inputs: [],
    name: "HISTORY",
    outputs: [
      {
        internalType: "address",
        name: "",
        type: "address",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "MAX_HEADER_BYTES",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "blockNumber",
        type: "uint256",
      },
      {
        internalType: "bytes",
        name: "proof",
        type: "bytes",
      },
    ],
    name: "seed",
    outputs: [
      {
        internalType: "bytes32",
        name: "",
        type: "bytes32",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
] as const;

export const marketTokenAbi = [
  {
    inputs: [],
    stateMutability: "nonpayable",
    type: "constructor",
  },
  {
    inputs: [],
    name: "ECDSAInvalidSignature",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "length",
        type: "uint256",
      },
    ],
    name: "ECDSAInvalidSignatureLength",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "bytes32",
        name: "s",
        type: "bytes32",
      },
    ],
    name: "ECDSAInvalidSignatureS",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "spender",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "allowance",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "needed",
        type: "uint256",
      },
    ],
    name: "ERC20InsufficientAllowance",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "sender",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "balance",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "needed",
        type: "uint256",
      },
    ],
    name: "ERC20InsufficientBalance",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "approver",
        type: "address",
      },
    ],
    name: "ERC20InvalidApprover",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "receiver",
        type: "address",
      },
    ],
    name: "ERC20InvalidReceiver",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "sender",
        type: "address",
      },
    ],
    name: "ERC20InvalidSender",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "spender",
        type: "address",
      },
    ],
    name: "ERC20InvalidSpender",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "uint256",
        name: "deadline",
        type: "uint256",
      },
    ],
    name: "ERC2612ExpiredSignature",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "signer",
        type: "address",
      },
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
    ],
    name: "ERC2612InvalidSigner",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "account",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "currentNonce",
        type: "uint256",
      },
    ],
    name: "InvalidAccountNonce",
    type: "error",
  },
  {
    inputs: [],
    name: "InvalidShortString",
    type: "error",
  },
  {
    inputs: [
      {
        internalType: "string",
        name: "str",
        type: "string",
      },
    ],
    name: "StringTooLong",
    type: "error",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "owner",
        type: "address",
      },
      {
        indexed: true,
        internalType: "address",
        name: "spender",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
    ],
    name: "Approval",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [],
    name: "EIP712DomainChanged",
    type: "event",
  },
  {
    anonymous: false,
    inputs: [
      {
        indexed: true,
        internalType: "address",
        name: "from",
        type: "address",
      },
      {
        indexed: true,
        internalType: "address",
        name: "to",
        type: "address",
      },
      {
        indexed: false,
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
    ],
    name: "Transfer",
    type: "event",
  },
  {
    inputs: [],
    name: "DOMAIN_SEPARATOR",
    outputs: [
      {
        internalType: "bytes32",
        name: "",
        type: "bytes32",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
      {
        internalType: "address",
        name: "spender",
        type: "address",
      },
    ],
    name: "allowance",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "spender",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
    ],
    name: "approve",
    outputs: [
      {
        internalType: "bool",
        name: "",
        type: "bool",
      },
    ],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "account",
        type: "address",
      },
    ],
    name: "balanceOf",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "decimals",
    outputs: [
      {
        internalType: "uint8",
        name: "",
        type: "uint8",
      },
    ],
    stateMutability: "pure",
    type: "function",
  },
  {
    inputs: [],
    name: "eip712Domain",
    outputs: [
      {
        internalType: "bytes1",
        name: "fields",
        type: "bytes1",
      },
      {
        internalType: "string",
        name: "name",
        type: "string",
      },
      {
        internalType: "string",
        name: "version",
        type: "string",
      },
      {
        internalType: "uint256",
        name: "chainId",
        type: "uint256",
      },
      {
        internalType: "address",
        name: "verifyingContract",
        type: "address",
      },
      {
        internalType: "bytes32",
        name: "salt",
        type: "bytes32",
      },
      {
        internalType: "uint256[]",
        name: "extensions",
        type: "uint256[]",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "to",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "amount",
        type: "uint256",
      },
    ],
    name: "mint",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "name",
    outputs: [
      {
        internalType: "string",
        name: "",
        type: "string",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
    ],
    name: "nonces",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "owner",
        type: "address",
      },
      {
        internalType: "address",
        name: "spender",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
      {
        internalType: "uint256",
        name: "deadline",
        type: "uint256",
      },
      {
        internalType: "uint8",
        name: "v",
        type: "uint8",
      },
      {
        internalType: "bytes32",
        name: "r",
        type: "bytes32",
      },
      {
        internalType: "bytes32",
        name: "s",
        type: "bytes32",
      },
    ],
    name: "permit",
    outputs: [],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [],
    name: "symbol",
    outputs: [
      {
        internalType: "string",
        name: "",
        type: "string",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [],
    name: "totalSupply",
    outputs: [
      {
        internalType: "uint256",
        name: "",
        type: "uint256",
      },
    ],
    stateMutability: "view",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "to",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
    ],
    name: "transfer",
    outputs: [
      {
        internalType: "bool",
        name: "",
        type: "bool",
      },
    ],
    stateMutability: "nonpayable",
    type: "function",
  },
  {
    inputs: [
      {
        internalType: "address",
        name: "from",
        type: "address",
      },
      {
        internalType: "address",
        name: "to",
        type: "address",
      },
      {
        internalType: "uint256",
        name: "value",
        type: "uint256",
      },
    ],
    name: "transferFrom",
    outputs: [
      {
        internalType: "bool",
        name: "",
        type: "bool",
      },
    ],
    stateMutability: "nonpayable",
    type: "function",
  },
] as const;
