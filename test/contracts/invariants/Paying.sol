// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TypedHashes} from "../../../contracts/libraries/TypedHashes.sol";
import {
    Deal,
    DealRef,
    Delegation,
    RedeemItem,
    Scopes,
    Signature,
    State,
    Voucher
} from "../../../contracts/types/Market.sol";
import {Ending} from "./Ending.sol";
import {WickedToken} from "./WickedToken.sol";

/// @notice Money comes and goes, also by tokens that are wicked, and delegates are given bounds.
abstract contract Paying is Ending {
    /// @dev What vouchers took, plainly.
    mapping(bytes32 id => mapping(address signer => uint128)) private taken;

    /// @notice Of one's own money, to one's own account or another's.
    function deposit(uint256 seed, uint128 amount) external {
        address from = actor(seed % PARTIES);
        address owner = (seed >> 8) % 2 == 0 ? from : actor((seed >> 16) % PARTIES);
        amount = _uint128(amount, 1e7);
        Move memory move = _before();
        if (!_call(from, abi.encodeCall(MARKET.deposit, (owner, amount)))) return;
        _loses(move, from, uint256(amount) << 32);
        _gains(move, owner, uint256(amount) << 32);
        _after(move, 15, "a deposit went elsewhere");
    }

    function withdraw(uint256 seed, uint128 amount) external {
        address owner = actor(seed % PEOPLE);
        _call(owner, abi.encodeCall(MARKET.withdraw, (_uint128(amount, MARKET.freeBalance(owner) >> 32), owner)));
    }

    /// @notice By anybody, who alone pays for it.
    function topUp(uint256 dealSeed, uint128 escrow, uint128 egress) external {
        (DealRef memory ref,) = _pick(dealSeed);
        (escrow, egress) = (_uint128(escrow, 100_000), _uint128(egress, 1_000));
        address from = actor((dealSeed >> 32) % PEOPLE);
        uint256 units = (uint256(escrow) + egress) << 32;
        _due(from, -int256(units));
        Move memory move = _before();
        if (!_call(from, abi.encodeCall(MARKET.topUp, (ref, escrow, egress)))) return;
        _funded(ref.id, escrow, egress);
        _loses(move, from, units);
        _after(move, 15, "another than who topped up paid for it");
    }

    /// @notice A voucher signed by the client, by a delegate of it or by nobody to whom the deal belongs.
    function redeem(uint256 dealSeed, uint128 cumulative) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        address signer = (dealSeed >> 32) % 3 == 0 ? _delegate(dealSeed >> 40) : d.clientSigner;
        Voucher memory voucher = Voucher(ref.id, _uint128(cumulative, 1_500 << 32));
        (uint128 owing, bool delegated) = _owing(d, signer, voucher.cumulative);
        Move memory move = _before();
        _call(_relay(dealSeed >> 48), abi.encodeCall(MARKET.redeem, (_redemption(ref, voucher, signer))));
        uint128 paid = MARKET.redeemed(ref.id, signer) - taken[ref.id][signer];
        _counts(paid != 0);
        _gains(move, ref.provider, paid);
        _after(move, 17, "a voucher moved another sum than it says");
        if (delegated && paid != 0) {
            Delegation storage bounds = given[d.client][signer];
            bool within = _mayNow(d.client, signer, Scopes.READ) && paid <= bounds.egressCap;
            _must(within, 16, "a delegate's voucher paid beyond its bounds");
            bounds.egressCap -= within ? paid : 0;
        }
        _must(paid == owing, 17, "a voucher paid another sum than was owing");
        taken[ref.id][signer] += paid;
        books[ref.id].budget -= paid < books[ref.id].budget ? paid : books[ref.id].budget;
    }

    /// @dev What a voucher must pay: what it says beyond what was paid before, as far as budget and cap reach.
    function _owing(Deal memory d, address signer, uint128 cumulative)
        private
        view
        returns (uint128 owing, bool delegated)
    {
        delegated = signer != d.clientSigner;
        if (d.state == State.Closed || cumulative <= taken[d.id][signer]) return (0, delegated);
        owing = cumulative - taken[d.id][signer];
        if (owing > books[d.id].budget) owing = books[d.id].budget;
        if (!delegated) return (owing, false);
        if (!_mayNow(d.client, signer, Scopes.READ)) return (0, true);
        uint128 cap = given[d.client][signer].egressCap;
        if (owing > cap) owing = cap;
    }

    function _redemption(DealRef memory ref, Voucher memory voucher, address signer)
        internal
        view
        returns (RedeemItem[] memory items)
    {
        items = new RedeemItem[](1);
        Signature memory signature = _sign(signer, _digest(keccak256(abi.encode(TypedHashes.VOUCHER, voucher))));
        items[0] = RedeemItem(ref.provider, ref.slot, voucher, signature);
    }

    // ---------------------------------------------------------------- delegates

    function authorize(uint256 seed) external {
        (address client, address delegate) = (actor(seed % CLIENTS), _delegate(seed >> 8));
        Delegation memory bounds = Delegation({
            scopes: uint8(seed >> 16) % 16,
            untilEpoch: _epoch() + uint32((seed >> 24) % 8),
            repairBudget: _uint128(seed >> 32, 500_000),
            maxRate: uint96(bound(seed >> 40, 0, PENALTY_RATE)),
            maxEgressRate: 0,
            egressCap: _uint128(seed >> 48, 500 << 32)
        });
        bool kept = _mayNow(client, delegate, Scopes.READ);
        Delegation memory earlier = given[client][delegate];
        if (!_call(client, abi.encodeCall(MARKET.authorize, (delegate, bounds)))) return;
        bool shrunk = bounds.scopes & Scopes.READ == 0 || bounds.untilEpoch < earlier.untilEpoch
            || bounds.egressCap < earlier.egressCap;
        _must(!kept || !shrunk, 16, "a reader's bounds shrank at once");
        given[client][delegate] = bounds;
    }

    function revoke(uint256 seed) external {
        (address client, address delegate) = (actor(seed % CLIENTS), _delegate(seed >> 8));
        if (!_call(client, abi.encodeCall(MARKET.revoke, (delegate)))) return;
        Delegation storage bounds = given[client][delegate];
        if (bounds.untilEpoch > _epoch() + 2) bounds.untilEpoch = _epoch() + 2;
    }

    /// @notice Whether the market knows what every client lets every delegate do, no more and no less.
    function delegationsAgree() external view returns (bool) {
        for (uint256 i = 0; i < CLIENTS; ++i) {
            for (uint256 j = 0; j < PEOPLE - DELEGATES; ++j) {
                Delegation memory known = MARKET.delegationOf(actor(i), _delegate(j));
                bytes32 plain = keccak256(abi.encode(given[actor(i)][_delegate(j)]));
                if (keccak256(abi.encode(known)) != plain) return false;
            }
        }
        return true;
    }

    // ---------------------------------------------------------------- wicked tokens

    /// @notice Money is moved by a token that does something else than it is told; it has calls of its own to make, too.
    function misbehave(uint256 dealSeed, uint256 seed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        WickedToken.Way way = WickedToken.Way(1 + seed % 6);
        uint128 amount = _uint128(seed >> 16, 1e6) + 1;
        TOKEN.behave(way, MARKET, _whatTokenCalls(ref, seed >> 8));
        (uint256 held, uint256 before) = (TOKEN.balanceOf(address(MARKET)), _owed());
        address from = actor((seed >> 32) % PARTIES);
        uint256 what = (seed >> 48) % 3;
        bool ok;
        if (what == 0) {
            ok = _call(from, abi.encodeCall(MARKET.deposit, (from, amount)));
        } else if (what == 1) {
            ok = _call(from, abi.encodeCall(MARKET.topUp, (ref, amount, amount)));
        } else {
            ok = _call(from, abi.encodeCall(MARKET.withdraw, (amount, from)));
        }
        TOKEN.behave(WickedToken.Way.Honest, MARKET, "");
        if (ok && what == 1) _funded(ref.id, amount, amount);
        // Each may have risen or fallen, by as much.
        _must(_owed() + (held << 32) == before + (TOKEN.balanceOf(address(MARKET)) << 32), 23, "a token made or took credit");
    }

    function _whatTokenCalls(DealRef memory ref, uint256 seed) private view returns (bytes memory) {
        if (seed % 5 == 0) return abi.encodeCall(MARKET.withdraw, (1, address(TOKEN)));
        if (seed % 5 == 1) return abi.encodeCall(MARKET.deposit, (address(TOKEN), 1));
        if (seed % 5 == 2) return abi.encodeCall(MARKET.settle, (_one(ref)));
        if (seed % 5 == 3) return abi.encodeCall(MARKET.close, (_one(ref)));
        return abi.encodeCall(MARKET.prune, (_one(ref)));
    }
}
