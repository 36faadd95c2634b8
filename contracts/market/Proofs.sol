// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ISeedSource} from "../interfaces/ISeedSource.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {Path, Paths} from "../libraries/Paths.sol";
import {Positions} from "../libraries/Positions.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SectorProof} from "../libraries/SectorProof.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {ProofItem} from "../types/Market.sol";
import {Holder, Sampled, Seed, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Proofs
/// @notice An epoch's seed, and one proof a provider.
abstract contract Proofs is IStorageMarket, Records {
    using ProofRecord for uint256[1 << 16];
    using SumTree for uint256[1 << 14];

    /// @dev What a provider's challenges are drawn from, and how far that is.
    struct Draw {
        uint256 epoch;
        uint256 misses; // before it
        uint256 height; // of the sum tree, and its highest word
        uint256 top;
        uint256 chunks;
        bytes preimage;
        uint256 slot; // of the last challenge
        uint256 junction; // see {Paths}; 0: leads to the root of the deal
        Path[5] paths; // Positions.COUNT
    }

    ISeedSource private immutable SOURCE;

    constructor(ISeedSource source) {
        SOURCE = source;
    }

    /// @inheritdoc IStorageMarket
    function recordSeed(bytes calldata header) external {
        uint32 epoch = uint32(_epoch());
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
        Holder storage holder = _holders[provider];
        Standing standing = holder.standing;
        if (standing.treeHeight() == 0) return abi.encodeWithSelector(Market_NotRegistered.selector, provider);
        uint256 epoch = _epoch();
        if (holder.record.get(epoch)) {
            return abi.encodeWithSelector(Market_AlreadyProven.selector, provider, epoch);
        }
        uint256 top = holder.tree.root(standing.treeHeight());
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
            Draw memory draw;
            (draw.epoch, draw.misses) = (epoch, _missCount(holder, standing, sectors, epoch - 1));
            (draw.height, draw.top, draw.slot) = (standing.treeHeight(), top, SumTree.MAX_SLOTS);
            draw.chunks = sectors << SectorProof.CHUNKS_PER_SECTOR_LOG2;
            draw.preimage = Positions.from(answered, block.chainid, address(this), epoch, provider);
            fault = _verify(holder, draw, proof);
            if (fault.length != 0) return fault;
            // Misses are told from the record when they are asked for; once a word of it, so that nobody reads many.
            if (standing.countedThrough() >> 8 != epoch >> 8) _countMisses(holder, epoch - 1);
        }
        holder.record.set(epoch);
        emit Proven(provider, uint32(epoch), uint32(sectors));
        if (standing.tipped() && sectors != 0) _payTip(provider, holder);
    }

    /// @return fault empty where every challenged deal can be proved, and is.
    function _verify(Holder storage holder, Draw memory draw, bytes calldata proof)
        private
        view
        returns (bytes memory fault)
    {
        uint256 end = 0;
        for (uint256 i = 0; i < Positions.COUNT; ++i) {
            (uint256 index, uint256 levels) = _target(holder, draw, i);
            bytes24 goal;
            if (draw.junction == 0) {
                Sampled sampled = holder.deals[draw.slot].sampled;
                if (draw.epoch >= sampled.stopAt() || sampled.coverLeft(draw.misses) == 0) {
                    return abi.encodeWithSelector(Market_DealNotProvable.selector, draw.slot);
                }
                goal = sampled.root();
            } else {
                goal = SectorProof.node(proof, draw.junction);
            }
            draw.paths[i] = Paths.pack(end, levels, index);
            if (levels == 0) continue;
            uint256 start = end;
            unchecked {
                end = start + SectorProof.length(levels);
            }
            if (end > proof.length) continue; // only the right length is still to be told
            bytes24 node = SectorProof.root(proof, start, index, levels);
            if (node != goal) return abi.encodeWithSelector(Market_ProofRoot.selector, goal, node);
        }
        if (end != proof.length) return abi.encodeWithSelector(Market_ProofLength.selector, end, proof.length);
    }

    /// @dev Where the `i`-th challenge lies, its deal in `draw`: the index of the chunk in the deal, and how many pairings up
    /// from there the proof has.
    function _target(Holder storage holder, Draw memory draw, uint256 i)
        private
        view
        returns (uint256 index, uint256 levels)
    {
        unchecked {
            uint256 position = Positions.place(Positions.draw(draw.preimage, i), i, draw.chunks);
            uint256 perSector = SectorProof.CHUNKS_PER_SECTOR_LOG2;
            uint256 slot;
            uint256 sectors;
            (slot, index, sectors) = holder.tree.find(draw.height, draw.top, position >> perSector);
            index = index << perSector | position & ((1 << perSector) - 1);
            if (slot != draw.slot) {
                (draw.slot, draw.junction, levels) = (slot, 0, SectorProof.height(sectors));
            } else {
                (levels, draw.junction) = Paths.join(draw.paths, i, index);
            }
        }
    }

    /// @dev Never fails a proof, and pays the relay that was named only: copying a proof pays nothing.
    function _payTip(address provider, Holder storage holder) private {
        address relay = holder.relay;
        if (relay != _msgSender()) return;
        uint256 free = holder.standing.free();
        uint256 amount = free < holder.tip ? free : holder.tip;
        if (amount == 0) return;
        holder.standing = holder.standing.debited(amount);
        _credit(relay, amount);
        emit TipPaid(provider, relay, uint128(amount));
    }
}
