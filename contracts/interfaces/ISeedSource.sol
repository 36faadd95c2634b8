// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title ISeedSource
/// @notice Where a market takes the randomness of a challenge block from. Ethereum's own prevRandao stands behind
/// {HeaderSeedSource}; drand or a rollup's beacon can take its place at deployment.
/// @dev Safety: for one block number there is at most one value that a source ever accepts, nobody knows it before
/// the market's gap begins, and nobody can try out several. Liveness: while that block is at most 8,191 blocks old,
/// anybody can produce `proof` from public data.
interface ISeedSource {
    /// @notice The block asked for is not past yet.
    /// @param blockNumber asked for.
    /// @param current the one that is built.
    error SeedSource_NotPast(uint256 blockNumber, uint256 current);
    /// @notice The chain no longer knows the hash of that block.
    /// @param blockNumber asked for.
    error SeedSource_HashUnavailable(uint256 blockNumber);
    /// @notice `proof` is not the header of that block.
    /// @param expected the block's hash.
    /// @param actual the hash of what was given.
    error SeedSource_WrongHeader(bytes32 expected, bytes32 actual);
    /// @notice `proof` is no block header.
    /// @param offset the byte where reading it failed.
    error SeedSource_MalformedHeader(uint256 offset);

    /// @notice The randomness of a block.
    /// @param blockNumber which.
    /// @param proof for {HeaderSeedSource} the RLP of the block's header.
    /// @return the same for whoever asks, whenever.
    function seed(uint256 blockNumber, bytes calldata proof) external view returns (bytes32);
}
