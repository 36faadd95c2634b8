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

    /// @notice Pays `amount` token base units from the caller into `account`.
    function deposit(address account, uint128 amount) external;

    /// @notice ERC-2612 permit for this market, for use inside {multicall}; a failed permit does not revert, since a
    /// front-runner may have used the same signature already.
    function permit(address owner, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Moves up to the free balance out: `amount` token base units.
    function withdraw(uint128 amount, address to) external;

    /// @notice Lets `delegate` act for the caller within `delegation`; replaces an earlier one. A READ delegation in
    /// force may only grow: providers served bytes against it, so what shrinks it is {revoke} and its delay.
    function authorize(address delegate, Delegation calldata delegation) external;

    /// @notice Ends a delegation from epoch + 2 on, so that vouchers out there can still be redeemed.
    function revoke(address delegate) external;

    // ---------------------------------------------------------------- deals

    /// @notice Records revisions of `provider`'s deals that both sides assented to. Gated.
    /// @param assents the provider's signatures of the revisions, in their order; none where the provider or its signer sends.
    function commit(address provider, CommitItem[] calldata items, Signature[] calldata assents) external;

    /// @notice Pays and penalises through the last epoch whose outcome is known.
    function settle(DealRef[] calldata deals) external;

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
    /// @notice Ledger units that `owner` may use or take out. What its deals lock is theirs, see {deal}.
    function freeBalance(address owner) external view returns (uint128);
    function providerOf(address provider) external view returns (Provider memory);
    function deal(address provider, uint16 slot) external view returns (Deal memory);
    /// @notice Sector counts in slot order, `count` from slot `from`: the leaves of the sum tree.
    function leaves(address provider, uint256 from, uint256 count) external view returns (uint32[] memory);
    function lastOpening(address client) external view returns (uint64 blockNumber);
    function delegationOf(address client, address delegate) external view returns (Delegation memory);
    function redeemed(bytes32 deal, address signer) external view returns (uint128);
    function burnt() external view returns (uint128);
}
