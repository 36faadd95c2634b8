// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ISeedSource} from "../interfaces/ISeedSource.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {Positions} from "../libraries/Positions.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SectorProof} from "../libraries/SectorProof.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Words} from "../libraries/Words.sol";
import {ProofItem} from "../types/Market.sol";
import {Sampled, Seed, Standing, Tip} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Proofs
/// @notice An epoch's seed, and one proof a provider.
abstract contract Proofs is IStorageMarket, Records {
    using SumTree for mapping(uint256 => uint256);

    /// @dev Where a challenge lies.
    struct Target {
        uint256 slot;
        uint256 index; // of the chunk in its deal
        uint256 levels;
    }

    ISeedSource private immutable SOURCE;

    constructor(ISeedSource source) {
        SOURCE = source;
    }

    /// @inheritdoc IStorageMarket
    function recordSeed(bytes calldata header) external {
        uint32 epoch = _epoch();
        if (_seed.epoch == epoch) return;
        uint256 challengeBlock = _challengeBlock(epoch);
        bytes28 value = bytes28(SOURCE.seed(challengeBlock, header));
        _seed = Seed({value: value, epoch: epoch});
        emit SeedRecorded(epoch, challengeBlock, value);
    }

    /// @inheritdoc IStorageMarket
    function prove(address provider, bytes28 answered, bytes calldata proof) external {
        bytes memory fault = _prove(provider, answered, proof);
        if (fault.length != 0) {
            assembly ("memory-safe") {
                revert(add(fault, 0x20), mload(fault))
            }
        }
    }

    /// @inheritdoc IStorageMarket
    function proveMany(bytes28 answered, ProofItem[] calldata items) external {
        _capBatch(items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes memory fault = _prove(items[i].provider, answered, items[i].proof);
            if (fault.length != 0) emit Skipped(i, bytes4(fault));
        }
    }

    /// @inheritdoc IStorageMarket
    function seedSource() external view returns (address) {
        return address(SOURCE);
    }

    /// @return fault the error to revert with, encoded; empty: proven.
    function _prove(address provider, bytes28 answered, bytes calldata proof) private returns (bytes memory fault) {
        Standing memory standing = _standingOf(provider);
        if (standing.treeHeight == 0) return abi.encodeWithSelector(Market_NotRegistered.selector, provider);
        uint32 epoch = _epoch();
        if (_proven(provider, epoch)) {
            return abi.encodeWithSelector(Market_AlreadyProven.selector, provider, epoch);
        }
        uint256 top = _trees[provider].root(standing.treeHeight);
        uint256 sectors = SumTree.sum(top);
        if (sectors == 0) {
            if (_inCommitPhase()) return abi.encodeWithSelector(Market_WrongPhase.selector, epoch, false);
            if (proof.length != 0) return abi.encodeWithSelector(Market_ProofLength.selector, 0, proof.length);
        } else {
            Seed memory recorded = _seed;
            if (recorded.epoch != epoch) return abi.encodeWithSelector(Market_SeedUnknown.selector, epoch);
            if (recorded.value != answered) {
                return abi.encodeWithSelector(Market_WrongSeed.selector, recorded.value, answered);
            }
            _countMisses(provider, standing, epoch - 1);
            (Target[] memory targets, uint256 expected) =
                _targets(provider, standing.treeHeight, top, epoch, answered);
            if (proof.length != expected) {
                return abi.encodeWithSelector(Market_ProofLength.selector, expected, proof.length);
            }
            fault = _verify(provider, targets, epoch, standing.missCount, proof);
            if (fault.length != 0) return fault;
        }
        standing.countedThrough = epoch;
        _setStanding(provider, standing);
        ProofRecord.set(_records[provider], epoch);
        emit Proven(provider, epoch, uint32(sectors));
        if (standing.tipped && sectors != 0) _payTip(provider);
    }

    /// @dev The K challenges of this epoch, and how long a proof of them is.
    function _targets(address provider, uint256 treeHeight, uint256 top, uint32 epoch, bytes28 value)
        private
        view
        returns (Target[] memory targets, uint256 proofBytes)
    {
        mapping(uint256 => uint256) storage tree = _trees[provider];
        uint8 perSector = SectorProof.CHUNKS_PER_SECTOR_LOG2;
        uint256 chunks = SumTree.sum(top) << perSector;
        targets = new Target[](Positions.COUNT);
        for (uint256 i = 0; i < Positions.COUNT; ++i) {
            uint128 random = Positions.draw(value, block.chainid, address(this), epoch, provider, i);
            uint256 position = Positions.place(random, i, chunks);
            (uint256 slot, uint256 sector, uint256 sectors) =
                tree.find(treeHeight, top, position >> perSector);
            uint256 chunk = position & ((uint256(1) << perSector) - 1);
            uint256 levels = SectorProof.height(sectors);
            targets[i] = Target({slot: slot, index: sector << perSector | chunk, levels: levels});
            proofBytes += SectorProof.length(levels);
        }
    }

    /// @return fault empty where every challenged deal can be proved, and is.
    function _verify(
        address provider,
        Target[] memory targets,
        uint32 epoch,
        uint32 missCount,
        bytes calldata proof
    ) private view returns (bytes memory fault) {
        uint256 offset = 0;
        Sampled memory sampled;
        for (uint256 i = 0; i < targets.length; ++i) {
            Target memory target = targets[i];
            Words.unpack(sampled, _deals[provider][target.slot].sampled);
            if (epoch >= sampled.stopAt || missCount >= sampled.cover) {
                return abi.encodeWithSelector(Market_DealNotProvable.selector, target.slot);
            }
            bytes24 root = SectorProof.root(proof, offset, target.index, target.levels);
            if (root != sampled.root) {
                return abi.encodeWithSelector(Market_ProofRoot.selector, sampled.root, root);
            }
            offset += SectorProof.length(target.levels);
        }
    }

    /// @dev Never fails a proof, and pays the relay that was named only: copying a proof pays nothing.
    function _payTip(address provider) private {
        Tip memory tip = _tips[provider];
        if (tip.relay != _msgSender()) return;
        uint256 free = _free(provider);
        uint128 amount = free < tip.amount ? uint128(free) : tip.amount;
        if (amount == 0) return;
        _accounts[provider].balance -= amount;
        _accounts[tip.relay].balance += amount;
        emit TipPaid(provider, tip.relay, amount);
    }
}
