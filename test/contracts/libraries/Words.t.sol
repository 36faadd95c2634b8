// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {AgreedWord, ProgressWord, SampledWord, StandingWord, put} from "../../../contracts/libraries/Words.sol";
import {Agreed, Progress, Sampled, Standing} from "../../../contracts/types/Records.sol";
import {Check} from "../Check.sol";

/// @notice The words that the market stores: each member has its own bits, a setter changes those alone, and what it set is
/// read back, up to the largest value. Layouts as types/Records.sol says, written down plainly.
abstract contract WordsTest is Check {
    struct Member {
        string name;
        uint256 bits;
    }

    /// @dev `changed` is `word`, but for the member at `shift`, which is `value` there.
    function _assertOnly(uint256 word, uint256 changed, uint256 shift, uint256 bits, uint256 value, string memory name)
        internal
        pure
    {
        uint256 mask = _largest(bits) << shift;
        vm.assertEq(changed & ~mask, word & ~mask, string.concat("beside ", name));
        vm.assertEq((changed & mask) >> shift, value, name);
    }

    function _largest(uint256 bits) internal pure returns (uint256) {
        return bits == 256 ? type(uint256).max : (1 << bits) - 1;
    }

    /// @dev Members lie one beside the other, lowest first, and fill the word: a word with all bits of one reads as its
    /// largest value there, and as nothing anywhere else.
    function _assertLayout(Member[] memory members) internal pure {
        uint256 shift = 0;
        for (uint256 i = 0; i < members.length; ++i) {
            uint256[] memory read = _members(_largest(members[i].bits) << shift);
            for (uint256 j = 0; j < members.length; ++j) {
                vm.assertEq(read[j], i == j ? _largest(members[j].bits) : 0, members[j].name);
            }
            shift += members[i].bits;
        }
        vm.assertEq(shift, 256, "whole");
    }

    /// @dev What the getters read of `word`, in the order of its members.
    function _members(uint256 word) internal pure virtual returns (uint256[] memory);
}

contract PutTest is Check {
    function testFuzz_ReplacesItsBitsAlone(uint256 word, uint256 shift, uint256 bits, uint256 value) public pure {
        shift = bound(shift, 0, 255);
        bits = bound(bits, 1, 256 - shift);
        if (bits == 256) bits = 255;
        value = bound(value, 0, (1 << bits) - 1);
        uint256 changed = put(word, shift, bits, value);
        for (uint256 i = 0; i < 256; ++i) {
            bool own = i >= shift && i < shift + bits;
            vm.assertEq(changed >> i & 1, own ? value >> (i - shift) & 1 : word >> i & 1, "bit");
        }
    }
}

