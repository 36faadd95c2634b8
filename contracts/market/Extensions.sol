// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {DealRef, Extension} from "../types/Market.sol";
import {Live} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Extensions
/// @notice New figures for a live deal: its term and price, its collateral, its money.
abstract contract Extensions is IMarketAnnex, Records {
    using TypedHashes for Extension;

    /// @inheritdoc IMarketAnnex
    function extend(DealRef calldata ref, Extension calldata extension, bytes calldata signature) external {
        Live memory d = _demand(ref);
        _requireSender(_client(d));
        uint32 effective = _requireLive(d);
        if (d.progress.status != 0) revert Market_WrongState(d.id);
        _checkExtension(d, extension, effective);
        address expected = _signerOf(d.provider);
        address actual = _recover(extension.hash(), signature);
        if (actual != expected) revert Market_WrongSigner(expected, actual);
        _takeNonce(d.provider, extension.nonce);

        _catchUp(d, effective - 1);
        uint256 full = _relock(d, extension.capacity);
        uint256 capacity = uint256(d.standing.capacity) + extension.capacity - _capacity(d);
        if (capacity > MAX_PROVIDER_CAPACITY) revert Market_CapacityExceeded(MAX_PROVIDER_CAPACITY, capacity);
        d.standing.capacity = uint32(capacity);
        d.agreed.capacityLessOne = uint24(extension.capacity - 1);
        (d.agreed.rate, d.agreed.stopAt) = (extension.rate, extension.endEpoch);
        uint256 need = _need(d, d.progress.sectors, effective);
        if (d.progress.escrow < need) revert Market_InsufficientEscrow(need, d.progress.escrow);
        _coverAnew(d);
        _save(d);
        emit Extended(d.id, extension.endEpoch, extension.rate, extension.capacity, uint128(full));
    }

    /// @inheritdoc IMarketAnnex
    function refill(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(d.provider);
        uint32 effective = _requireLive(d);
        _catchUp(d, effective - 1);
        uint256 full = _relock(d, _capacity(d));
        _coverAnew(d);
        _save(d);
        emit Refilled(d.id, uint128(full));
    }

    /// @inheritdoc IMarketAnnex
    function topUp(DealRef calldata ref, uint128 escrow, uint128 egress) external nonReentrant {
        Live memory d = _demand(ref);
        address from = _msgSender();
        uint256 escrowAfter = d.progress.escrow + (uint256(escrow) << LEDGER_SHIFT);
        if (escrowAfter > type(uint120).max) revert Market_CapacityExceeded(type(uint120).max, escrowAfter);
        d.progress.escrow = uint120(escrowAfter);
        _saveDeal(d);
        if (egress != 0) _record(d).egress += egress << LEDGER_SHIFT;
        _charge(from, (uint256(escrow) + egress) << LEDGER_SHIFT);
        emit ToppedUp(d.id, from, escrow, egress);
    }

    function _checkExtension(Live memory d, Extension calldata extension, uint32 effective) private view {
        if (extension.deal != d.id) revert Market_WrongDeal(d.id, extension.deal);
        uint256 capacity = extension.capacity;
        if (extension.endEpoch < d.agreed.stopAt || extension.endEpoch - effective > DEAL_EPOCHS) {
            revert Market_BadTerms("endEpoch");
        }
        if (capacity > MAX_CAPACITY) revert Market_CapacityExceeded(MAX_CAPACITY, capacity);
        if (capacity == 0 || capacity < _billed(d, d.progress.sectors)) revert Market_BadTerms("capacity");
        uint256 atLeast = uint256(extension.rate) * MULTIPLIER;
        uint96 penaltyRate = d.standing.penaltyRate;
        if (atLeast > penaltyRate) revert Market_PenaltyRateTooLow(atLeast, penaltyRate);
        if (block.timestamp > extension.validUntil) revert Market_Expired(extension.validUntil, block.timestamp);
    }

    /// @dev Locks what the collateral of `capacity` sectors takes beyond what is left of the old one, or unlocks.
    function _relock(Live memory d, uint256 capacity) private returns (uint256 full) {
        full = _fullCollateral(capacity, d.standing.penaltyRate);
        uint256 left = _collateralLeft(d);
        uint256 available = _free(d.provider) + left;
        if (full > available) revert Market_InsufficientCollateral(full, available);
        _accounts[d.provider].locked = uint128(_accounts[d.provider].locked + full - left);
        _record(d).lost = 0;
    }

    /// @dev From now on, COVER missed epochs use the collateral up.
    function _coverAnew(Live memory d) private {
        _setSampled(d, _sampled(d).root, d.progress.sectors == 0 ? 0 : d.standing.missCount + COVER);
    }
}
