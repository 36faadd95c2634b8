// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketSignals} from "../interfaces/IMarketSignals.sol";
import {Epochs} from "../libraries/Epochs.sol";
import {Parameters} from "../types/Market.sol";

/// @title Clock
/// @notice The market's parameters, and what they make of the block number.
abstract contract Clock is IMarketSignals {
    uint256 internal immutable GENESIS;
    uint256 internal immutable EPOCH_BLOCKS;
    uint256 internal immutable COMMIT_BLOCKS;
    uint256 internal immutable GAP_BLOCKS;
    uint256 internal immutable MULTIPLIER;
    uint256 internal immutable COVER;
    uint256 internal immutable MISSED;
    uint256 internal immutable EXIT;
    uint256 internal immutable FINAL;
    uint256 internal immutable ROTATE;
    uint256 internal immutable DEAL_EPOCHS;
    uint256 internal immutable MIN_COLLATERAL; // token base units

    constructor(Parameters memory p) {
        GENESIS = block.number;
        (EPOCH_BLOCKS, COMMIT_BLOCKS, GAP_BLOCKS) = (p.epochBlocks, p.commitBlocks, p.gapBlocks);
        (MULTIPLIER, COVER, MISSED, EXIT) = (p.multiplier, p.coverEpochs, p.missedEpochs, p.exitEpochs);
        (FINAL, ROTATE, DEAL_EPOCHS) = (p.finalEpochs, p.rotateEpochs, p.maxDealEpochs);
        MIN_COLLATERAL = p.minCollateral;
    }

    function _epoch() internal view returns (uint256) {
        return Epochs.epochOf(block.number, GENESIS, EPOCH_BLOCKS);
    }

    function _inCommitPhase() internal view returns (bool) {
        return Epochs.offset(block.number, GENESIS, EPOCH_BLOCKS) < COMMIT_BLOCKS;
    }

    function _challengeBlock(uint256 epoch) internal view returns (uint256) {
        return Epochs.start(epoch, GENESIS, EPOCH_BLOCKS) + COMMIT_BLOCKS + GAP_BLOCKS;
    }
}