contract StandingWordTest is WordsTest {
    using StandingWord for Standing;

    function test_EachMemberHasItsOwnBits() public pure {
        Member[] memory members = new Member[](10);
        members[0] = Member("free", 128);
        members[1] = Member("missCount", 24);
        members[2] = Member("countedThrough", 24);
        members[3] = Member("capacity", 32);
        members[4] = Member("deals", 13);
        members[5] = Member("slots", 13);
        members[6] = Member("series", 17);
        members[7] = Member("treeHeight", 3);
        members[8] = Member("tipped", 1);
        members[9] = Member("rotated", 1);
        _assertLayout(members);
    }

    function testFuzz_SettersChangeTheirOwnBitsAlone(uint256 word, uint256 value) public pure {
        Standing x = Standing.wrap(word);
        _assertSet(word, x.withCapacity(value % (1 << 32)), 176, 32, value % (1 << 32), "capacity");
        _assertSet(word, x.withDeals(value % (1 << 13)), 208, 13, value % (1 << 13), "deals");
        _assertSet(word, x.withSlots(value % (1 << 13)), 221, 13, value % (1 << 13), "slots");
        _assertSet(word, x.withSeries(value % (1 << 17)), 234, 17, value % (1 << 17), "series");
        _assertSet(word, x.withTreeHeight(value % 8), 251, 3, value % 8, "treeHeight");
        _assertSet(word, x.withTipped(value % 2 == 1), 254, 1, value % 2, "tipped");
        _assertSet(word, x.withRotated(), 255, 1, 1, "rotated");
    }

    function testFuzz_CountingChangesBothOfItsMembersAlone(uint256 word, uint256 misses, uint256 through) public pure {
        (misses, through) = (misses % (1 << 24), through % (1 << 24));
        Standing counted = Standing.wrap(word).counted(misses, through);
        _assertSet(word, counted, 128, 48, misses | through << 24, "counted");
        vm.assertEq(counted.missCount(), misses, "missCount");
        vm.assertEq(counted.countedThrough(), through, "countedThrough");
    }

    function testFuzz_MoneyMovesTheBalanceAlone(uint256 word, uint256 units) public pure {
        uint256 free = Standing.wrap(word).free();
        uint256 in_ = bound(units, 0, type(uint128).max - free);
        _assertSet(word, Standing.wrap(word).credited(in_), 0, 128, free + in_, "credited");
        uint256 out = bound(units, 0, free);
        _assertSet(word, Standing.wrap(word).debited(out), 0, 128, free - out, "debited");
    }

    /// No sum carries into the count beside it, and no debt becomes a fortune.
    function testFuzz_ABalanceStaysWithin128Bits(uint256 word, uint256 units) public view {
        uint256 free = Standing.wrap(word).free();
        _assertRefused(this.credited, word, type(uint128).max - free + 1);
        _assertRefused(this.credited, word, bound(units, type(uint128).max - free + 1, type(uint256).max));
        _assertRefused(this.credited, word, type(uint256).max - (free == 0 ? 0 : free - 1)); // their sum is 2^256, or more
        _assertRefused(this.debited, word, free + 1);
        _assertRefused(this.debited, word, bound(units, free + 1, type(uint256).max));
    }

    function _assertRefused(
        function(uint256, uint256) external pure returns (Standing) change,
        uint256 word,
        uint256 units
    ) private pure {
        try change(word, units) returns (Standing) {
            vm.assertTrue(false, "the balance left its bits");
        } catch {}
    }

    function credited(uint256 word, uint256 units) external pure returns (Standing) {
        return Standing.wrap(word).credited(units);
    }

    function debited(uint256 word, uint256 units) external pure returns (Standing) {
        return Standing.wrap(word).debited(units);
    }

    function _assertSet(uint256 word, Standing changed, uint256 shift, uint256 bits, uint256 value, string memory name)
        private
        pure
    {
        _assertOnly(word, Standing.unwrap(changed), shift, bits, value, name);
    }

    function _members(uint256 word) internal pure override returns (uint256[] memory read) {
        Standing x = Standing.wrap(word);
        read = new uint256[](10);
        (read[0], read[1], read[2], read[3]) = (x.free(), x.missCount(), x.countedThrough(), x.capacity());
        (read[4], read[5], read[6], read[7]) = (x.deals(), x.slots(), x.series(), x.treeHeight());
        (read[8], read[9]) = (x.tipped() ? 1 : 0, x.rotated() ? 1 : 0);
    }
}

contract AgreedWordTest is WordsTest {
    using AgreedWord for Agreed;

    uint256 private constant MOST_SECTORS = 1 << 24;

    function testFuzz_WhatIsPackedIsRead(bytes32 digest, uint256 rate, uint256 capacity) public pure {
        rate = bound(rate, 0, AgreedWord.MAX_RATE);
        capacity = bound(capacity, 1, MOST_SECTORS);
        _assertPacked(digest, rate, capacity);
        _assertPacked(digest, AgreedWord.MAX_RATE, capacity);
        _assertPacked(digest, rate, MOST_SECTORS);
        _assertPacked(digest, 0, 1);
        _assertPacked(bytes32(type(uint256).max), AgreedWord.MAX_RATE, MOST_SECTORS);
    }

    /// 19 bytes name a deal: what the rest of the word holds does not.
    function testFuzz_AnIdIsTheFirstNineteenBytes(bytes32 digest) public pure {
        bytes32 id = AgreedWord.idOf(digest);
        for (uint256 i = 0; i < 32; ++i) {
            vm.assertEq(bytes32(id[i]), i < 19 ? bytes32(digest[i]) : bytes32(0), "byte");
        }
        vm.assertEq(AgreedWord.idOf(id), id, "an id's own");
    }

    function test_EachMemberHasItsOwnBits() public pure {
        vm.assertEq(AgreedWord.MAX_RATE, _largest(80), "MAX_RATE");
        Member[] memory members = new Member[](3);
        members[0] = Member("capacity", 24);
        members[1] = Member("rate", 80);
        members[2] = Member("id", 152);
        _assertLayout(members);
    }

    function _assertPacked(bytes32 digest, uint256 rate, uint256 capacity) private pure {
        bytes32 id = AgreedWord.idOf(digest);
        Agreed x = AgreedWord.pack(id, rate, capacity);
        vm.assertEq(x.id(), id, "id");
        vm.assertEq(x.rate(), rate, "rate");
        vm.assertEq(x.capacity(), capacity, "capacity");
    }

    function _members(uint256 word) internal pure override returns (uint256[] memory read) {
        Agreed x = Agreed.wrap(word);
        read = new uint256[](3);
        (read[0], read[1], read[2]) = (x.capacity() - 1, x.rate(), uint256(x.id()) >> 104);
    }
}

