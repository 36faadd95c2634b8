// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Words} from "../libraries/Words.sol";
import {Signers, Standing, Tip} from "../types/Records.sol";
import {Ledger} from "./Ledger.sol";

/// @title Standings
/// @notice A provider's figures, keys and nonces, and the gate that every write of its set passes.
abstract contract Standings is Ledger {
    using BitMaps for BitMaps.BitMap;
    using SumTree for mapping(uint256 => uint256);

    uint256 internal constant MAX_SLOTS = 4096;

    mapping(address provider => uint256) private _standings;
    mapping(address provider => Signers) internal _signers;
    mapping(address provider => Tip) internal _tips;
    mapping(address provider => BitMaps.BitMap) private _nonces;
    mapping(address provider => mapping(uint256 word => uint256)) internal _records;
    mapping(address provider => mapping(uint256 node => uint256)) internal _trees;

    function _proven(address provider, uint32 epoch) internal view returns (bool) {
        return ProofRecord.get(_records[provider], epoch);
    }

    function _standingOf(address provider) internal view returns (Standing memory standing) {
        _readStanding(standing, provider);
    }

    /// @dev The same into memory that is there already.
    function _readStanding(Standing memory standing, address provider) internal view {
        Words.unpack(standing, _standings[provider]);
    }

    function _setStanding(address provider, Standing memory standing) internal {
        _standings[provider] = Words.pack(standing);
    }

    /// @dev E, and whether a lane of the tree or a deal's root may be written now. Where not, E is the epoch from which
    /// nothing is decided yet.
    function _gate(address provider) internal view returns (uint32 effective, bool open) {
        effective = _epoch();
        if (_inCommitPhase()) return (effective, true);
        open = _proven(provider, effective);
        if (open) ++effective;
    }

    /// @dev E, or {Market_WrongPhase}.
    function _requireGate(address provider) internal view returns (uint32 effective) {
        bool open;
        (effective, open) = _gate(provider);
        if (!open) revert Market_WrongPhase(effective, false);
    }

    /// @dev The last epoch whose outcome is known.
    function _known(address provider) internal view returns (uint32) {
        uint32 epoch = _epoch();
        return _proven(provider, epoch) ? epoch : epoch - 1;
    }

    /// @dev Counts the misses up to epoch `through`. Before every change of T, so that T held in all of them.
    function _countMisses(address provider, Standing memory standing, uint32 through) internal view {
        if (through == standing.countedThrough) return;
        if (_sectorsOf(provider, standing) != 0) standing.missCount += through - standing.countedThrough;
        standing.countedThrough = through;
    }

    /// @dev T in sectors.
    function _sectorsOf(address provider, Standing memory standing) internal view returns (uint256) {
        return SumTree.sum(_trees[provider].root(standing.treeHeight));
    }

    function _signerOf(address provider) internal view returns (address) {
        Signers storage signers = _signers[provider];
        uint32 nextFrom = signers.nextFrom;
        return nextFrom != 0 && _epoch() >= nextFrom ? signers.next : signers.current;
    }

    function _nonceUsed(address provider, uint256 nonce) internal view returns (bool) {
        return _nonces[provider].get(nonce);
    }

    function _takeNonce(address provider, uint256 nonce) internal {
        if (_nonceUsed(provider, nonce)) revert Market_NonceUsed(nonce);
        _nonces[provider].set(nonce);
    }
}
