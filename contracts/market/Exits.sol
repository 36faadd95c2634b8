// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {DealRef, Reason} from "../types/Market.sol";
import {CLOSED, DealRecord, Live, REASON_MASK, Sampled, STOPPED} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Exits
/// @notice How deals end: notice, immediate exits, pruning, closing.
abstract contract Exits is IMarketAnnex, Records {
    /// @inheritdoc IMarketAnnex
    function terminate(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(_client(d));
        _giveNotice(d, Reason.Terminated);
    }

    /// @inheritdoc IMarketAnnex
    function resign(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(d.provider);
        _giveNotice(d, Reason.Resigned);
    }

    /// @inheritdoc IMarketAnnex
    function terminateMissed(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(_client(d));
        uint32 effective = _requireGate(d.provider);
        // Every one of the M epochs lies within the deal, and there was data to prove in each.
        if (_stopped(d) || d.progress.sectors == 0 || effective > d.agreed.stopAt) revert Market_WrongState(d.id);
        uint32 due = d.progress.activeSince + MISSED;
        if (effective < due) revert Market_NotDue(due, effective);
        for (uint32 next = effective; next > effective - MISSED; --next) {
            if (_proven(d.provider, next - 1)) revert Market_NotDue(next + MISSED, effective);
        }
        _stop(d, effective, Reason.Missed);
    }

    /// @inheritdoc IMarketAnnex
    function abandon(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        _requireSender(d.provider);
        _stop(d, _requireLive(d), Reason.Abandoned);
    }

    /// @inheritdoc IMarketAnnex
    function prune(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            (bytes4 problem, Live memory d) = _load(deals[i].provider, deals[i].slot, deals[i].id);
            if (problem == 0) problem = _prune(d);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IMarketAnnex
    function close(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            (bytes4 problem, Live memory d) = _load(deals[i].provider, deals[i].slot, deals[i].id);
            if (problem == 0) problem = _close(d);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    function _giveNotice(Live memory d, Reason reason) private {
        uint32 stopAt = _epoch() + 1 + _opening(d).noticeEpochs;
        if (d.progress.status != 0 || _epoch() >= d.agreed.stopAt) revert Market_WrongState(d.id);
        if (stopAt < d.agreed.stopAt) d.agreed.stopAt = stopAt;
        d.progress.status = uint8(reason);
        if (d.progress.sectors != 0) {
            Sampled memory sampled = _sampled(d);
            _setSampled(d, sampled.root, sampled.cover);
        }
        _save(d);
        emit NoticeGiven(d.id, reason, d.agreed.stopAt);
    }

    function _prune(Live memory d) private returns (bytes4) {
        if (_stopped(d)) return Market_WrongState.selector;
        (uint32 effective, bool open) = _gate(d.provider);
        if (!open) return Market_WrongPhase.selector;
        Reason reason = Reason.Ended;
        if (effective < d.agreed.stopAt) {
            _countMisses(d.provider, d.standing, effective - 1);
            if (!_exhausted(d, _sampled(d).cover)) return Market_NotDue.selector;
            reason = Reason.Exhausted;
        }
        _stop(d, effective, reason);
        return 0;
    }

    /// @dev Settles and takes the leaf out. For every reason but `Ended` the deal stops at `effective`, the rest of the
    /// collateral goes to the client and an open challenge is void.
    function _stop(Live memory d, uint32 effective, Reason reason) internal {
        _catchUp(d, effective - 1);
        if (effective < d.agreed.stopAt) d.agreed.stopAt = effective;
        if (!_stopped(d) && d.progress.sectors != 0) _setLeaf(d, 0);
        uint128 forfeited = 0;
        if (reason != Reason.Ended) {
            forfeited = _collateralLeft(d);
            _record(d).lost += forfeited;
            _seize(d.provider, forfeited);
            _credit(_client(d), forfeited);
            if (_record(d).challenge.deadline != 0) _endChallenge(d, _record(d).challenge.challenger, false);
        } else if (d.progress.status != 0) {
            reason = Reason(d.progress.status); // it was given notice
        }
        d.progress.status = STOPPED | uint8(reason);
        _save(d);
        emit Stopped(d.id, reason, d.agreed.stopAt, forfeited);
    }

    function _close(Live memory d) private returns (bytes4) {
        DealRecord storage record = _record(d);
        if (!_stopped(d)) return Market_WrongState.selector;
        if (record.challenge.deadline != 0) return Market_ChallengeOpen.selector;
        if (_epoch() <= d.agreed.stopAt + FINAL) return Market_NotDue.selector;

        uint128 left = _collateralLeft(d);
        uint128 fee = 0;
        if (d.progress.status & REASON_MASK == uint8(Reason.Resigned)) {
            uint256 full = uint256(EXIT) * d.progress.sectors * d.standing.penaltyRate;
            fee = full < left ? uint128(full) : left;
        }
        _seize(d.provider, left);
        _credit(d.provider, left - fee);
        uint128 refund = d.progress.escrow + record.egress;
        _credit(_client(d), refund + fee);

        // Escrow threads the free list; a reused slot must find no loss and no budget.
        (d.progress.escrow, d.progress.status) = (d.standing.freeSlot, d.progress.status | CLOSED);
        (record.lost, record.egress) = (0, 0);
        d.standing.freeSlot = d.slot + 1;
        --d.standing.deals;
        d.standing.capacity -= _capacity(d);
        _save(d);
        emit Closed(d.id, refund, fee, left - fee);
        return 0;
    }

    /// @dev Closes the open challenge; its bond goes to `to`.
    function _endChallenge(Live memory d, address to, bool proved) internal {
        uint128 bond = uint128(_opening(d).answerBond) << LEDGER_SHIFT;
        delete _record(d).challenge;
        _credit(to, bond);
        emit ChallengeClosed(d.id, proved, bond);
    }
}
