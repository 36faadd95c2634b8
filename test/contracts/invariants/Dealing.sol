// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {TypedHashes} from "../../../contracts/libraries/TypedHashes.sol";
import {
    CommitItem,
    Deal,
    DealItem,
    DealRef,
    Delegation,
    Extension,
    Revision,
    Scopes,
    Signature,
    State,
    Terms,
    VolumeTerms
} from "../../../contracts/types/Market.sol";
import {People} from "./People.sol";
import {ZeroSectors} from "./ZeroSectors.sol";

/// @notice Deals begin, and get new figures.
abstract contract Dealing is People {
    uint16 private constant SLOTS = 11; // in two words of the tree

    /// @dev What clients let delegates do, kept plainly.
    mapping(address client => mapping(address delegate => Delegation)) internal given;

    /// @notice One deal or two of one client in one call, at different providers.
    function open(uint256 seed) external {
        _open(seed, actor(seed % PARTIES), address(0));
    }

    /// @notice The same, by a delegate.
    function openFor(uint256 seed) external {
        _open(seed, actor(seed % CLIENTS), _delegate(seed >> 4));
    }

    function _open(uint256 seed, address client, address delegate) private {
        if (deals.length + 2 > MAX_DEALS) return;
        VolumeTerms memory volume = _volume(seed, client);
        DealItem[] memory items = new DealItem[](1 + (seed >> 104) % 2);
        bytes32[] memory ids = new bytes32[](items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            address provider = _provider((seed >> 8) + i);
            (items[i], ids[i]) = _offer(volume, provider, _signer(provider), uint256(keccak256(abi.encode(seed, i))));
            _consents(provider);
        }
        _consents(client);
        Move memory move = _before();
        bytes memory call = abi.encodeCall(MARKET.openDeals, (volume, items, 1));
        address sender = delegate == address(0) ? client : delegate;
        if (!_call(sender, call)) return;
        for (uint256 i = 0; i < items.length; ++i) {
            DealItem memory item = items[i];
            if (MARKET.deal(item.provider, item.slot).id != ids[i]) continue;
            _must(books[ids[i]].start == 0, 19, "an id came again");
            _opened(DealRef(item.provider, item.slot, ids[i]), client, item);
            if (delegate != address(0)) _spent(client, delegate, item);
            _loses(move, item.provider, _full(item.provider, volume.capacity));
            _loses(move, client, (item.escrow + item.egress) << 32);
        }
        _after(move, 2, "collateral mislaid by openDeals");
        vm.prank(sender);
        (bool again,) = address(MARKET).call(call);
        _must(!again, 14, "an offer opened two deals");
    }

    /// @dev That a delegate has opened this one, its bounds must have let it.
    function _spent(address client, address delegate, DealItem memory item) private {
        Delegation storage bounds = given[client][delegate];
        uint128 sum = uint128(item.escrow + item.egress);
        bool within = _mayNow(client, delegate, Scopes.REPAIR) && sum <= bounds.repairBudget
            && item.rate <= bounds.maxRate && item.egressRate <= bounds.maxEgressRate;
        _must(within, 16, "a delegate opened a deal beyond its bounds");
        if (within) bounds.repairBudget -= sum;
    }

    function _mayNow(address client, address delegate, uint8 scope) internal view returns (bool) {
        Delegation storage bounds = given[client][delegate];
        return bounds.scopes & scope != 0 && _epoch() < bounds.untilEpoch;
    }

    /// @notice An offer that was signed before does not open a deal after.
    function cancelOffers(uint256 seed) external {
        address provider = _provider(seed >> 8);
        VolumeTerms memory volume = _volume(seed, actor(seed % PARTIES));
        DealItem[] memory items = new DealItem[](1);
        (items[0],) = _offer(volume, provider, _signer(provider), seed);
        if (!_call(provider, abi.encodeCall(MARKET.cancelOffers, ()))) return;
        vm.prank(volume.client);
        (bool opened,) = address(MARKET).call(abi.encodeCall(MARKET.openDeals, (volume, items, 1)));
        _must(!opened, 14, "a cancelled offer opened a deal");
    }

    /// @notice Of one deal or two of a provider, now and then one that is challenged, sent by itself, its signer, or a relay with its signatures.
    function commit(uint256 dealSeed, uint32 sectors) external {
        (DealRef memory ref, Deal memory d) = (dealSeed >> 80) % 2 == 0 ? _pick(dealSeed) : _pickChallenged(dealSeed);
        if (d.id != ref.id) return;
        _commit(_alongside(ref, dealSeed >> 40), dealSeed >> 32, sectors);
    }

    function _commit(DealRef[] memory refs, uint256 seed, uint256 sectors) internal {
        DealRef memory ref = refs[0];
        address signer = _signer(ref.provider);
        bool itself = seed % 2 == 0;
        CommitItem[] memory items = new CommitItem[](refs.length);
        Signature[] memory assents = new Signature[](itself ? 0 : refs.length);
        for (uint256 i = 0; i < refs.length; ++i) {
            bytes32 digest;
            (items[i], digest) = _revision(refs[i], sectors >> (4 * i));
            if (!itself) assents[i] = _sign(signer, digest);
        }
        uint32 effective = _effective(ref.provider);
        address sender = itself ? (seed >> 1) % 2 == 0 ? ref.provider : signer : _relay(seed >> 2);
        if (!_call(sender, abi.encodeCall(MARKET.commit, (ref.provider, items, assents)))) return;
        bool did = false;
        for (uint256 i = 0; i < refs.length; ++i) {
            if (MARKET.deal(ref.provider, items[i].slot).number != items[i].number) continue;
            _changed(refs[i].id, effective);
            did = true;
        }
        _counts(did);
        if (did) _gated(ref.provider);
    }

    function extend(uint256 dealSeed, uint256 seed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        if (d.id != ref.id) return;
        Extension memory extension = _extension(ref, d, seed);
        Signature memory signature = _signExtension(_signer(ref.provider), extension);
        uint32 effective = _effective(ref.provider);
        _extending(ref.id, extension.endEpoch);
        _consents(ref.provider);
        Move memory move = _before();
        bool extended = _call(d.client, abi.encodeCall(MARKET.extend, (ref, extension, signature)));
        _extending(ref.id, 0);
        if (!extended) return;
        _gated(ref.provider);
        _changed(ref.id, effective);
        _refilled(ref.id, effective);
        if (d.settledThrough + 1 < effective) return; // it moved what was earned and lost besides
        _gains(move, ref.provider, d.collateral);
        _loses(move, ref.provider, _full(ref.provider, extension.capacity));
        _after(move, 2, "collateral mislaid by extend");
    }

    function refill(uint256 dealSeed) external {
        (DealRef memory ref, Deal memory d) = _pick(dealSeed);
        uint32 effective = _effective(ref.provider);
        Move memory move = _before();
        if (!_call(ref.provider, abi.encodeCall(MARKET.refill, (ref)))) return;
        _gated(ref.provider);
        _refilled(ref.id, effective);
        if (d.settledThrough + 1 < effective) return;
        _gains(move, ref.provider, d.collateral);
        _loses(move, ref.provider, _full(ref.provider, d.capacity));
        _after(move, 2, "collateral mislaid by refill");
    }

    function _volume(uint256 seed, address client) internal view returns (VolumeTerms memory) {
        uint32 capacity = uint32(bound(seed >> 32, 1, 8));
        return VolumeTerms({
            client: client,
            clientSigner: client,
            volume: 1,
            k: 1,
            n: 1,
            capacity: capacity,
            minSectors: (seed >> 64) % 3 == 0 ? uint32(bound(seed >> 72, 0, capacity)) : 0,
            endEpoch: _epoch() + 2 + uint32((seed >> 80) % 12),
            noticeEpochs: 1 + uint32((seed >> 88) % 3),
            answerBond: uint128((seed >> 96) % 2) * 999
        });
    }

    /// @dev The provider's offer of a slot, now and then of one that is taken, and the id that the deal will have.
    function _offer(VolumeTerms memory volume, address provider, address signer, uint256 seed)
        internal
        view
        returns (DealItem memory item, bytes32 id)
    {
        (item.provider, item.slot, item.validUntil) = (provider, uint16((seed >> 48) % SLOTS), type(uint64).max);
        Deal memory d = MARKET.deal(provider, item.slot);
        while (_isUnclosed(d) && (seed >> 112) % 8 != 0) {
            item.slot = (item.slot + 1) % (SLOTS + uint16(deals.length));
            d = MARKET.deal(provider, item.slot);
        }
        // Now and then more than its penalty rate permits.
        item.rate = uint96(bound(seed >> 40, 0, PENALTY_RATE * 9 / (8 * MULTIPLIER)));
        uint128 most = uint128((uint256(volume.capacity) * item.rate * 13) >> 32) + 1;
        (item.escrow, item.egress) = (_uint128(seed >> 16, most), _uint128(seed >> 24, 1_000));
        bytes32 digest = _digest(keccak256(abi.encode(TypedHashes.TERMS, _terms(volume, item, d.id))));
        item.signature = _sign(signer, digest);
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

    /// @dev The next revision of a deal, now and then one of long ago, signed by its client.
    function _revision(DealRef memory ref, uint256 seed) internal view returns (CommitItem memory item, bytes32 digest) {
        Deal memory d = MARKET.deal(ref.provider, ref.slot);
        (item.slot, item.number, item.sectors) = (ref.slot, d.number + 65_536, uint32(bound(seed, 0, d.capacity)));
        if (d.number != 0 && seed % 16 == 15) item.number = d.number / 2;
        item.root = ZeroSectors.root(item.sectors);
        Revision memory revision = Revision(ref.id, item.number, item.root, item.sectors, item.head);
        digest = _digest(keccak256(abi.encode(TypedHashes.REVISION, revision)));
        item.signature = _sign(d.client, digest);
    }

    function _extension(DealRef memory ref, Deal memory d, uint256 seed) internal view returns (Extension memory) {
        return Extension({
            deal: ref.id,
            from: d.stopAt,
            endEpoch: d.stopAt + 1 + uint32(seed % 5),
            rate: uint96(bound(seed >> 8, 0, PENALTY_RATE * 9 / (8 * MULTIPLIER))),
            capacity: uint32(bound(seed >> 16, 1, 8)),
            series: MARKET.providerOf(ref.provider).series,
            validUntil: type(uint64).max
        });
    }

    function _signExtension(address signer, Extension memory extension) internal view returns (Signature memory) {
        return _sign(signer, _digest(keccak256(abi.encode(TypedHashes.EXTENSION, extension))));
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
}
