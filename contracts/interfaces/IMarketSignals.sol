// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Delegation, Reason} from "../types/Market.sol";

/// @title IMarketSignals
/// @notice What the market says: events that an auditor and a recovering client can rely on alone, and errors.
/// @dev Amounts are in ledger units (token base units x 2^32) where nothing else is said. `id` is a deal's.
interface IMarketSignals {
    // ---------------------------------------------------------------- accounts and providers

    /// @notice Somebody became a provider, or changed its penalty rate.
    /// @param provider who called.
    /// @param signer the key in force that signs for it.
    /// @param penaltyRate P: ledger units per missed sector-epoch.
    event Registered(address indexed provider, address signer, uint96 penaltyRate);
    /// @notice Another key will sign for a provider.
    /// @param provider whose.
    /// @param signer the key.
    /// @param fromEpoch the first epoch in which it counts.
    event SignerAnnounced(address indexed provider, address signer, uint32 fromEpoch);
    /// @notice A provider says where it is, and what it offers.
    /// @param provider who.
    /// @param data see docs/PROTOCOL.md; the market does not read it.
    event Announced(address indexed provider, bytes data);
    /// @notice A provider's standing tip changed.
    /// @param provider who pays.
    /// @param relay who is paid.
    /// @param tip for each proof; 0: none.
    event TipSet(address indexed provider, address relay, uint96 tip);
    /// @notice A relay submitted an epoch's proof and was paid for it.
    /// @param provider who paid.
    /// @param relay who was paid.
    /// @param amount the tip, or what there was.
    event TipPaid(address indexed provider, address relay, uint128 amount);
    /// @notice All that a provider signed before and nobody used is void.
    /// @param provider who.
    /// @param series what its terms and extensions name from now on.
    event OffersCancelled(address indexed provider, uint32 series);
    /// @notice Tokens came in.
    /// @param account whose balance grew.
    /// @param from who paid.
    /// @param amount token base units.
    event Deposited(address indexed account, address from, uint128 amount);
    /// @notice Tokens went out.
    /// @param account whose balance shrank.
    /// @param to who got them.
    /// @param amount token base units.
    event Withdrawn(address indexed account, address to, uint128 amount);
    /// @notice A delegate may act for a client.
    /// @param client who lets it.
    /// @param delegate who may.
    /// @param delegation what, and how far.
    event Authorized(address indexed client, address indexed delegate, Delegation delegation);
    /// @notice A delegation ends.
    /// @param client who gave it.
    /// @param delegate who had it.
    /// @param fromEpoch the first epoch without it.
    event Revoked(address indexed client, address indexed delegate, uint32 fromEpoch);

    // ---------------------------------------------------------------- deals

    /// @notice What the deals have in common that the same call opens; their {DealOpened} follow.
    /// @param client who pays.
    /// @param volume the client's number for them.
    /// @param clientSigner the key that signs their revisions and vouchers.
    /// @param k how many of the positions give a file back.
    /// @param n how many positions there are.
    /// @param capacity sectors of each.
    /// @param minSectors billed for each even if it is empty.
    /// @param startEpoch the first epoch that is billed.
    /// @param endEpoch the first one that is not.
    /// @param noticeEpochs how long a notice takes.
    /// @param answerBond token base units that a challenge costs whoever names a chunk that is there.
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
    /// @notice A deal of the {VolumeOpened} before.
    /// @param provider whose.
    /// @param id its name from now on.
    /// @param slot its place among the provider's.
    /// @param position which of the volume's n.
    /// @param rate per sector and epoch.
    /// @param egressRate per byte read.
    /// @param escrow paid in.
    event DealOpened(
        address indexed provider,
        bytes32 indexed id,
        uint16 slot,
        uint8 position,
        uint96 rate,
        uint96 egressRate,
        uint128 escrow
    );
    /// @notice What a deal holds changed. In the commit phase of epoch e the epochs before e are settled with it, and its
    /// figures count from e; later in e, through e and from e + 1.
    /// @param id which.
    /// @param number the revision's.
    /// @param root of its chunks.
    /// @param sectors how many it holds.
    /// @param head the client's, of what it is part of; the market does not read it.
    /// @param paid what {Settled} tells elsewhere.
    event Committed(bytes32 indexed id, uint64 number, bytes24 root, uint32 sectors, bytes32 head, uint128 paid);
    /// @notice A deal was paid for; {Committed} tells the same of its own.
    /// @param id which.
    /// @param throughEpoch the last epoch that is settled.
    /// @param paid from its escrow to the provider.
    event Settled(bytes32 indexed id, uint32 throughEpoch, uint128 paid);
    /// @notice The {Settled} or {Committed} of the deal that follows counts misses too.
    /// @param id which.
    /// @param penalty from its collateral: half burnt, half to the client.
    event Penalised(bytes32 indexed id, uint128 penalty);
    /// @notice A deal has other terms.
    /// @param id which.
    /// @param endEpoch its first epoch that is not billed.
    /// @param rate per sector and epoch.
    /// @param capacity sectors.
    /// @param collateral locked, whole again.
    event Extended(bytes32 indexed id, uint32 endEpoch, uint96 rate, uint32 capacity, uint128 collateral);
    /// @notice A deal's collateral is whole again.
    /// @param id which.
    /// @param collateral locked.
    event Refilled(bytes32 indexed id, uint128 collateral);
    /// @notice More money for a deal; also the egress budget that it is opened with.
    /// @param id which.
    /// @param from who paid.
    /// @param escrow token base units for storing.
    /// @param egress token base units for reading.
    event ToppedUp(bytes32 indexed id, address from, uint128 escrow, uint128 egress);
    /// @notice A deal will stop.
    /// @param id which.
    /// @param reason `Terminated` or `Resigned`.
    /// @param stopAt its first epoch that is not billed.
    event NoticeGiven(bytes32 indexed id, Reason reason, uint32 stopAt);
    /// @notice A deal is out of its provider's set.
    /// @param id which.
    /// @param reason why.
    /// @param stopAt its first epoch that is not billed.
    /// @param forfeited collateral that went to the client at once.
    event Stopped(bytes32 indexed id, Reason reason, uint32 stopAt, uint128 forfeited);
    /// @notice A deal's money is with its owners, and its slot is free.
    /// @param id which.
    /// @param refund of escrow and egress budget, to the client.
    /// @param exitFee of collateral, to the client.
    /// @param unlocked the rest of the collateral, the provider's again.
    event Closed(bytes32 indexed id, uint128 refund, uint128 exitFee, uint128 unlocked);
    /// @notice A voucher was paid.
    /// @param id the deal it is of.
    /// @param signer whose it is.
    /// @param cumulative its amount.
    /// @param paid the part of it that was not paid yet and that there was budget for.
    event Redeemed(bytes32 indexed id, address signer, uint128 cumulative, uint128 paid);

