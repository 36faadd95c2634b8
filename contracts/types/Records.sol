// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {AgreedWord, ProgressWord, SampledWord, StandingWord} from "../libraries/Words.sol";

using StandingWord for Standing global;
using AgreedWord for Agreed global;
using ProgressWord for Progress global;
using SampledWord for Sampled global;

/*
 * How the market stores what it knows. A deal is three words: Agreed and Progress from its opening on, Sampled from its
 * first revision on; a fourth and fifth only where there is a budget for reading, a loss or a challenge. Each word is a
 * value type with its members as functions, lowest first, so a call reads and writes it once.
 */

// ---------------------------------------------------------------- accounts and providers

/// @dev free (128): ledger units | missCount (24) | countedThrough (24): epoch that missCount is complete to |
/// capacity (32): sectors of unclosed deals, at most 2^31 | deals (13): unclosed | slots (13): one more than the highest
/// used | series (17) | treeHeight (3): 0 for who is no provider | tipped (1) | rotated (1): a next signer was announced.
type Standing is uint256;

/// @dev Somebody with an account; a provider has more than the first word.
struct Holder {
    Standing standing;
    address signer;
    uint96 penaltyRate;
    address nextSigner;
    uint32 nextFrom; // epoch from which nextSigner counts
    address relay; // of the standing tip
    uint96 tip; // ledger units
    uint256[1 << 16] record; // see {ProofRecord}: 2^24 epochs
    uint256[1 << 14] tree; // see {SumTree}
    DealRecord[1 << 12] deals;
}

// ---------------------------------------------------------------- deals

/// @dev capacity - 1 (24): sectors | rate (80) | id (152, highest).
type Agreed is uint256;

/// @dev escrow (108) | settledThrough (24) | left (13): epochs from there to the last one it is billed for | minSectors (25) |
/// number (48) | customer (32) | status (6): a Reason, and the flags below.
type Progress is uint256;

/// @dev All that a proof reads of a deal, and meaningless before its first commit: cover (16) | activeSince (24) |
/// stopAt (24): that of Progress | root (192, highest). cover is, with sectors, the low bits of the missCount at which the
/// collateral is used up; without, the misses used so far. Once the leaf is removed, the first 64 bits are the sectors
/// that it had.
type Sampled is uint256;

struct DealRecord {
    Agreed agreed;
    Progress progress;
    Sampled sampled;
    uint128 lost; // of the full collateral: penalties and forfeits
    uint128 egress;
    Challenge challenge;
}

/// @dev `deadline`: the last epoch to answer in; 0: no challenge.
struct Challenge {
    address challenger;
    uint64 chunk;
    uint32 deadline;
}

/// @dev A deal at work on: where it is, and its two words, saved when they are whole. A standing is never kept like this:
/// client and provider may be one. A batch takes up one deal after the other in the same place, and what the last ones had
/// in common is not looked up again.
struct Live {
    Progress progress;
    uint256 slot;
    uint256 home; // storage slots of its Holder and of its DealRecord
    uint256 place;
    Agreed agreed;
    address provider;
    uint256 span; // first and last of the epochs of which its provider proved so many, once they were counted
    uint256 proven;
}

/// @dev A client's side of deals; shared by all of its deals with the same figures.
struct Customer {
    address client;
    uint8 noticeEpochs;
    uint64 answerBond; // token base units
    address signer;
}

/// @dev A client's last two opening blocks, since the list must not point a block at itself, and its last Customer.
struct Link {
    uint64 last;
    uint64 before;
    uint32 customer;
}

/// @dev The last recorded one.
struct Seed {
    bytes28 value;
    uint32 epoch;
}

uint256 constant REASON_MASK = 0x0f;
uint256 constant STOPPED = 0x10; // the leaf is removed
uint256 constant CLOSED = 0x20;
