// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketSignals} from "../interfaces/IMarketSignals.sol";
import {Parameters} from "../types/Market.sol";

/// @title Relations
/// @notice What must hold between a market's parameters.
library Relations {
    uint256 private constant MAX_PROVE_BLOCKS = 8000; // keeps the challenge block inside EIP-2935's 8,191
    uint256 private constant MAX_DEAL_EPOCHS = 4096; // keeps a settlement within 17 words of the record

    /// @notice Reverts with {IMarketSignals-Market_WrongParameters} and the first relation that does not hold.
    function check(Parameters memory p) internal pure {
        uint256 before = uint256(p.commitBlocks) + p.gapBlocks + 1;
        _require(p.commitBlocks != 0 && p.gapBlocks != 0, "commit, gap >= 1");
        _require(p.epochBlocks > before && 2 * (p.epochBlocks - before) >= p.epochBlocks, "prove >= epoch / 2");
        _require(p.epochBlocks - before <= MAX_PROVE_BLOCKS, "prove <= 8000");
        _require(p.multiplier >= 1 && p.multiplier <= 4, "1 <= m <= 4");
        _require(p.missedEpochs != 0 && p.finalEpochs != 0 && p.rotateEpochs != 0, "M, FINAL, ROTATE >= 1");
        _require(p.coverEpochs >= 2 * uint256(p.missedEpochs) + p.exitEpochs, "COVER >= 2M + EXIT");
        _require(p.coverEpochs <= MAX_DEAL_EPOCHS, "COVER <= 4096"); // and with it M, EXIT
        _require(
            uint256(p.exitEpochs) * p.multiplier < uint256(p.missedEpochs) * (1 + p.multiplier), "EXIT m < M (1 + m)"
        );
        _require(p.finalEpochs <= MAX_DEAL_EPOCHS && p.rotateEpochs <= MAX_DEAL_EPOCHS, "FINAL, ROTATE <= 4096");
        _require(p.maxDealEpochs != 0 && p.maxDealEpochs <= MAX_DEAL_EPOCHS, "1 <= MAX_DEAL_EPOCHS <= 4096");
        _require(p.minCollateral <= type(uint64).max, "MIN_COLLATERAL < 2^64");
    }

    function _require(bool holds, bytes32 relation) private pure {
        if (!holds) revert IMarketSignals.Market_WrongParameters(relation);
    }
}
