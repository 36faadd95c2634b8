// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {Deal, DealItem, DealRef, Parameters, Provider, Reason, State} from "../../../contracts/types/Market.sol";

/// @notice The books kept plainly: epoch by epoch, one deal after the other, nothing cached. What the market's
/// arithmetic must agree with.
abstract contract Shadow {
    /// @dev What holds of a deal from an epoch on.
    struct Figures {
        uint32 from;
        uint32 sectors;
        uint32 minSectors;
        uint96 rate;
    }

    /// @dev What a provider's set is of from an epoch on.
    struct Total {
        uint32 from;
        uint32 sectors;
    }

    struct Book {
        address client;
        uint32 noticeEpochs;
        uint128 answerBond;
        uint128 funded; // ledger units of escrow ever paid in
        uint32 start;
        uint32 wholeSince; // epoch from which its collateral is the full figure less what was missed since
        uint32 extendingTo; // the stopAt that an extension under way may give it, the one way up
        uint64 number;
        uint32 stopAt;
        bytes32 closed; // hash of its record once it was seen closed
    }

    IStorageMarket public immutable MARKET;
    uint256 internal immutable EXIT;
    uint256 private immutable COVER;
    uint256 private immutable MIN_COLLATERAL;

    DealRef[] public deals;
    mapping(bytes32 id => Book) internal books;
    mapping(bytes32 id => Figures[]) private figures;
    mapping(address provider => Total[]) private totals;
    mapping(address provider => mapping(uint32 epoch => uint256)) private proofs;
    /// @notice The first thing that went backwards or changed after its end; empty: nothing did.
    string public broken;

    constructor(IStorageMarket market) {
        MARKET = market;
        Parameters memory p = market.parameters();
        (EXIT, COVER, MIN_COLLATERAL) = (p.exitEpochs, p.coverEpochs, uint256(p.minCollateral) << 32);
    }

    function dealCount() external view returns (uint256) {
        return deals.length;
    }

    /// @notice What is left of a deal's escrow: what was paid in, less each proven epoch's bill.
    function escrowOf(DealRef memory ref, uint32 settledThrough) external view returns (uint256 escrow) {
        Book storage book = books[ref.id];
        escrow = book.funded;
        for (uint32 epoch = book.start; epoch <= settledThrough; ++epoch) {
            if (!MARKET.proven(ref.provider, epoch)) continue;
            Figures memory held = _at(ref.id, epoch);
            escrow -= uint256(held.sectors > held.minSectors ? held.sectors : held.minSectors) * held.rate;
        }
    }

    /// @notice What is left of a deal's collateral: the full figure, less each missed epoch's penalty.
    function collateralOf(DealRef memory ref, Deal memory d) external view returns (uint256) {
        if (d.reason >= Reason.Missed) return 0; // an immediate exit gives the rest away
        uint256 penaltyRate = MARKET.providerOf(ref.provider).penaltyRate;
        uint256 full = _full(ref.provider, d.capacity);
        uint256 lost = 0;
        for (uint32 epoch = books[ref.id].wholeSince; epoch <= d.settledThrough; ++epoch) {
            if (!MARKET.proven(ref.provider, epoch)) lost += _at(ref.id, epoch).sectors * penaltyRate;
        }
        return lost < full ? full - lost : 0;
    }

    /// @notice The misses that a deal's cover has borne up to now: epochs that are over, unproven, with data in them.
    function missesOf(DealRef memory ref) public view returns (uint256 misses) {
        for (uint32 epoch = books[ref.id].wholeSince; epoch < MARKET.currentEpoch(); ++epoch) {
            if (!MARKET.proven(ref.provider, epoch) && _at(ref.id, epoch).sectors != 0) misses++;
        }
        return misses < COVER ? misses : COVER;
    }

    /// @notice Epochs that are over, unproven, with something in the set.
    function missCountOf(address provider) external view returns (uint256 misses) {
        Total[] storage all = totals[provider];
        uint256 next = 0;
        for (uint32 epoch = 1; epoch < MARKET.currentEpoch(); ++epoch) {
            while (next < all.length && all[next].from <= epoch) next++;
            if (next != 0 && all[next - 1].sectors != 0 && !MARKET.proven(provider, epoch)) misses++;
        }
    }

    /// @notice How often a proof of an epoch was taken.
    function proofsOf(address provider, uint32 epoch) external view returns (uint256) {
        return proofs[provider][epoch];
    }

    function _opened(DealRef memory ref, address client, DealItem memory item) internal {
        deals.push(ref);
        Deal memory d = MARKET.deal(ref.provider, ref.slot);
        Book storage book = books[ref.id];
        uint32 start = d.settledThrough + 1;
        (book.client, book.start, book.wholeSince) = (client, start, start);
        (book.funded, book.stopAt) = (item.escrow << 32, d.stopAt);
        (book.noticeEpochs, book.answerBond) = (d.noticeEpochs, d.answerBond);
        _changed(ref.id, start);
    }

    /// @dev The deal's figures are other ones from epoch `from` on.
    function _changed(bytes32 id, uint32 from) internal {
        DealRef memory ref = _refOf(id);
        Deal memory d = MARKET.deal(ref.provider, ref.slot);
        figures[id].push(Figures(from, d.sectors, d.minSectors, d.rate));
    }

    function _refilled(bytes32 id, uint32 from) internal {
        books[id].wholeSince = from;
    }

    function _extending(bytes32 id, uint32 to) internal {
        books[id].extendingTo = to;
    }

    function _funded(bytes32 id, uint128 tokens) internal {
        books[id].funded += tokens << 32;
    }

    function _proved(address provider, uint32 epoch) internal {
        proofs[provider][epoch]++;
    }

    /// @dev E, as the gate has it: the epoch that a change made now is for.
    function _effective(address provider) internal view returns (uint32 epoch) {
        epoch = MARKET.currentEpoch();
        (uint256 start,) = MARKET.epochStart(epoch);
        if (block.number >= start + MARKET.parameters().commitBlocks && MARKET.proven(provider, epoch)) ++epoch;
    }

    /// @dev Whether an honest proof must be taken: it is the first of its epoch, and no deal of the set is beyond its end
    /// or its cover.
    function _provable(address provider, uint32 epoch) internal view returns (bool) {
        if (MARKET.proven(provider, epoch)) return false;
        Provider memory standing = MARKET.providerOf(provider);
        uint32[] memory leaves = MARKET.leaves(provider, 0, standing.slots);
        for (uint16 slot = 0; slot < leaves.length; ++slot) {
            if (leaves[slot] == 0) continue;
            Deal memory d = MARKET.deal(provider, slot);
            if (epoch >= d.stopAt || missesOf(DealRef(provider, slot, d.id)) >= COVER) return false;
        }
        return true;
    }

    /// @dev What a deal of `capacity` sectors locks.
    function _full(address provider, uint256 capacity) internal view returns (uint256) {
        uint256 cover = capacity * MARKET.providerOf(provider).penaltyRate * COVER;
        return cover > MIN_COLLATERAL ? cover : MIN_COLLATERAL;
    }

    /// @dev Keeps what a provider's set came to, if it is another figure now. Where nothing can change it, nothing did.
    function _weigh(address provider) internal {
        Total[] storage all = totals[provider];
        uint32 sectors = MARKET.providerOf(provider).sectors;
        if (sectors == (all.length == 0 ? 0 : all[all.length - 1].sectors)) return;
        all.push(Total(_effective(provider), sectors));
    }

    /// @dev Numbers rise, stopAt falls, closed records stay as they are, and nobody's deal becomes another's.
    function _observe() internal {
        for (uint256 i = 0; i < deals.length; ++i) {
            DealRef memory ref = deals[i];
            Deal memory d = MARKET.deal(ref.provider, ref.slot);
            if (d.id != ref.id) continue; // closed, and its slot is another's
            Book storage book = books[ref.id];
            if (d.number < book.number) broken = "a number fell";
            if (d.stopAt > book.stopAt && d.stopAt != book.extendingTo) broken = "stopAt rose";
            if (d.settledThrough >= d.stopAt) broken = "settled beyond stopAt";
            if (d.client != book.client || d.noticeEpochs != book.noticeEpochs || d.answerBond != book.answerBond) {
                broken = "a deal has another's client, notice or bond";
            }
            (book.number, book.stopAt) = (d.number, d.stopAt);
            if (d.state != State.Closed) continue;
            bytes32 record = keccak256(abi.encode(d));
            if (book.closed == 0) book.closed = record;
            if (book.closed != record) broken = "a closed deal changed";
        }
    }

    function _at(bytes32 id, uint32 epoch) private view returns (Figures memory held) {
        Figures[] storage all = figures[id];
        for (uint256 i = 0; i < all.length && all[i].from <= epoch; ++i) {
            held = all[i];
        }
    }

    function _refOf(bytes32 id) private view returns (DealRef memory) {
        for (uint256 i = deals.length; i > 0; --i) {
            if (deals[i - 1].id == id) return deals[i - 1];
        }
        revert("no such deal");
    }
}
