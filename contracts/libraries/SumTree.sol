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
        return tree[slot >> 3] >> ((slot & 7) << 5) & LANE;
    }

    /// @notice The word that spans the whole tree.
    function root(uint256[1 << 14] storage tree, uint256 height) internal view returns (uint256) {
        return tree[_node(height - 1, 0)];
    }

    /// @notice Sets the count at `slot` and every sum above it.
    /// @return raised the height after it.
    function set(uint256[1 << 14] storage tree, uint256 height, uint256 slot, uint256 sectors)
        internal
        returns (uint256 raised)
    {
        raised = height;
        for (; slot >> (3 * raised) != 0; ++raised) {
            uint256 below = sum(root(tree, raised));
            if (below != 0) tree[_node(raised, 0)] = below;
        }
        unchecked {
            uint256 change = sectors - get(tree, slot); // modulo 2^256: a lane's new value is in range
            if (change == 0) return raised;
            for (uint256 level = 0; level < raised; ++level) {
                uint256 lane = slot >> (3 * level);
                tree[_node(level, lane >> 3)] += change << ((lane & 7) << 5);
            }
        }
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
        uint256 word = top;
        index = position;
        uint256 level = height;
        while (true) {
            uint256 lane;
            (lane, index, sectors) = descend(word, index);
            slot = slot << 3 | lane;
            if (--level == 0) return (slot, index, sectors);
            word = tree[_node(level - 1, slot)];
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
}
