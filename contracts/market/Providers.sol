// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {Signers, Standing, Tip} from "../types/Records.sol";
import {Standings} from "./Standings.sol";

/// @title Providers
/// @notice What a provider says of itself: rate, keys, tips, nonces, announcements.
abstract contract Providers is IMarketAnnex, Standings {
    uint256 private constant MAX_ANNOUNCEMENT_BYTES = 1024;

    /// @inheritdoc IMarketAnnex
    function register(address signer, uint96 penaltyRate) external {
        address provider = _msgSender();
        Standing memory standing = _standingOf(provider);
        if (penaltyRate % 2 != 0) revert Market_OddPenaltyRate(penaltyRate);
        if (signer == address(0)) revert Market_BadTerms("signer");
        if (standing.treeHeight == 0) {
            standing.treeHeight = 1;
            _signers[provider].current = signer;
        } else {
            if (standing.deals != 0) revert Market_DealsUnclosed(standing.deals);
            address inForce = _signerOf(provider);
            if (signer != inForce) revert Market_WrongSigner(inForce, signer);
        }
        standing.penaltyRate = penaltyRate;
        _setStanding(provider, standing);
        emit Registered(provider, signer, penaltyRate);
    }

    /// @inheritdoc IMarketAnnex
    function setSigner(address signer) external {
        address provider = _msgSender();
        _requireRegistered(provider);
        if (signer == address(0)) revert Market_BadTerms("signer");
        uint32 from = _epoch() + ROTATE;
        _signers[provider] = Signers({current: _signerOf(provider), nextFrom: from, next: signer});
        emit SignerAnnounced(provider, signer, from);
    }

    /// @inheritdoc IMarketAnnex
    function announce(bytes calldata data) external {
        address provider = _msgSender();
        _requireRegistered(provider);
        if (data.length > MAX_ANNOUNCEMENT_BYTES) revert Market_TooLong(MAX_ANNOUNCEMENT_BYTES, data.length);
        emit Announced(provider, data);
    }

    /// @inheritdoc IMarketAnnex
    function setTip(address relay, uint128 tip) external {
        address provider = _msgSender();
        Standing memory standing = _requireRegistered(provider);
        _tips[provider] = Tip({relay: relay, amount: tip});
        standing.tipped = tip != 0;
        _setStanding(provider, standing);
        emit TipSet(provider, relay, tip);
    }

    /// @inheritdoc IMarketAnnex
    function cancelNonce(uint256 nonce) external {
        address provider = _msgSender();
        _takeNonce(provider, nonce);
        emit NonceCancelled(provider, nonce);
    }

    function _requireRegistered(address provider) private view returns (Standing memory standing) {
        standing = _standingOf(provider);
        if (standing.treeHeight == 0) revert Market_NotRegistered(provider);
    }
}
