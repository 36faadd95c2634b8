// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {
    CommitItem, Deal, DealItem, DealRef, Delegation, Extension, Parameters, ProofItem, Provider, Reason, RedeemItem
} from "../types/Market.sol";

/// @title IStorageMarket
/// @notice Storage deals between clients and providers: what is owed, what is locked, and one proof of storage for a
/// provider and epoch however many deals it has. Nobody owns the market.
/// @dev Ledger units are token base units x 2^32; tokens are converted only at deposits, withdrawals and bonds, and a
/// withdrawal rounds down. An epoch has a commit phase, a gap in which everything is frozen, the challenge block, and
/// the prove phase to its end. *Gated* calls write the sum tree or a deal's root: they are allowed in the commit phase
/// (effective epoch E = e), or once this epoch is proven (E = e + 1), else {Market_WrongPhase}.
/// Batch calls skip an item that does not apply with {Skipped}; single calls revert.
///
/// Assumed: the token moves exactly what it is told, takes no fee and does not rebase. A token that breaks this breaks
/// withdrawals, not the ledger: deposits that arrive short revert.
/// Safety: no call moves a party's money without its signature or a rule below. Liveness: every call a provider
/// needs for its income is open to anyone.
interface IStorageMarket {
    // ---------------------------------------------------------------- events

    event Registered(address indexed provider, address signer, uint96 penaltyRate);
    event SignerAnnounced(address indexed provider, address signer, uint32 fromEpoch);
    event Announced(address indexed provider, bytes data);
    event TipSet(address indexed provider, address relay, uint128 tip);
    event TipPaid(address indexed provider, address relay, uint128 amount);
    event NonceCancelled(address indexed provider, uint256 nonce);
    /// @param amount token base units.
    event Deposited(address indexed account, address from, uint128 amount);
    event Withdrawn(address indexed account, address to, uint128 amount);
    event Authorized(address indexed client, address indexed delegate, Delegation delegation);
    event Revoked(address indexed client, address indexed delegate, uint32 fromEpoch);

    /// @param previousBlock the block of the client's opening before this one (0: none): recovery walks this list.
    event DealOpened(
        address indexed client,
        address indexed provider,
        bytes32 indexed id,
        uint16 slot,
        uint64 volume,
        uint8 position,
        uint8 k,
        uint8 n,
        uint96 rate,
        uint96 egressRate,
        uint32 capacity,
        uint32 minSectors,
        uint32 startEpoch,
        uint32 endEpoch,
        uint128 escrow,
        uint128 egress,
        uint128 collateral,
        uint64 previousBlock
    );
    event Committed(
        bytes32 indexed id, uint64 number, bytes24 root, uint32 sectors, bytes32 head, uint32 effectiveEpoch
    );
    event SeedRecorded(uint32 indexed epoch, uint256 challengeBlock, bytes28 seed);
    /// @param sectors what the proof was drawn from; 0: an empty set.
    event Proven(address indexed provider, uint32 indexed epoch, uint32 sectors);
    /// @param paid from escrow to the provider; `penalty` from collateral, half burnt, half to the client.
    event Settled(bytes32 indexed id, uint32 throughEpoch, uint128 paid, uint128 penalty);
    event Extended(bytes32 indexed id, uint32 endEpoch, uint96 rate, uint32 capacity, uint128 collateral);
    event Refilled(bytes32 indexed id, uint128 collateral);
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
    error Market_NonceUsed(uint256 nonce);
    /// @dev Unix seconds; epochs for a challenge's deadline.
    error Market_Expired(uint256 validUntil, uint256 actual);
    error Market_BadTerms(bytes32 field);
    error Market_TooManyDeals(uint256 limit);
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

    // ---------------------------------------------------------------- accounts

    /// @notice Makes the caller a provider, or changes its penalty rate while it has no unclosed deal.
    /// @param signer signs terms, revisions and extensions. On a first registration it counts at once, later changes
    /// go through {setSigner}.
    /// @param penaltyRate P, ledger units per missed sector-epoch; even.
    function register(address signer, uint96 penaltyRate) external;

    /// @notice Announces a new signer, in force ROTATE epochs from now.
    function setSigner(address signer) external;

    /// @notice Publishes up to 1,024 bytes (addresses, prices, region) as an event.
    function announce(bytes calldata data) external;

    /// @notice A standing tip for `relay` for the first valid proof of an epoch it submits: min(tip, free balance).
    function setTip(address relay, uint128 tip) external;

    /// @notice Makes terms or an extension with this nonce void.
    function cancelNonce(uint256 nonce) external;

    /// @notice Pays `amount` token base units from the caller into `account`.
    function deposit(address account, uint128 amount) external;

