// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Delegation, Reason} from "../types/Market.sol";

/// @title IMarketSignals
/// @notice What the market says: events that an auditor and a recovering client can rely on alone, and errors.
interface IMarketSignals {
    // ---------------------------------------------------------------- events

    event Registered(address indexed provider, address signer, uint96 penaltyRate);
    event SignerAnnounced(address indexed provider, address signer, uint32 fromEpoch);
    event Announced(address indexed provider, bytes data);
    event TipSet(address indexed provider, address relay, uint96 tip);
    event TipPaid(address indexed provider, address relay, uint128 amount);
    event OffersCancelled(address indexed provider, uint32 series);
    /// @param amount token base units.
    event Deposited(address indexed account, address from, uint128 amount);
    event Withdrawn(address indexed account, address to, uint128 amount);
    event Authorized(address indexed client, address indexed delegate, Delegation delegation);
    event Revoked(address indexed client, address indexed delegate, uint32 fromEpoch);

    /// @notice What the deals have in common that the same call opens; their {DealOpened} follow.
    /// @param previousBlock the block of the client's opening before this one (0: none): recovery walks this list.
    event VolumeOpened(
        address indexed client,
        uint64 indexed volume,
        address clientSigner,
        uint8 k,
        uint8 n,
        uint32 capacity,
        uint32 minSectors,
        uint32 startEpoch,
        uint32 endEpoch,
        uint32 noticeEpochs,
        uint128 answerBond,
        uint64 previousBlock
    );
    event DealOpened(
        address indexed provider,
        bytes32 indexed id,
        uint16 slot,
        uint8 position,
        uint96 rate,
        uint96 egressRate,
        uint128 escrow
    );
    /// @param paid what {Settled} tells elsewhere. With a commit in the commit phase of epoch e the epochs before e are
    /// settled, and its figures count from e; with a later one, through e and from e + 1.
    event Committed(bytes32 indexed id, uint64 number, bytes24 root, uint32 sectors, bytes32 head, uint128 paid);
    event SeedRecorded(uint32 indexed epoch, uint256 challengeBlock, bytes28 seed);
    /// @param sectors what the proof was drawn from; 0: an empty set.
    event Proven(address indexed provider, uint32 indexed epoch, uint32 sectors);
    /// @param paid from escrow to the provider.
    event Settled(bytes32 indexed id, uint32 throughEpoch, uint128 paid);
    /// @notice The {Settled} or {Committed} that follows counts misses too.
    /// @param penalty from collateral, half burnt, half to the client.
    event Penalised(bytes32 indexed id, uint128 penalty);
    event Extended(bytes32 indexed id, uint32 endEpoch, uint96 rate, uint32 capacity, uint128 collateral);
    event Refilled(bytes32 indexed id, uint128 collateral);
    /// @notice Also the egress budget that a deal is opened with.
    event ToppedUp(bytes32 indexed id, address from, uint128 escrow, uint128 egress);
    event NoticeGiven(bytes32 indexed id, Reason reason, uint32 stopAt);
    /// @param forfeited collateral that went to the client at once.
    event Stopped(bytes32 indexed id, Reason reason, uint32 stopAt, uint128 forfeited);
    /// @param refund of escrow and egress budget to the client; `exitFee` of collateral to the client; the rest of the
    /// collateral is unlocked.
    event Closed(bytes32 indexed id, uint128 refund, uint128 exitFee, uint128 unlocked);
    event Redeemed(bytes32 indexed id, address signer, uint128 cumulative, uint128 paid);
    event Challenged(bytes32 indexed id, address challenger, uint64 chunk, uint32 deadlineEpoch);
    /// @param proved false: the chunk was trimmed or the deal left at once, and the bond went back.
    event ChallengeClosed(bytes32 indexed id, bool proved, uint128 bond);
    event Skipped(uint256 index, bytes4 selector);

    // ---------------------------------------------------------------- errors (expected, then actual)

    error Market_WrongParameters(bytes32 relation);
    error Market_WrongPhase(uint32 epoch, bool proven);
    error Market_NotRegistered(address provider);
    error Market_DealsUnclosed(uint32 deals);
    error Market_OddPenaltyRate(uint96 penaltyRate);
    error Market_PenaltyRateTooLow(uint256 atLeast, uint96 actual);
    error Market_WrongSigner(address expected, address actual);
    error Market_Unauthorized(address account);
    error Market_TooLong(uint256 limit, uint256 actual);
    error Market_SlotTaken(uint16 slot);
    error Market_WrongSeries(uint32 expected, uint32 actual);
    /// @dev Unix seconds; epochs for a challenge's deadline.
    error Market_Expired(uint256 validUntil, uint256 actual);
    error Market_BadTerms(bytes32 field);
    error Market_CapacityExceeded(uint256 limit, uint256 actual);
    error Market_InsufficientEscrow(uint256 expected, uint256 actual);
    error Market_InsufficientCollateral(uint256 expected, uint256 actual);
    error Market_InsufficientBalance(uint256 expected, uint256 actual);
    error Market_TransferShort(uint256 expected, uint256 actual);
    error Market_TooFewOpened(uint256 expected, uint256 actual);
    error Market_WrongDeal(bytes32 expected, bytes32 actual);
    error Market_WrongState(bytes32 id);
    error Market_StaleRevision(uint64 above, uint64 actual);
    error Market_WrongSeed(bytes28 expected, bytes28 actual);
    error Market_SeedUnknown(uint32 epoch);
    error Market_AlreadyProven(address provider, uint32 epoch);
    error Market_ProofLength(uint256 expected, uint256 actual);
    error Market_ProofRoot(bytes24 expected, bytes24 actual);
    error Market_DealNotProvable(uint16 slot);
    error Market_NotDue(uint32 fromEpoch, uint32 actual);
    error Market_ChallengeOpen(bytes32 id);
    error Market_NoChallenge(bytes32 id);
    error Market_ChunkOutOfRange(uint64 limit, uint64 actual);
    error Market_NothingToRedeem(uint128 above, uint128 actual);
    error Market_DelegationInForce(uint32 untilEpoch, uint128 egressCap);
}
