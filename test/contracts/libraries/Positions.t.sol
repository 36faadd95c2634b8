// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Positions} from "../../../contracts/libraries/Positions.sol";
import {Check} from "../Check.sol";

contract PositionsTest is Check {
    uint256 private constant MOST_CHUNKS = 1 << 46; // 2^31 sectors

    /// One challenge in each of K strata: what is dropped anywhere is met as often as by independent draws.
    function testFuzz_EachPlaceLiesInItsStratum(uint128 random, uint256 index, uint256 total) public pure {
        index = bound(index, 0, Positions.COUNT - 1);
        total = bound(total, 1, MOST_CHUNKS);
        uint256 place = Positions.place(random, index, total);
        vm.assertTrue(place < total, "within the set");
        vm.assertTrue(place >= index * total / Positions.COUNT, "from its stratum's start");
        vm.assertLe(place * Positions.COUNT, (index + 1) * total, "to its end");
    }

    /// The first and the last chunk can both be met: no chunk is out of a challenge's reach.
    function testFuzz_EndsAreReachable(uint256 total) public pure {
        total = bound(total, 1, MOST_CHUNKS);
        vm.assertEq(Positions.place(0, 0, total), 0, "first");
        vm.assertEq(Positions.place(type(uint128).max, Positions.COUNT - 1, total), total - 1, "last");
    }

    function testFuzz_PlacesRiseWithTheDraw(uint128 low, uint128 high, uint256 index, uint256 total) public pure {
        if (low > high) (low, high) = (high, low);
        index = bound(index, 0, Positions.COUNT - 1);
        total = bound(total, 1, MOST_CHUNKS);
        vm.assertLe(Positions.place(low, index, total), Positions.place(high, index, total), "monotone");
    }

    /// INV-10, attack "cross-chain, cross-market, cross-provider, past-epoch proofs": each of them draws elsewhere.
    function testFuzz_EveryFieldChangesTheDraw(
        bytes28 seed,
        uint256 chainId,
        address market,
        uint32 epoch,
        address provider,
        uint256 index,
        uint256 bit
    ) public pure {
        index = bound(index, 0, Positions.COUNT - 1);
        bit = bound(bit, 0, 19);
        uint128 drawn = Positions.draw(seed, chainId, market, epoch, provider, index);
        uint256 one = 1 << bit;
        vm.assertTrue(
            drawn != Positions.draw(bytes28(uint224(seed) ^ uint224(one)), chainId, market, epoch, provider, index), "seed"
        );
        vm.assertTrue(drawn != Positions.draw(seed, chainId ^ one, market, epoch, provider, index), "chain");
        address otherMarket = address(uint160(market) ^ uint160(one));
        vm.assertTrue(drawn != Positions.draw(seed, chainId, otherMarket, epoch, provider, index), "market");
        vm.assertTrue(drawn != Positions.draw(seed, chainId, market, epoch ^ uint32(one), provider, index), "epoch");
        address otherProvider = address(uint160(provider) ^ uint160(one));
        vm.assertTrue(drawn != Positions.draw(seed, chainId, market, epoch, otherProvider, index), "provider");
        vm.assertTrue(drawn != Positions.draw(seed, chainId, market, epoch, provider, index + 1), "index");
    }
}
