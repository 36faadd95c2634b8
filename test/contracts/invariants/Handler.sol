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
    RedeemItem,
    Revision,
    Terms,
    Voucher
} from "../../../contracts/types/Market.sol";
import {Check} from "../Check.sol";
import {Shadow} from "./Shadow.sol";
import {ZeroSectors} from "./ZeroSectors.sol";

/// @notice Two clients and two providers doing anything in any order, time included. What they do is told to a
/// {Shadow}, which keeps the plain books.
contract Handler is Check, Shadow {
    using TypedHashes for *;

    uint96 internal constant PENALTY_RATE = 20_000 << 32;
    uint256 private constant MAX_DEALS = 24;
    uint256 private constant CLIENTS = 2;
    uint256 private constant PROVIDERS = 2;

    bytes32 private immutable DOMAIN;
    /// @notice How often each call went through, by selector of this handler.
    mapping(bytes4 => uint256) public done;
    mapping(address account => uint256) private keys;
    uint256 private nonce;

    constructor(IStorageMarket market, MarketToken token) Shadow(market) {
        DOMAIN = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Sublet"),
                keccak256("1"),
                block.chainid,
                market
            )
        );
        for (uint256 i = 0; i < CLIENTS + PROVIDERS; ++i) {
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

    function open(uint256 seed) external {
        if (deals.length == MAX_DEALS) return;
        uint256 client = seed % CLIENTS;
        Terms memory terms = _terms(client, _provider(seed >> 8), seed);
        bytes32 id = _digest(this.hashTerms(terms));
        uint128 most = uint128((uint256(terms.capacity) * terms.rate * 13) >> 32) + 1;
        DealItem[] memory items = new DealItem[](1);
        items[0] = DealItem(terms, _sign(terms.provider, id), _uint128(seed >> 16, most), _uint128(seed >> 24, 1_000));
        if (!_call(actor(client), abi.encodeCall(MARKET.openDeals, (items, 1)))) return;
        _opened(DealRef(terms.provider, _slotOf(terms.provider, id), id), actor(client), items[0]);
    }

    function commit(uint256 dealSeed, uint32 sectors) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        sectors = uint32(bound(sectors, 0, d.capacity));
        Revision memory revision = Revision(ref.id, d.number + 65_536, ZeroSectors.root(sectors), sectors, 0);
        bytes32 digest = _digest(this.hashRevision(revision));
        CommitItem[] memory items = new CommitItem[](1);
        items[0] = CommitItem(ref.provider, ref.slot, revision, _sign(d.client, digest), _sign(ref.provider, digest));
        uint32 effective = _effective(ref.provider);
        _call(actor(1), abi.encodeCall(MARKET.commit, (items)));
        if (MARKET.deal(ref.provider, ref.slot).number == revision.number) _changed(ref.id, effective);
    }

    function settle(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(actor(0), abi.encodeCall(MARKET.settle, (_one(ref))));
    }

    function extend(uint256 dealSeed, uint256 seed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        Extension memory extension = Extension({
            deal: ref.id,
            endEpoch: d.stopAt + uint32(seed % 5),
            rate: uint96(bound(seed >> 8, 0, PENALTY_RATE)),
            capacity: uint32(bound(seed >> 16, 1, 8)),
            nonce: nonce++,
            validUntil: type(uint64).max
        });
        bytes memory signature = _sign(ref.provider, _digest(this.hashExtension(extension)));
        uint32 effective = _effective(ref.provider);
        _extending(ref.id, extension.endEpoch);
        bool extended = _call(d.client, abi.encodeCall(MARKET.extend, (ref, extension, signature)));
        _extending(ref.id, 0);
        if (!extended) return;
        _changed(ref.id, effective);
        _refilled(ref.id, effective);
    }

    function refill(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        uint32 effective = _effective(ref.provider);
        if (_call(ref.provider, abi.encodeCall(MARKET.refill, (ref)))) _refilled(ref.id, effective);
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
        bytes memory signature = _sign(d.client, _digest(this.hashVoucher(voucher)));
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
        (DealRef memory ref,) = _pick(dealSeed);
        _call(actor(0), abi.encodeCall(MARKET.close, (_one(ref))));
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
        address owner = actor(seed % (CLIENTS + PROVIDERS));
        _call(owner, abi.encodeCall(MARKET.deposit, (owner, _uint128(amount, 1e7))));
    }

    function withdraw(uint256 seed, uint128 amount) external {
        address owner = actor(seed % (CLIENTS + PROVIDERS));
        (uint128 balance, uint128 locked) = MARKET.account(owner);
        _call(owner, abi.encodeCall(MARKET.withdraw, (_uint128(amount, (balance - locked) >> 32), owner)));
    }

    // ---------------------------------------------------------------- how it is done

    function hashTerms(Terms calldata terms) external pure returns (bytes32) {
        return terms.hash();
    }

    function hashRevision(Revision calldata revision) external pure returns (bytes32) {
        return revision.hash();
    }

    function hashExtension(Extension calldata extension) external pure returns (bytes32) {
        return extension.hash();
    }

    function hashVoucher(Voucher calldata voucher) external pure returns (bytes32) {
        return voucher.hash();
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", DOMAIN, structHash));
    }

    function _terms(uint256 client, address provider, uint256 seed) private returns (Terms memory) {
        uint32 capacity = uint32(bound(seed >> 32, 1, 8));
        uint32 epoch = MARKET.currentEpoch();
        return Terms({
            client: actor(client),
            clientSigner: actor(client),
            provider: provider,
            volume: 1,
            position: 0,
            k: 1,
            n: 1,
            rate: uint96(bound(seed >> 40, 0, PENALTY_RATE)),
            egressRate: 0,
            capacity: capacity,
            minSectors: (seed >> 64) % 3 == 0 ? uint32(bound(seed >> 72, 0, capacity)) : 0,
            endEpoch: epoch + 2 + uint32((seed >> 80) % 12),
            noticeEpochs: 1 + uint32((seed >> 88) % 3),
            answerBond: uint128((seed >> 96) % 1_000),
            nonce: nonce++,
            validUntil: type(uint64).max
        });
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

    function _slotOf(address provider, bytes32 id) private view returns (uint16 slot) {
        while (MARKET.deal(provider, slot).id != id) ++slot;
    }

    function _sign(address signer, bytes32 digest) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[signer], digest);
        return abi.encodePacked(r, s, v);
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
    }
}
