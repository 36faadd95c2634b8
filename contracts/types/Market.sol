// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/*
 * The life of a deal.
 *
 *   None --openDeals--> Open --commit (sectors > 0)--> Active
 *                        |  ^                           |
 *                        |  +---commit (sectors = 0)----+
 *                        |                              |
 *                        +----- terminate, resign ------+--> Notice, which still commits, proves and is billed until stopAt
 *                        |                              |      |  ^ terminate, once: resigned, and holds nothing
 *                        |                              |      +--+
 *                        |                              |      |
 *                        +-- terminateMissed, abandon, convict, prune --> Stopped, its leaf removed
 *                                                                           |  ^ convict: a challenge was open
 *                                                                           +--+
 *                                                                           |
 *    Open, another deal <--openDeals in its slot-- Closed <-- close --------+
 *
 * No other call changes a deal's state. close waits until FINAL epochs after stopAt, and for an open challenge. A deal that
 * reaches stopAt without an exit is pruned as Ended.
 * Every call in every state, allowed or not, is tried in test/contracts/states.test.ts and exitPairs.test.ts.
 */
enum State {
    None,
    Open,
    Active,
    Notice,
    Stopped,
    Closed
}

/// @dev Why a deal stopped. `Terminated` and `Resigned` are set with the notice, the rest when the leaf goes.
enum Reason {
    None,
    Ended,
    Terminated,
    Resigned,
    Missed,
    Abandoned,
    Convicted,
    Exhausted
}

/// @dev Fixed at deployment. Blocks for the first three, epochs for the rest; their relations are checked there.
struct Parameters {
    uint32 epochBlocks;
    uint32 commitBlocks;
    uint32 gapBlocks;
    uint32 multiplier; // m: penaltyRate >= m * rate
    uint32 coverEpochs; // COVER: missed epochs that a deal's collateral pays for
    uint32 missedEpochs; // M: missed epochs in a row after which the client may leave at once
    uint32 exitEpochs; // EXIT: penalty epochs a resignation costs
    uint32 finalEpochs; // FINAL: epochs between stop and close
    uint32 rotateEpochs; // ROTATE: epochs before a new signer counts
    uint32 maxDealEpochs;
    uint128 minCollateral; // token base units
}

/// @dev EIP-712, signed by the provider's signer. The digest, cut to its first 19 bytes, is the deal's id.
/// Rates are in ledger units: token base units x 2^32.
struct Terms {
    address client;
    address clientSigner; // the key that signs revisions and vouchers; fixed for the deal's life
    address provider;
    uint16 slot; // of the provider's 4,096: one that no unclosed deal has
    bytes32 previous; // id of the closed deal there, 0: none yet. So terms open one deal, once
    uint32 series; // the provider's offers in force, see {IMarketAnnex-cancelOffers}
    uint64 volume;
    uint8 position;
    uint8 k;
    uint8 n;
    uint96 rate; // per sector and epoch, < 2^80
    uint96 egressRate; // per byte
    uint32 capacity; // sectors, <= 2^24
    uint32 minSectors; // billed even if empty
    uint32 endEpoch; // exclusive
    uint32 noticeEpochs; // 1..30
    uint128 answerBond; // token base units
    uint64 validUntil; // unix seconds
}

/// @dev What the deals of one opening have in common.
struct VolumeTerms {
    address client;
    address clientSigner;
    uint64 volume;
    uint8 k;
    uint8 n;
    uint32 capacity;
    uint32 minSectors;
    uint32 endEpoch;
    uint32 noticeEpochs;
    uint128 answerBond;
}

/// @dev A 65-byte signature in 64, as EIP-2098 has it: the only form that is taken.
struct Signature {
    bytes32 r;
    bytes32 vs; // the top bit is v - 27, the rest s
}

/// @dev One deal to open: the rest of its terms (`previous` and `series` are the market's own), the signature of them all,
/// and what the client pays in (token base units).
struct DealItem {
    address provider;
    uint16 slot;
    uint8 position;
    uint96 rate;
    uint96 egressRate;
    uint64 validUntil;
    uint256 escrow; // < 2^76
    uint256 egress; // < 2^96
    Signature signature;
}

/// @dev Names a deal: its place, and its id so that a reused slot is never mistaken for it.
struct DealRef {
    address provider;
    uint16 slot;
    bytes32 id;
}

/// @dev EIP-712, signed by client and provider. The low 16 bits of `number` are the writer's lane tag.
struct Revision {
    bytes32 deal;
    uint64 number; // < 2^48
    bytes24 root;
    uint32 sectors;
    bytes32 head;
}

/// @dev A {Revision} to commit, of the deal in a provider's slot, whose id is the market's own; and the client's signature.
struct CommitItem {
    uint16 slot;
    uint64 number;
    bytes24 root;
    uint32 sectors;
    bytes32 head;
    Signature signature;
}

/// @dev EIP-712, signed by the provider's signer. `from` is the end it changes, and `endEpoch` is beyond it: so one extends
/// once.
struct Extension {
    bytes32 deal;
    uint32 from;
    uint32 endEpoch;
    uint96 rate;
    uint32 capacity;
    uint32 series;
    uint64 validUntil;
}

/// @dev EIP-712, signed by the deal's client key or a READ delegate. `cumulative` in ledger units, per (deal, signer).
struct Voucher {
    bytes32 deal;
    uint128 cumulative;
}

struct RedeemItem {
    address provider;
    uint16 slot;
    Voucher voucher;
    Signature signature;
}

/// @dev A provider's proof for the current epoch, see docs/PROTOCOL.md section 2 for its bytes.
struct ProofItem {
    address provider;
    bytes proof;
}

/// @dev Bits of {Delegation}.scopes.
library Scopes {
    uint8 internal constant READ = 1; // sign vouchers
    uint8 internal constant WRITE = 2; // append and revise over the wire; nothing on chain
    uint8 internal constant REPAIR = 4; // open deals
    uint8 internal constant AUDIT = 8; // challenge
}

/// @dev What a delegate may do (bits of Scopes) and how far.
struct Delegation {
    uint8 scopes;
    uint32 untilEpoch; // exclusive
    uint128 repairBudget; // token base units left for opening deals
    uint96 maxRate;
    uint96 maxEgressRate;
    uint128 egressCap; // ledger units of vouchers left
}

/// @dev Everything the market knows of a deal; amounts in ledger units.
struct Deal {
    bytes32 id;
    address client;
    address clientSigner;
    State state;
    Reason reason;
    uint96 rate;
    uint32 capacity;
    uint32 minSectors;
    uint32 noticeEpochs;
    uint32 activeSince;
    uint32 stopAt; // exclusive
    uint32 settledThrough;
    uint64 number;
    uint32 sectors;
    bytes24 root;
    uint32 misses; // counted against COVER; 0 once the leaf is removed
    uint128 escrow;
    uint128 egress;
    uint128 collateral; // left
    uint128 answerBond; // token base units
    uint32 challengeDeadline; // last epoch to answer in; 0: no challenge open
    uint64 challengedChunk;
    address challenger;
}

/// @dev Everything the market knows of a provider; amounts in ledger units.
struct Provider {
    address signer; // in force now
    address nextSigner;
    uint32 nextSignerFrom; // epoch; 0: none announced
    uint96 penaltyRate;
    uint32 deals; // unclosed
    uint32 slots; // one more than the highest ever used
    uint32 sectors; // in the sum tree
    uint32 capacity; // sectors, of its unclosed deals
    uint32 missCount; // missed epochs with something to prove, up to the last one that is over
    uint32 series; // that its terms must name
    address relay; // of the standing tip
    uint96 tip; // per proof
}
