// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ISeedSource} from "./interfaces/ISeedSource.sol";

/// @title HeaderSeedSource
/// @notice prevRandao of a past block, proved by the block's header. The hash of a block would not do: its builder can
/// grind it for free, while prevRandao costs a withheld slot for each of two values.
contract HeaderSeedSource is ISeedSource {
    /// @notice Where EIP-2935 keeps the last 8,191 block hashes.
    address public constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice Headers are about 610 bytes; nothing longer is hashed.
    uint256 public constant MAX_HEADER_BYTES = 2048;

    uint256 private constant BLOCKHASH_WINDOW = 256;
    uint256 private constant RANDAO_FIELD = 13; // mixHash, which carries prevRandao since the merge

    /// @inheritdoc ISeedSource
    function seed(uint256 blockNumber, bytes calldata proof) external view returns (bytes32) {
        if (blockNumber >= block.number) revert SeedSource_NotPast(blockNumber, block.number);
        if (proof.length > MAX_HEADER_BYTES) revert SeedSource_MalformedHeader(MAX_HEADER_BYTES);
        bytes32 expected = _hashOf(blockNumber);
        bytes32 actual = keccak256(proof);
        if (expected != actual) revert SeedSource_WrongHeader(expected, actual);
        return _prevRandao(proof);
    }

    function _hashOf(uint256 blockNumber) private view returns (bytes32 hash) {
        if (block.number - blockNumber <= BLOCKHASH_WINDOW) {
            hash = blockhash(blockNumber);
        } else {
            // May fail, or hold no code, on chains without the EIP: both are "unavailable".
            (bool called, bytes memory answer) = HISTORY.staticcall(abi.encode(blockNumber));
            if (called && answer.length == 32) hash = abi.decode(answer, (bytes32));
        }
        if (hash == 0) revert SeedSource_HashUnavailable(blockNumber);
    }

    function _prevRandao(bytes calldata header) private pure returns (bytes32) {
        (bool list, uint256 content, uint256 next) = _item(header, 0, header.length);
        if (!list || next != header.length) revert SeedSource_MalformedHeader(0);
        next = content;
        for (uint256 field = 0; field <= RANDAO_FIELD; ++field) {
            uint256 offset = next;
            (list, content, next) = _item(header, offset, header.length);
            if (list) revert SeedSource_MalformedHeader(offset);
        }
        if (next - content != 32) revert SeedSource_MalformedHeader(content);
        return bytes32(header[content:next]);
    }

    /// @dev The RLP item at `offset`: its content is `header[content:next]`, and it ends within `limit`.
    function _item(bytes calldata header, uint256 offset, uint256 limit)
        private
        pure
        returns (bool list, uint256 content, uint256 next)
    {
        if (offset >= limit) revert SeedSource_MalformedHeader(offset);
        uint256 first = uint8(header[offset]);
        if (first < 0x80) return (false, offset, offset + 1);
        list = first >= 0xc0;
        uint256 size = first - (list ? 0xc0 : 0x80);
        content = offset + 1;
        if (size > 55) {
            uint256 lengthBytes = size - 55; // 1..8
            if (content + lengthBytes > limit) revert SeedSource_MalformedHeader(offset);
            size = 0;
            for (uint256 i = 0; i < lengthBytes; ++i) {
                size = size << 8 | uint8(header[content + i]);
            }
            content += lengthBytes;
        }
        next = content + size;
        if (next > limit) revert SeedSource_MalformedHeader(offset);
    }
}
