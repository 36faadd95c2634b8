// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {CommitItem, DealRef, Extension, Revision} from "../types/Market.sol";
import {Agreed, DealRecord, Progress, Sampled, Standing, STOPPED} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Revisions
/// @notice New figures for a live deal: its data, its term and price, its collateral, its money.
/// @dev All but {topUp} are gated, count misses and settle before the figures change.
abstract contract Revisions is Records {
    using SumTree for mapping(uint256 => uint256);
    using TypedHashes for Extension;
    using TypedHashes for Revision;

    /// @inheritdoc IStorageMarket
    function commit(CommitItem[] calldata items) external {
        _capBatch(items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _commit(items[i]);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IStorageMarket
    function extend(DealRef calldata ref, Extension calldata extension, bytes calldata signature) external {
        DealRecord storage record = _require(ref);
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        if (_msgSender() != _openings[agreed.opening].client) revert Market_Unauthorized(_msgSender());
        uint32 effective = _requireGate(ref.provider);
        if (progress.status != 0 || effective >= agreed.stopAt) revert Market_WrongState(ref.id);
        _checkExtension(ref, extension, signature, agreed, progress, effective);

        Standing memory standing = _standings[ref.provider];
        _countMisses(ref.provider, standing, effective - 1);
        _settle(ref.provider, record, agreed, progress, standing.penaltyRate, effective - 1);

        _relock(ref.provider, record, agreed, standing.penaltyRate, extension.capacity);
        uint256 capacity = uint256(standing.capacity) + extension.capacity - _capacityOf(agreed);
        if (capacity > MAX_PROVIDER_CAPACITY) revert Market_CapacityExceeded(MAX_PROVIDER_CAPACITY, capacity);
        standing.capacity = uint32(capacity);
        agreed.capacityLessOne = uint24(extension.capacity - 1);
        (agreed.rate, agreed.stopAt) = (extension.rate, extension.endEpoch);
        uint256 need = _billed(progress.sectors, agreed) * agreed.rate * (agreed.stopAt - effective);
        if (progress.escrow < need) revert Market_InsufficientEscrow(need, progress.escrow);

        _useNonce(ref.provider, extension.nonce);
        _cover(record, agreed, progress, standing);
        _store(ref.provider, record, agreed, progress, standing);
        emit Extended(
            ref.id,
            agreed.stopAt,
            agreed.rate,
            extension.capacity,
            uint128(_fullCollateral(extension.capacity, standing.penaltyRate))
        );
    }

    /// @inheritdoc IStorageMarket
    function refill(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        if (_msgSender() != ref.provider) revert Market_Unauthorized(_msgSender());
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        uint32 effective = _requireGate(ref.provider);
        if (progress.status & STOPPED != 0 || effective >= agreed.stopAt) revert Market_WrongState(ref.id);

        Standing memory standing = _standings[ref.provider];
        _countMisses(ref.provider, standing, effective - 1);
        _settle(ref.provider, record, agreed, progress, standing.penaltyRate, effective - 1);
        _relock(ref.provider, record, agreed, standing.penaltyRate, _capacityOf(agreed));
        _cover(record, agreed, progress, standing);
        _store(ref.provider, record, agreed, progress, standing);
        emit Refilled(ref.id, uint128(_fullCollateral(_capacityOf(agreed), standing.penaltyRate)));
    }

    /// @inheritdoc IStorageMarket
    function topUp(DealRef calldata ref, uint128 escrow, uint128 egress) external nonReentrant {
        DealRecord storage record = _require(ref);
        address from = _msgSender();
        uint256 held = record.progress.escrow;
        if (held + (uint256(escrow) << LEDGER_SHIFT) > MAX_ESCROW) {
            revert Market_CapacityExceeded(MAX_ESCROW, held + (uint256(escrow) << LEDGER_SHIFT));
        }
        _charge(from, (uint256(escrow) + egress) << LEDGER_SHIFT);
        if (escrow != 0) record.progress.escrow += uint120(escrow << LEDGER_SHIFT);
        if (egress != 0) record.egress += egress << LEDGER_SHIFT;
        emit ToppedUp(ref.id, from, escrow, egress);
    }

    /// @dev Every check comes before the first effect.
    function _commit(CommitItem calldata item) private returns (bytes4) {
        Revision calldata revision = item.revision;
        address provider = item.provider;
        DealRecord storage record = _deals[provider][item.slot];
        if (record.id != revision.deal || revision.deal == 0) return Market_WrongDeal.selector;
        Progress memory progress = record.progress;
        if (progress.status & STOPPED != 0) return Market_WrongState.selector;
        if (revision.number <= progress.number) return Market_StaleRevision.selector;
        Agreed memory agreed = record.agreed;
        if (revision.sectors > _capacityOf(agreed)) return Market_CapacityExceeded.selector;
        (uint32 effective, bool open) = _gate(provider);
        if (!open) return Market_WrongPhase.selector;
        if (effective >= agreed.stopAt) return Market_WrongState.selector;
        if (!_countersigned(item, agreed.opening)) return Market_WrongSigner.selector;

        Standing memory standing = _standings[provider];
        _countMisses(provider, standing, effective - 1);
        Sampled memory sampled = record.sampled;
        // Its collateral is gone: it waits for a refill, or to be pruned, and must not enter a proof's sample anew.
        if (_exhausted(progress, sampled, standing.missCount)) return Market_WrongState.selector;
        Outcome memory outcome =
            _outcome(provider, record, agreed, progress, standing.penaltyRate, effective - 1);
        uint256 need = _billed(revision.sectors, agreed) * agreed.rate * (agreed.stopAt - effective);
        if (progress.escrow - outcome.paid < need) return Market_InsufficientEscrow.selector;

        _apply(provider, record, agreed, progress, outcome);
        if ((progress.sectors == 0) != (revision.sectors == 0)) {
            // One formula both ways: used = missCount - missBase, and its inverse.
            sampled.cover = standing.missCount + COVER - sampled.cover;
            if (progress.sectors == 0) progress.activeSince = effective;
        }
        if (revision.sectors != progress.sectors) {
            standing.treeHeight = _trees[provider].set(standing.treeHeight, item.slot, revision.sectors);
        }
        (progress.number, progress.sectors) = (revision.number, revision.sectors);
        record.sampled = Sampled({root: revision.root, stopAt: agreed.stopAt, cover: sampled.cover});
        _store(provider, record, agreed, progress, standing);
        emit Committed(
            revision.deal, revision.number, revision.root, revision.sectors, revision.head, effective
        );
        return 0;
    }

    function _countersigned(CommitItem calldata item, uint256 opening) private view returns (bool) {
        bytes32 structHash = item.revision.hash();
        return _recover(structHash, item.clientSignature) == _openings[opening].clientSigner
            && _recover(structHash, item.providerSignature) == _signerOf(item.provider);
    }

    function _checkExtension(
        DealRef calldata ref,
        Extension calldata extension,
        bytes calldata signature,
        Agreed memory agreed,
        Progress memory progress,
        uint32 effective
    ) private view {
        if (extension.deal != ref.id) revert Market_WrongDeal(ref.id, extension.deal);
        if (extension.endEpoch < agreed.stopAt || extension.endEpoch - effective > DEAL_EPOCHS) {
            revert Market_BadTerms("endEpoch");
        }
        if (extension.capacity > MAX_CAPACITY) revert Market_CapacityExceeded(MAX_CAPACITY, extension.capacity);
        if (extension.capacity == 0 || extension.capacity < _billed(progress.sectors, agreed)) {
            revert Market_BadTerms("capacity");
        }
        uint96 penaltyRate = _standings[ref.provider].penaltyRate;
        uint256 atLeast = uint256(extension.rate) * MULTIPLIER;
        if (atLeast > penaltyRate) revert Market_PenaltyRateTooLow(atLeast, penaltyRate);
        if (block.timestamp > extension.validUntil) revert Market_Expired(extension.validUntil, block.timestamp);
        if (_nonceUsed(ref.provider, extension.nonce)) revert Market_NonceUsed(extension.nonce);
        address expected = _signerOf(ref.provider);
        address actual = _recover(extension.hash(), signature);
        if (actual != expected) revert Market_WrongSigner(expected, actual);
    }

    /// @dev Locks what the collateral of `capacity` sectors takes beyond what is left of the old one, or unlocks.
    function _relock(
        address provider,
        DealRecord storage record,
        Agreed memory agreed,
        uint96 penaltyRate,
        uint32 capacity
    ) private {
        uint256 left = _collateralLeft(record, agreed, penaltyRate);
        uint256 full = _fullCollateral(capacity, penaltyRate);
        uint256 available = _free(provider) + left;
        if (full > available) revert Market_InsufficientCollateral(full, available);
        _accounts[provider].locked = uint128(_accounts[provider].locked + full - left);
        if (record.lost != 0) record.lost = 0;
    }

    /// @dev Sets cover anew: from now on, COVER missed epochs use the collateral up.
    function _cover(
        DealRecord storage record,
        Agreed memory agreed,
        Progress memory progress,
        Standing memory standing
    ) private {
        Sampled memory sampled = record.sampled;
        sampled.stopAt = agreed.stopAt;
        sampled.cover = progress.sectors == 0 ? 0 : standing.missCount + COVER;
        record.sampled = sampled;
    }

    function _store(
        address provider,
        DealRecord storage record,
        Agreed memory agreed,
        Progress memory progress,
        Standing memory standing
    ) private {
        record.agreed = agreed;
        record.progress = progress;
        _standings[provider] = standing;
    }
}
