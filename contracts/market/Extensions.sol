// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {AgreedWord, ProgressWord, SampledWord} from "../libraries/Words.sol";
import {DealRef, Extension, Signature} from "../types/Market.sol";
import {Holder, Live, Sampled, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Extensions
/// @notice New figures for a live deal: its term and price, its collateral, its money.
abstract contract Extensions is IMarketAnnex, Records {
    using TypedHashes for Extension;

    /// @inheritdoc IMarketAnnex
    function extend(DealRef calldata ref, Extension calldata extension, Signature calldata signature) external {
        Live memory d = _demand(ref);
        _requireSender(_client(d));
        uint256 effective = _requireLive(d);
        if (d.progress.status() != 0) revert Market_WrongState(ref.id);
        _checkExtension(d, extension, effective);
        address expected = _signerOf(_home(d));
        address actual = _recover(extension.hash(), signature);
        if (actual != expected) revert Market_WrongSigner(expected, actual);

        _catchUp(d, effective - 1);
        uint256 full = _relock(d, extension.capacity);
        d.agreed = AgreedWord.pack(ref.id, extension.rate, extension.capacity);
        d.progress = d.progress.stopping(extension.endEpoch);
        uint256 need = _need(d, _sectors(d), extension.endEpoch - effective);
        if (d.progress.escrow() < need) revert Market_InsufficientEscrow(need, d.progress.escrow());
        _record(d).agreed = d.agreed;
        _coverAnew(d);
        emit Extended(ref.id, extension.endEpoch, extension.rate, extension.capacity, uint128(full));
    }

    /// @inheritdoc IMarketAnnex
    function refill(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(d.provider);
        _catchUp(d, _requireLive(d) - 1);
        uint256 full = _relock(d, d.agreed.capacity());
        _coverAnew(d);
        emit Refilled(ref.id, uint128(full));
    }

    /// @inheritdoc IMarketAnnex
    function topUp(DealRef calldata ref, uint128 escrow, uint128 egress) external nonReentrant {
        Live memory d = _demand(ref);
        address from = _msgSender();
        uint256 escrowAfter = d.progress.escrow() + (uint256(escrow) << LEDGER_SHIFT);
        if (escrowAfter > ProgressWord.MAX_ESCROW) {
            revert Market_CapacityExceeded(ProgressWord.MAX_ESCROW, escrowAfter);
        }
        _record(d).progress = d.progress.withEscrow(escrowAfter);
        if (egress != 0) _record(d).egress += egress << LEDGER_SHIFT;
        _charge(from, (uint256(escrow) + egress) << LEDGER_SHIFT);
        emit ToppedUp(ref.id, from, escrow, egress);
    }

    function _checkExtension(Live memory d, Extension calldata extension, uint256 effective) private view {
        if (extension.deal != d.agreed.id()) revert Market_WrongDeal(d.agreed.id(), extension.deal);
        uint256 series = _home(d).standing.series();
        if (extension.series != series) revert Market_WrongSeries(uint32(series), extension.series);
        if (extension.from != d.progress.stopAt()) revert Market_BadTerms("from");
        uint256 capacity = extension.capacity;
        if (extension.endEpoch <= extension.from || extension.endEpoch - effective > DEAL_EPOCHS) {
            revert Market_BadTerms("endEpoch");
        }
        if (capacity > MAX_CAPACITY) revert Market_CapacityExceeded(MAX_CAPACITY, capacity);
        if (capacity == 0 || capacity < _billed(d.progress, _sectors(d))) revert Market_BadTerms("capacity");
        if (extension.rate > AgreedWord.MAX_RATE) revert Market_BadTerms("rate");
        uint256 atLeast = uint256(extension.rate) * MULTIPLIER;
        uint96 penaltyRate = _home(d).penaltyRate;
        if (atLeast > penaltyRate) revert Market_PenaltyRateTooLow(atLeast, penaltyRate);
        if (block.timestamp > extension.validUntil) revert Market_Expired(extension.validUntil, block.timestamp);
    }

    /// @dev Locks what the collateral of `capacity` sectors takes beyond what is left of the old one, or unlocks.
    function _relock(Live memory d, uint256 capacity) private returns (uint256 full) {
        Holder storage holder = _home(d);
        full = _fullCollateral(capacity, holder.penaltyRate);
        Standing standing = holder.standing;
        uint256 available = standing.free() + _collateralLeft(d);
        if (full > available) revert Market_InsufficientCollateral(full, available);
        uint256 total = standing.capacity() + capacity - d.agreed.capacity();
        if (total > MAX_PROVIDER_CAPACITY) revert Market_CapacityExceeded(MAX_PROVIDER_CAPACITY, total);
        standing = standing.debited(standing.free()).credited(available - full);
        holder.standing = standing.withCapacity(total);
        _record(d).lost = 0;
    }

    /// @dev Saves the deal; from now on, COVER missed epochs use the collateral up.
    function _coverAnew(Live memory d) private {
        _record(d).progress = d.progress;
        if (d.progress.number() == 0) return;
        Sampled sampled = _sampled(d);
        uint256 cover = _sectors(d) == 0 ? 0 : _home(d).standing.missCount() + COVER;
        _record(d).sampled = SampledWord.pack(sampled.root(), d.progress.stopAt(), sampled.activeSince(), cover);
    }
}
