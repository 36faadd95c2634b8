// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Agreed, Opening, Progress, Sampled, Standing} from "../types/Records.sol";

/// @title Words
/// @notice Structs of one word (an Opening: two) to that word and back, the first member lowest. The compiler's own
/// copy reads and writes the word once for every member.
library Words {
    function pack(Standing memory x) internal pure returns (uint256) {
        return uint256(x.penaltyRate)
            | uint256(x.missCount) << 96
            | uint256(x.countedThrough) << 128
            | uint256(x.capacity) << 160
            | uint256(x.deals) << 192
            | uint256(x.slots) << 208
            | uint256(x.freeSlot) << 224
            | uint256(x.treeHeight) << 240
            | (x.tipped ? uint256(1) : 0) << 248;
    }

    function unpack(Standing memory x, uint256 word) internal pure {
        x.penaltyRate = uint96(word);
        x.missCount = uint32(word >> 96);
        x.countedThrough = uint32(word >> 128);
        x.capacity = uint32(word >> 160);
        x.deals = uint16(word >> 192);
        x.slots = uint16(word >> 208);
        x.freeSlot = uint16(word >> 224);
        x.treeHeight = uint8(word >> 240);
        x.tipped = word >> 248 & 1 == 1;
    }

    function pack(Agreed memory x) internal pure returns (uint256) {
        return uint256(x.opening)
            | uint256(x.rate) << 32
            | uint256(x.capacityLessOne) << 128
            | uint256(x.minSectors) << 152
            | uint256(x.position) << 184
            | uint256(x.stopAt) << 192
            | uint256(x.settledThrough) << 224;
    }

    function unpack(Agreed memory x, uint256 word) internal pure {
        x.opening = uint32(word);
        x.rate = uint96(word >> 32);
        x.capacityLessOne = uint24(word >> 128);
        x.minSectors = uint32(word >> 152);
        x.position = uint8(word >> 184);
        x.stopAt = uint32(word >> 192);
        x.settledThrough = uint32(word >> 224);
    }

    function pack(Progress memory x) internal pure returns (uint256) {
        return uint256(x.escrow)
            | uint256(x.status) << 120
            | uint256(x.number) << 128
            | uint256(x.sectors) << 192
            | uint256(x.activeSince) << 224;
    }

    function unpack(Progress memory x, uint256 word) internal pure {
        x.escrow = uint120(word);
        x.status = uint8(word >> 120);
        x.number = uint64(word >> 128);
        x.sectors = uint32(word >> 192);
        x.activeSince = uint32(word >> 224);
    }

    function pack(Sampled memory x) internal pure returns (uint256) {
        return uint256(uint192(x.root))
            | uint256(x.stopAt) << 192
            | uint256(x.cover) << 224;
    }

    function unpack(Sampled memory x, uint256 word) internal pure {
        x.root = bytes24(uint192(word));
        x.stopAt = uint32(word >> 192);
        x.cover = uint32(word >> 224);
    }

    function pack(Opening memory x) internal pure returns (uint256 first, uint256 second) {
        first = uint256(uint160(x.client))
            | uint256(x.volume) << 160
            | uint256(x.k) << 224
            | uint256(x.n) << 232
            | uint256(x.noticeEpochs) << 240;
        second = uint256(uint160(x.clientSigner))
            | uint256(x.startEpoch) << 160
            | uint256(x.answerBond) << 192;
    }

    function unpack(Opening memory x, uint256 first, uint256 second) internal pure {
        x.client = address(uint160(first));
        x.volume = uint64(first >> 160);
        x.k = uint8(first >> 224);
        x.n = uint8(first >> 232);
        x.noticeEpochs = uint8(first >> 240);
        x.clientSigner = address(uint160(second));
        x.startEpoch = uint32(second >> 160);
        x.answerBond = uint64(second >> 192);
    }
}
