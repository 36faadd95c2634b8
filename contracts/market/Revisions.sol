// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {ProgressWord} from "../libraries/Words.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {CommitItem, DealRef, Revision, Signature} from "../types/Market.sol";
import {Holder, Live, Sampled} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Revisions
/// @notice What a deal holds, once its two sides signed it; and settling what that earned.
abstract contract Revisions is IStorageMarket, Records {
    using TypedHashes for Revision;

    /// @inheritdoc IStorageMarket
    function commit(address provider, CommitItem[] calldata items, Signature[] calldata assents) external {
        _capBatch(items.length);
        bytes32 domain = _domain();
        address signer = _signerOf(_holders[provider]);
        if (_msgSender() == provider || _msgSender() == signer) signer = address(0);
        else if (assents.length != items.length) revert Market_BadTerms("assents");
        for (uint256 i = 0; i < items.length; ++i) {
            (bytes4 problem, Live memory d) = _find(provider, items[i].slot);
            if (problem == 0) {
                bytes32 digest = _revisionDigest(d, items[i], domain);
                if (signer != address(0) && _recoverDigest(digest, assents[i]) != signer) {
                    problem = Market_WrongSigner.selector;
                } else {
                    problem = _commit(d, items[i], digest);
                }
            }
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IStorageMarket
    function settle(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            (bytes4 problem, Live memory d) = _load(deals[i].provider, deals[i].slot, deals[i].id);
            if (problem != 0) {
                emit Skipped(i, problem);
            } else if (_apply(d, _outcome(d, _sectors(d), _known(_home(d))))) {
                _record(d).progress = d.progress;
            }
        }
    }

    /// @dev Every check comes before the first effect.
    function _commit(Live memory d, CommitItem calldata item, bytes32 digest) private returns (bytes4) {
        if (_stopped(d)) return Market_WrongState.selector;
        if (item.number <= d.progress.number()) return Market_StaleRevision.selector;
        if (item.number > ProgressWord.MAX_NUMBER) return Market_BadTerms.selector;
        if (item.sectors > d.agreed.capacity()) return Market_CapacityExceeded.selector;
        Holder storage holder = _home(d);
        (uint256 effective, bool open) = _gate(holder);
        if (!open) return Market_WrongPhase.selector;
        if (effective >= d.progress.stopAt()) return Market_WrongState.selector;
        if (_recoverDigest(digest, item.signature) != _customer(d).signer) return Market_WrongSigner.selector;

        uint256 misses = _missCount(holder, effective - 1);
        // Its collateral is gone: it waits for a refill, or to be pruned, and must not enter a proof's sample anew.
        if (_exhausted(d, misses)) return Market_WrongState.selector;
        uint256 before = _sectors(d);
        Outcome memory outcome = _outcome(d, before, effective - 1);
        if (d.progress.escrow() - outcome.paid < _need(d, item.sectors, effective)) {
            return Market_InsufficientEscrow.selector;
        }

        _countMisses(holder, effective - 1);
        _apply(d, outcome);
        Sampled sampled = _sampled(d);
        (uint256 since, uint256 cover) = (sampled.activeSince(), sampled.cover());
        if (before != item.sectors) {
            if (before == 0) {
                (since, cover) = (effective, misses + COVER - cover);
            } else if (item.sectors == 0) {
                cover = COVER - sampled.coverLeft(misses); // used
            }
            _setLeaf(d, item.sectors);
        }
        d.progress = d.progress.withNumber(item.number);
        _setSampled(d, item.root, since, cover);
        _record(d).progress = d.progress;
        emit Committed(d.agreed.id(), item.number, item.root, item.sectors, item.head, uint32(effective));
        return 0;
    }

    function _revisionDigest(Live memory d, CommitItem calldata item, bytes32 domain) private pure returns (bytes32) {
        Revision memory revision = Revision({
            deal: d.agreed.id(),
            number: item.number,
            root: item.root,
            sectors: item.sectors,
            head: item.head
        });
        return MessageHashUtils.toTypedDataHash(domain, revision.hash());
    }
}
