// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @title SumTree
/// @notice Sector counts in slot order, eight 32-bit lanes a word, lane 0 lowest. Level 0 holds the counts; a lane of a
/// level above is the sum of one whole word below. A tree of `height` levels holds 8^height slots; it is raised when a
/// slot beyond that is set, and never lowered.
/// @dev The caller keeps the sum of all counts within 2^31: then no lane overflows, and lane arithmetic needs no masks.
library SumTree {
    /// @notice Leaves of a full tree, of 4 levels.
    uint256 internal constant MAX_SLOTS = 4096;

    uint256 private constant LANE = 0xffffffff;
    uint256 private constant EACH_LANE = type(uint256).max / LANE; // 1 in every lane
    uint256 private constant TOP_BITS = EACH_LANE << 31;

    /// @notice The count at `slot`.
    function get(uint256[1 << 14] storage tree, uint256 slot) internal view returns (uint256) {
        return count(getWord(tree, slot >> 3), slot & 7);
    }

    /// @notice The word that spans the whole tree.
    function root(uint256[1 << 14] storage tree, uint256 height) internal view returns (uint256) {
        return _load(tree, _node(height - 1, 0));
    }

    /// @notice Replaces `word`, the eight counts from `8 * index` on, by `counts`, and every sum above it.
    /// @return raised the height after it.
    function setWord(uint256[1 << 14] storage tree, uint256 height, uint256 index, uint256 word, uint256 counts)
        internal
        returns (uint256 raised)
    {
        unchecked {
            raised = height;
            for (; index >> (3 * (raised - 1)) != 0; ++raised) {
                uint256 below = sum(root(tree, raised));
                if (below != 0) _store(tree, _node(raised, 0), below);
            }
            _store(tree, _node(0, index), counts);
            uint256 change = sum(counts) - sum(word); // modulo 2^256: a lane's new value is in range
            for (uint256 level = 1; level < raised; ++level) {
                uint256 node = _node(level, index >> 3);
                _store(tree, node, _load(tree, node) + (change << ((index & 7) << 5)));
                index >>= 3;
            }
        }
    }

    /// @notice The eight counts from `8 * index` on.
    function getWord(uint256[1 << 14] storage tree, uint256 index) internal view returns (uint256) {
        return _load(tree, _node(0, index));
    }

    /// @notice The count in `lane` of a word.
    function count(uint256 word, uint256 lane) internal pure returns (uint256) {
        return word >> (lane << 5) & LANE;
    }

    /// @notice `word` with the count in `lane` replaced.
    function with(uint256 word, uint256 lane, uint256 sectors) internal pure returns (uint256) {
        return word & ~(LANE << (lane << 5)) | sectors << (lane << 5);
    }

    /// @notice The slot that holds sector `position` of the whole set.
    /// @param position less than the sum of `top`.
    /// @param top what {root} gave.
    /// @return slot whose sectors it is among, `index` which of them, `sectors` how many they are.
    function find(uint256[1 << 14] storage tree, uint256 height, uint256 top, uint256 position)
        internal
        view
        returns (uint256 slot, uint256 index, uint256 sectors)
    {
        unchecked {
            (slot, index, sectors) = descend(top, position);
            for (uint256 level = height - 1; level != 0; --level) {
                uint256 lane;
                (lane, index, sectors) = descend(_load(tree, _node(level - 1, slot)), index);
                slot = slot << 3 | lane;
            }
        }
    }

    /// @notice The lane of `word` that position `position` falls into: the first whose running sum is beyond it.
    /// @return lane its number, `rest` the position within it, `size` its value.
    function descend(uint256 word, uint256 position) internal pure returns (uint256 lane, uint256 rest, uint256 size) {
        unchecked {
            uint256 running = word * EACH_LANE; // lane i: the sum of lanes 0..i
            // The top bit of lane i survives where running sum i <= position: positions are below 2^31.
            uint256 passed = (position * EACH_LANE + TOP_BITS - running) & TOP_BITS;
            lane = ((passed >> 31) * EACH_LANE) >> 224;
            rest = position - (((running << 32) >> (lane << 5)) & LANE);
            size = (word >> (lane << 5)) & LANE;
        }
    }

    /// @notice The sum of the eight lanes.
    function sum(uint256 word) internal pure returns (uint256) {
        unchecked {
            return (word * EACH_LANE) >> 224;
        }
    }

    function _node(uint256 level, uint256 index) private pure returns (uint256) {
        return level << 12 | index;
    }

    /// @dev A node of a slot below {MAX_SLOTS}: within the array, which is not checked again.
    function _load(uint256[1 << 14] storage tree, uint256 node) private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(add(tree.slot, node))
        }
    }

    function _store(uint256[1 << 14] storage tree, uint256 node, uint256 word) private {
        assembly ("memory-safe") {
            sstore(add(tree.slot, node), word)
        }
    }
}
