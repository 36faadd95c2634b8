// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {CommitItem, DealRef, Revision} from "../types/Market.sol";
import {Live} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Revisions
/// @notice What a deal holds, as its two sides signed it; and settling what that earned.
abstract contract Revisions is IStorageMarket, Records {
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
    function settle(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            (bytes4 problem, Live memory d) = _load(deals[i].provider, deals[i].slot, deals[i].id);
            if (problem != 0) {
                emit Skipped(i, problem);
            } else if (_apply(d, _outcome(d, _known(d.provider)))) {
                _saveDeal(d);
            }
        }
    }

    /// @dev Every check comes before the first effect.
    function _commit(CommitItem calldata item) private returns (bytes4) {
        Revision calldata revision = item.revision;
        (bytes4 problem, Live memory d) = _load(item.provider, item.slot, revision.deal);
        if (problem != 0) return problem;
        if (_stopped(d)) return Market_WrongState.selector;
        if (revision.number <= d.progress.number) return Market_StaleRevision.selector;
        uint32 sectors = revision.sectors;
        if (sectors > _capacity(d)) return Market_CapacityExceeded.selector;
        (uint32 effective, bool open) = _gate(d.provider);
        if (!open) return Market_WrongPhase.selector;
        if (effective >= d.agreed.stopAt) return Market_WrongState.selector;
        if (!_countersigned(item, _clientSigner(d))) return Market_WrongSigner.selector;

        _countMisses(d.provider, d.standing, effective - 1);
        uint32 cover = _sampled(d).cover;
        // Its collateral is gone: it waits for a refill, or to be pruned, and must not enter a proof's sample anew.
        if (_exhausted(d, cover)) return Market_WrongState.selector;
        Outcome memory outcome = _outcome(d, effective - 1);
        if (d.progress.escrow - outcome.paid < _need(d, sectors, effective)) {
            return Market_InsufficientEscrow.selector;
        }

        _apply(d, outcome);
        if (d.progress.sectors != sectors) {
            if (d.progress.sectors == 0 || sectors == 0) {
                // One formula both ways: used = missCount - missBase, and its inverse.
                cover = d.standing.missCount + COVER - cover;
                if (sectors != 0) d.progress.activeSince = effective;
            }
            _setLeaf(d, sectors);
        }
        (d.progress.number, d.progress.sectors) = (revision.number, sectors);
        _setSampled(d, revision.root, cover);
        _save(d);
        emit Committed(d.id, revision.number, revision.root, sectors, revision.head, effective);
        return 0;
    }

    function _countersigned(CommitItem calldata item, address clientSigner) private view returns (bool) {
        bytes32 digest = _digest(item.revision.hash());
        return _recoverDigest(digest, item.clientSignature) == clientSigner
            && _recoverDigest(digest, item.providerSignature) == _signerOf(item.provider);
    }
}