contract ProgressWordTest is WordsTest {
    using ProgressWord for Progress;

    uint256 private constant LAST_EPOCH = (1 << 24) - 1;
    uint256 private constant MOST_LEFT = (1 << 13) - 1;

    function test_EachMemberHasItsOwnBits() public pure {
        vm.assertEq(ProgressWord.MAX_ESCROW, _largest(108), "MAX_ESCROW");
        vm.assertEq(ProgressWord.MAX_NUMBER, _largest(48), "MAX_NUMBER");
        Member[] memory members = new Member[](7);
        members[0] = Member("escrow", 108);
        members[1] = Member("settledThrough", 24);
        members[2] = Member("left", 13);
        members[3] = Member("minSectors", 25);
        members[4] = Member("number", 48);
        members[5] = Member("customer", 32);
        members[6] = Member("status", 6);
        _assertLayout(members);
    }

    function testFuzz_WhatIsPackedIsRead(
        uint256 escrow,
        uint256 settledThrough,
        uint256 stopAt,
        uint256 minSectors,
        uint256 customer
    ) public pure {
        settledThrough = bound(settledThrough, 0, LAST_EPOCH);
        stopAt = bound(stopAt, settledThrough + 1, settledThrough + 1 + MOST_LEFT);
        escrow = bound(escrow, 0, ProgressWord.MAX_ESCROW);
        minSectors = bound(minSectors, 0, 1 << 24);
        customer = bound(customer, 0, type(uint32).max);
        _assertPacked(escrow, settledThrough, stopAt, minSectors, customer);
        _assertPacked(ProgressWord.MAX_ESCROW, settledThrough, stopAt, minSectors, customer);
        _assertPacked(escrow, LAST_EPOCH, LAST_EPOCH + 1 + MOST_LEFT, 1 << 24, type(uint32).max);
    }

    function testFuzz_SettersChangeTheirOwnBitsAlone(uint256 word, uint256 value) public pure {
        Progress x = Progress.wrap(word);
        _assertSet(word, x.withEscrow(value % (1 << 108)), 0, 108, value % (1 << 108), "escrow");
        _assertSet(word, x.withNumber(value % (1 << 48)), 170, 48, value % (1 << 48), "number");
        _assertSet(word, x.withStatus(value % (1 << 6)), 250, 6, value % (1 << 6), "status");
    }

    /// Settling moves the epoch and not the end: never by an epoch, however often.
    function testFuzz_SettlingKeepsTheEnd(uint256 word, uint256 through) public pure {
        Progress x = Progress.wrap(word);
        uint256 stopAt = x.stopAt();
        uint256 least = stopAt - 1 > MOST_LEFT ? stopAt - 1 - MOST_LEFT : 0;
        through = bound(through, least, stopAt - 1 < LAST_EPOCH ? stopAt - 1 : LAST_EPOCH);
        Progress settled = x.settled(through);
        vm.assertEq(settled.settledThrough(), through, "settledThrough");
        vm.assertEq(settled.stopAt(), stopAt, "stopAt");
        _assertSet(word, settled, 108, 37, through | (stopAt - 1 - through) << 24, "both");
    }

    function testFuzz_StoppingMovesTheEndAlone(uint256 word, uint256 epoch) public pure {
        Progress x = Progress.wrap(word);
        uint256 settled = x.settledThrough();
        epoch = bound(epoch, settled + 1, settled + 1 + MOST_LEFT);
        Progress stopping = x.stopping(epoch);
        vm.assertEq(stopping.stopAt(), epoch, "stopAt");
        _assertSet(word, stopping, 132, 13, epoch - 1 - settled, "left");
    }

    function _assertPacked(
        uint256 escrow,
        uint256 settledThrough,
        uint256 stopAt,
        uint256 minSectors,
        uint256 customer
    ) private pure {
        Progress x = ProgressWord.pack(escrow, settledThrough, stopAt, minSectors, customer);
        vm.assertEq(x.escrow(), escrow, "escrow");
        vm.assertEq(x.settledThrough(), settledThrough, "settledThrough");
        vm.assertEq(x.stopAt(), stopAt, "stopAt");
        vm.assertEq(x.minSectors(), minSectors, "minSectors");
        vm.assertEq(x.customer(), customer, "customer");
        vm.assertEq(x.number() | x.status(), 0, "number, status");
    }

    function _assertSet(uint256 word, Progress changed, uint256 shift, uint256 bits, uint256 value, string memory name)
        private
        pure
    {
        _assertOnly(word, Progress.unwrap(changed), shift, bits, value, name);
    }

    function _members(uint256 word) internal pure override returns (uint256[] memory read) {
        Progress x = Progress.wrap(word);
        read = new uint256[](7);
        (read[0], read[1], read[2]) = (x.escrow(), x.settledThrough(), x.stopAt() - 1 - x.settledThrough());
        (read[3], read[4], read[5], read[6]) = (x.minSectors(), x.number(), x.customer(), x.status());
    }
}

