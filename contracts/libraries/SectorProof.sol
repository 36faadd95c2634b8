// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SectorProof
/// @notice From a chunk and its siblings to the root of a deal. A node is the first 24 bytes of
/// sha256(left ‖ right), each side padded with zeros to 32 bytes; the bottom pair is two whole chunks.
/// @dev A proof's bytes: chunk (32) ‖ sibling chunk (32) ‖ 24-byte siblings bottom up, tightly packed. How many, and on
/// which side, comes from the caller's own count and index, so no inner node passes as a chunk.
library SectorProof {
    uint8 internal constant CHUNKS_PER_SECTOR_LOG2 = 15;
    uint256 internal constant CHUNK_BYTES = 32;
    uint256 internal constant NODE_BYTES = 24;

    /// @notice SHA-256 itself failed: the call ran out of gas.
    error SectorProof_HashFailed();

    /// @notice Pairings between a chunk and the root of a deal of `sectors` sectors. `sectors >= 1`.
    function height(uint256 sectors) internal pure returns (uint256) {
        return CHUNKS_PER_SECTOR_LOG2 + Math.log2(sectors, Math.Rounding.Ceil);
    }

    /// @notice Bytes of a proof of `levels` pairings.
    function length(uint256 levels) internal pure returns (uint256) {
        return 2 * CHUNK_BYTES + (levels - 1) * NODE_BYTES;
    }

    /// @notice The root that the proof at `proof[offset:]` leads to. `offset + length(levels) <= proof.length`.
    /// @param index of the challenged chunk: less than 2^levels; its bits say left or right.
    function root(bytes calldata proof, uint256 offset, uint256 index, uint256 levels)
        internal
        view
        returns (bytes24 node)
    {
        bool hashed = true;
        assembly ("memory-safe") {
            // The scratch space 0x00..0x3f holds the pair; the hash goes to the side that its next bit names.
            let sibling := add(add(proof.offset, offset), 0x20)
            let side := shl(5, and(index, 1))
            mstore(side, calldataload(sub(sibling, 0x20)))
            mstore(xor(side, 0x20), calldataload(sibling))
            sibling := add(sibling, 0x20)
            for { let level := 1 } lt(level, levels) { level := add(level, 1) } {
                index := shr(1, index)
                side := shl(5, and(index, 1))
                hashed := and(hashed, staticcall(gas(), 2, 0x00, 0x40, side, 0x20))
                mstore(side, and(mload(side), not(0xffffffffffffffff)))
                mstore(xor(side, 0x20), and(calldataload(sibling), not(0xffffffffffffffff)))
                sibling := add(sibling, 24)
            }
            hashed := and(hashed, staticcall(gas(), 2, 0x00, 0x40, 0x00, 0x20))
            node := and(mload(0x00), not(0xffffffffffffffff))
        }
        if (!hashed) revert SectorProof_HashFailed();
    }
}
