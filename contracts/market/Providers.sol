// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Provider} from "../types/Market.sol";
import {Signers, Standing, Tip} from "../types/Records.sol";
import {Accounts} from "./Accounts.sol";

/// @title Providers
/// @notice Registration, signing keys, nonces, tips, and the gate that every write of a provider's set passes.
abstract contract Providers is Accounts {
    using BitMaps for BitMaps.BitMap;
    using SumTree for mapping(uint256 => uint256);

    uint256 internal constant MAX_ANNOUNCEMENT_BYTES = 1024;
    uint256 internal constant MAX_SLOTS = 4096;

    mapping(address provider => Standing) internal _standings;
    mapping(address provider => Signers) private _signers;
    mapping(address provider => Tip) internal _tips;
    mapping(address provider => BitMaps.BitMap) private _nonces;
    mapping(address provider => mapping(uint256 word => uint256)) internal _records;
    mapping(address provider => mapping(uint256 node => uint256)) internal _trees;

    /// @inheritdoc IStorageMarket
    function register(address signer, uint96 penaltyRate) external {
        address provider = _msgSender();
        Standing memory standing = _standings[provider];
        if (penaltyRate % 2 != 0) revert Market_OddPenaltyRate(penaltyRate);
        if (signer == address(0)) revert Market_BadTerms("signer");
        if (standing.treeHeight == 0) {
            standing.treeHeight = 1;
            _signers[provider].current = signer;
        } else {
            if (standing.deals != 0) revert Market_DealsUnclosed(standing.deals);
            address inForce = _signerOf(provider);
            if (signer != inForce) revert Market_WrongSigner(inForce, signer);
        }
        standing.penaltyRate = penaltyRate;
        _standings[provider] = standing;
        emit Registered(provider, signer, penaltyRate);
    }

    /// @inheritdoc IStorageMarket
    function setSigner(address signer) external {
        address provider = _msgSender();
        _requireRegistered(provider);
        if (signer == address(0)) revert Market_BadTerms("signer");
        uint32 from = _epoch() + ROTATE;
        _signers[provider] = Signers({current: _signerOf(provider), nextFrom: from, next: signer});
        emit SignerAnnounced(provider, signer, from);
    }

    /// @inheritdoc IStorageMarket
    function announce(bytes calldata data) external {
        address provider = _msgSender();
        _requireRegistered(provider);
        if (data.length > MAX_ANNOUNCEMENT_BYTES) revert Market_TooLong(MAX_ANNOUNCEMENT_BYTES, data.length);
        emit Announced(provider, data);
    }

    /// @inheritdoc IStorageMarket
    function setTip(address relay, uint128 tip) external {
        address provider = _msgSender();
        _requireRegistered(provider);
        _tips[provider] = Tip({relay: relay, amount: tip});
        _standings[provider].tipped = tip != 0;
        emit TipSet(provider, relay, tip);
    }

    /// @inheritdoc IStorageMarket
    function cancelNonce(uint256 nonce) external {
        address provider = _msgSender();
        if (_nonces[provider].get(nonce)) revert Market_NonceUsed(nonce);
        _useNonce(provider, nonce);
        emit NonceCancelled(provider, nonce);
    }

    /// @inheritdoc IStorageMarket
    function nonceUsed(address provider, uint256 nonce) external view returns (bool) {
        return _nonceUsed(provider, nonce);
    }

    /// @inheritdoc IStorageMarket
    function proven(address provider, uint32 epoch) external view returns (bool) {
        return _proven(provider, epoch);
    }

    /// @inheritdoc IStorageMarket
    function provenWord(address provider, uint256 word) external view returns (uint256) {
        return _records[provider][word];
    }

    /// @inheritdoc IStorageMarket
    function leaves(address provider, uint256 from, uint256 count) external view returns (uint32[] memory sectors) {
        if (from + count > MAX_SLOTS) revert Market_TooLong(MAX_SLOTS, from + count);
        sectors = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            sectors[i] = _trees[provider].get(from + i);
        }
    }

    /// @inheritdoc IStorageMarket
    function providerOf(address provider) external view returns (Provider memory) {
        Standing memory standing = _standings[provider];
        Signers memory signers = _signers[provider];
        bool announced = signers.nextFrom > _epoch();
        Tip memory tip = _tips[provider];
        return Provider({
            signer: _signerOf(provider),
            nextSigner: announced ? signers.next : address(0),
            nextSignerFrom: announced ? signers.nextFrom : 0,
            penaltyRate: standing.penaltyRate,
            deals: standing.deals,
            slots: standing.slots,
            sectors: standing.treeHeight == 0 ? 0 : uint32(_sectorsOf(provider, standing)),
            missCount: standing.missCount,
            countedThrough: standing.countedThrough,
            relay: tip.relay,
            tip: tip.amount
        });
    }

    function _proven(address provider, uint32 epoch) internal view returns (bool) {
        return ProofRecord.get(_records[provider], epoch);
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

    function _useNonce(address provider, uint256 nonce) internal {
        _nonces[provider].set(nonce);
    }

    function _requireRegistered(address provider) private view {
        if (_standings[provider].treeHeight == 0) revert Market_NotRegistered(provider);
    }
}
