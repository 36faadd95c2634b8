// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title ProofRecord
/// @notice A provider's public record, one bit an epoch: bit i of word w is epoch 256 w + i.
library ProofRecord {
    function get(uint256[1 << 16] storage record, uint256 epoch) internal view returns (bool) {
        return record[epoch >> 8] >> (epoch & 255) & 1 == 1;
    }

    function set(uint256[1 << 16] storage record, uint256 epoch) internal {
        record[epoch >> 8] |= 1 << (epoch & 255);
    }

    /// @notice How many epochs of first..last, both included, are proven. `first <= last`. Reads one word for 256.
    function count(uint256[1 << 16] storage record, uint256 first, uint256 last)
        internal
        view
        returns (uint256 proven)
    {
        unchecked {
            uint256 end = last >> 8;
            for (uint256 index = first >> 8; index <= end; ++index) {
                uint256 word = record[index];
                if (index == first >> 8) word = word >> (first & 255) << (first & 255);
                if (index == end) word = word << (255 - (last & 255)) >> (255 - (last & 255));
                proven += ones(word);
            }
        }
    }

    /// @notice How many bits of `word` are set.
    function ones(uint256 word) internal pure returns (uint256) {
        unchecked {
            if (word == type(uint256).max) return 256; // the one sum that a byte cannot hold
            uint256 pairs = word - ((word >> 1) & (type(uint256).max / 3));
            uint256 fours = (pairs & (type(uint256).max / 5)) + ((pairs >> 2) & (type(uint256).max / 5));
            uint256 bytes_ = (fours + (fours >> 4)) & (type(uint256).max / 17);
            return (bytes_ * (type(uint256).max / 255)) >> 248;
        }
    }
}
