// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ProofRecord} from "../../../contracts/libraries/ProofRecord.sol";
import {Check} from "../Check.sol";

contract ProofRecordTest is Check {
    using ProofRecord for uint256[1 << 16];

    uint256 private constant LAST = (1 << 24) - 1; // an epoch

    uint256[1 << 16] private record;

    function testFuzz_CountIsALinearScan(uint256[4] calldata words, uint256 first, uint256 last) public {
        for (uint256 i = 0; i < 4; ++i) {
            record[i] = words[i];
        }
        first = bound(first, 0, 1023);
        last = bound(last, first, 1023);
        uint256 expected = 0;
        for (uint256 epoch = first; epoch <= last; ++epoch) {
            if (record.get(epoch)) expected++;
        }
        vm.assertEq(record.count(first, last), expected, "count");
    }

    /// INV-6: setting an epoch twice counts it once, and touches no other.
    function testFuzz_AnEpochIsOneBit(uint256 epoch, uint256 other) public {
        epoch = bound(epoch, 1, LAST - 1);
        other = bound(other, 0, LAST);
        vm.assertTrue(!record.get(epoch), "unset");
        record.set(epoch);
        record.set(epoch);
        vm.assertTrue(record.get(epoch), "set");
        vm.assertEq(record.count(epoch, epoch), 1, "once");
        vm.assertTrue(!record.get(epoch - 1) && !record.get(epoch + 1), "neighbours");
        if (other != epoch) vm.assertTrue(!record.get(other), "any other");
    }

    /// INV-13: however long a settlement was put off, a word is read for 256 epochs, and none for one.
    function testFuzz_CountingReadsAWordFor256Epochs(uint256 first, uint256 length) public {
        first = bound(first, 0, LAST - 4200);
        uint256 last = first + bound(length, 0, 4200);
        record.set(first);
        vm.record();
        record.count(first, last);
        vm.assertEq(_reads(), (last >> 8) - (first >> 8) + 1, "reads");
    }

    /// The words at both ends of the record, and a count that reaches into neither neighbour.
    function test_FirstAndLastEpochs() public {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 epoch = i * LAST;
            record.set(epoch);
            vm.assertTrue(record.get(epoch), "set");
            vm.assertEq(record.count(epoch, epoch), 1, "counted");
        }
        vm.assertEq(record.count(LAST - 4200, LAST), 1, "the longest settlement");
        vm.assertEq(record.count(1, 4200), 0, "nothing else");
    }

    function testFuzz_OnesCountsBits(uint256 word) public pure {
        uint256 expected = 0;
        for (uint256 rest = word; rest != 0; rest &= rest - 1) {
            expected++;
        }
        vm.assertEq(ProofRecord.ones(word), expected, "ones");
    }

    /// 256 does not fit the byte that lanes add up in.
    function test_OnesOfAFullWord() public pure {
        vm.assertEq(ProofRecord.ones(type(uint256).max), 256, "all");
        vm.assertEq(ProofRecord.ones(type(uint256).max - 1), 255, "all but one");
        vm.assertEq(ProofRecord.ones(0), 0, "none");
    }
}
