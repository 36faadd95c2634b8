// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title Epochs
/// @notice Blocks to epochs. Epoch 1 begins at the genesis block; an epoch is a commit phase, a gap, one challenge
/// block and a prove phase.
library Epochs {
    /// @notice The epoch that `blockNumber` lies in. `genesis <= blockNumber`.
    function epochOf(uint256 blockNumber, uint256 genesis, uint256 epochBlocks) internal pure returns (uint256) {
        unchecked {
            return 1 + (blockNumber - genesis) / epochBlocks;
        }
    }

    /// @notice How many blocks of its epoch come before `blockNumber`.
    function offset(uint256 blockNumber, uint256 genesis, uint256 epochBlocks) internal pure returns (uint256) {
        unchecked {
            return (blockNumber - genesis) % epochBlocks;
        }
    }

    /// @notice First block of `epoch`. `epoch >= 1`.
    function start(uint256 epoch, uint256 genesis, uint256 epochBlocks) internal pure returns (uint256) {
        return genesis + (epoch - 1) * epochBlocks;
    }
}