    /// @notice ERC-2612 permit for this market, for use inside {multicall}; a failed permit does not revert, since a
    /// front-runner may have used the same signature already.
    function permit(address owner, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Moves up to the free balance (balance - locked) out: `amount` token base units.
    function withdraw(uint128 amount, address to) external;

    /// @notice Lets `delegate` act for the caller within `delegation`; replaces an earlier one. A READ delegation in
    /// force may only grow: providers served bytes against it, so what shrinks it is {revoke} and its delay.
    function authorize(address delegate, Delegation calldata delegation) external;

    /// @notice Ends a delegation from epoch + 2 on, so that vouchers out there can still be redeemed.
    function revoke(address delegate) external;

    // ---------------------------------------------------------------- deals

    /// @notice Opens deals, all of one client (the caller, or one whose REPAIR delegate the caller is). Funds come from
    /// the client's free balance, then from its token allowance. A bad item is skipped; fewer than `minOpened` revert.
    function openDeals(DealItem[] calldata items, uint256 minOpened) external returns (uint256 opened);

    /// @notice Records countersigned revisions. Gated for each item.
    function commit(CommitItem[] calldata items) external;

    /// @notice Pays and penalises through the last epoch whose outcome is known.
    function settle(DealRef[] calldata deals) external;

    /// @notice Client: a later end, another rate or capacity, signed by the provider. Gated; no exit given.
    function extend(DealRef calldata deal, Extension calldata extension, bytes calldata signature) external;

    /// @notice Provider: collateral to its full figure again. Gated.
    function refill(DealRef calldata deal) external;

    /// @notice Anyone: more escrow and egress budget, token base units.
    function topUp(DealRef calldata deal, uint128 escrow, uint128 egress) external;

    /// @notice Pays the part of vouchers not paid yet out of the deals' egress budgets.
    function redeem(RedeemItem[] calldata items) external;

    // ---------------------------------------------------------------- proofs

    /// @notice Records the seed of the current epoch; does nothing where it is recorded. See {ISeedSource}.
    function recordSeed(bytes calldata header) external;

    /// @notice Proves `provider`'s set for the current epoch, strictly.
    /// @param seed the seed that the proof answers: fails early on another (reorg). Ignored for an empty set.
    function prove(address provider, bytes28 seed, bytes calldata proof) external;

    /// @notice Proves several providers; a bad or repeated one is skipped.
    function proveMany(bytes28 seed, ProofItem[] calldata items) external;

    // ---------------------------------------------------------------- exits

    /// @notice Client, once: stops at min(stopAt, e + 1 + notice).
    function terminate(DealRef calldata deal) external;

    /// @notice Provider, once: the same, for an exit fee.
    function resign(DealRef calldata deal) external;

    /// @notice Client, gated: leaves at once after M missed epochs in a row; takes the rest of the collateral.
    function terminateMissed(DealRef calldata deal) external;

    /// @notice Provider, gated: leaves at once; the rest of the collateral goes to the client.
    function abandon(DealRef calldata deal) external;

    /// @notice Anyone, gated: removes deals that are past stopAt or whose cover is used up from the set.
    function prune(DealRef[] calldata deals) external;

    /// @notice Anyone: settles, refunds and frees stopped deals past their final epochs.
    function close(DealRef[] calldata deals) external;

    // ---------------------------------------------------------------- directed challenges

    /// @notice Client or its AUDIT delegate: names a chunk, with the deal's bond.
    function challenge(DealRef calldata deal, uint64 chunk) external;

    /// @notice Anyone, through the deadline: shows the challenged chunk; the bond goes to the provider.
    /// A chunk trimmed meanwhile gives the bond back.
    function answer(DealRef calldata deal, bytes calldata proof) external;

    /// @notice Anyone, past the deadline; gated if the deal is in the tree: stops the deal at once, the rest of the
    /// collateral to the client, the bond back.
    function convict(DealRef calldata deal) external;

    // ---------------------------------------------------------------- views

    function parameters() external view returns (Parameters memory);
    function token() external view returns (address);
    function seedSource() external view returns (address);
    function genesis() external view returns (uint256 blockNumber);
    function currentEpoch() external view returns (uint32);
    /// @notice First block of an epoch, and its challenge block.
    function epochStart(uint32 epoch) external view returns (uint256 startBlock, uint256 challengeBlock);
    /// @notice The last recorded seed and its epoch.
    function seed() external view returns (uint32 epoch, bytes28 value);
    function proven(address provider, uint32 epoch) external view returns (bool);
    /// @notice 256 epochs of the public record: bit i of word w is epoch 256 w + i.
    function provenWord(address provider, uint256 word) external view returns (uint256);
    /// @notice Ledger units.
    function account(address owner) external view returns (uint128 balance, uint128 locked);
    function providerOf(address provider) external view returns (Provider memory);
    function deal(address provider, uint16 slot) external view returns (Deal memory);
    /// @notice Sector counts in slot order, `count` from slot `from`: the leaves of the sum tree.
    function leaves(address provider, uint256 from, uint256 count) external view returns (uint32[] memory);
    function lastOpening(address client) external view returns (uint64 blockNumber);
    function nonceUsed(address provider, uint256 nonce) external view returns (bool);
    function delegationOf(address client, address delegate) external view returns (Delegation memory);
    function redeemed(bytes32 deal, address signer) external view returns (uint128);
    function burnt() external view returns (uint128);
}
