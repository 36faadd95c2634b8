// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {MarketToken} from "../../../contracts/MarketToken.sol";
import {Deal, DealRef, Parameters, Provider, State} from "../../../contracts/types/Market.sol";
import {Check} from "../Check.sol";
import {Handler} from "./Handler.sol";

/// @notice docs/INVARIANTS.md, held after every call of random histories.
contract MarketInvariants is Check {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    MarketToken private token;
    IStorageMarket private market;
    Handler private handler;

    function setUp() public {
        token = MarketToken(_deploy("MarketToken", ""));
        Parameters memory p = Parameters({
            epochBlocks: 40,
            commitBlocks: 10,
            gapBlocks: 2,
            multiplier: 1,
            coverEpochs: 8,
            missedEpochs: 3,
            exitEpochs: 2,
            finalEpochs: 1,
            rotateEpochs: 2,
            maxDealEpochs: 4096,
            minCollateral: 1e6
        });
        market = IStorageMarket(_deploy("StorageMarket", abi.encode(p, token, _deploy("PlainSeeds", ""), address(0))));
        handler = Handler(_deploy("Handler", abi.encode(market, token)));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), _calls());
    }

    /// @dev Time, proofs and data come most often, so that deals live long enough for the rest to mean something.
    function _calls() private view returns (bytes4[] memory calls) {
        bytes4[29] memory weighted = [
            handler.advance.selector,
            handler.advance.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.open.selector,
            handler.open.selector,
            handler.open.selector,
            handler.cancelOffers.selector,
            handler.commit.selector,
            handler.commit.selector,
            handler.commit.selector,
            handler.settle.selector,
            handler.extend.selector,
            handler.refill.selector,
            handler.topUp.selector,
            handler.redeem.selector,
            handler.terminate.selector,
            handler.resign.selector,
            handler.terminateMissed.selector,
            handler.abandon.selector,
            handler.prune.selector,
            handler.close.selector,
            handler.challenge.selector,
            handler.answer.selector,
            handler.convict.selector,
            handler.deposit.selector,
            handler.withdraw.selector
        ];
        calls = new bytes4[](weighted.length);
        for (uint256 i = 0; i < weighted.length; ++i) {
            calls[i] = weighted[i];
        }
    }

    /// A history that never got anywhere would hold every invariant: each call must go through now and then.
    function test_HistoriesReachEveryCall() public {
        bytes4[] memory calls = _calls();
        uint256[] memory done = new uint256[](calls.length);
        for (uint256 history = 0; history < 12; ++history) {
            setUp();
            for (uint256 step = 0; step < 300; ++step) {
                uint256 random = uint256(keccak256(abi.encode(history, step)));
                // Every call takes one or two numbers; a third word is never read.
                bytes memory arguments = abi.encode(random, uint256(keccak256(abi.encode(random))) & type(uint32).max, 5);
                (bool ok,) = address(handler).call(bytes.concat(calls[random % calls.length], arguments));
                if (!ok) continue; // the handler asked a deal for what it does not have
            }
            for (uint256 i = 0; i < calls.length; ++i) {
                done[i] += handler.done(calls[i]);
            }
            invariant_HoldAfterEveryCall();
        }
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.assertTrue(done[i] > 0, string.concat("never went through: call ", _digits(i)));
        }
    }

    /// One history for all of them: each history takes far longer than the checks.
    function invariant_HoldAfterEveryCall() public view {
        _INV1_TokensAreConserved();
        _INV2_CollateralIsWhatBalancesGave();
        _INV3_TheTreeIsTheDeals();
        _INV4_LiveDealsAreFunded();
        _INV6_EscrowPaysEachProvenEpochOnce();
        _INV7_CollateralLosesEachMissedEpochOnce();
        _INV7_MissesAreThoseOfTheRecord();
        _INV5_INV11_NothingGoesBackwards();
    }

    /// INV-1, INV-12: what the market owes is what it holds, to the last unit, so rounding strands and mints nothing.
    function _INV1_TokensAreConserved() private view {
        uint256 owed = market.burnt();
        for (uint256 i = 0; i < 4; ++i) {
            owed += market.freeBalance(handler.actor(i));
        }
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            (DealRef memory ref, Deal memory d) = _deal(i);
            if (d.id != ref.id) continue;
            owed += uint256(d.escrow) + d.egress + d.collateral;
            if (d.challengeDeadline != 0) owed += uint256(d.answerBond) << 32;
        }
        vm.assertEq(owed, token.balanceOf(address(market)) << 32, "owed = held");
    }

    /// INV-2: what deals hold as collateral came out of their providers' free balances, the full figure at most, and goes
    /// back there but for what they lost. (What each call moves is told by the handler.)
    function _INV2_CollateralIsWhatBalancesGave() private view {
        vm.assertEq(bytes(handler.mislaid()).length, 0, string.concat("collateral mislaid by ", handler.mislaid()));
        for (uint256 i = 2; i < 4; ++i) {
            Provider memory figures = market.providerOf(handler.actor(i));
            uint256 capacity = 0;
            for (uint256 j = 0; j < handler.dealCount(); ++j) {
                (DealRef memory ref, Deal memory d) = _deal(j);
                if (d.id != ref.id || d.state == State.Closed || ref.provider != handler.actor(i)) continue;
                capacity += d.capacity;
                uint256 full = uint256(d.capacity) * figures.penaltyRate * 8;
                vm.assertLe(d.collateral, full < 1e6 << 32 ? 1e6 << 32 : full, "collateral");
            }
            vm.assertEq(figures.capacity, capacity, "capacity that collateral stands for");
        }
    }

    /// INV-3: a leaf is its deal's sectors while the deal is in the set, and the root their sum. (Lane by lane:
    /// SumTree.t.sol; and a proof that the handler makes from the leaves is taken, or the handler says so.)
    function _INV3_TheTreeIsTheDeals() private view {
        for (uint256 i = 2; i < 4; ++i) {
            address provider = handler.actor(i);
            Provider memory figures = market.providerOf(provider);
            uint32[] memory leaves = market.leaves(provider, 0, figures.slots);
            uint256 total = 0;
            uint256 unclosed = 0;
            for (uint16 slot = 0; slot < figures.slots; ++slot) {
                Deal memory d = market.deal(provider, slot);
                bool inSet = d.state != State.Stopped && d.state != State.Closed;
                if (d.state != State.Closed && d.state != State.None) unclosed++;
                vm.assertEq(leaves[slot], inSet ? d.sectors : 0, "leaf");
                total += leaves[slot];
            }
            vm.assertEq(figures.sectors, total, "root");
            vm.assertEq(figures.deals, unclosed, "unclosed deals");
        }
    }

    /// INV-4: every committed or reserved sector is paid for to the deal's end.
    function _INV4_LiveDealsAreFunded() private view {
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            (DealRef memory ref, Deal memory d) = _deal(i);
            if (d.id != ref.id || d.state == State.Closed || d.settledThrough + 1 >= d.stopAt) continue;
            uint256 billed = d.sectors > d.minSectors ? d.sectors : d.minSectors;
            vm.assertLe(billed * d.rate * (d.stopAt - 1 - d.settledThrough), d.escrow, "funded");
        }
    }

    /// INV-6, INV-9: the escrow left is that of books kept epoch by epoch, however it was settled: no epoch is paid twice,
    /// and none unproven.
    function _INV6_EscrowPaysEachProvenEpochOnce() private view {
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            (DealRef memory ref, Deal memory d) = _deal(i);
            if (d.id != ref.id || d.state == State.Closed) continue;
            vm.assertEq(d.escrow, handler.escrowOf(ref, d.settledThrough), "escrow");
        }
        for (uint256 i = 2; i < 4; ++i) {
            for (uint32 epoch = 1; epoch <= market.currentEpoch(); ++epoch) {
                address provider = handler.actor(i);
                vm.assertEq(market.proven(provider, epoch) ? 1 : 0, handler.proofsOf(provider, epoch), "one proof each");
            }
        }
    }

    /// INV-7, INV-8, INV-9: so is the collateral left: no more is taken than there is.
    function _INV7_CollateralLosesEachMissedEpochOnce() private view {
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            (DealRef memory ref, Deal memory d) = _deal(i);
            if (d.id != ref.id || d.state == State.Closed) continue;
            vm.assertEq(d.collateral, handler.collateralOf(ref, d), "collateral");
        }
    }

    /// INV-7: cover bears the misses of epochs that had data, whenever they were counted, and of no other.
    function _INV7_MissesAreThoseOfTheRecord() private view {
        for (uint256 i = 0; i < handler.dealCount(); ++i) {
            (DealRef memory ref, Deal memory d) = _deal(i);
            if (d.id != ref.id) continue;
            bool over = d.state == State.Stopped || d.state == State.Closed;
            vm.assertEq(d.misses, over ? 0 : handler.missesOf(ref), "misses");
        }
        for (uint256 i = 2; i < 4; ++i) {
            address provider = handler.actor(i);
            vm.assertEq(market.providerOf(provider).missCount, handler.missCountOf(provider), "missCount");
        }
    }

    /// INV-5, INV-11, INV-14: numbers only rise, stopAt only falls but by an extension, closed deals never change, no offer opens
    /// two, and what an honest provider shows of a live set is always taken.
    function _INV5_INV11_NothingGoesBackwards() private view {
        vm.assertEq(bytes(handler.broken()).length, 0, handler.broken());
    }

    function _deal(uint256 index) private view returns (DealRef memory ref, Deal memory d) {
        (ref.provider, ref.slot, ref.id) = handler.deals(index);
        d = market.deal(ref.provider, ref.slot);
    }

    function _digits(uint256 number) private pure returns (string memory) {
        return string(abi.encodePacked(uint8(48 + number / 10), uint8(48 + number % 10)));
    }

    /// @dev The built contract itself: compiling it into this one would take minutes, and the fuzzer would not know it.
    function _deploy(string memory name, bytes memory arguments) private returns (address deployed) {
        bytes memory code = bytes.concat(vm.getCode(name), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), name);
    }
}
