// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title Positions
/// @notice Which chunks an epoch's seed challenges: one in each of K equal strata of a provider's set, so that five
/// draws are never weaker than five independent ones.
library Positions {
    /// @notice K.
    uint256 internal constant COUNT = 5;

    /// @notice The `index`-th draw: uniform in [0, 2^128), another one for every chain, market, epoch and provider.
    /// @param preimage what {from} made.
    function draw(bytes memory preimage, uint256 index) internal pure returns (uint128) {
        assembly ("memory-safe") {
            mstore(add(preimage, mload(preimage)), index) // its last word
        }
        return uint128(uint256(keccak256(preimage)));
    }

    /// @notice What the draws of one proof are hashed from: six words, the last of them the index.
    function from(bytes28 seed, uint256 chainId, address market, uint256 epoch, address provider)
        internal
        pure
        returns (bytes memory preimage)
    {
        return abi.encode(seed, chainId, market, epoch, provider, uint256(0));
    }

    /// @notice The chunk that draw `random` means in stratum `index` of `total` chunks: in [0, total).
    /// @param total 1..2^46, so that no product leaves 256 bits.
    function place(uint128 random, uint256 index, uint256 total) internal pure returns (uint256) {
        unchecked {
            return ((index << 128) + random) * total / (COUNT << 128);
        }
    }
}
