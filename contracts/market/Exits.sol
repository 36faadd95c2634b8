// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SectorProof} from "../libraries/SectorProof.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {DealRef, Reason, Scopes} from "../types/Market.sol";
import {
    Agreed, Challenge, CLOSED, DealRecord, Opening, Progress, Sampled, Standing, STOPPED
} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Exits
/// @notice How deals end: notice, immediate exits, pruning, closing; and the directed challenge that can force one.
abstract contract Exits is Records {
    using SumTree for mapping(uint256 => uint256);

    /// @inheritdoc IStorageMarket
    function terminate(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        _requireClient(record);
        _giveNotice(ref, record, Reason.Terminated);
    }

    /// @inheritdoc IStorageMarket
    function resign(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        _requireProvider(ref);
        _giveNotice(ref, record, Reason.Resigned);
    }

    /// @inheritdoc IStorageMarket
    function terminateMissed(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        _requireClient(record);
        uint32 effective = _requireGate(ref.provider);
        Progress memory progress = record.progress;
        // Every one of the M epochs lies within the deal, and there was data to prove in each.
        if (progress.status & STOPPED != 0 || progress.sectors == 0 || effective > record.agreed.stopAt) {
            revert Market_WrongState(ref.id);
        }
        uint32 due = progress.activeSince + MISSED;
        if (effective < due) revert Market_NotDue(due, effective);
        for (uint32 epoch = effective - MISSED; epoch < effective; ++epoch) {
            if (_proven(ref.provider, epoch)) revert Market_NotDue(epoch + 1 + MISSED, effective);
        }
        _stop(ref.provider, ref.slot, record, effective, Reason.Missed);
    }

    /// @inheritdoc IStorageMarket
    function abandon(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        _requireProvider(ref);
        uint32 effective = _requireGate(ref.provider);
        if (record.progress.status & STOPPED != 0 || effective >= record.agreed.stopAt) {
            revert Market_WrongState(ref.id);
        }
        _stop(ref.provider, ref.slot, record, effective, Reason.Abandoned);
    }

    /// @inheritdoc IStorageMarket
    function prune(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            bytes4 problem = _prune(deals[i]);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IStorageMarket
    function close(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            bytes4 problem = _close(deals[i]);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IStorageMarket
    function challenge(DealRef calldata ref, uint64 chunk) external nonReentrant {
        DealRecord storage record = _require(ref);
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        Opening memory opening = _openings[agreed.opening];
        address caller = _msgSender();
        if (caller != opening.client && !_inForce(_delegations[opening.client][caller], Scopes.AUDIT)) {
            revert Market_Unauthorized(caller);
        }
        if (record.challenge.deadline != 0) revert Market_ChallengeOpen(ref.id);
        uint32 deadline = _epoch() + 1;
        if (progress.status & STOPPED != 0 || deadline >= agreed.stopAt) revert Market_WrongState(ref.id);
        uint64 limit = _chunks(progress);
        if (chunk >= limit) revert Market_ChunkOutOfRange(limit, chunk);
        record.challenge = Challenge({challenger: caller, chunk: chunk, deadline: deadline});
        _charge(caller, uint256(opening.answerBond) << LEDGER_SHIFT);
        emit Challenged(ref.id, caller, chunk, deadline);
    }

    /// @inheritdoc IStorageMarket
    function answer(DealRef calldata ref, bytes calldata proof) external {
        DealRecord storage record = _require(ref);
        Challenge memory open = record.challenge;
        if (open.deadline == 0) revert Market_NoChallenge(ref.id);
        if (_epoch() > open.deadline) revert Market_Expired(open.deadline, _epoch());
        Progress memory progress = record.progress;
        bool present = open.chunk < _chunks(progress);
        if (present) {
            uint256 levels = SectorProof.height(progress.sectors);
            uint256 expected = SectorProof.length(levels);
            if (proof.length != expected) revert Market_ProofLength(expected, proof.length);
            bytes24 root = SectorProof.root(proof, 0, open.chunk, levels);
            bytes24 committed = record.sampled.root;
            if (root != committed) revert Market_ProofRoot(committed, root);
        }
        _endChallenge(record, open, record.agreed.opening, present ? ref.provider : open.challenger, present);
    }

    /// @inheritdoc IStorageMarket
    function convict(DealRef calldata ref) external {
        DealRecord storage record = _require(ref);
        uint32 deadline = record.challenge.deadline;
        if (deadline == 0) revert Market_NoChallenge(ref.id);
        if (_epoch() <= deadline) revert Market_NotDue(deadline + 1, _epoch());
        Progress memory progress = record.progress;
        bool inTree = progress.status & STOPPED == 0 && progress.sectors != 0;
        (uint32 effective, bool open) = _gate(ref.provider);
        if (inTree && !open) revert Market_WrongPhase(effective, false);
        _stop(ref.provider, ref.slot, record, effective, Reason.Convicted);
    }

    function _giveNotice(DealRef calldata ref, DealRecord storage record, Reason reason) private {
        Agreed memory agreed = record.agreed;
        uint32 epoch = _epoch();
        if (record.progress.status != 0 || epoch >= agreed.stopAt) revert Market_WrongState(ref.id);
        uint32 stopAt = epoch + 1 + _openings[agreed.opening].noticeEpochs;
        if (stopAt < agreed.stopAt) {
            record.agreed.stopAt = stopAt;
            if (record.progress.sectors != 0) record.sampled.stopAt = stopAt;
        } else {
            stopAt = agreed.stopAt;
        }
        record.progress.status = uint8(reason);
        emit NoticeGiven(ref.id, reason, stopAt);
    }

    function _prune(DealRef calldata ref) private returns (bytes4) {
        (bytes4 problem, DealRecord storage record) = _find(ref);
        if (problem != 0) return problem;
        Progress memory progress = record.progress;
        if (progress.status & STOPPED != 0) return Market_WrongState.selector;
        (uint32 effective, bool open) = _gate(ref.provider);
        if (!open) return Market_WrongPhase.selector;
        if (effective >= record.agreed.stopAt) {
            _stop(ref.provider, ref.slot, record, effective, Reason.Ended);
            return 0;
        }
        Standing memory standing = _standings[ref.provider];
        _countMisses(ref.provider, standing, effective - 1);
        if (!_exhausted(progress, record.sampled, standing.missCount)) return Market_NotDue.selector;
        _stop(ref.provider, ref.slot, record, effective, Reason.Exhausted);
        return 0;
    }

    /// @dev Settles and takes the leaf out. For every reason but `Ended` the deal stops at `effective`, the rest of the
    /// collateral goes to the client and an open challenge is void.
    function _stop(address provider, uint256 slot, DealRecord storage record, uint32 effective, Reason reason) private {
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        Standing memory standing = _standings[provider];
        _countMisses(provider, standing, effective - 1);
        _settle(provider, record, agreed, progress, standing.penaltyRate, effective - 1);
        if (effective < agreed.stopAt) agreed.stopAt = effective;
        if (progress.status & STOPPED == 0 && progress.sectors != 0) {
            standing.treeHeight = _trees[provider].set(standing.treeHeight, slot, 0);
        }
        uint128 forfeited = 0;
        if (reason != Reason.Ended) {
            forfeited = _forfeit(provider, record, agreed, standing.penaltyRate);
            Challenge memory open = record.challenge;
            if (open.deadline != 0) _endChallenge(record, open, agreed.opening, open.challenger, false);
        } else if (progress.status != 0) {
            reason = _reasonOf(progress); // it was given notice
        }
        progress.status = STOPPED | uint8(reason);
        record.agreed = agreed;
        record.progress = progress;
        _standings[provider] = standing;
        emit Stopped(record.id, reason, agreed.stopAt, forfeited);
    }

    function _close(DealRef calldata ref) private returns (bytes4) {
        (bytes4 problem, DealRecord storage record) = _find(ref);
        if (problem != 0) return problem;
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        if (progress.status & STOPPED == 0) return Market_WrongState.selector;
        if (record.challenge.deadline != 0) return Market_ChallengeOpen.selector;
        if (_epoch() <= agreed.stopAt + FINAL) return Market_NotDue.selector;

        Standing memory standing = _standings[ref.provider];
        uint128 left = _collateralLeft(record, agreed, standing.penaltyRate);
        uint128 fee = 0;
        if (_reasonOf(progress) == Reason.Resigned) {
            uint256 full = uint256(EXIT) * progress.sectors * standing.penaltyRate;
            fee = full < left ? uint128(full) : left;
        }
        _accounts[ref.provider].locked -= left;
        if (fee != 0) _accounts[ref.provider].balance -= fee;
        uint128 refund = progress.escrow + record.egress;
        if (refund + fee != 0) _accounts[_openings[agreed.opening].client].balance += refund + fee;

        // Escrow threads the free list; a reused slot must find no loss and no budget.
        (progress.escrow, progress.status) = (standing.freeSlot, progress.status | CLOSED);
        record.progress = progress;
        (record.lost, record.egress) = (0, 0);
        standing.freeSlot = ref.slot + 1;
        --standing.deals;
        standing.capacity -= _capacityOf(agreed);
        _standings[ref.provider] = standing;
        emit Closed(ref.id, refund, fee, left - fee);
        return 0;
    }

    function _forfeit(address provider, DealRecord storage record, Agreed memory agreed, uint96 penaltyRate)
        private
        returns (uint128 left)
    {
        left = _collateralLeft(record, agreed, penaltyRate);
        if (left == 0) return 0;
        record.lost += left;
        _seize(provider, left);
        _accounts[_openings[agreed.opening].client].balance += left;
    }

    function _endChallenge(DealRecord storage record, Challenge memory open, uint256 opening, address to, bool proved)
        private
    {
        uint128 bond = uint128(_openings[opening].answerBond) << LEDGER_SHIFT;
        delete record.challenge;
        if (bond != 0) _accounts[to].balance += bond;
        emit ChallengeClosed(record.id, proved, bond);
    }

    function _chunks(Progress memory progress) private pure returns (uint64) {
        return uint64(progress.sectors) << SectorProof.CHUNKS_PER_SECTOR_LOG2;
    }

    function _requireClient(DealRecord storage record) private view {
        if (_msgSender() != _openings[record.agreed.opening].client) revert Market_Unauthorized(_msgSender());
    }

    function _requireProvider(DealRef calldata ref) private view {
        if (_msgSender() != ref.provider) revert Market_Unauthorized(_msgSender());
    }
}
