// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {SectorProof} from "../../../contracts/libraries/SectorProof.sol";
import {Deal, DealRef, Reason, Scopes, State} from "../../../contracts/types/Market.sol";
import {Dealing} from "./Dealing.sol";
import {ZeroSectors} from "./ZeroSectors.sol";

/// @notice Deals end, each way there is, and chunks are asked for.
abstract contract Ending is Dealing {
    function terminate(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (_call(d.client, abi.encodeCall(MARKET.terminate, (ref)))) _givenNotice(ref, d, d.sectors == 0 ? 0 : d.noticeEpochs);
    }

    function resign(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (_call(ref.provider, abi.encodeCall(MARKET.resign, (ref)))) _givenNotice(ref, d, d.noticeEpochs);
    }

    function _givenNotice(DealRef memory ref, Deal memory d, uint32 waits) private {
        // A client leaves an empty deal at once, were it resigned before.
        _must(d.state != State.Notice || (waits == 0 && d.reason == Reason.Resigned), 24, "a second notice was taken");
        uint32 due = _epoch() + 1 + waits;
        if (d.stopAt < due) due = d.stopAt;
        _must(MARKET.deal(ref.provider, ref.slot).stopAt == due, 24, "a notice gave another time");
    }

    /// @notice Now and then after a time in which nobody proves, which would be rare otherwise.
    function terminateMissed(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickActive(dealSeed);
        if ((dealSeed >> 32) % 2 == 0) _skip(_epoch() + 2 + uint32((dealSeed >> 40) % 3));
        if (_call(d.client, abi.encodeCall(MARKET.terminateMissed, (ref)))) _gated(ref.provider);
    }

    function abandon(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        if (_call(ref.provider, abi.encodeCall(MARKET.abandon, (ref)))) _gated(ref.provider);
    }

    function prune(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        bool pruned = _call(_relay(dealSeed >> 32), abi.encodeCall(MARKET.prune, (_one(ref))));
        if (!pruned) return;
        pruned = d.state != State.Stopped && MARKET.deal(ref.provider, ref.slot).state == State.Stopped;
        _counts(pruned);
        if (pruned) _gated(ref.provider);
    }

    /// @notice Of a deal that is stopped, if there is any; now and then once its final epochs are over.
    function close(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        for (uint256 i = 1; i < deals.length && (d.id != ref.id || d.state != State.Stopped); ++i) {
            (ref, d) = _pick(dealSeed % MAX_DEALS + i);
        }
        if ((dealSeed >> 32) % 4 == 0 && _epoch() < d.stopAt) _skip(d.stopAt);
        if ((dealSeed >> 34) % 4 == 0) _skip(_epoch() + 1);
        Move memory move = _before();
        if (!_call(_relay(dealSeed >> 36), abi.encodeCall(MARKET.close, (_one(ref))))) return;
        bool closed = d.id == ref.id && d.state != State.Closed
            && MARKET.deal(ref.provider, ref.slot).state == State.Closed;
        _counts(closed);
        if (!closed) return;
        uint256 fee = 0;
        if (d.reason == Reason.Resigned) fee = EXIT * d.sectors * MARKET.providerOf(ref.provider).penaltyRate;
        if (fee > d.collateral) fee = d.collateral;
        _gains(move, ref.provider, d.collateral - fee);
        _gains(move, d.client, uint256(d.escrow) + d.egress + fee);
        _after(move, 2, "money mislaid by close");
    }

    function challenge(uint256 dealSeed, uint64 chunk) external {
        (DealRef memory ref, Deal memory d) = _pickActive(dealSeed);
        if (d.id != ref.id) return;
        // Often the last one, which a revision may take away.
        uint64 limit = uint64(d.sectors) << 15;
        chunk = chunk % 2 == 0 || limit == 0 ? uint64(bound(chunk >> 1, 0, limit)) : limit - 1;
        address from = (dealSeed >> 32) % 3 != 0 ? d.client : _delegate(dealSeed >> 33);
        _due(from, -int256(uint256(d.answerBond) << 32));
        Move memory move = _before();
        if (!_call(from, abi.encodeCall(MARKET.challenge, (ref, chunk)))) return;
        _must(from == d.client || _mayNow(d.client, from, Scopes.AUDIT), 16, "a delegate challenged beyond its bounds");
        _loses(move, from, uint256(d.answerBond) << 32);
        _after(move, 18, "a challenge cost something else than its bond");
    }

    /// @notice Its bond goes to the provider, or back where there is nothing to show any more.
    function answer(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickChallenged(dealSeed);
        _answer(ref, d, _relay(dealSeed >> 32));
    }

    /// @notice What is asked for is dropped, so that there is nothing to show.
    function trim(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickChallenged(dealSeed);
        if (d.challengeDeadline == 0) return;
        _commit(_one(ref), dealSeed >> 32, d.challengedChunk >> 15);
        _answer(ref, MARKET.deal(ref.provider, ref.slot), _relay(dealSeed >> 40));
    }

    function _answer(DealRef memory ref, Deal memory d, address from) private {
        bytes memory proof = d.sectors == 0 ? bytes("") : ZeroSectors.answer(SectorProof.height(d.sectors));
        shown = d.challengedChunk < uint256(d.sectors) << 15;
        Move memory move = _before();
        bool answered = _call(from, abi.encodeCall(MARKET.answer, (ref, proof)));
        if (answered) {
            _gains(move, shown ? ref.provider : d.challenger, uint256(d.answerBond) << 32);
            _after(move, 18, "an answer moved something else than the bond");
        }
        shown = false;
    }

    /// @notice Now and then once the time to answer is over, or just before.
    function convict(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickChallenged(dealSeed);
        if (d.challengeDeadline != 0 && (dealSeed >> 32) % 3 != 2) {
            uint32 later = d.challengeDeadline + uint32((dealSeed >> 32) % 3);
            _skip(later > _epoch() ? later : _epoch() + 1);
        }
        _call(_relay(dealSeed >> 33), abi.encodeCall(MARKET.convict, (ref)));
    }

    /// @dev To the first block of an epoch.
    function _skip(uint32 epoch) internal {
        (uint256 later,) = MARKET.epochStart(epoch);
        vm.roll(later);
    }
}
