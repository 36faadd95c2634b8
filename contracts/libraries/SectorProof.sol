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

    /// @notice Pairings between a chunk and the root of a deal of `sectors` sectors. `sectors >= 1`.
    function height(uint256 sectors) internal pure returns (uint256) {
        unchecked {
            return sectors == 1 ? CHUNKS_PER_SECTOR_LOG2 : CHUNKS_PER_SECTOR_LOG2 + 1 + Math.log2(sectors - 1);
        }
    }

    /// @notice Bytes of a proof of `levels` pairings, and where the next sibling would lie.
    function length(uint256 levels) internal pure returns (uint256) {
        unchecked {
            return levels == 0 ? 0 : 2 * CHUNK_BYTES + (levels - 1) * NODE_BYTES;
        }
    }

    /// @notice The sibling at `proof[offset:]`; of a proof that ends before, the zeros that follow.
    function node(bytes calldata proof, uint256 offset) internal pure returns (bytes24 sibling) {
        assembly ("memory-safe") {
            sibling := and(calldataload(add(proof.offset, offset)), not(0xffffffffffffffff))
        }
    }

    /// @notice The node, `levels` pairings up, that the proof at `proof[offset:]` leads to: the root, if there are no more.
    /// `levels >= 1`, `offset + length(levels) <= proof.length`.
    /// @param index of the challenged chunk; its bits say left or right.
    function root(bytes calldata proof, uint256 offset, uint256 index, uint256 levels)
        internal
        view
        returns (bytes24 result)
    {
        assembly ("memory-safe") {
            // The scratch space 0x00..0x3f holds the pair; the hash goes to the side that its next bit names. Hash and
            // sibling write 24 bytes each, so the zeros behind them stay. A hash fails only for want of gas, and then
            // what is left of it, 1 part in 64, is not enough to go on.
            let sibling := add(proof.offset, offset)
            let side := shl(5, and(index, 1))
            calldatacopy(side, sibling, 0x20)
            calldatacopy(xor(side, 0x20), add(sibling, 0x20), 0x20)
            pop(staticcall(gas(), 2, 0x00, 0x40, 0x00, 0x20))
            result := mload(0x00)
            mstore(0x00, 0)
            mstore(0x20, 0)
            index := shr(1, index)
            side := shl(5, and(index, 1))
            mstore(side, and(result, not(0xffffffffffffffff)))
            sibling := add(sibling, 0x40)
            // Four levels a round; what is over comes first.
            let rest := and(sub(levels, 1), 3)
            for { } rest { rest := sub(rest, 1) } {
                calldatacopy(sub(0x20, side), sibling, 24)
                index := shr(1, index)
                side := and(shl(5, index), 0x20)
                pop(staticcall(gas(), 2, 0x00, 0x40, side, 24))
                sibling := add(sibling, 24)
            }
            let end := add(add(proof.offset, offset), add(0x40, mul(24, sub(levels, 1))))
            for { } lt(sibling, end) { sibling := add(sibling, 96) } {
                calldatacopy(sub(0x20, side), sibling, 24)
                side := and(shl(4, index), 0x20)
                pop(staticcall(gas(), 2, 0x00, 0x40, side, 24))
                calldatacopy(sub(0x20, side), add(sibling, 24), 24)
                side := and(shl(3, index), 0x20)
                pop(staticcall(gas(), 2, 0x00, 0x40, side, 24))
                calldatacopy(sub(0x20, side), add(sibling, 48), 24)
                side := and(shl(2, index), 0x20)
                pop(staticcall(gas(), 2, 0x00, 0x40, side, 24))
                calldatacopy(sub(0x20, side), add(sibling, 72), 24)
                index := shr(4, index)
                side := and(shl(5, index), 0x20)
                pop(staticcall(gas(), 2, 0x00, 0x40, side, 24))
            }
            result := and(mload(side), not(0xffffffffffffffff))
        }
    }
}
