// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {ProgressWord, SampledWord} from "../libraries/Words.sol";
import {CommitItem, DealRef, Signature} from "../types/Market.sol";
import {Holder, Live, Progress, STOPPED, Sampled} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Revisions
/// @notice What a deal holds, once its two sides signed it; and settling what that earned.
abstract contract Revisions is IStorageMarket, Records {
    using SumTree for uint256[1 << 14];
    using TypedHashes for CommitItem;

    /// @dev What all items of a commit have in common.
    struct Round {
        bytes32 domain;
        bool relayed; // the provider does not send: its signer's assents are needed
        address signer;
        bool open;
        uint256 effective;
        uint256 settling; // through the epoch before it
        uint256 misses; // of the provider, up to there
        uint256 index; // of the word of its sum tree that the last item's deal is in: as it is stored, and to be
        uint256 stored;
        uint256 counts;
        uint256 customer; // of the last item, and its key
        address key;
    }

    /// @inheritdoc IStorageMarket
    function commit(address provider, CommitItem[] calldata items, Signature[] calldata assents) external {
        _capBatch(items.length);
        Holder storage holder = _holders[provider];
        Round memory round;
        round.domain = _domain();
        round.index = type(uint256).max; // none yet
        round.signer = _signerOf(holder);
        address sender = _msgSender();
        round.relayed = sender != provider && sender != round.signer;
        if (round.relayed && assents.length != items.length) revert Market_BadTerms("assents");
        (round.effective, round.open) = _gate(holder);
        if (round.open) {
            round.settling = round.effective - 1;
            _countMisses(holder, round.settling);
            round.misses = holder.standing.missCount();
        }
        uint256 earned = 0;
        Live memory d;
        _turnTo(d, provider);
        for (uint256 i = 0; i < items.length; ++i) {
            CommitItem calldata item = items[i];
            (bytes4 problem, uint256 paid) = _commit(round, d, item, round.relayed ? assents[i] : item.signature);
            if (problem != 0) emit Skipped(i, problem);
            unchecked {
                earned += paid; // of escrows, each below 2^108
            }
        }
        _saveCounts(holder, round);
        _credit(provider, earned);
    }

    /// @inheritdoc IStorageMarket
    function settle(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        Live memory d;
        uint256 known = 0; // the last epoch of the deal's provider whose outcome is
        uint256 earned = 0; // by that provider
        for (uint256 i = 0; i < deals.length; ++i) {
            DealRef calldata ref = deals[i];
            if (ref.provider != d.provider) {
                _credit(d.provider, earned);
                _turnTo(d, ref.provider);
                (known, earned) = (_known(_home(d)), 0);
            }
            bytes4 problem = _take(d, ref);
            if (problem == 0) {
                unchecked {
                    earned += _settle(d, _sectors(d), known);
                }
                _record(d).progress = d.progress;
            } else {
                emit Skipped(i, problem);
            }
        }
        _credit(d.provider, earned);
    }

    /// @dev Every check comes before the first effect. What is `paid` stays to be credited.
    function _commit(Round memory round, Live memory d, CommitItem calldata item, Signature calldata assent)
        private
        returns (bytes4 problem, uint256)
    {
        problem = _take(d, item.slot);
        if (problem != 0) return (problem, 0);
        (uint64 number, bytes24 root, uint32 sectors) = (item.number, item.root, item.sectors);
        uint256 stopAt = d.progress.stopAt();
        problem = _revisionProblem(round, d, stopAt, number, sectors);
        if (problem != 0) return (problem, 0);
        Sampled sampled = _sampled(d);
        (uint256 index, uint256 lane) = (d.slot >> 3, d.slot & 7);
        if (round.index != index) _turnToCounts(round, _home(d), index);
        uint256 before = SumTree.count(round.counts, lane);
        // Its collateral is gone: it waits for a refill, or to be pruned, and must not enter a proof's sample anew.
        if (_exhausted(sampled, before, round.misses)) return (Market_WrongState.selector, 0);
        (uint256 through, uint256 paid, uint256 penalty) = _outcome(d, before, round.settling);
        unchecked {
            uint256 need = _need(d, sectors, stopAt - round.effective);
            if (d.progress.escrow() < paid + need) return (Market_InsufficientEscrow.selector, 0);
        }
        if (!_signed(round, d, item, assent)) return (Market_WrongSigner.selector, 0);

        if (through > d.progress.settledThrough()) _apply(d, through, paid, penalty);
        _record(d).progress = d.progress.withNumber(number);
        if (before != sectors) {
            sampled = _resized(round, sampled, before, sectors);
            round.counts = SumTree.with(round.counts, lane, sectors);
        }
        _record(d).sampled = sampled.withRoot(root, stopAt);
        emit Committed(d.agreed.id(), number, root, sectors, item.head, uint128(paid));
        return (0, paid);
    }

    function _revisionProblem(Round memory round, Live memory d, uint256 stopAt, uint256 number, uint256 sectors)
        private
        pure
        returns (bytes4)
    {
        Progress progress = d.progress;
        if (progress.status() & STOPPED != 0) return Market_WrongState.selector;
        if (number <= progress.number()) return Market_StaleRevision.selector;
        if (number > ProgressWord.MAX_NUMBER) return Market_BadTerms.selector;
        if (sectors > d.agreed.capacity()) return Market_CapacityExceeded.selector;
        if (!round.open) return Market_WrongPhase.selector;
        return round.effective >= stopAt ? Market_WrongState.selector : bytes4(0);
    }

    function _signed(Round memory round, Live memory d, CommitItem calldata item, Signature calldata assent)
        private
        view
        returns (bool)
    {
        uint256 customer = d.progress.customer();
        if (round.customer != customer) (round.customer, round.key) = (customer, _customers[customer].signer);
        bytes32 digest = MessageHashUtils.toTypedDataHash(round.domain, item.hash(d.agreed.id()));
        return _recoverDigest(digest, item.signature) == round.key
            && (!round.relayed || _recoverDigest(digest, assent) == round.signer);
    }

    /// @dev Neighbours are often committed together, so their word is written once. Until then `round` has what counts.
    function _turnToCounts(Round memory round, Holder storage holder, uint256 index) private {
        _saveCounts(holder, round);
        round.index = index;
        round.stored = round.counts = holder.tree.getWord(index);
    }

    function _saveCounts(Holder storage holder, Round memory round) private {
        if (round.counts == round.stored) return;
        uint256 height = holder.standing.treeHeight();
        uint256 raised = holder.tree.setWord(height, round.index, round.stored, round.counts);
        if (raised != height) holder.standing = holder.standing.withTreeHeight(raised);
    }

    /// @dev Cover counts from the first sector on, and what was used stays used while there is none.
    function _resized(Round memory round, Sampled sampled, uint256 before, uint256 sectors)
        private
        view
        returns (Sampled)
    {
        (uint256 since, uint256 cover) = (sampled.activeSince(), sampled.cover());
        unchecked {
            if (before == 0) (since, cover) = (round.effective, round.misses + COVER - cover);
            else if (sectors == 0) cover = COVER - sampled.coverLeft(round.misses); // used
        }
        return SampledWord.pack(0, 0, since, cover);
    }
}
