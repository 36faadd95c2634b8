// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/*
 * How the market stores what it knows. Standing, Agreed, Progress and Sampled are exactly one word each, kept packed by
 * {Words}: one read, one write, whatever changed.
 */

/// @dev Ledger units. `locked` is part of `balance`.
struct Account {
    uint128 balance;
    uint128 locked;
}

/// @dev A provider's figures. Registered once `treeHeight` is not 0.
struct Standing {
    uint96 penaltyRate;
    uint32 missCount; // missed epochs since registration
    uint32 countedThrough; // epoch that missCount is complete to
    uint32 capacity; // sectors of its unclosed deals: at most 2^31
    uint16 deals; // unclosed
    uint16 slots; // ever used
    uint16 freeSlot; // the first closed one, plus 1; 0: none
    uint8 treeHeight;
    bool tipped;
}

struct Signers {
    address current;
    uint32 nextFrom; // epoch from which `next` counts; 0: none announced
    address next;
}

struct Tip {
    address relay;
    uint128 amount;
}

/// @dev What deals opened by one call share. Two words, never rewritten.
struct Opening {
    address client;
    uint64 volume;
    uint8 k;
    uint8 n;
    uint8 noticeEpochs;
    // second word
    address clientSigner;
    uint32 startEpoch;
    uint64 answerBond; // token base units
}

/// @dev An Opening, packed.
struct OpeningWords {
    uint256 first;
    uint256 second;
}

/// @dev All that a proof reads of a deal. All zero until its first commit.
struct Sampled {
    bytes24 root;
    uint32 stopAt; // that of Agreed, for proofs; meaningless while there are no sectors
    uint32 cover; // with sectors: the missCount at which the collateral is used up; without: misses used so far
}

struct Agreed {
    uint32 opening;
    uint96 rate;
    uint24 capacityLessOne; // 1..2^24 sectors in 24 bits
    uint32 minSectors;
    uint8 position;
    uint32 stopAt;
    uint32 settledThrough;
}

struct Progress {
    uint120 escrow; // of a closed deal: the free slot after this one, plus 1
    uint8 status; // a Reason, and the flags below
    uint64 number;
    uint32 sectors;
    uint32 activeSince;
}

/// @dev A client's last two opening blocks: the list must not point a block at itself.
struct Link {
    uint64 last;
    uint64 before;
}

/// @dev The last recorded one.
struct Seed {
    bytes28 value;
    uint32 epoch;
}

/// @dev `deadline`: the last epoch to answer in; 0: no challenge.
struct Challenge {
    address challenger;
    uint64 chunk;
    uint32 deadline;
}

struct DealRecord {
    bytes32 id;
    uint256 agreed; // an Agreed
    uint256 progress; // a Progress
    uint256 sampled; // a Sampled
    uint128 lost; // of the full collateral: penalties and forfeits
    uint128 egress;
    Challenge challenge;
}

/// @dev A deal at work on: in memory, loaded whole and saved whole. What is rarely touched stays in its record.
struct Live {
    address provider;
    uint16 slot;
    bytes32 id;
    Standing standing;
    Agreed agreed;
    Progress progress;
}

uint8 constant REASON_MASK = 0x0f;
uint8 constant STOPPED = 0x10; // the leaf is removed
uint8 constant CLOSED = 0x20;
