// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {CommitItem, Deal, DealRef, Delegation, Parameters, ProofItem, Provider, RedeemItem, Signature} from "../types/Market.sol";
import {IMarketAnnex} from "./IMarketAnnex.sol";
import {IMarketSignals} from "./IMarketSignals.sol";

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
/// withdrawals, not the ledger: deposits that arrive short revert. It may call back.
/// Safety: no call moves a party's money without its signature or a rule below. Liveness: every call a provider
/// needs for its income is open to anyone.
interface IStorageMarket is IMarketSignals, IMarketAnnex {
    // ---------------------------------------------------------------- accounts

    /// @notice Pays tokens from the caller in.
    /// @param account whose balance they are added to.
    /// @param amount token base units.
    function deposit(address account, uint128 amount) external;

    /// @notice ERC-2612 permit for this market, for use inside {multicall}; a failed permit does not revert, since a
    /// front-runner may have used the same signature already.
    /// @param owner whose tokens.
    /// @param value token base units.
    /// @param deadline Unix seconds.
    /// @param v of the owner's signature.
    /// @param r of the same.
    /// @param s of the same.
    function permit(address owner, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Pays out of the caller's free balance.
    /// @param amount token base units.
    /// @param to who gets them.
    function withdraw(uint128 amount, address to) external;

    /// @notice Lets `delegate` act for the caller within `delegation`; replaces an earlier one. A READ delegation in
    /// force may only grow: providers served bytes against it, so what shrinks it is {revoke} and its delay.
    /// @param delegate who.
    /// @param delegation what it may, and how far.
    function authorize(address delegate, Delegation calldata delegation) external;

    /// @notice Ends a delegation from epoch + 2 on, so that vouchers out there can still be redeemed.
    /// @param delegate whose.
    function revoke(address delegate) external;

    // ---------------------------------------------------------------- deals

    /// @notice Records revisions that both sides assented to. Gated.
    /// @param provider whose deals they are of.
    /// @param items the revisions, with the client's signatures; 64 at most, and what does not apply is skipped.
    /// @param assents the provider's signatures of the revisions, in their order; none where the provider or its signer sends.
    function commit(address provider, CommitItem[] calldata items, Signature[] calldata assents) external;

    /// @notice Pays and penalises through the last epoch whose outcome is known.
    /// @param deals 64 at most; what does not apply is skipped.
    function settle(DealRef[] calldata deals) external;

    /// @notice Pays the part of vouchers not paid yet out of the deals' egress budgets.
    /// @param items the vouchers, with their signatures; 64 at most, and what does not apply is skipped.
    function redeem(RedeemItem[] calldata items) external;

    // ---------------------------------------------------------------- proofs

    /// @notice Records the seed of the current epoch; does nothing where it is recorded.
    /// @param header proof of the challenge block's randomness, see {ISeedSource-seed}.
    function recordSeed(bytes calldata header) external;

    /// @notice Proves a provider's set for the current epoch, strictly.
    /// @param provider whose.
    /// @param seed the seed that the proof answers: fails early on another (reorg). Ignored for an empty set.
    /// @param proof five chunks and their ways to the roots, see docs/PROTOCOL.md section 2; nothing for an empty set.
    function prove(address provider, bytes28 seed, bytes calldata proof) external;

    /// @notice Proves several providers; a bad or repeated one is skipped.
    /// @param seed the seed that they answer.
    /// @param items their proofs; 64 at most.
    function proveMany(bytes28 seed, ProofItem[] calldata items) external;

    // ---------------------------------------------------------------- views

    /// @notice What this market was deployed with.
    /// @return the figures, none of which can change.
    function parameters() external view returns (Parameters memory);
    /// @notice What is paid with.
    /// @return an ERC-20.
    function token() external view returns (address);
    /// @notice Where seeds come from.
    /// @return an {ISeedSource}.
    function seedSource() external view returns (address);
    /// @notice Where time begins.
    /// @return blockNumber the first block of epoch 1.
    function genesis() external view returns (uint256 blockNumber);
    /// @notice Where time stands.
    /// @return the epoch of the current block.
    function currentEpoch() external view returns (uint32);
    /// @notice Where an epoch begins.
    /// @param epoch which.
    /// @return startBlock its first block.
    /// @return challengeBlock the one whose randomness is its seed.
    function epochStart(uint32 epoch) external view returns (uint256 startBlock, uint256 challengeBlock);
    /// @notice The last recorded seed.
    /// @return epoch which it is of.
    /// @return value what proofs of that epoch name.
    function seed() external view returns (uint32 epoch, bytes28 value);
    /// @notice Whether a provider proved an epoch.
    /// @param provider who.
    /// @param epoch which.
    /// @return whether there is a proof of it.
    function proven(address provider, uint32 epoch) external view returns (bool);
    /// @notice 256 epochs of a provider's public record.
    /// @param provider whose.
    /// @param word w.
    /// @return whether it proved epoch 256 w + i, in bit i.
    function provenWord(address provider, uint256 word) external view returns (uint256);
    /// @notice What an account may use or take out. What its deals lock is theirs, see {deal}.
    /// @param owner whose.
    /// @return ledger units.
    function freeBalance(address owner) external view returns (uint128);
    /// @notice What is known of a provider.
    /// @param provider who.
    /// @return all zero where it is none.
    function providerOf(address provider) external view returns (Provider memory);
    /// @notice What is known of a deal.
    /// @param provider whose.
    /// @param slot where.
    /// @return the last one that was opened there; all zero where none was.
    function deal(address provider, uint16 slot) external view returns (Deal memory);
    /// @notice The leaves of a provider's sum tree, in the order of slots.
    /// @param provider whose.
    /// @param from the first slot.
    /// @param count how many.
    /// @return sectors of each.
    function leaves(address provider, uint256 from, uint256 count) external view returns (uint32[] memory sectors);
    /// @notice Where a client's list of openings begins, see {IMarketSignals-VolumeOpened}.
    /// @param client whose.
    /// @return blockNumber of the last one; 0: none.
    function lastOpening(address client) external view returns (uint64 blockNumber);
    /// @notice What a delegate may.
    /// @param client for whom.
    /// @param delegate who.
    /// @return what is left of it; it may be past its end.
    function delegationOf(address client, address delegate) external view returns (Delegation memory);
    /// @notice What vouchers were paid.
    /// @param deal of which.
    /// @param signer whose vouchers.
    /// @return ledger units.
    function redeemed(bytes32 deal, address signer) external view returns (uint128);
    /// @notice What penalties burnt: tokens in the market that are nobody's.
    /// @return ledger units.
    function burnt() external view returns (uint128);
}
