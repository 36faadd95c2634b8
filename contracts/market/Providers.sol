// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {Holder, Standing} from "../types/Records.sol";
import {Standings} from "./Standings.sol";

/// @title Providers
/// @notice What a provider says of itself: rate, keys, tips, announcements.
abstract contract Providers is IMarketAnnex, Standings {
    uint256 private constant MAX_ANNOUNCEMENT_BYTES = 1024;
    uint256 private constant MAX_SERIES = (1 << 17) - 1; // what a standing has room for

    /// @inheritdoc IMarketAnnex
    function register(address signer, uint96 penaltyRate) external {
        address provider = _msgSender();
        Holder storage holder = _holders[provider];
        Standing standing = holder.standing;
        if (penaltyRate % 2 != 0) revert Market_OddPenaltyRate(penaltyRate);
        if (signer == address(0)) revert Market_BadTerms("signer");
        if (standing.treeHeight() == 0) {
            holder.standing = standing.withTreeHeight(1);
            holder.signer = signer;
        } else {
            if (standing.deals() != 0) revert Market_DealsUnclosed(uint32(standing.deals()));
            address inForce = _signerOf(holder);
            if (signer != inForce) revert Market_WrongSigner(inForce, signer);
        }
        holder.penaltyRate = penaltyRate;
        emit Registered(provider, signer, penaltyRate);
    }

    /// @inheritdoc IMarketAnnex
    function setSigner(address signer) external {
        (address provider, Holder storage holder) = _registered();
        if (signer == address(0)) revert Market_BadTerms("signer");
        uint32 from = uint32(_epoch() + ROTATE);
        holder.signer = _signerOf(holder);
        (holder.nextSigner, holder.nextFrom) = (signer, from);
        holder.standing = holder.standing.withRotated();
        emit SignerAnnounced(provider, signer, from);
    }

    /// @inheritdoc IMarketAnnex
    function announce(bytes calldata data) external {
        (address provider,) = _registered();
        if (data.length > MAX_ANNOUNCEMENT_BYTES) revert Market_TooLong(MAX_ANNOUNCEMENT_BYTES, data.length);
        emit Announced(provider, data);
    }

    /// @inheritdoc IMarketAnnex
    function setTip(address relay, uint96 tip) external {
        (address provider, Holder storage holder) = _registered();
        (holder.relay, holder.tip) = (relay, tip);
        holder.standing = holder.standing.withTipped(tip != 0);
        emit TipSet(provider, relay, tip);
    }

    /// @inheritdoc IMarketAnnex
    function cancelOffers() external {
        (address provider, Holder storage holder) = _registered();
        uint256 series = holder.standing.series() + 1;
        if (series > MAX_SERIES) revert Market_TooLong(MAX_SERIES, series);
        holder.standing = holder.standing.withSeries(series);
        emit OffersCancelled(provider, uint32(series));
    }

    function _registered() private view returns (address provider, Holder storage holder) {
        provider = _msgSender();
        holder = _holders[provider];
        if (holder.standing.treeHeight() == 0) revert Market_NotRegistered(provider);
    }
}