    // ---------------------------------------------------------------- proofs and challenges

    /// @notice An epoch's seed is known.
    /// @param epoch which.
    /// @param challengeBlock the block it is taken from.
    /// @param seed its first 28 bytes, which count.
    event SeedRecorded(uint32 indexed epoch, uint256 challengeBlock, bytes28 seed);
    /// @notice A provider proved an epoch.
    /// @param provider who.
    /// @param epoch which.
    /// @param sectors what the proof was drawn from; 0: an empty set.
    event Proven(address indexed provider, uint32 indexed epoch, uint32 sectors);
    /// @notice Somebody wants to see a chunk.
    /// @param id of the deal that holds it.
    /// @param challenger who, and whose bond it is.
    /// @param chunk its index in the deal.
    /// @param deadlineEpoch the last epoch to show it in.
    event Challenged(bytes32 indexed id, address challenger, uint64 chunk, uint32 deadlineEpoch);
    /// @notice A challenge is over.
    /// @param id of the deal.
    /// @param proved false: the chunk was trimmed or the deal left at once, and the bond went back.
    /// @param bond that was paid out, to the provider or back.
    event ChallengeClosed(bytes32 indexed id, bool proved, uint128 bond);
    /// @notice An item of a batch does not apply.
    /// @param index which.
    /// @param selector of the error that it would have been alone.
    event Skipped(uint256 index, bytes4 selector);

    // ---------------------------------------------------------------- errors: expected, then actual

