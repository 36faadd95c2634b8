// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {DealItem, DealRef, Extension, Signature, VolumeTerms} from "../types/Market.sol";

/// @title IMarketAnnex
/// @notice The part of {IStorageMarket} that its annex runs: what providers say of themselves, the terms
/// of deals, and how deals end.
interface IMarketAnnex {
    // ---------------------------------------------------------------- providers

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
    function setTip(address relay, uint96 tip) external;

    /// @notice Voids all terms and extensions that the caller signed so far and nobody used: new ones name the next series.
    function cancelOffers() external;

    // ---------------------------------------------------------------- terms

    /// @notice Opens deals, all of one client (the caller, or one whose REPAIR delegate the caller is). Funds come from
    /// the client's free balance, then from its token allowance. A bad item is skipped; fewer than `minOpened` revert.
    function openDeals(VolumeTerms calldata volume, DealItem[] calldata items, uint256 minOpened)
        external
        returns (uint256 opened);

    /// @notice Client: a later end, another rate or capacity, signed by the provider. Gated; no exit given.
    function extend(DealRef calldata deal, Extension calldata extension, Signature calldata signature) external;

    /// @notice Provider: collateral to its full figure again. Gated.
    function refill(DealRef calldata deal) external;

    /// @notice Anyone: more escrow and egress budget, token base units.
    function topUp(DealRef calldata deal, uint128 escrow, uint128 egress) external;

    // ---------------------------------------------------------------- exits

    /// @notice Client, once: stops at min(stopAt, e + 1 + notice); a deal that holds nothing at e + 1, resigned or not.
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
}
