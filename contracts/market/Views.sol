// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Words} from "../libraries/Words.sol";
import {Deal, Delegation, Parameters, Provider, Reason, State} from "../types/Market.sol";
import {
    Account, CLOSED, DealRecord, Live, Opening, REASON_MASK, Sampled, Signers, Standing, Tip
} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Views
/// @notice Everything the market knows, for reading.
abstract contract Views is IStorageMarket, Records {
    /// @inheritdoc IStorageMarket
    function parameters() external view returns (Parameters memory) {
        return Parameters({
            epochBlocks: uint32(EPOCH_BLOCKS),
            commitBlocks: uint32(COMMIT_BLOCKS),
            gapBlocks: uint32(GAP_BLOCKS),
            multiplier: uint32(MULTIPLIER),
            coverEpochs: COVER,
            missedEpochs: MISSED,
            exitEpochs: EXIT,
            finalEpochs: FINAL,
            rotateEpochs: ROTATE,
            maxDealEpochs: DEAL_EPOCHS,
            minCollateral: uint128(MIN_COLLATERAL)
        });
    }

    /// @inheritdoc IStorageMarket
    function genesis() external view returns (uint256 blockNumber) {
        return GENESIS;
    }

    /// @inheritdoc IStorageMarket
    function currentEpoch() external view returns (uint32) {
        return _epoch();
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
    function account(address owner) external view returns (uint128 balance, uint128 locked) {
        Account memory of_ = _accounts[owner];
        return (of_.balance, of_.locked);
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
            sectors[i] = SumTree.get(_trees[provider], from + i);
        }
    }

    /// @inheritdoc IStorageMarket
    function providerOf(address provider) external view returns (Provider memory) {
        Standing memory standing = _standingOf(provider);
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
        DealRecord storage record = _deals[provider][slot];
        if (record.id == 0) return known;
        Live memory d;
        (d.provider, d.slot, d.id) = (provider, slot, record.id);
        _readStanding(d.standing, provider);
        Words.unpack(d.agreed, record.agreed);
        Words.unpack(d.progress, record.progress);
        known.id = d.id;
        known.number = d.progress.number;
        known.sectors = d.progress.sectors;
        known.activeSince = d.progress.activeSince;
        known.reason = Reason(d.progress.status & REASON_MASK);
        known.state = _stateOf(d);
        _viewTerms(known, d);
        Sampled memory sampled = _sampled(d);
        known.root = sampled.root;
        if (!_stopped(d)) {
            known.misses = d.progress.sectors == 0 ? sampled.cover : d.standing.missCount + COVER - sampled.cover;
        }
        if (known.state != State.Closed) {
            known.escrow = d.progress.escrow;
            known.egress = record.egress;
            known.collateral = _collateralLeft(d);
        }
        known.challengeDeadline = record.challenge.deadline;
        known.challengedChunk = record.challenge.chunk;
        known.challenger = record.challenge.challenger;
    }

    function _viewTerms(Deal memory known, Live memory d) private view {
        Opening memory opening = _opening(d);
        known.client = opening.client;
        known.clientSigner = opening.clientSigner;
        known.volume = opening.volume;
        known.k = opening.k;
        known.n = opening.n;
        known.noticeEpochs = opening.noticeEpochs;
        known.startEpoch = opening.startEpoch;
        known.answerBond = opening.answerBond;
        known.position = d.agreed.position;
        known.rate = d.agreed.rate;
        known.capacity = _capacity(d);
        known.minSectors = d.agreed.minSectors;
        known.stopAt = d.agreed.stopAt;
        known.settledThrough = d.agreed.settledThrough;
    }

    function _stateOf(Live memory d) private pure returns (State) {
        if (d.progress.status & CLOSED != 0) return State.Closed;
        if (_stopped(d)) return State.Stopped;
        if (d.progress.status != 0) return State.Notice;
        return d.progress.sectors == 0 ? State.Open : State.Active;
    }
}
