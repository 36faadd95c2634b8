// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {MarketToken} from "../../../contracts/MarketToken.sol";
import {TypedHashes} from "../../../contracts/libraries/TypedHashes.sol";
import {
    CommitItem,
    Deal,
    DealItem,
    DealRef,
    Extension,
    Reason,
    RedeemItem,
    Revision,
    Signature,
    State,
    Terms,
    VolumeTerms,
    Voucher
} from "../../../contracts/types/Market.sol";
import {Check} from "../Check.sol";
import {Shadow} from "./Shadow.sol";
import {ZeroSectors} from "./ZeroSectors.sol";

/// @notice Two clients and two providers, which are clients too and now and then their own, doing anything in any order,
/// time included. What they do is told to a {Shadow}, which keeps the plain books.
contract Handler is Check, Shadow {
    uint96 internal constant PENALTY_RATE = 20_000 << 32;
    uint256 private constant MAX_DEALS = 24;
    uint256 private constant CLIENTS = 2;
    uint256 private constant PROVIDERS = 2;
    uint256 private constant ACTORS = CLIENTS + PROVIDERS;
    uint16 private constant SLOTS = 11; // in two words of the tree

    /// @dev What a call must move between those who have it, free or in tokens. What deals hold is not in it.
    struct Move {
        uint256[ACTORS] before;
        uint256[ACTORS] gains;
        uint256[ACTORS] losses;
    }

    MarketToken private immutable TOKEN;
    bytes32 private immutable DOMAIN;
    /// @notice How often each call went through, by selector of this handler.
    mapping(bytes4 => uint256) public done;
    mapping(address account => uint256) private keys;
    /// @notice The first call that took collateral from elsewhere than its provider's balance, or put it elsewhere.
    string public mislaid;

    constructor(IStorageMarket market, MarketToken token) Shadow(market) {
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
        for (uint256 i = 0; i < ACTORS; ++i) {
            keys[actor(i)] = i + 1;
            token.mint(actor(i), 1e12);
            vm.prank(actor(i));
            token.approve(address(market), type(uint256).max);
            if (i < CLIENTS) continue;
            _call(actor(i), abi.encodeCall(MARKET.register, (actor(i), PENALTY_RATE)));
            _call(actor(i), abi.encodeCall(MARKET.deposit, (actor(i), 40_000_000)));
        }
    }

    /// @notice 0 and 1 are clients, 2 and 3 providers.
    function actor(uint256 index) public pure returns (address) {
        return vm.addr(index + 1);
    }

    // ---------------------------------------------------------------- time and proofs

    function advance(uint256 seed) external {
        vm.roll(block.number + bound(seed, 1, 30));
        done[msg.sig]++;
    }

    /// @notice Proves a provider for this epoch, waiting for the prove phase where there is something to prove.
    function prove(uint256 seed) external {
        address provider = _provider(seed);
        uint32 epoch = MARKET.currentEpoch();
        (, uint256 challengeBlock) = MARKET.epochStart(epoch);
        if (block.number <= challengeBlock) vm.roll(challengeBlock + 1);
        MARKET.recordSeed("");
        (, bytes28 value) = MARKET.seed();
        uint32[] memory leaves = MARKET.leaves(provider, 0, MARKET.providerOf(provider).slots);
        bytes memory proof = ZeroSectors.proof(leaves, value, address(MARKET), epoch, provider);
        bool provable = _provable(provider, epoch);
        bool proved = _call(actor(0), abi.encodeCall(MARKET.prove, (provider, value, proof)));
        if (proved) _proved(provider, epoch);
        else if (provable) broken = "an honest proof was refused";
    }

    // ---------------------------------------------------------------- deals

    /// @notice One deal or two of one client in one call, at different providers.
    function open(uint256 seed) external {
        if (deals.length + 2 > MAX_DEALS) return;
        VolumeTerms memory volume = _volume(seed);
        DealItem[] memory items = new DealItem[](1 + (seed >> 104) % 2);
        bytes32[] memory ids = new bytes32[](items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            (items[i], ids[i]) = _offer(volume, _provider((seed >> 8) + i), uint256(keccak256(abi.encode(seed, i))));
        }
        Move memory move = _before();
        bytes memory call = abi.encodeCall(MARKET.openDeals, (volume, items, 1));
        if (!_call(volume.client, call)) return;
        for (uint256 i = 0; i < items.length; ++i) {
            DealItem memory item = items[i];
            if (MARKET.deal(item.provider, item.slot).id != ids[i]) continue;
            _opened(DealRef(item.provider, item.slot, ids[i]), volume.client, item);
            _loses(move, item.provider, _full(item.provider, volume.capacity));
            _loses(move, volume.client, (uint256(item.escrow) + item.egress) << 32);
        }
        _after(move, "open");
        vm.prank(volume.client);
        (bool again,) = address(MARKET).call(call);
        if (again) broken = "an offer opened two deals";
    }

    /// @notice An offer that was signed before does not open a deal after.
    function cancelOffers(uint256 seed) external {
        address provider = _provider(seed >> 8);
        VolumeTerms memory volume = _volume(seed);
        DealItem[] memory items = new DealItem[](1);
        (items[0],) = _offer(volume, provider, seed);
        if (!_call(provider, abi.encodeCall(MARKET.cancelOffers, ()))) return;
        vm.prank(volume.client);
        (bool opened,) = address(MARKET).call(abi.encodeCall(MARKET.openDeals, (volume, items, 1)));
        if (opened) broken = "a cancelled offer opened a deal";
    }

    /// @notice Of one deal or two of a provider, sent by itself or by somebody else with its signatures.
    function commit(uint256 dealSeed, uint32 sectors) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        DealRef[] memory refs = _alongside(ref, dealSeed >> 40);
        bool itself = (dealSeed >> 32) % 2 == 0;
        CommitItem[] memory items = new CommitItem[](refs.length);
        Signature[] memory assents = new Signature[](itself ? 0 : refs.length);
        for (uint256 i = 0; i < refs.length; ++i) {
            bytes32 digest;
            (items[i], digest) = _revision(refs[i], uint256(sectors) >> (4 * i));
            if (!itself) assents[i] = _sign(ref.provider, digest);
        }
        uint32 effective = _effective(ref.provider);
        _call(itself ? ref.provider : actor(1), abi.encodeCall(MARKET.commit, (ref.provider, items, assents)));
        for (uint256 i = 0; i < refs.length; ++i) {
            if (MARKET.deal(ref.provider, items[i].slot).number == items[i].number) _changed(refs[i].id, effective);
        }
    }

    /// @notice Of one deal, or of all that there ever were.
    function settle(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(actor(0), abi.encodeCall(MARKET.settle, ((dealSeed >> 32) % 2 == 0 ? _one(ref) : deals)));
    }

    function extend(uint256 dealSeed, uint256 seed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        Extension memory extension = Extension({
            deal: ref.id,
            from: d.stopAt,
            endEpoch: d.stopAt + 1 + uint32(seed % 5),
            rate: uint96(bound(seed >> 8, 0, PENALTY_RATE)),
            capacity: uint32(bound(seed >> 16, 1, 8)),
            series: MARKET.providerOf(ref.provider).series,
            validUntil: type(uint64).max
        });
        Signature memory signature = _sign(ref.provider, _digest(keccak256(abi.encode(TypedHashes.EXTENSION, extension))));
        uint32 effective = _effective(ref.provider);
        _extending(ref.id, extension.endEpoch);
        Move memory move = _before();
        bool extended = _call(d.client, abi.encodeCall(MARKET.extend, (ref, extension, signature)));
        _extending(ref.id, 0);
        if (!extended) return;
        _changed(ref.id, effective);
        _refilled(ref.id, effective);
        if (d.settledThrough + 1 < effective) return; // it moved what was earned and lost besides
        _gains(move, ref.provider, d.collateral);
        _loses(move, ref.provider, _full(ref.provider, extension.capacity));
        _after(move, "extend");
    }

    function refill(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        uint32 effective = _effective(ref.provider);
        Move memory move = _before();
        if (!_call(ref.provider, abi.encodeCall(MARKET.refill, (ref)))) return;
        _refilled(ref.id, effective);
        if (d.settledThrough + 1 < effective) return;
        _gains(move, ref.provider, d.collateral);
        _loses(move, ref.provider, _full(ref.provider, d.capacity));
        _after(move, "refill");
    }

    function topUp(uint256 dealSeed, uint128 escrow, uint128 egress) external {
        (DealRef memory ref,) = _pick(dealSeed);
        (escrow, egress) = (_uint128(escrow, 100_000), _uint128(egress, 1_000));
        if (_call(actor(1), abi.encodeCall(MARKET.topUp, (ref, escrow, egress)))) _funded(ref.id, escrow);
    }

    function redeem(uint256 dealSeed, uint128 cumulative) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        Voucher memory voucher = Voucher(ref.id, _uint128(cumulative, 1_500 << 32));
        Signature memory signature = _sign(d.client, _digest(keccak256(abi.encode(TypedHashes.VOUCHER, voucher))));
        RedeemItem[] memory items = new RedeemItem[](1);
        items[0] = RedeemItem(ref.provider, ref.slot, voucher, signature);
        _call(actor(3), abi.encodeCall(MARKET.redeem, (items)));
    }

    // ---------------------------------------------------------------- exits

    function terminate(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        _call(d.client, abi.encodeCall(MARKET.terminate, (ref)));
    }

    function resign(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(ref.provider, abi.encodeCall(MARKET.resign, (ref)));
    }

    /// @notice Now and then after a time in which nobody proves, which would be rare otherwise.
    function terminateMissed(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if ((dealSeed >> 32) % 2 == 0) {
            (uint256 later,) = MARKET.epochStart(MARKET.currentEpoch() + 4);
            vm.roll(later);
        }
        _call(d.client, abi.encodeCall(MARKET.terminateMissed, (ref)));
    }

    function abandon(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(ref.provider, abi.encodeCall(MARKET.abandon, (ref)));
    }

    function prune(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(actor(0), abi.encodeCall(MARKET.prune, (_one(ref))));
    }

    function close(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        Move memory move = _before();
        _call(actor(0), abi.encodeCall(MARKET.close, (_one(ref))));
        if (d.id != ref.id || d.state == State.Closed) return;
        if (MARKET.deal(ref.provider, ref.slot).state != State.Closed) return;
        uint256 fee = 0;
        if (d.reason == Reason.Resigned) fee = EXIT * d.sectors * PENALTY_RATE;
        if (fee > d.collateral) fee = d.collateral;
        _gains(move, ref.provider, d.collateral - fee);
        _gains(move, d.client, uint256(d.escrow) + d.egress + fee);
        _after(move, "close");
    }

    function challenge(uint256 dealSeed, uint64 chunk) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        chunk = uint64(bound(chunk, 0, (uint256(d.sectors) << 15) + 1));
        _call(d.client, abi.encodeCall(MARKET.challenge, (ref, chunk)));
    }

    function answer(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickChallenged(dealSeed);
        bytes memory proof = d.sectors == 0 ? bytes("") : ZeroSectors.answer(d.sectors);
        _call(actor(1), abi.encodeCall(MARKET.answer, (ref, proof)));
    }

    /// @notice Now and then once the time to answer is over.
    function convict(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pickChallenged(dealSeed);
        if ((dealSeed >> 32) % 2 == 0 && d.challengeDeadline >= MARKET.currentEpoch()) {
            (uint256 later,) = MARKET.epochStart(d.challengeDeadline + 1);
            vm.roll(later);
        }
        _call(actor(1), abi.encodeCall(MARKET.convict, (ref)));
    }

    // ---------------------------------------------------------------- money

    function deposit(uint256 seed, uint128 amount) external {
        address owner = actor(seed % ACTORS);
        _call(owner, abi.encodeCall(MARKET.deposit, (owner, _uint128(amount, 1e7))));
    }

    function withdraw(uint256 seed, uint128 amount) external {
        address owner = actor(seed % ACTORS);
        _call(owner, abi.encodeCall(MARKET.withdraw, (_uint128(amount, MARKET.freeBalance(owner) >> 32), owner)));
    }

    // ---------------------------------------------------------------- how it is done

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", DOMAIN, structHash));
    }

    function _volume(uint256 seed) private view returns (VolumeTerms memory) {
        uint32 capacity = uint32(bound(seed >> 32, 1, 8));
        address client = actor(seed % ACTORS);
        return VolumeTerms({
            client: client,
            clientSigner: client,
            volume: 1,
            k: 1,
            n: 1,
            capacity: capacity,
            minSectors: (seed >> 64) % 3 == 0 ? uint32(bound(seed >> 72, 0, capacity)) : 0,
            endEpoch: MARKET.currentEpoch() + 2 + uint32((seed >> 80) % 12),
            noticeEpochs: 1 + uint32((seed >> 88) % 3),
            answerBond: uint128((seed >> 96) % 2) * 999
        });
    }

    /// @dev The provider's offer of a slot that has no unclosed deal, and the id that the deal will have.
    function _offer(VolumeTerms memory volume, address provider, uint256 seed)
        private
        view
        returns (DealItem memory item, bytes32 id)
    {
        (item.provider, item.slot, item.validUntil) = (provider, uint16((seed >> 48) % SLOTS), type(uint64).max);
        Deal memory d = MARKET.deal(provider, item.slot);
        while (d.state != State.None && d.state != State.Closed) {
            item.slot = (item.slot + 1) % (SLOTS + uint16(deals.length));
            d = MARKET.deal(provider, item.slot);
        }
        item.rate = uint96(bound(seed >> 40, 0, PENALTY_RATE));
        uint128 most = uint128((uint256(volume.capacity) * item.rate * 13) >> 32) + 1;
        (item.escrow, item.egress) = (_uint128(seed >> 16, most), _uint128(seed >> 24, 1_000));
        bytes32 digest = _digest(keccak256(abi.encode(TypedHashes.TERMS, _terms(volume, item, d.id))));
        item.signature = _sign(provider, digest);
        id = bytes32(bytes19(digest));
    }

    function _terms(VolumeTerms memory volume, DealItem memory item, bytes32 previous)
        private
        view
        returns (Terms memory terms)
    {
        (terms.client, terms.clientSigner, terms.provider) = (volume.client, volume.clientSigner, item.provider);
        (terms.slot, terms.previous, terms.series) = (item.slot, previous, MARKET.providerOf(item.provider).series);
        (terms.volume, terms.position, terms.k, terms.n) = (volume.volume, item.position, volume.k, volume.n);
        (terms.rate, terms.egressRate) = (item.rate, item.egressRate);
        (terms.capacity, terms.minSectors, terms.endEpoch) = (volume.capacity, volume.minSectors, volume.endEpoch);
        (terms.noticeEpochs, terms.answerBond) = (volume.noticeEpochs, volume.answerBond);
        terms.validUntil = item.validUntil;
    }

    /// @dev The next revision of a deal, signed by its client.
    function _revision(DealRef memory ref, uint256 seed) private view returns (CommitItem memory item, bytes32 digest) {
        Deal memory d = MARKET.deal(ref.provider, ref.slot);
        (item.slot, item.number, item.sectors) = (ref.slot, d.number + 65_536, uint32(bound(seed, 0, d.capacity)));
        item.root = ZeroSectors.root(item.sectors);
        Revision memory revision = Revision(ref.id, item.number, item.root, item.sectors, item.head);
        digest = _digest(keccak256(abi.encode(TypedHashes.REVISION, revision)));
        item.signature = _sign(d.client, digest);
    }

    /// @dev A deal, and with it another of its provider now and then.
    function _alongside(DealRef memory ref, uint256 seed) private view returns (DealRef[] memory) {
        (DealRef memory other, Deal memory d) = _pick(seed >> 1);
        bool both = seed % 2 == 0 && d.id == other.id && other.provider == ref.provider && other.slot != ref.slot;
        if (!both) return _one(ref);
        DealRef[] memory refs = new DealRef[](2);
        (refs[0], refs[1]) = (ref, other);
        return refs;
    }

    function _before() private view returns (Move memory move) {
        for (uint256 i = 0; i < ACTORS; ++i) {
            move.before[i] = _wealth(i);
        }
    }

    function _gains(Move memory move, address account, uint256 units) private view {
        move.gains[keys[account] - 1] += units;
    }

    function _loses(Move memory move, address account, uint256 units) private view {
        move.losses[keys[account] - 1] += units;
    }

    function _after(Move memory move, string memory call) private {
        for (uint256 i = 0; i < ACTORS; ++i) {
            if (move.before[i] + move.gains[i] != _wealth(i) + move.losses[i]) mislaid = call;
        }
    }

    /// @dev Ledger units.
    function _wealth(uint256 index) private view returns (uint256) {
        return MARKET.freeBalance(actor(index)) + (TOKEN.balanceOf(actor(index)) << 32);
    }

    function _provider(uint256 seed) private pure returns (address) {
        return actor(CLIENTS + seed % PROVIDERS);
    }

    function _pick(uint256 seed) private view returns (DealRef memory ref, Deal memory d) {
        if (deals.length == 0) return (DealRef(address(0), 0, "none"), d);
        ref = deals[seed % deals.length];
        d = MARKET.deal(ref.provider, ref.slot);
    }

    /// @dev One with a challenge under way, if there is any.
    function _pickChallenged(uint256 seed) private view returns (DealRef memory ref, Deal memory d) {
        for (uint256 i = 0; i <= deals.length; ++i) {
            (ref, d) = _pick(seed % MAX_DEALS + i);
            if (d.id == ref.id && d.challengeDeadline != 0) break;
        }
    }

    function _sign(address signer, bytes32 digest) private view returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[signer], digest);
        return Signature(r, bytes32(uint256(v - 27) << 255 | uint256(s)));
    }

    function _one(DealRef memory ref) private pure returns (DealRef[] memory list) {
        list = new DealRef[](1);
        list[0] = ref;
    }

    function _uint128(uint256 value, uint256 most) private pure returns (uint128) {
        return uint128(bound(value, 0, most));
    }

    /// @dev What reverts is meant to: the fuzzer asks for much that is not allowed.
    function _call(address from, bytes memory data) private returns (bool ok) {
        vm.prank(from);
        (ok,) = address(MARKET).call(data);
        if (ok) done[msg.sig]++;
        _observe();
        for (uint256 i = CLIENTS; i < ACTORS; ++i) {
            _weigh(actor(i));
        }
    }
}
