// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {SampledWord} from "../libraries/Words.sol";
import {DealRef, Reason} from "../types/Market.sol";
import {CLOSED, DealRecord, Holder, Live, REASON_MASK, Sampled, STOPPED, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Exits
/// @notice How deals end: notice, immediate exits, pruning, closing.
abstract contract Exits is IMarketAnnex, Records {
    using ProofRecord for uint256[1 << 16];
    using SumTree for uint256[1 << 14];

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
        Holder storage holder = _home(d);
        uint256 effective = _requireGate(holder);
        // Every one of the M epochs lies within the deal, and there was data to prove in each.
        if (_stopped(d) || _sectors(d) == 0 || effective > d.progress.stopAt()) revert Market_WrongState(ref.id);
        uint256 due = _sampled(d).activeSince() + MISSED;
        if (effective < due) revert Market_NotDue(uint32(due), uint32(effective));
        for (uint256 next = effective; next > effective - MISSED; --next) {
            if (holder.record.get(next - 1)) revert Market_NotDue(uint32(next + MISSED), uint32(effective));
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
        Live memory d;
        for (uint256 i = 0; i < deals.length; ++i) {
            bytes4 problem = _load(d, deals[i]);
            if (problem == 0) problem = _prune(d);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IMarketAnnex
    function close(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        Live memory d;
        for (uint256 i = 0; i < deals.length; ++i) {
            bytes4 problem = _load(d, deals[i]);
            if (problem == 0) problem = _close(d);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    function _giveNotice(Live memory d, Reason reason) private {
        // A client need not wait with a deal that holds nothing, whatever its provider said first: that may be who refuses
        // the bytes.
        bool waits = reason == Reason.Resigned || _sectors(d) != 0;
        uint256 given = d.progress.status();
        bool may = given == 0 || (given == uint256(Reason.Resigned) && !waits);
        if (!may || _epoch() >= d.progress.stopAt()) revert Market_WrongState(d.agreed.id());
        uint256 stopAt = _epoch() + 1 + (waits ? _customer(d).noticeEpochs : 0);
        if (stopAt < d.progress.stopAt()) d.progress = d.progress.stopping(stopAt);
        d.progress = d.progress.withStatus(uint256(reason));
        if (d.progress.number() != 0) {
            Sampled sampled = _sampled(d);
            _record(d).sampled = sampled.withRoot(sampled.root(), d.progress.stopAt());
        }
        _record(d).progress = d.progress;
        emit NoticeGiven(d.agreed.id(), reason, uint32(d.progress.stopAt()));
    }

    function _prune(Live memory d) private returns (bytes4) {
        if (_stopped(d)) return Market_WrongState.selector;
        Holder storage holder = _home(d);
        (uint256 effective, bool open) = _gate(holder);
        if (!open) return Market_WrongPhase.selector;
        Reason reason = Reason.Ended;
        if (effective < d.progress.stopAt()) {
            uint256 misses = _missCount(holder, effective - 1);
            if (!_exhausted(_sampled(d), _sectors(d), misses)) return Market_NotDue.selector;
            reason = Reason.Exhausted;
        }
        _stop(d, effective, reason);
        return 0;
    }

    /// @dev Settles and takes the leaf out. For every reason but `Ended` the deal stops at `effective`, the rest of the
    /// collateral goes to the client and an open challenge is void.
    function _stop(Live memory d, uint256 effective, Reason reason) internal {
        _catchUp(d, effective - 1);
        if (effective < d.progress.stopAt()) d.progress = d.progress.stopping(effective);
        uint256 status = d.progress.status();
        if (!_stopped(d)) _takeOut(d);
        uint256 forfeited = 0;
        if (reason != Reason.Ended) {
            forfeited = _collateralLeft(d);
            _record(d).lost += uint128(forfeited);
            _credit(_client(d), forfeited);
            if (_record(d).challenge.deadline != 0) _endChallenge(d, _record(d).challenge.challenger, false);
        } else if (status != 0) {
            reason = Reason(status); // it was given notice
        }
        d.progress = d.progress.withStatus(STOPPED | uint256(reason));
        _record(d).progress = d.progress;
        emit Stopped(d.agreed.id(), reason, uint32(d.progress.stopAt()), uint128(forfeited));
    }

    /// @dev The leaf's count moves beside the root, for the exit fee and for who looks.
    function _takeOut(Live memory d) private {
        if (d.progress.number() == 0) return;
        uint256 sectors = _sectors(d);
        _record(d).sampled = SampledWord.packStopped(_sampled(d).root(), sectors);
        if (sectors == 0) return;
        Holder storage holder = _home(d);
        uint256 word = holder.tree.getWord(d.slot >> 3);
        holder.tree.setWord(holder.standing.treeHeight(), d.slot >> 3, word, SumTree.with(word, d.slot & 7, 0));
    }

    function _close(Live memory d) private returns (bytes4) {
        DealRecord storage record = _record(d);
        if (!_stopped(d)) return Market_WrongState.selector;
        if (record.challenge.deadline != 0) return Market_ChallengeOpen.selector;
        if (_epoch() <= d.progress.stopAt() + FINAL) return Market_NotDue.selector;

        Holder storage holder = _home(d);
        uint256 left = _collateralLeft(d);
        uint256 fee = 0;
        if (d.progress.status() & REASON_MASK == uint256(Reason.Resigned)) {
            uint256 full = EXIT * _sectors(d) * holder.penaltyRate;
            fee = full < left ? full : left;
        }
        uint256 refund = d.progress.escrow() + record.egress;
        Standing standing = holder.standing.credited(left - fee);
        standing = standing.withDeals(standing.deals() - 1);
        holder.standing = standing.withCapacity(standing.capacity() - d.agreed.capacity());
        _credit(_client(d), refund + fee);

        // A reused slot must find no loss and no budget. The id stays: the next terms name it.
        record.progress = d.progress.withEscrow(0).withStatus(d.progress.status() | CLOSED);
        if (record.lost | record.egress != 0) (record.lost, record.egress) = (0, 0);
        emit Closed(d.agreed.id(), uint128(refund), uint128(fee), uint128(left - fee));
        return 0;
    }

    /// @dev Closes the open challenge; its bond goes to `to`.
    function _endChallenge(Live memory d, address to, bool proved) internal {
        uint128 bond = uint128(_customer(d).answerBond) << LEDGER_SHIFT;
        delete _record(d).challenge;
        _credit(to, bond);
        emit ChallengeClosed(d.agreed.id(), proved, bond);
    }
}
