// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SectorProof} from "../../../contracts/libraries/SectorProof.sol";
import {Check} from "../Check.sol";

contract SectorProofTest is Check {
    /// The walk is what PROTOCOL section 1 says, written down plainly.
    function testFuzz_RootIsThePlainWalk(bytes32 chunk, bytes32 sibling, uint256 seed, uint256 index, uint256 levels)
        public
        view
    {
        levels = bound(levels, 1, 39);
        index = bound(index, 0, (1 << levels) - 1);
        bytes memory proof = _proof(chunk, sibling, seed, levels);
        vm.assertEq(proof.length, SectorProof.length(levels), "length");
        vm.assertEq(this.root(proof, 0, index, levels), _plainRoot(chunk, sibling, seed, index, levels), "root");
    }

    /// A proof stands behind others: what lies before and after it does not count.
    function testFuzz_OnlyItsOwnBytesCount(bytes calldata before, bytes calldata behind, uint256 seed, uint256 index)
        public
        view
    {
        index = bound(index, 0, (1 << 15) - 1);
        bytes memory proof = _proof(bytes32(seed), bytes32(index), seed, 15);
        vm.assertEq(
            this.root(bytes.concat(before, proof, behind), before.length, index, 15),
            this.root(proof, 0, index, 15),
            "root"
        );
    }

    /// Every bit of the chunk and of each sibling is bound by the root.
    function testFuzz_AnyFlippedBitChangesTheRoot(uint256 seed, uint256 index, uint256 levels, uint256 bit) public view {
        levels = bound(levels, 15, 39);
        index = bound(index, 0, (1 << levels) - 1);
        bytes memory proof = _proof(keccak256(abi.encode(seed)), bytes32(seed), seed, levels);
        bytes24 expected = this.root(proof, 0, index, levels);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        vm.assertTrue(this.root(proof, 0, index, levels) != expected, "root");
    }

    /// The index says left or right at every level: another index leads to another root.
    function testFuzz_AnotherIndexChangesTheRoot(uint256 seed, uint256 index, uint256 levels, uint256 bit) public view {
        levels = bound(levels, 15, 39);
        index = bound(index, 0, (1 << levels) - 1);
        uint256 other = index ^ (1 << bound(bit, 0, levels - 1));
        bytes memory proof = _proof(keccak256(abi.encode(seed)), bytes32(seed), seed, levels);
        vm.assertTrue(this.root(proof, 0, index, levels) != this.root(proof, 0, other, levels), "root");
    }

    /// Attack "inner nodes as chunks": a proof one level shorter, starting from a node, never reaches the same root.
    function testFuzz_AnInnerNodeIsNoChunk(uint256 seed, uint256 index, uint256 levels) public view {
        levels = bound(levels, 16, 39);
        index = bound(index, 0, (1 << levels) - 1);
        bytes32 chunk = keccak256(abi.encode(seed));
        bytes memory proof = _proof(chunk, bytes32(seed), seed, levels);
        bytes24 expected = this.root(proof, 0, index, levels);
        bytes24 node = _node(index & 1 == 0 ? chunk : bytes32(seed), index & 1 == 0 ? bytes32(seed) : chunk);
        bytes memory climbed = bytes.concat(bytes32(node), bytes32(_sibling(seed, 1)));
        for (uint256 level = 2; level < levels; ++level) {
            climbed = bytes.concat(climbed, _sibling(seed, level));
        }
        // It does lead to the root over one level less; the chain's own count, which says `levels`, is what refuses it.
        vm.assertEq(this.root(climbed, 0, index >> 1, levels - 1), expected, "one level less");
        vm.assertTrue(climbed.length != SectorProof.length(levels), "but its length is not the one asked for");
    }

    /// Of all 2^15 chunks of a sector, an answer is one's alone.
    function test_NoOtherIndexOfASectorLeadsToTheRoot() public view {
        uint256 right = 0x5a3c;
        bytes memory proof = _proof(keccak256("chunk"), keccak256("sibling"), 7, 15);
        bytes24 expected = this.root(proof, 0, right, 15);
        uint256 found = 0;
        for (uint256 index = 0; index < 1 << 15; ++index) {
            if (this.root(proof, 0, index, 15) == expected) found++;
        }
        vm.assertEq(found, 1, "indices that it answers for");
    }

    /// Every node of the tallest path, offered as a chunk: too short as it is, and wrong with bytes added below or above.
    function test_NoInnerNodeOfAPathIsAChunk() public view {
        uint256 levels = 39;
        uint256 index = 0x5a3c5a3c5a;
        bytes memory proof = _proof(keccak256("chunk"), keccak256("sibling"), 7, levels);
        bytes24 expected = this.root(proof, 0, index, levels);
        bytes24 node = _plainRoot(keccak256("chunk"), keccak256("sibling"), 7, index, 1);
        for (uint256 climbed = 1; climbed < levels; ++climbed) {
            bytes memory short = bytes.concat(bytes32(node), bytes32(_sibling(7, climbed)));
            for (uint256 level = climbed + 1; level < levels; ++level) {
                short = bytes.concat(short, _sibling(7, level));
            }
            bytes24 led = this.root(short, 0, index >> climbed, levels - climbed);
            vm.assertEq(led, expected, "with as many levels less it would do");
            vm.assertEq(short.length, SectorProof.length(levels) - 24 * climbed, "so the length is what refuses it");
            bytes memory padding = new bytes(24 * climbed);
            bytes memory above = bytes.concat(short, padding);
            bytes memory below = bytes.concat(bytes32(node), bytes32(0), padding, _tail(short, 64));
            vm.assertEq(above.length, proof.length, "stretched above");
            vm.assertEq(below.length, proof.length, "stretched below");
            for (uint256 side = 0; side < 2; ++side) {
                uint256 claimed = side == 0 ? index : index >> climbed;
                vm.assertTrue(this.root(above, 0, claimed, levels) != expected, "zeros above");
                vm.assertTrue(this.root(below, 0, claimed, levels) != expected, "zeros below");
            }
            bytes32 beside = bytes32(_sibling(7, climbed));
            node = (index >> climbed) % 2 == 0 ? _node(node, beside) : _node(beside, node);
        }
    }

    function testFuzz_HeightIsFifteenAndTheDealsOwn(uint256 sectors) public pure {
        sectors = bound(sectors, 1, 1 << 24);
        uint256 levels = SectorProof.height(sectors);
        vm.assertTrue(sectors << 15 <= 1 << levels, "tall enough");
        vm.assertTrue(levels == 15 || sectors << 15 > 1 << (levels - 1), "not taller");
    }

    function test_HeightsAroundPowersOfTwo() public pure {
        vm.assertEq(SectorProof.height(1), 15, "1");
        vm.assertEq(SectorProof.height(2), 16, "2");
        vm.assertEq(SectorProof.height(3), 17, "3");
        vm.assertEq(SectorProof.height(4), 17, "4");
        vm.assertEq(SectorProof.height(5), 18, "5");
        vm.assertEq(SectorProof.height(1024), 25, "1,024");
        vm.assertEq(SectorProof.height(1025), 26, "1,025");
        vm.assertEq(SectorProof.height(1 << 24), 39, "2^24");
    }

    // ---------------------------------------------------------------- the plain walk

    function root(bytes calldata proof, uint256 offset, uint256 index, uint256 levels) external view returns (bytes24) {
        return SectorProof.root(proof, offset, index, levels);
    }

    function _tail(bytes memory whole, uint256 from) private pure returns (bytes memory rest) {
        rest = new bytes(whole.length - from);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = whole[from + i];
        }
    }

    function _proof(bytes32 chunk, bytes32 sibling, uint256 seed, uint256 levels) private pure returns (bytes memory proof) {
        proof = bytes.concat(chunk, sibling);
        for (uint256 level = 1; level < levels; ++level) {
            proof = bytes.concat(proof, _sibling(seed, level));
        }
    }

    function _plainRoot(bytes32 chunk, bytes32 sibling, uint256 seed, uint256 index, uint256 levels)
        private
        pure
        returns (bytes24 node)
    {
        node = index % 2 == 0 ? _node(chunk, sibling) : _node(sibling, chunk);
        for (uint256 level = 1; level < levels; ++level) {
            bytes32 beside = bytes32(_sibling(seed, level));
            node = (index >> level) % 2 == 0 ? _node(node, beside) : _node(beside, node);
        }
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes24) {
        return bytes24(sha256(bytes.concat(left, right)));
    }

    function _sibling(uint256 seed, uint256 level) private pure returns (bytes24) {
        return bytes24(keccak256(abi.encode(seed, level)));
    }
}