contract SampledWordTest is WordsTest {
    using SampledWord for Sampled;

    function test_EachMemberHasItsOwnBits() public pure {
        Member[] memory members = new Member[](4);
        members[0] = Member("cover", 16);
        members[1] = Member("activeSince", 24);
        members[2] = Member("stopAt", 24);
        members[3] = Member("root", 192);
        _assertLayout(members);
    }

    function testFuzz_WhatIsPackedIsRead(bytes24 root, uint24 stopAt, uint24 activeSince, uint256 cover) public pure {
        Sampled x = SampledWord.pack(root, stopAt, activeSince, cover);
        vm.assertEq(bytes32(x.root()), bytes32(root), "root");
        vm.assertEq(x.stopAt(), stopAt, "stopAt");
        vm.assertEq(x.activeSince(), activeSince, "activeSince");
        vm.assertEq(x.cover(), cover % (1 << 16), "cover: its low bits");
    }

    function testFuzz_AStoppedDealKeepsItsRootAndItsSectors(bytes24 root, uint256 sectors) public pure {
        sectors = bound(sectors, 0, 1 << 24);
        Sampled x = SampledWord.packStopped(root, sectors);
        vm.assertEq(bytes32(x.root()), bytes32(root), "root");
        vm.assertEq(x.sectors(), sectors, "sectors");
    }

    /// The low bits of a count tell as much as the count, wherever it stands and wherever it passes 2^16.
    function testFuzz_CoverLeftIsWhatIsNotMissed(uint256 count, uint256 cover, uint256 missed) public pure {
        count = bound(count, 0, (1 << 24) - 1 - 8192);
        cover = bound(cover, 0, 4096);
        missed = bound(missed, 0, 8192);
        Sampled x = SampledWord.pack(bytes24(0), 0, 0, count + cover);
        vm.assertEq(x.coverLeft(count + missed), missed < cover ? cover - missed : 0, "left");
        vm.assertEq(x.coverLeft(count), cover, "at first");
        vm.assertEq(x.coverLeft(count + cover), 0, "at last");
        if (cover != 0) vm.assertEq(x.coverLeft(count + cover - 1), 1, "before the last");
    }

    function _members(uint256 word) internal pure override returns (uint256[] memory read) {
        Sampled x = Sampled.wrap(word);
        read = new uint256[](4);
        (read[0], read[1], read[2], read[3]) = (x.cover(), x.activeSince(), x.stopAt(), uint256(bytes32(x.root())) >> 64);
    }
}
