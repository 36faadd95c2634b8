// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Epochs} from "../../../contracts/libraries/Epochs.sol";
import {Check} from "../Check.sol";

contract EpochsTest is Check {
    function testFuzz_StartsAndOffsetsAddUpToTheBlock(uint256 genesis, uint256 epochBlocks, uint256 blockNumber)
        public
        pure
    {
        (genesis, epochBlocks, blockNumber) = _clock(genesis, epochBlocks, blockNumber);
        uint256 epoch = Epochs.epochOf(blockNumber, genesis, epochBlocks);
        uint256 start = Epochs.start(epoch, genesis, epochBlocks);
        uint256 offset = Epochs.offset(blockNumber, genesis, epochBlocks);
        vm.assertEq(start + offset, blockNumber, "start + offset");
        vm.assertTrue(offset < epochBlocks, "offset");
        vm.assertTrue(epoch >= 1, "epochs count from 1");
    }

    function testFuzz_AnEpochEndsWhereTheNextBegins(uint256 genesis, uint256 epochBlocks, uint256 blockNumber)
        public
        pure
    {
        (genesis, epochBlocks, blockNumber) = _clock(genesis, epochBlocks, blockNumber);
        uint256 epoch = Epochs.epochOf(blockNumber, genesis, epochBlocks);
        uint256 next = Epochs.start(epoch + 1, genesis, epochBlocks);
        vm.assertEq(Epochs.epochOf(next - 1, genesis, epochBlocks), epoch, "last block");
        vm.assertEq(Epochs.epochOf(next, genesis, epochBlocks), epoch + 1, "first block of the next");
        vm.assertEq(Epochs.offset(next, genesis, epochBlocks), 0, "its offset");
    }

    function test_GenesisIsTheFirstBlockOfEpochOne() public pure {
        vm.assertEq(Epochs.epochOf(1234, 1234, 7200), 1, "epoch");
        vm.assertEq(Epochs.start(1, 1234, 7200), 1234, "start");
    }

    function _clock(uint256 genesis, uint256 epochBlocks, uint256 blockNumber)
        private
        pure
        returns (uint256, uint256, uint256)
    {
        genesis = bound(genesis, 0, 1 << 40);
        epochBlocks = bound(epochBlocks, 1, 20_000);
        return (genesis, epochBlocks, bound(blockNumber, genesis, genesis + epochBlocks * (1 << 31)));
    }
}
