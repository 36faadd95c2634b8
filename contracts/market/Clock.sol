// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {Epochs} from "../libraries/Epochs.sol";
import {Parameters} from "../types/Market.sol";

/// @title Clock
/// @notice The market's parameters, their relations, and what they make of the block number.
abstract contract Clock is IStorageMarket {
    uint256 internal constant MAX_PROVE_BLOCKS = 8000; // keeps the challenge block inside EIP-2935's 8,191
    uint256 internal constant MAX_DEAL_EPOCHS = 4096; // keeps a settlement within 17 words of the record
    uint256 internal constant MAX_COVER_EPOCHS = 65_535;

    uint256 private immutable GENESIS;
    uint256 private immutable EPOCH_BLOCKS;
    uint256 private immutable COMMIT_BLOCKS;
    uint256 private immutable GAP_BLOCKS;
    uint256 internal immutable MULTIPLIER;
    uint32 internal immutable COVER;
    uint32 internal immutable MISSED;
    uint32 internal immutable EXIT;
    uint32 internal immutable FINAL;
    uint32 internal immutable ROTATE;
    uint32 internal immutable DEAL_EPOCHS;
    uint256 internal immutable MIN_COLLATERAL; // token base units

    constructor(Parameters memory p) {
        uint256 before = uint256(p.commitBlocks) + p.gapBlocks + 1;
        _require(p.commitBlocks != 0 && p.gapBlocks != 0, "commit, gap >= 1");
        _require(p.epochBlocks > before && 2 * (p.epochBlocks - before) >= p.epochBlocks, "prove >= epoch / 2");
        _require(p.epochBlocks - before <= MAX_PROVE_BLOCKS, "prove <= 8000");
        _require(p.multiplier >= 1 && p.multiplier <= 4, "1 <= m <= 4");
        _require(p.missedEpochs != 0 && p.finalEpochs != 0 && p.rotateEpochs != 0, "M, FINAL, ROTATE >= 1");
        _require(p.coverEpochs >= 2 * uint256(p.missedEpochs) + p.exitEpochs, "COVER >= 2M + EXIT");
        _require(p.coverEpochs <= MAX_COVER_EPOCHS, "COVER <= 65535");
        _require(
            uint256(p.exitEpochs) * p.multiplier < uint256(p.missedEpochs) * (1 + p.multiplier), "EXIT m < M (1 + m)"
        );
        _require(p.finalEpochs <= MAX_DEAL_EPOCHS && p.rotateEpochs <= MAX_DEAL_EPOCHS, "FINAL, ROTATE <= 4096");
        _require(p.maxDealEpochs != 0 && p.maxDealEpochs <= MAX_DEAL_EPOCHS, "1 <= MAX_DEAL_EPOCHS <= 4096");
        _require(p.minCollateral <= type(uint64).max, "MIN_COLLATERAL < 2^64");

        GENESIS = block.number;
        (EPOCH_BLOCKS, COMMIT_BLOCKS, GAP_BLOCKS) = (p.epochBlocks, p.commitBlocks, p.gapBlocks);
        (MULTIPLIER, COVER, MISSED, EXIT) = (p.multiplier, p.coverEpochs, p.missedEpochs, p.exitEpochs);
        (FINAL, ROTATE, DEAL_EPOCHS) = (p.finalEpochs, p.rotateEpochs, p.maxDealEpochs);
        MIN_COLLATERAL = p.minCollateral;
    }

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
        return (Epochs.start(epoch, GENESIS, EPOCH_BLOCKS), _challengeBlock(epoch));
    }

    function _epoch() internal view returns (uint32) {
        return Epochs.epochOf(block.number, GENESIS, EPOCH_BLOCKS);
    }

    function _inCommitPhase() internal view returns (bool) {
        return Epochs.offset(block.number, GENESIS, EPOCH_BLOCKS) < COMMIT_BLOCKS;
    }

    function _challengeBlock(uint32 epoch) internal view returns (uint256) {
        return Epochs.start(epoch, GENESIS, EPOCH_BLOCKS) + COMMIT_BLOCKS + GAP_BLOCKS;
    }

    function _require(bool holds, bytes32 relation) private pure {
        if (!holds) revert Market_WrongParameters(relation);
    }
}
