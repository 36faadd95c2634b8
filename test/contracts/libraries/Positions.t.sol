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
        uint128 drawn = _draw(seed, chainId, market, epoch, provider, index);
        uint256 one = 1 << bit;
        vm.assertTrue(
            drawn != _draw(bytes28(uint224(seed) ^ uint224(one)), chainId, market, epoch, provider, index), "seed"
        );
        vm.assertTrue(drawn != _draw(seed, chainId ^ one, market, epoch, provider, index), "chain");
        address otherMarket = address(uint160(market) ^ uint160(one));
        vm.assertTrue(drawn != _draw(seed, chainId, otherMarket, epoch, provider, index), "market");
        vm.assertTrue(drawn != _draw(seed, chainId, market, epoch ^ uint32(one), provider, index), "epoch");
        address otherProvider = address(uint160(provider) ^ uint160(one));
        vm.assertTrue(drawn != _draw(seed, chainId, market, epoch, otherProvider, index), "provider");
        vm.assertTrue(drawn != _draw(seed, chainId, market, epoch, provider, index + 1), "index");
    }

    /// What PROTOCOL section 2 says, written down plainly; in any order, any number of times, from one preimage.
    function testFuzz_DrawsAreTheHashes(
        bytes28 seed,
        uint256 chainId,
        address market,
        uint32 epoch,
        address provider,
        uint256[8] calldata order
    ) public pure {
        bytes memory preimage = Positions.from(seed, chainId, market, epoch, provider);
        for (uint256 i = 0; i < order.length; ++i) {
            uint256 index = order[i] % Positions.COUNT;
            bytes32 hash = keccak256(abi.encode(seed, chainId, market, epoch, provider, index));
            vm.assertEq(Positions.draw(preimage, index), uint256(hash) & type(uint128).max, "draw");
        }
    }

    function _draw(bytes28 seed, uint256 chainId, address market, uint32 epoch, address provider, uint256 index)
        private
        pure
        returns (uint128)
    {
        return Positions.draw(Positions.from(seed, chainId, market, epoch, provider), index);
    }
}
