// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Holder, Standing} from "../types/Records.sol";
import {Ledger} from "./Ledger.sol";

/// @title Standings
/// @notice A provider's figures and keys, and the gate that every write of its set passes.
abstract contract Standings is Ledger {
    using ProofRecord for uint256[1 << 16];
    using SumTree for uint256[1 << 14];

    /// @dev E, and whether a lane of the tree or a deal's root may be written now. Where not, E is the epoch from which
    /// nothing is decided yet.
    function _gate(Holder storage holder) internal view returns (uint256 effective, bool open) {
        effective = _epoch();
        if (_inCommitPhase()) return (effective, true);
        open = holder.record.get(effective);
        if (open) ++effective;
    }

    /// @dev E, or {Market_WrongPhase}.
    function _requireGate(Holder storage holder) internal view returns (uint256 effective) {
        bool open;
        (effective, open) = _gate(holder);
        if (!open) revert Market_WrongPhase(uint32(effective), false);
    }

    /// @dev The last epoch whose outcome is known.
    function _known(Holder storage holder) internal view returns (uint256) {
        uint256 epoch = _epoch();
        return holder.record.get(epoch) ? epoch : epoch - 1;
    }

    /// @dev Missed epochs with something to prove, up to epoch `through`. Since the last count, T has not changed.
    function _missCount(Holder storage holder, uint256 through) internal view returns (uint256) {
        Standing standing = holder.standing;
        return _missCount(holder, standing, through > standing.countedThrough() ? _sectorsOf(holder) : 0, through);
    }

    /// @dev The same of a standing at hand, with `sectors` = T.
    function _missCount(Holder storage holder, Standing standing, uint256 sectors, uint256 through)
        internal
        view
        returns (uint256 misses)
    {
        misses = standing.missCount();
        uint256 counted = standing.countedThrough();
        unchecked {
            if (through > counted && sectors != 0) {
                misses += through - counted - holder.record.count(counted + 1, through);
            }
        }
    }

    /// @dev Counts the misses up to epoch `through`. Before every change of T, so that T held in all of them.
    function _countMisses(Holder storage holder, uint256 through) internal {
        Standing standing = holder.standing;
        if (through > standing.countedThrough()) holder.standing = standing.counted(_missCount(holder, through), through);
    }

    /// @dev T in sectors.
    function _sectorsOf(Holder storage holder) internal view returns (uint256) {
        uint256 height = holder.standing.treeHeight();
        return height == 0 ? 0 : SumTree.sum(holder.tree.root(height));
    }

    function _signerOf(Holder storage holder) internal view returns (address) {
        return holder.standing.rotated() && _epoch() >= holder.nextFrom ? holder.nextSigner : holder.signer;
    }
}
