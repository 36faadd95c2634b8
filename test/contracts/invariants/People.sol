// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {Deal, DealRef, Signature, State} from "../../../contracts/types/Market.sol";
import {Check} from "../Check.sol";
import {Shadow} from "./Shadow.sol";
import {WickedToken} from "./WickedToken.sol";

/// @notice Who takes part: three clients; three providers, who are clients too and now and then their own; two relays; two
/// delegates. Each call is watched: who may lose by it, who gains, and what it changed.
abstract contract People is Check, Shadow {
    uint256 internal constant CLIENTS = 3;
    uint256 internal constant PARTIES = 6;
    uint256 internal constant DELEGATES = 8; // from there on; relays before
    uint256 internal constant PEOPLE = 10;
    uint96 internal constant PENALTY_RATE = 20_000 << 32;
    uint256 internal constant MAX_DEALS = 24;
    uint256 private constant DEPUTIES = 100; // keys of the signers that providers rotate to

    /// @dev What a call must move between those who have it, free or in tokens. What deals hold is not in it.
    struct Move {
        uint256[PEOPLE] before;
        int256[PEOPLE] gains;
    }

    WickedToken internal immutable TOKEN;
    bytes32 private immutable DOMAIN;
    address[PEOPLE] private people;
    /// @notice How often each call went through and did something, by selector of the handler.
    mapping(bytes4 => uint256) public done;
    mapping(address account => uint256) private keys;
    mapping(address account => uint256) private numbers; // of people, from one
    uint256[PEOPLE] private wealth; // ledger units, free and in tokens, after the last call
    /// @dev Of the call under way: who else may lose by it, and what third parties must gain.
    bool[PEOPLE] private consenting;
    int256[PEOPLE] private due;
    mapping(address provider => bool) private wasFrozen; // before the last call
    bool internal shown; // the answer under way shows a chunk

    constructor(IStorageMarket market, WickedToken token) Shadow(market) {
        TOKEN = token;
        DOMAIN = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Sublet"),
                keccak256("1"),
                block.chainid,
                market
            )
        );
        token.invest(market, 10_000);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            address account = vm.addr(i + 1);
            people[i] = account;
            (keys[account], numbers[account]) = (i + 1, i + 1);
            token.mint(account, 1e12);
            vm.prank(account);
            token.approve(address(market), type(uint256).max);
            wealth[i] = 1e12 << 32;
            if (i < CLIENTS || i >= PARTIES) continue;
            hosts.push(account);
            keys[vm.addr(DEPUTIES + i)] = DEPUTIES + i;
            _call(account, abi.encodeCall(MARKET.register, (account, PENALTY_RATE)));
            _call(account, abi.encodeCall(MARKET.deposit, (account, 40_000_000)));
        }
    }

    /// @notice Clients, providers, relays and delegates, in this order.
    function actor(uint256 index) public view returns (address) {
        return people[index];
    }

    /// @notice Ledger units that no deal holds: free, or burnt.
    function unlocked() public view returns (uint256 units) {
        units = uint256(MARKET.burnt()) + MARKET.freeBalance(address(TOKEN));
        for (uint256 i = 0; i < PEOPLE; ++i) {
            units += MARKET.freeBalance(actor(i));
        }
    }

    /// @dev What the market owes, in ledger units.
    function _owed() internal view returns (uint256 units) {
        units = unlocked();
        for (uint256 i = 0; i < deals.length; ++i) {
            DealRef memory ref = deals[i];
            if (books[ref.id].replaced) continue;
            Deal memory d = MARKET.deal(ref.provider, ref.slot);
            units += uint256(d.escrow) + d.egress + d.collateral;
            if (d.challengeDeadline != 0) units += uint256(d.answerBond) << 32;
        }
    }

    /// @dev What reverts is meant to: the fuzzer asks for much that is not allowed.
    function _call(address from, bytes memory data) internal returns (bool ok) {
        bool[] memory frozen = _frozen();
        vm.prank(from);
        (ok,) = address(MARKET).call(data);
        if (ok) done[msg.sig]++;
        for (uint256 i = 0; i < hosts.length; ++i) {
            if (wasFrozen[hosts[i]] != frozen[i]) wasFrozen[hosts[i]] = frozen[i];
        }
        _observe(frozen);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            (uint256 was, uint256 now_) = (wealth[i], _wealth(i));
            int256 expected = ok ? due[i] : int256(0);
            if (now_ != was) {
                wealth[i] = now_;
                _must(now_ > was || consenting[i] || actor(i) == from, 15, "somebody lost by another's call");
            }
            if (i >= PARTIES && int256(now_) - int256(was) != expected) {
                _fault(i < DELEGATES ? 22 : 18, "a third party gained or lost another sum");
            }
            (due[i], consenting[i]) = (0, false);
        }
    }

    /// @dev What a batch skipped was not done.
    function _counts(bool did) internal {
        if (!did && done[msg.sig] > 0) done[msg.sig]--;
    }

    /// @dev The last call was one that needs the gate.
    function _gated(address provider) internal {
        _must(!wasFrozen[provider], 20, "a gated call went through");
    }

    /// @dev `account` may lose by the next call, since it signed for it.
    function _consents(address account) internal {
        consenting[numbers[account] - 1] = true;
    }

    /// @dev The next call must bring `account` so much, if it goes through and it is a third party.
    function _due(address account, int256 units) internal {
        due[numbers[account] - 1] += units;
    }

    function _challengeEnded(address provider, Book storage book) internal override {
        _due(shown ? provider : book.challenger, int256(uint256(book.answerBond) << 32));
    }

    function _before() internal view returns (Move memory move) {
        move.before = wealth;
    }

    function _gains(Move memory move, address account, uint256 units) internal view {
        move.gains[numbers[account] - 1] += int256(units);
    }

    function _loses(Move memory move, address account, uint256 units) internal view {
        move.gains[numbers[account] - 1] -= int256(units);
    }

    /// @dev What the last call moved is what it should have.
    function _after(Move memory move, uint256 invariant, string memory call) internal {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _must(int256(move.before[i]) + move.gains[i] == int256(wealth[i]), invariant, call);
        }
    }

    /// @dev Ledger units.
    function _wealth(uint256 index) private view returns (uint256) {
        return MARKET.freeBalance(actor(index)) + (TOKEN.balanceOf(actor(index)) << 32);
    }

    /// @dev The last one seldom, so that it is without a deal now and then.
    function _provider(uint256 seed) internal view returns (address) {
        return actor(seed % 8 == 0 ? PARTIES - 1 : CLIENTS + seed % 2);
    }

    function _relay(uint256 seed) internal view returns (address) {
        return actor(PARTIES + seed % (DELEGATES - PARTIES));
    }

    function _delegate(uint256 seed) internal view returns (address) {
        return actor(DELEGATES + seed % (PEOPLE - DELEGATES));
    }

    /// @dev The key that a provider may rotate to, and it back from there.
    function _deputy(address provider) internal view returns (address) {
        return vm.addr(DEPUTIES + numbers[provider] - 1);
    }

    function _signer(address provider) internal view returns (address) {
        return MARKET.providerOf(provider).signer;
    }

    function _pick(uint256 seed) internal view returns (DealRef memory ref, Deal memory d) {
        if (deals.length == 0) return (DealRef(address(0), 0, "none"), d);
        ref = deals[seed % deals.length];
        d = MARKET.deal(ref.provider, ref.slot);
    }

    /// @dev One with data in its set, if there is any.
    function _pickActive(uint256 seed) internal view returns (DealRef memory ref, Deal memory d) {
        for (uint256 i = 0; i <= deals.length; ++i) {
            (ref, d) = _pick(seed % MAX_DEALS + i);
            if (d.id == ref.id && d.sectors != 0 && (d.state == State.Active || d.state == State.Notice)) break;
        }
    }

    /// @dev One with a challenge under way, if there is any.
    function _pickChallenged(uint256 seed) internal view returns (DealRef memory ref, Deal memory d) {
        for (uint256 i = 0; i <= deals.length; ++i) {
            (ref, d) = _pick(seed % MAX_DEALS + i);
            if (d.id == ref.id && d.challengeDeadline != 0) break;
        }
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", DOMAIN, structHash));
    }

    function _sign(address signer, bytes32 digest) internal view returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[signer], digest);
        return Signature(r, bytes32(uint256(v - 27) << 255 | uint256(s)));
    }

    function _one(DealRef memory ref) internal pure returns (DealRef[] memory list) {
        list = new DealRef[](1);
        list[0] = ref;
    }

    function _uint128(uint256 value, uint256 most) internal pure returns (uint128) {
        return uint128(bound(value, 0, most));
    }

    function _isUnclosed(Deal memory d) internal pure returns (bool) {
        return d.state != State.None && d.state != State.Closed;
    }
}