    /// @notice The parameters of a market to be deployed do not go together.
    /// @param relation the first one that does not hold, in words.
    error Market_WrongParameters(bytes32 relation);
    /// @notice Neither the commit phase, nor is the epoch proven yet; or an empty set is proven in the commit phase.
    /// @param epoch the current one.
    /// @param proven whether it is.
    error Market_WrongPhase(uint32 epoch, bool proven);
    /// @notice There is no such provider.
    /// @param provider who is none.
    error Market_NotRegistered(address provider);
    /// @notice The penalty rate is fixed while there are deals.
    /// @param deals unclosed.
    error Market_DealsUnclosed(uint32 deals);
    /// @notice Half of a penalty is burnt, so its rate is even.
    /// @param penaltyRate which is odd.
    error Market_OddPenaltyRate(uint96 penaltyRate);
    /// @notice The rate is more than the provider's collateral vouches for.
    /// @param atLeast m x rate.
    /// @param actual the provider's penalty rate.
    error Market_PenaltyRateTooLow(uint256 atLeast, uint96 actual);
    /// @notice Somebody else signed, or nobody did.
    /// @param expected whose signature it had to be.
    /// @param actual who signed; zero: no signature.
    error Market_WrongSigner(address expected, address actual);
    /// @notice The call is somebody else's.
    /// @param account who called.
    error Market_Unauthorized(address account);
    /// @notice Too much of something.
    /// @param limit items, bytes or numbers.
    /// @param actual as many were given.
    error Market_TooLong(uint256 limit, uint256 actual);
    /// @notice An unclosed deal is in the slot. Only as a {Skipped} item.
    /// @param slot which.
    error Market_SlotTaken(uint16 slot);
    /// @notice The offer was cancelled.
    /// @param expected the provider's series.
    /// @param actual the offer's.
    error Market_WrongSeries(uint32 expected, uint32 actual);
    /// @notice Too late.
    /// @param validUntil Unix seconds; epochs for a challenge's deadline.
    /// @param actual now, in the same unit.
    error Market_Expired(uint256 validUntil, uint256 actual);
    /// @notice A member of the terms is out of its range.
    /// @param field its name.
    error Market_BadTerms(bytes32 field);
    /// @notice More than fits.
    /// @param limit sectors, units or entries.
    /// @param actual asked for.
    error Market_CapacityExceeded(uint256 limit, uint256 actual);
    /// @notice The deal's escrow does not pay for its sectors up to its end.
    /// @param expected what does.
    /// @param actual what there is.
    error Market_InsufficientEscrow(uint256 expected, uint256 actual);
    /// @notice The provider cannot lock the deal's collateral.
    /// @param expected what has to be locked.
    /// @param actual what is free.
    error Market_InsufficientCollateral(uint256 expected, uint256 actual);
    /// @notice The account does not have so much.
    /// @param expected what is needed.
    /// @param actual what is free.
    error Market_InsufficientBalance(uint256 expected, uint256 actual);
    /// @notice The token moved less than it was told to.
    /// @param expected token base units.
    /// @param actual token base units that arrived.
    error Market_TransferShort(uint256 expected, uint256 actual);
    /// @notice Too many items of an opening were skipped.
    /// @param expected as many deals at least.
    /// @param actual as many opened.
    error Market_TooFewOpened(uint256 expected, uint256 actual);
    /// @notice Another deal is in the slot, or none.
    /// @param expected the id that is there.
    /// @param actual the id that was named.
    error Market_WrongDeal(bytes32 expected, bytes32 actual);
    /// @notice The deal is in a state that does not allow the call.
    /// @param id which.
    error Market_WrongState(bytes32 id);
    /// @notice A newer revision is committed. Only as a {Skipped} item.
    /// @param above the number to exceed.
    /// @param actual the item's.
    error Market_StaleRevision(uint64 above, uint64 actual);
    /// @notice The proof answers another seed: the chain was reorganised.
    /// @param expected the one recorded.
    /// @param actual the one answered.
    error Market_WrongSeed(bytes28 expected, bytes28 actual);
    /// @notice The epoch's seed is not recorded yet.
    /// @param epoch which.
    error Market_SeedUnknown(uint32 epoch);
    /// @notice One proof an epoch.
    /// @param provider whose is there.
    /// @param epoch of which.
    error Market_AlreadyProven(address provider, uint32 epoch);
    /// @notice The proof has another length than the challenges' trees take.
    /// @param expected bytes.
    /// @param actual bytes.
    error Market_ProofLength(uint256 expected, uint256 actual);
    /// @notice The proof leads elsewhere.
    /// @param expected the committed root, or the node where it meets another way.
    /// @param actual what comes of the proof's bytes.
    error Market_ProofRoot(bytes24 expected, bytes24 actual);
    /// @notice A challenge fell on a deal that is over or whose collateral is used up: it must be pruned first.
    /// @param slot where that deal is.
    error Market_DealNotProvable(uint16 slot);
    /// @notice Too early.
    /// @param fromEpoch the first epoch that is not.
    /// @param actual the one that counts now.
    error Market_NotDue(uint32 fromEpoch, uint32 actual);
    /// @notice One challenge at a time.
    /// @param id of the deal that has one.
    error Market_ChallengeOpen(bytes32 id);
    /// @notice Nobody challenged the deal.
    /// @param id of which.
    error Market_NoChallenge(bytes32 id);
    /// @notice The deal does not hold so many chunks.
    /// @param limit how many it does.
    /// @param actual the index asked for.
    error Market_ChunkOutOfRange(uint64 limit, uint64 actual);
    /// @notice The voucher is paid, or there is no budget to pay it. Only as a {Skipped} item.
    /// @param above what was paid.
    /// @param actual the voucher's amount.
    error Market_NothingToRedeem(uint128 above, uint128 actual);
    /// @notice Providers served bytes against this READ delegation: it can only grow, or be revoked.
    /// @param untilEpoch how long it is in force at least.
    /// @param egressCap how much it covers at least.
    error Market_DelegationInForce(uint32 untilEpoch, uint128 egressCap);
}
