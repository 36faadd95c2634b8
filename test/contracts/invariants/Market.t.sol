// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {Deal, DealRef, Parameters, Provider, State} from "../../../contracts/types/Market.sol";
import {Check} from "../Check.sol";
import {Findings} from "./Findings.sol";
import {Handler} from "./Handler.sol";
import {WickedToken} from "./WickedToken.sol";

/// @notice docs/INVARIANTS.md, held after every call of random histories.
contract MarketInvariants is Check {
    using Findings for Findings.List;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant FLOOR = 1e6 << 32; // of collateral

    WickedToken private token;
    IStorageMarket private market;
    Handler private handler;

    function setUp() public {
        token = WickedToken(_deploy("WickedToken", ""));
        Parameters memory p = Parameters({
            epochBlocks: 40,
            commitBlocks: 10,
            gapBlocks: 2,
            multiplier: 2,
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
        // What is there from the start: bounds for delegates, a signer to come, deals with data in them.
        for (uint256 i = 0; i < 6; ++i) {
            uint256 random = uint256(keccak256(abi.encode("authorize", i)));
            handler.authorize(random >> 128 << 128 | uint256(uint64(random)) << 32 | (i % 3) | (i / 3) << 8 | 15 << 16 | 7 << 24);
        }
        handler.setSigner(2);
        for (uint256 i = 0; i < 3; ++i) {
            handler.open(uint256(keccak256(abi.encode("open", i))));
            handler.commit(i, uint32(3 + i));
        }
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
        bytes4[50] memory weighted = [
            handler.advance.selector,
            handler.advance.selector,
            handler.advance.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.prove.selector,
            handler.proveWrongly.selector,
            handler.recordSeed.selector,
            handler.open.selector,
            handler.open.selector,
            handler.open.selector,
            handler.openFor.selector,
            handler.openFor.selector,
            handler.cancelOffers.selector,
            handler.commit.selector,
            handler.commit.selector,
            handler.commit.selector,
            handler.commit.selector,
            handler.settle.selector,
            handler.extend.selector,
            handler.refill.selector,
            handler.topUp.selector,
            handler.redeem.selector,
            handler.redeem.selector,
            handler.terminate.selector,
            handler.resign.selector,
            handler.terminateMissed.selector,
            handler.abandon.selector,
            handler.prune.selector,
            handler.close.selector,
            handler.close.selector,
            handler.close.selector,
            handler.challenge.selector,
            handler.challenge.selector,
            handler.answer.selector,
            handler.trim.selector,
            handler.convict.selector,
            handler.authorize.selector,
            handler.revoke.selector,
            handler.setTip.selector,
            handler.setSigner.selector,
            handler.reregister.selector,
            handler.impersonate.selector,
            handler.impersonate.selector,
            handler.deposit.selector,
            handler.withdraw.selector,
            handler.misbehave.selector,
            handler.misbehave.selector
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
        for (uint256 history = 0; history < 10; ++history) {
            setUp();
            uint256[] memory before = _done(calls);
            for (uint256 step = 0; step < 250; ++step) {
                uint256 random = uint256(keccak256(abi.encode(history, step)));
                // Every call takes one or two numbers; a third word is never read.
                bytes memory arguments = abi.encode(random, uint256(keccak256(abi.encode(random))) & type(uint32).max, 5);
                bytes4 call = calls[uint256(keccak256(abi.encode(step, history))) % calls.length];
                (bool ok,) = address(handler).call(bytes.concat(call, arguments));
                if (!ok) continue; // the handler asked a deal for what it does not have
            }
            uint256[] memory after_ = _done(calls);
            for (uint256 i = 0; i < calls.length; ++i) {
                done[i] += after_[i] - before[i];
            }
            invariant_HoldAfterEveryCall();
        }
        string memory counts = "";
        bool all = true;
        for (uint256 i = 0; i < calls.length; ++i) {
            counts = string.concat(counts, " ", _digits(done[i]));
            all = all && done[i] > 0;
        }
        vm.assertTrue(all, string.concat("some call never went through; how often each did:", counts));
    }

    function _done(bytes4[] memory calls) private view returns (uint256[] memory done) {
        done = new uint256[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            done[i] = handler.done(calls[i]);
        }
    }

    /// One history for all of them: each history takes far longer than the checks.
    function invariant_HoldAfterEveryCall() public view {
        Findings.List memory found;
        (DealRef[] memory refs, Deal[] memory all) = _deals();
        Provider[] memory hosts = new Provider[](3);
        for (uint256 i = 0; i < hosts.length; ++i) {
            hosts[i] = market.providerOf(handler.actor(3 + i));
        }
        _INV1_TokensAreConserved(found, all);
        _INV2_CollateralIsWhatBalancesGave(found, all, refs, hosts);
        _INV3_TheTreeIsTheDeals(found, all, refs, hosts);
        _INV4_LiveDealsAreFunded(found, all);
        _INV5_NothingGoesBackwards(found);
        _INV6_EscrowPaysEachProvenEpochOnce(found, all, refs);
        _INV7_CollateralLosesEachMissedEpochOnce(found, all, refs);
        _INV7_MissesAreThoseOfTheRecord(found, all, refs, hosts);
        _INV10_OnlyProofsAreTaken(found);
        _INV11_ClosedIsFinal(found);
        _INV14_OffersAreUsedOnce(found);
        _INV15_NobodyElseLowersABalance(found);
        _INV16_DelegatesKeepWithinTheirBounds(found);
        _INV17_VouchersPayWhatTheySayOnce(found, all);
        _INV18_BondsGoToWhomTheyBelong(found);
        _INV19_ASlotHasOneDeal(found, all, refs, hosts);
        _INV20_AFrozenSetStays(found);
        _INV21_AnEpochHasOneSeed(found);
        _INV22_RelaysGetTheTipAlone(found);
        _INV23_TokensMakeNoCredit(found);
        _INV24_DealsEndForTheirReason(found);
        _INV25_AMissCostsAtLeastItsPay(found, all, refs, hosts);
        _INV26_NobodySpeaksForAnother(found);
        vm.assertTrue(bytes(found.text).length == 0, found.text);
    }

    /// INV-1, INV-12: what the market owes is what it holds, to the last unit, so rounding strands and mints nothing.
    function _INV1_TokensAreConserved(Findings.List memory found, Deal[] memory all) private view {
        uint256 owed = handler.unlocked();
        for (uint256 i = 0; i < all.length; ++i) {
            owed += uint256(all[i].escrow) + all[i].egress + all[i].collateral;
            if (all[i].challengeDeadline != 0) owed += uint256(all[i].answerBond) << 32;
        }
        found.equal(owed, token.balanceOf(address(market)) << 32, "_INV1_TokensAreConserved", "owed = held");
    }

    /// INV-2: what deals hold as collateral came out of their providers' free balances, the full figure at most, and goes
    /// back there but for what they lost. (What each call moves is told by the handler.)
    function _INV2_CollateralIsWhatBalancesGave(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs,
        Provider[] memory hosts
    ) private view {
        string memory check = "_INV2_CollateralIsWhatBalancesGave";
        _noFault(found, 2, check);
        for (uint256 i = 0; i < hosts.length; ++i) {
            uint256 capacity = 0;
            for (uint256 j = 0; j < all.length; ++j) {
                if (!_isUnclosed(all[j]) || refs[j].provider != handler.actor(3 + i)) continue;
                capacity += all[j].capacity;
                uint256 full = uint256(all[j].capacity) * hosts[i].penaltyRate * 8;
                found.holds(all[j].collateral <= (full < FLOOR ? FLOOR : full), check, "more than the full figure");
            }
            found.equal(hosts[i].capacity, capacity, check, "capacity that collateral stands for");
        }
    }

    /// INV-3: a leaf is its deal's sectors while the deal is in the set, and the root their sum. (Lane by lane:
    /// SumTree.t.sol; and a proof that the handler makes from the leaves is taken, or the handler says so.)
    function _INV3_TheTreeIsTheDeals(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs,
        Provider[] memory hosts
    ) private view {
        string memory check = "_INV3_TheTreeIsTheDeals";
        _noFault(found, 3, check);
        for (uint256 i = 0; i < hosts.length; ++i) {
            address provider = handler.actor(3 + i);
            uint32[] memory leaves = market.leaves(provider, 0, hosts[i].slots);
            uint256[] memory plain = new uint256[](leaves.length);
            for (uint256 j = 0; j < all.length; ++j) {
                bool inSet = _isUnclosed(all[j]) && all[j].state != State.Stopped && refs[j].provider == provider;
                if (inSet) plain[refs[j].slot] = all[j].sectors;
            }
            uint256 total = 0;
            for (uint256 slot = 0; slot < leaves.length; ++slot) {
                total += leaves[slot];
                found.equal(leaves[slot], plain[slot], check, "leaf");
            }
            found.equal(hosts[i].sectors, total, check, "root");
        }
    }

    /// INV-4: every committed or reserved sector is paid for to the deal's end.
    function _INV4_LiveDealsAreFunded(Findings.List memory found, Deal[] memory all) private pure {
        for (uint256 i = 0; i < all.length; ++i) {
            Deal memory d = all[i];
            if (!_isUnclosed(d) || d.settledThrough + 1 >= d.stopAt) continue;
            uint256 billed = d.sectors > d.minSectors ? d.sectors : d.minSectors;
            uint256 need = billed * d.rate * (d.stopAt - 1 - d.settledThrough);
            found.holds(need <= d.escrow, "_INV4_LiveDealsAreFunded", "escrow to the end");
        }
    }

    /// INV-5: numbers, settledThrough, a provider's series, slots and misses, and what is burnt only rise; stopAt falls, and rises
    /// by an extension alone.
    function _INV5_NothingGoesBackwards(Findings.List memory found) private view {
        _noFault(found, 5, "_INV5_NothingGoesBackwards");
    }

    /// INV-6, INV-9: the escrow left is that of books kept epoch by epoch, however it was settled: no epoch is paid twice,
    /// and none unproven.
    function _INV6_EscrowPaysEachProvenEpochOnce(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs
    ) private view {
        string memory check = "_INV6_EscrowPaysEachProvenEpochOnce";
        for (uint256 i = 0; i < all.length; ++i) {
            if (!_isUnclosed(all[i])) continue;
            found.equal(all[i].escrow, handler.escrowOf(refs[i], all[i].settledThrough), check, "escrow");
        }
        for (uint256 i = 3; i < 6; ++i) {
            address provider = handler.actor(i);
            uint256 words = market.currentEpoch() >> 8;
            for (uint256 word = 0; word <= words; ++word) {
                found.equal(market.provenWord(provider, word), handler.proofsOf(provider, word), check, "one proof each");
            }
        }
    }

    /// INV-7, INV-8, INV-9: so is the collateral left: no more is taken than there is.
    function _INV7_CollateralLosesEachMissedEpochOnce(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs
    ) private view {
        for (uint256 i = 0; i < all.length; ++i) {
            if (!_isUnclosed(all[i])) continue;
            uint256 left = handler.collateralOf(refs[i], all[i]);
            found.equal(all[i].collateral, left, "_INV7_CollateralLosesEachMissedEpochOnce", "collateral");
        }
    }

    /// INV-7: cover bears the misses of epochs that had data, whenever they were counted, and of no other.
    function _INV7_MissesAreThoseOfTheRecord(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs,
        Provider[] memory hosts
    ) private view {
        string memory check = "_INV7_MissesAreThoseOfTheRecord";
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].id == 0) continue;
            bool over = all[i].state == State.Stopped || all[i].state == State.Closed;
            found.equal(all[i].misses, over ? 0 : handler.missesOf(refs[i]), check, "misses");
        }
        for (uint256 i = 0; i < hosts.length; ++i) {
            found.equal(hosts[i].missCount, handler.missCountOf(handler.actor(3 + i)), check, "missCount");
        }
    }

    /// INV-10: a proof with anything changed, or for another seed, sets no bit.
    function _INV10_OnlyProofsAreTaken(Findings.List memory found) private view {
        _noFault(found, 10, "_INV10_OnlyProofsAreTaken");
    }

    /// INV-11: a closed deal's record stays as it is, and holds nothing; and what deals share is nobody else's.
    function _INV11_ClosedIsFinal(Findings.List memory found) private view {
        _noFault(found, 11, "_INV11_ClosedIsFinal");
    }

    /// INV-14: no offer opens two deals, none that was cancelled opens any, and no extension is used twice.
    function _INV14_OffersAreUsedOnce(Findings.List memory found) private view {
        _noFault(found, 14, "_INV14_OffersAreUsedOnce");
    }

    /// INV-15: of all free balances and tokens, a call lowers its caller's, and those of who signed for it.
    function _INV15_NobodyElseLowersABalance(Findings.List memory found) private view {
        _noFault(found, 15, "_INV15_NobodyElseLowersABalance");
    }

    /// INV-16: what delegates did was within their bounds, and what the market knows of these is what plain books say.
    function _INV16_DelegatesKeepWithinTheirBounds(Findings.List memory found) private view {
        string memory check = "_INV16_DelegatesKeepWithinTheirBounds";
        _noFault(found, 16, check);
        found.holds(handler.delegationsAgree(), check, "bounds left");
    }

    /// INV-17: each voucher paid what it says beyond what was paid before, as far as there was a budget; which is less by that.
    function _INV17_VouchersPayWhatTheySayOnce(Findings.List memory found, Deal[] memory all) private view {
        string memory check = "_INV17_VouchersPayWhatTheySayOnce";
        _noFault(found, 17, check);
        for (uint256 i = 0; i < all.length; ++i) {
            if (_isUnclosed(all[i])) found.equal(all[i].egress, handler.budgetOf(all[i].id), check, "budget left");
        }
    }

    /// INV-18: a challenge costs its bond, which goes once, to the provider for a chunk shown, else back.
    function _INV18_BondsGoToWhomTheyBelong(Findings.List memory found) private view {
        _noFault(found, 18, "_INV18_BondsGoToWhomTheyBelong");
    }

    /// INV-19: a deal keeps its slot until it is closed, no id comes again, and a provider's count is that of its unclosed deals.
    function _INV19_ASlotHasOneDeal(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs,
        Provider[] memory hosts
    ) private view {
        string memory check = "_INV19_ASlotHasOneDeal";
        _noFault(found, 19, check);
        for (uint256 i = 0; i < hosts.length; ++i) {
            uint256 unclosed = 0;
            for (uint256 j = 0; j < all.length; ++j) {
                if (!_isUnclosed(all[j]) || refs[j].provider != handler.actor(3 + i)) continue;
                unclosed++;
                found.holds(refs[j].slot < hosts[i].slots, check, "a slot beyond the highest");
            }
            found.equal(hosts[i].deals, unclosed, check, "unclosed deals");
        }
    }

    /// INV-20: from the end of the commit phase to a valid proof nothing changes what is proved.
    function _INV20_AFrozenSetStays(Findings.List memory found) private view {
        _noFault(found, 20, "_INV20_AFrozenSetStays");
    }

    /// INV-21: an epoch's seed is its challenge block's, comes after it, and is never another.
    function _INV21_AnEpochHasOneSeed(Findings.List memory found) private view {
        _noFault(found, 21, "_INV21_AnEpochHasOneSeed");
    }

    /// INV-22: a relay gains its tip by the first proof of an epoch, and nothing by anything else.
    function _INV22_RelaysGetTheTipAlone(Findings.List memory found) private view {
        _noFault(found, 22, "_INV22_RelaysGetTheTipAlone");
    }

    /// INV-23: whatever a token does while it moves, what the market owes changes by what it holds.
    function _INV23_TokensMakeNoCredit(Findings.List memory found) private view {
        _noFault(found, 23, "_INV23_TokensMakeNoCredit");
    }

    /// INV-24: a deal leaves the set for a reason that holds, and closes after its final epochs.
    function _INV24_DealsEndForTheirReason(Findings.List memory found) private view {
        _noFault(found, 24, "_INV24_DealsEndForTheirReason");
    }

    /// INV-25: P is the one that a deal was opened under until it is closed, and no deal's rate is beyond P / m.
    function _INV25_AMissCostsAtLeastItsPay(
        Findings.List memory found,
        Deal[] memory all,
        DealRef[] memory refs,
        Provider[] memory hosts
    ) private view {
        string memory check = "_INV25_AMissCostsAtLeastItsPay";
        for (uint256 j = 0; j < all.length; ++j) {
            if (!_isUnclosed(all[j])) continue;
            for (uint256 i = 0; i < hosts.length; ++i) {
                if (refs[j].provider != handler.actor(3 + i)) continue;
                found.equal(hosts[i].penaltyRate, handler.penaltyRateOf(all[j].id), check, "another penalty rate");
                found.holds(all[j].rate * 2 <= hosts[i].penaltyRate, check, "a rate beyond it");
            }
        }
    }

    /// INV-26: whoever is no party to a deal, and has no party's signature in force, changes nothing of it.
    function _INV26_NobodySpeaksForAnother(Findings.List memory found) private view {
        _noFault(found, 26, "_INV26_NobodySpeaksForAnother");
    }

    function _noFault(Findings.List memory found, uint256 invariant, string memory check) private view {
        string memory fault = handler.faults(invariant);
        found.holds(bytes(fault).length == 0, check, fault);
    }

    /// @return refs of all deals there ever were, `all` of them that still have their slots; empty where not.
    function _deals() private view returns (DealRef[] memory refs, Deal[] memory all) {
        uint256 count = handler.dealCount();
        (refs, all) = (new DealRef[](count), new Deal[](count));
        for (uint256 i = 0; i < count; ++i) {
            (refs[i].provider, refs[i].slot, refs[i].id) = handler.deals(i);
            Deal memory d = market.deal(refs[i].provider, refs[i].slot);
            if (d.id == refs[i].id) all[i] = d;
        }
    }

    function _isUnclosed(Deal memory d) private pure returns (bool) {
        return d.state != State.None && d.state != State.Closed;
    }

    function _digits(uint256 number) private pure returns (string memory) {
        string memory last = string(abi.encodePacked(uint8(48 + number % 10)));
        return number < 10 ? last : string.concat(_digits(number / 10), last);
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
