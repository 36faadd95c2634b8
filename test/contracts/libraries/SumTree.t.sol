// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SumTree} from "../../../contracts/libraries/SumTree.sol";
import {Check} from "../Check.sol";

/// @notice The sum tree beside a plain list of the same counts.
contract SumTreeTest is Check {
    using SumTree for uint256[1 << 14];

    uint256 private constant SLOTS = SumTree.MAX_SLOTS;
    uint256 private constant MOST = 1 << 31;
    uint256 private constant WRITES = 24;

    uint256[1 << 14] private tree;
    uint256 private height = 1;
    mapping(uint256 slot => uint256) private plain;
    uint256[] private touched;
    uint256 private total;

    /// INV-3: every lane is the sum of the word below it, every leaf what was set last.
    function testFuzz_EveryLaneIsTheSumBelowIt(uint256 seed) public {
        for (uint256 i = 0; i < WRITES; ++i) {
            _setRandom(seed, i);
        }
        for (uint256 i = 0; i < touched.length; ++i) {
            uint256 slot = touched[i];
            vm.assertEq(tree.get(slot), plain[slot], "leaf");
            for (uint256 level = 1; level < height; ++level) {
                uint256 lane = slot >> (3 * level);
                uint256 below = tree[(level - 1) << 12 | lane];
                uint256 above = (tree[level << 12 | lane >> 3] >> ((lane & 7) << 5)) & type(uint32).max;
                vm.assertEq(above, _plainSum(below), "lane above");
            }
        }
        vm.assertEq(SumTree.sum(tree.root(height)), total, "root");
    }

    /// Descending finds what counting through the list finds, for the first, last and a random sector.
    function testFuzz_FindsWhatCountingFinds(uint256 seed, uint256 position) public {
        for (uint256 i = 0; i < WRITES; ++i) {
            _setRandom(seed, i);
        }
        if (total == 0) return;
        uint256[3] memory positions = [0, total - 1, bound(position, 0, total - 1)];
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 slot, uint256 index, uint256 sectors) = tree.find(height, tree.root(height), positions[i]);
            (uint256 expectedSlot, uint256 expectedIndex) = _plainFind(positions[i]);
            vm.assertEq(slot, expectedSlot, "slot");
            vm.assertEq(index, expectedIndex, "index");
            vm.assertEq(sectors, plain[slot], "sectors");
        }
    }

    /// INV-13: whatever the set is, finding a sector reads a word a level, of four at most.
    function testFuzz_FindingReadsAWordALevel(uint256 seed, uint256 position) public {
        for (uint256 i = 0; i < WRITES; ++i) {
            _setRandom(seed, i);
        }
        if (total == 0) return;
        uint256 top = tree.root(height);
        (uint256 levels, uint256 place) = (height, bound(position, 0, total - 1));
        vm.record();
        tree.find(levels, top, place);
        vm.assertEq(_reads(), levels - 1, "reads below the root");
        vm.assertLe(levels, 4, "levels");
    }

    /// Each deal's first and last sector are its own: the comparison is strict, and empty lanes are passed over.
    function testFuzz_EdgesBelongToTheRightDeal(uint256 seed) public {
        for (uint256 i = 0; i < WRITES; ++i) {
            _setRandom(seed, i);
        }
        uint256 before = 0;
        uint256[] memory slots = _sorted();
        for (uint256 i = 0; i < slots.length; ++i) {
            uint256 sectors = plain[slots[i]];
            if (sectors == 0) continue;
            (uint256 first,,) = tree.find(height, tree.root(height), before);
            (uint256 last, uint256 index,) = tree.find(height, tree.root(height), before + sectors - 1);
            vm.assertEq(first, slots[i], "first sector");
            vm.assertEq(last, slots[i], "last sector");
            vm.assertEq(index, sectors - 1, "index of the last");
            before += sectors;
        }
    }

    function testFuzz_DescendIsALinearScan(uint256 word, uint256 position) public pure {
        word = _within(word);
        uint256 whole = _plainSum(word);
        vm.assertEq(SumTree.sum(word), whole, "sum");
        if (whole == 0) return;
        position = bound(position, 0, whole - 1);
        (uint256 lane, uint256 rest, uint256 size) = SumTree.descend(word, position);
        uint256 running = 0;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 count = (word >> (32 * i)) & type(uint32).max;
            if (position < running + count) {
                vm.assertEq(lane, i, "lane");
                vm.assertEq(rest, position - running, "rest");
                vm.assertEq(size, count, "size");
                return;
            }
            running += count;
        }
        vm.assertTrue(false, "unreachable: the position lies within the word");
    }

    /// Attack "sum-tree overflow": 2^31 sectors in any one slot or split in two carry into no neighbouring lane.
    function testFuzz_FullSetOverflowsNoLane(uint256 slot, uint256 other, uint256 part) public {
        slot = bound(slot, 0, SLOTS - 1);
        other = bound(other, 0, SLOTS - 1);
        uint256 left = bound(part, 1, MOST);
        _set(slot, left);
        if (slot != other && left < MOST) _set(other, MOST - left);
        else _set(slot, MOST);
        vm.assertEq(SumTree.sum(tree.root(height)), MOST, "sum");
        (uint256 found,,) = tree.find(height, tree.root(height), MOST - 1);
        vm.assertEq(found, slot == other || left == MOST ? slot : slot > other ? slot : other, "last sector");
        _set(slot, 0);
        if (slot != other) _set(other, 0);
        for (uint256 level = 0; level < height; ++level) {
            vm.assertEq(tree[level << 12 | slot >> (3 * (level + 1))], 0, "nothing left behind");
            vm.assertEq(tree[level << 12 | other >> (3 * (level + 1))], 0, "nothing left behind");
        }
    }

    /// The tree is as tall as its highest slot asks, and stays so.
    function testFuzz_HeightFollowsTheHighestSlot(uint256 slot) public {
        slot = bound(slot, 0, SLOTS - 1);
        _set(0, 1);
        vm.assertEq(height, 1, "one word to begin with");
        _set(slot, 1);
        vm.assertEq(height, slot < 8 ? 1 : slot < 64 ? 2 : slot < 512 ? 3 : 4, "raised");
        vm.assertEq(SumTree.sum(tree.root(height)), slot == 0 ? 1 : 2, "nothing lost by raising");
        uint256 raised = height;
        _set(slot, 0);
        vm.assertEq(height, raised, "never lowered");
    }

    function _set(uint256 slot, uint256 sectors) private {
        uint256 word = tree.getWord(slot >> 3);
        height = tree.setWord(height, slot >> 3, word, SumTree.with(word, slot & 7, sectors));
    }

    // ---------------------------------------------------------------- the plain list

    function _setRandom(uint256 seed, uint256 i) private {
        uint256 random = uint256(keccak256(abi.encode(seed, i)));
        // Every third write goes to a slot written before, every second to the low slots, so that lanes are shared.
        uint256 slot = random % 2 == 0 ? (random >> 8) % 64 : (random >> 8) % SLOTS;
        if (random % 3 == 0 && touched.length > 0) slot = touched[(random >> 8) % touched.length];
        else touched.push(slot);
        uint256 room = MOST - (total - plain[slot]);
        uint256 sectors = random % 5 == 0 ? 0 : bound(uint256(keccak256(abi.encode(random))), 0, room / 4);
        total = total - plain[slot] + sectors;
        plain[slot] = sectors;
        _set(slot, sectors);
    }

    function _plainFind(uint256 position) private view returns (uint256 slot, uint256 index) {
        for (slot = 0; slot < SLOTS; ++slot) {
            if (position < plain[slot]) return (slot, position);
            position -= plain[slot];
        }
        revert("beyond the set");
    }

    function _plainSum(uint256 word) private pure returns (uint256 whole) {
        for (uint256 i = 0; i < 8; ++i) {
            whole += (word >> (32 * i)) & type(uint32).max;
        }
    }

    /// @dev A word whose lanes sum to 2^31 at most.
    function _within(uint256 word) private pure returns (uint256 fitted) {
        uint256 room = MOST;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 count = (word >> (32 * i)) & type(uint32).max;
            if (count % 3 == 0) count = 0;
            if (count > room) count = room;
            room -= count;
            fitted |= count << (32 * i);
        }
    }

    function _sorted() private view returns (uint256[] memory slots) {
        slots = touched;
        for (uint256 i = 1; i < slots.length; ++i) {
            for (uint256 j = i; j > 0 && slots[j - 1] > slots[j]; --j) {
                (slots[j - 1], slots[j]) = (slots[j], slots[j - 1]);
            }
        }
        for (uint256 i = 1; i < slots.length; ++i) {
            require(slots[i - 1] <= slots[i], "unsorted");
        }
        return _distinct(slots);
    }

    function _distinct(uint256[] memory slots) private pure returns (uint256[] memory kept) {
        kept = new uint256[](slots.length);
        uint256 count = 0;
        for (uint256 i = 0; i < slots.length; ++i) {
            if (i == 0 || slots[i] != slots[i - 1]) kept[count++] = slots[i];
        }
        assembly ("memory-safe") {
            mstore(kept, count)
        }
    }
}
