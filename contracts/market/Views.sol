// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Deal, Delegation, Parameters, Provider, Reason, State} from "../types/Market.sol";
import {CLOSED, Customer, DealRecord, Holder, Live, REASON_MASK, Sampled, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Views
/// @notice Everything the market knows, for reading.
abstract contract Views is IStorageMarket, Records {
    using ProofRecord for uint256[1 << 16];
    using SumTree for uint256[1 << 14];

    /// @inheritdoc IStorageMarket
    function parameters() external view returns (Parameters memory) {
        return Parameters({
            epochBlocks: uint32(EPOCH_BLOCKS),
            commitBlocks: uint32(COMMIT_BLOCKS),
            gapBlocks: uint32(GAP_BLOCKS),
            multiplier: uint32(MULTIPLIER),
            coverEpochs: uint32(COVER),
            missedEpochs: uint32(MISSED),
            exitEpochs: uint32(EXIT),
            finalEpochs: uint32(FINAL),
            rotateEpochs: uint32(ROTATE),
            maxDealEpochs: uint32(DEAL_EPOCHS),
            minCollateral: uint128(MIN_COLLATERAL)
        });
    }

    /// @inheritdoc IStorageMarket
    function genesis() external view returns (uint256 blockNumber) {
        return GENESIS;
    }

    /// @inheritdoc IStorageMarket
    function currentEpoch() external view returns (uint32) {
        return uint32(_epoch());
    }

    /// @inheritdoc IStorageMarket
    function epochStart(uint32 epoch) external view returns (uint256 startBlock, uint256 challengeBlock) {
        challengeBlock = _challengeBlock(epoch);
        startBlock = challengeBlock - COMMIT_BLOCKS - GAP_BLOCKS;
    }

    /// @inheritdoc IStorageMarket
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc IStorageMarket
    function freeBalance(address owner) external view returns (uint128) {
        return uint128(_holders[owner].standing.free());
    }

    /// @inheritdoc IStorageMarket
    function delegationOf(address client, address delegate) external view returns (Delegation memory) {
        return _delegations[client][delegate];
    }

    /// @inheritdoc IStorageMarket
    function burnt() external view returns (uint128) {
        return _burnt;
    }

    /// @inheritdoc IStorageMarket
    function proven(address provider, uint32 epoch) external view returns (bool) {
        return _holders[provider].record.get(epoch);
    }

    /// @inheritdoc IStorageMarket
    function provenWord(address provider, uint256 word) external view returns (uint256) {
        return _holders[provider].record[word];
    }

    /// @inheritdoc IStorageMarket
    function leaves(address provider, uint256 from, uint256 count) external view returns (uint32[] memory sectors) {
        if (from + count > SumTree.MAX_SLOTS) revert Market_TooLong(SumTree.MAX_SLOTS, from + count);
        sectors = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            sectors[i] = uint32(_holders[provider].tree.get(from + i));
        }
    }

    /// @inheritdoc IStorageMarket
    function providerOf(address provider) external view returns (Provider memory known) {
        Holder storage holder = _holders[provider];
        Standing standing = holder.standing;
        if (standing.treeHeight() == 0) return known;
        known.signer = _signerOf(holder);
        if (standing.rotated() && holder.nextFrom > _epoch()) {
            (known.nextSigner, known.nextSignerFrom) = (holder.nextSigner, holder.nextFrom);
        }
        known.penaltyRate = holder.penaltyRate;
        known.deals = uint32(standing.deals());
        known.slots = uint32(standing.slots());
        known.sectors = uint32(_sectorsOf(holder));
        known.capacity = uint32(standing.capacity());
        known.missCount = uint32(_missCount(holder, _epoch() - 1));
        known.series = uint32(standing.series());
        (known.relay, known.tip) = (holder.relay, holder.tip);
    }

    /// @inheritdoc IStorageMarket
    function lastOpening(address client) external view returns (uint64 blockNumber) {
        return _links[client].last;
    }

    /// @inheritdoc IStorageMarket
    function redeemed(bytes32 id, address signer) external view returns (uint128) {
        return _redeemed[id][signer];
    }

    /// @inheritdoc IStorageMarket
    function seed() external view returns (uint32 epoch, bytes28 value) {
        return (_seed.epoch, _seed.value);
    }

    /// @inheritdoc IStorageMarket
    function deal(address provider, uint16 slot) external view returns (Deal memory known) {
        Live memory d;
        _find(d, provider, slot);
        if (d.agreed.id() == 0) return known;
        DealRecord storage record = _record(d);
        Customer storage customer = _customer(d);
        Sampled sampled = _sampled(d);
        known.id = d.agreed.id();
        (known.client, known.clientSigner) = (customer.client, customer.signer);
        (known.noticeEpochs, known.answerBond) = (customer.noticeEpochs, customer.answerBond);
        known.sectors = uint32(_sectors(d));
        known.state = _stateOf(d, known.sectors);
        known.reason = Reason(d.progress.status() & REASON_MASK);
        known.rate = uint96(d.agreed.rate());
        known.capacity = uint32(d.agreed.capacity());
        known.minSectors = uint32(d.progress.minSectors());
        known.stopAt = uint32(d.progress.stopAt());
        known.settledThrough = uint32(d.progress.settledThrough());
        known.number = uint64(d.progress.number());
        known.root = sampled.root();
        if (!_stopped(d)) {
            known.activeSince = uint32(sampled.activeSince());
            uint256 misses = _missCount(_home(d), _epoch() - 1);
            known.misses = uint32(known.sectors == 0 ? sampled.cover() : COVER - sampled.coverLeft(misses));
        }
        if (known.state != State.Closed) {
            known.escrow = uint128(d.progress.escrow());
            known.egress = record.egress;
            known.collateral = uint128(_collateralLeft(d));
        }
        known.challengeDeadline = record.challenge.deadline;
        known.challengedChunk = record.challenge.chunk;
        known.challenger = record.challenge.challenger;
    }

    function _stateOf(Live memory d, uint256 sectors) private pure returns (State) {
        if (d.progress.status() & CLOSED != 0) return State.Closed;
        if (_stopped(d)) return State.Stopped;
        if (d.progress.status() != 0) return State.Notice;
        return sectors == 0 ? State.Open : State.Active;
    }
}
