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
        uint128 budget; // and of egress, less what vouchers took
        uint96 penaltyRate; // when it opened
        uint32 start;
        uint32 wholeSince; // epoch from which its collateral is the full figure less what was missed since
        uint32 extendingTo; // the stopAt that an extension under way may give it, the one way up
        uint64 number;
        uint32 settledThrough;
        uint32 stopAt;
        uint32 deadline; // of the challenge under way
        address challenger;
        bool stopped;
        bool replaced; // its slot is another's
        bytes32 closed; // hash of its record once it was seen closed
    }

    /// @dev What a provider came to when it was last looked at.
    struct Host {
        bytes32 set; // of what a proof may be asked for
        uint32 series;
        uint32 slots;
        uint32 misses;
    }

    IStorageMarket public immutable MARKET;
    uint256 internal immutable MULTIPLIER;
    uint256 internal immutable EXIT;
    uint256 private immutable EPOCH_BLOCKS;
    uint256 private immutable COMMIT_BLOCKS;
    uint256 private immutable GENESIS;
    uint256 private immutable COVER;
    uint256 private immutable MISSED;
    uint256 private immutable FINAL;
    uint256 private immutable MIN_COLLATERAL;

    DealRef[] public deals;
    mapping(bytes32 id => Book) internal books;
    mapping(bytes32 id => Figures[]) private figures;
    mapping(address provider => Total[]) private totals;
    mapping(address provider => mapping(uint256 word => uint256)) private proofs;
    address[] internal hosts;
    mapping(address provider => Host) private seen;
    uint128 private burnt;
    /// @notice The first breach of an invariant, by its number, that was seen while it happened; empty: none was.
    mapping(uint256 invariant => string) public faults;

    constructor(IStorageMarket market) {
        MARKET = market;
        Parameters memory p = market.parameters();
        (MULTIPLIER, EXIT, COVER) = (p.multiplier, p.exitEpochs, p.coverEpochs);
        (MISSED, FINAL, MIN_COLLATERAL) = (p.missedEpochs, p.finalEpochs, uint256(p.minCollateral) << 32);
        (EPOCH_BLOCKS, COMMIT_BLOCKS, GENESIS) = (p.epochBlocks, p.commitBlocks, market.genesis());
    }

    function dealCount() external view returns (uint256) {
        return deals.length;
    }

    function penaltyRateOf(bytes32 id) external view returns (uint96) {
        return books[id].penaltyRate;
    }

    /// @notice What is left of a deal's egress budget: what was paid in, less what vouchers took.
    function budgetOf(bytes32 id) external view returns (uint128) {
        return books[id].budget;
    }

    /// @notice What is left of a deal's escrow: what was paid in, less each proven epoch's bill.
    function escrowOf(DealRef memory ref, uint32 settledThrough) external view returns (uint256 escrow) {
        Book storage book = books[ref.id];
        escrow = book.funded;
        for (uint32 epoch = book.start; epoch <= settledThrough; ++epoch) {
            if (!_isProven(ref.provider, epoch)) continue;
            Figures memory held = _at(ref.id, epoch);
            uint256 bill = uint256(held.sectors > held.minSectors ? held.sectors : held.minSectors) * held.rate;
            escrow = escrow > bill ? escrow - bill : 0; // never more, or its funding is wrong
        }
    }

    /// @notice What is left of a deal's collateral: the full figure, less each missed epoch's penalty.
    function collateralOf(DealRef memory ref, Deal memory d) external view returns (uint256) {
        if (d.reason >= Reason.Missed) return 0; // an immediate exit gives the rest away
        uint256 penaltyRate = MARKET.providerOf(ref.provider).penaltyRate;
        uint256 full = _full(ref.provider, d.capacity);
        uint256 lost = 0;
        for (uint32 epoch = books[ref.id].wholeSince; epoch <= d.settledThrough; ++epoch) {
            if (!_isProven(ref.provider, epoch)) lost += _at(ref.id, epoch).sectors * penaltyRate;
        }
        return lost < full ? full - lost : 0;
    }

    /// @notice The misses that a deal's cover has borne up to now: epochs that are over, unproven, with data in them.
    function missesOf(DealRef memory ref) public view returns (uint256 misses) {
        uint32 now_ = _epoch();
        for (uint32 epoch = books[ref.id].wholeSince; epoch < now_; ++epoch) {
            if (!_isProven(ref.provider, epoch) && _at(ref.id, epoch).sectors != 0) misses++;
        }
        return misses < COVER ? misses : COVER;
    }

    /// @notice Epochs that are over, unproven, with something in the set.
    function missCountOf(address provider) external view returns (uint256 misses) {
        Total[] storage all = totals[provider];
        uint256 next = 0;
        uint32 now_ = _epoch();
        for (uint32 epoch = 1; epoch < now_; ++epoch) {
            while (next < all.length && all[next].from <= epoch) next++;
            if (next != 0 && all[next - 1].sectors != 0 && !_isProven(provider, epoch)) misses++;
        }
    }

    /// @notice The epochs of which a proof was taken, as the market keeps them; one twice is not itself any more.
    function proofsOf(address provider, uint256 word) external view returns (uint256) {
        return proofs[provider][word];
    }

    function _opened(DealRef memory ref, address client, DealItem memory item) internal {
        deals.push(ref);
        Deal memory d = MARKET.deal(ref.provider, ref.slot);
        Book storage book = books[ref.id];
        uint32 start = d.settledThrough + 1;
        (book.client, book.start, book.wholeSince) = (client, start, start);
        (book.funded, book.stopAt) = (uint128(item.escrow << 32), d.stopAt);
        book.budget = uint128(item.egress << 32);
        (book.noticeEpochs, book.answerBond) = (d.noticeEpochs, d.answerBond);
        book.penaltyRate = MARKET.providerOf(ref.provider).penaltyRate;
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

    function _funded(bytes32 id, uint128 escrow, uint128 egress) internal {
        books[id].funded += escrow << 32;
        books[id].budget += egress << 32;
    }

    function _proved(address provider, uint32 epoch) internal {
        proofs[provider][epoch >> 8] += 1 << (epoch & 255);
    }

    function _isProven(address provider, uint32 epoch) private view returns (bool) {
        return proofs[provider][epoch >> 8] >> (epoch & 255) & 1 != 0;
    }

    /// @dev E, as the gate has it: the epoch that a change made now is for.
    function _effective(address provider) internal view returns (uint32 epoch) {
        epoch = _epoch();
        if (!_inCommitPhase() && _isProven(provider, epoch)) ++epoch;
    }

    function _epoch() internal view returns (uint32) {
        return uint32(1 + (block.number - GENESIS) / EPOCH_BLOCKS);
    }

    function _inCommitPhase() internal view returns (bool) {
        return (block.number - GENESIS) % EPOCH_BLOCKS < COMMIT_BLOCKS;
    }

    /// @dev Of each host, whether its set is frozen.
    function _frozen() internal view returns (bool[] memory frozen) {
        frozen = new bool[](hosts.length);
        if (_inCommitPhase()) return frozen;
        for (uint256 i = 0; i < hosts.length; ++i) {
            frozen[i] = !_isProven(hosts[i], _epoch());
        }
    }

    /// @dev Whether an honest proof must be taken: it is the first of its epoch, and no deal of the set is beyond its end
    /// or its cover.
    function _provable(address provider, uint32 epoch) internal view returns (bool) {
        if (_isProven(provider, epoch)) return false;
        Provider memory standing = MARKET.providerOf(provider);
        uint32[] memory leaves = MARKET.leaves(provider, 0, standing.slots);
        for (uint16 slot = 0; slot < leaves.length; ++slot) {
            if (leaves[slot] == 0) continue;
            Deal memory d = MARKET.deal(provider, slot);
            if (epoch >= d.stopAt || missesOf(DealRef(provider, slot, d.id)) >= COVER) return false;
        }
        return true;
    }

    /// @dev What a deal of `capacity` sectors locks: never less than the floor.
    function _full(address provider, uint256 capacity) internal view returns (uint256) {
        uint256 cover = capacity * MARKET.providerOf(provider).penaltyRate * COVER;
        return cover > MIN_COLLATERAL ? cover : MIN_COLLATERAL;
    }

    /// @dev Looks at everything after a call, and compares it with what was there before.
    function _observe(bool[] memory frozen) internal {
        bytes32[] memory sets = new bytes32[](hosts.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            DealRef memory ref = deals[i];
            Book storage book = books[ref.id];
            if (book.replaced) continue;
            Deal memory d = MARKET.deal(ref.provider, ref.slot);
            if (d.id != ref.id) {
                _must(book.closed != 0, 19, "a deal lost its slot before it was closed");
                book.replaced = true;
                continue;
            }
            _compare(ref, book, d);
            if (d.state == State.Stopped || d.state == State.Closed || d.sectors == 0) continue;
            for (uint256 j = 0; j < hosts.length; ++j) {
                if (hosts[j] == ref.provider) sets[j] ^= keccak256(abi.encode(d.id, d.sectors, d.root));
            }
        }
        for (uint256 i = 0; i < hosts.length; ++i) {
            _compareHost(hosts[i], frozen[i], sets[i]);
        }
        uint128 now_ = MARKET.burnt();
        _must(now_ >= burnt, 5, "something burnt came back");
        burnt = now_;
    }

    function _compare(DealRef memory ref, Book storage book, Deal memory d) private {
        _must(d.number >= book.number, 5, "a number fell");
        _must(d.settledThrough >= book.settledThrough, 5, "settledThrough fell");
        _must(d.stopAt <= book.stopAt || d.stopAt == book.extendingTo, 5, "stopAt rose");
        _must(d.settledThrough < d.stopAt, 5, "settled beyond stopAt");
        if (d.client != book.client || d.noticeEpochs != book.noticeEpochs || d.answerBond != book.answerBond) {
            _fault(11, "a deal has another's client, notice or bond");
        }
        if (d.state == State.Stopped && !book.stopped) _stopped(ref, book, d);
        if (book.challenger != address(0) && d.challengeDeadline == 0) _challengeEnded(ref.provider, book);
        (book.number, book.settledThrough, book.stopAt) = (d.number, d.settledThrough, d.stopAt);
        (book.deadline, book.challenger) = (d.challengeDeadline, d.challenger);
        if (d.state != State.Closed) return;
        bytes32 record = keccak256(abi.encode(d));
        if (book.closed == 0) {
            book.closed = record;
            _must(book.stopped && _epoch() > d.stopAt + FINAL, 24, "a deal closed before its time");
            _must(d.escrow == 0 && d.egress == 0 && d.collateral == 0 && d.challengeDeadline == 0, 11, "it holds money");
        }
        _must(book.closed == record, 11, "a closed deal changed");
    }

    /// @dev A deal has just left the set: whether its reason holds.
    function _stopped(DealRef memory ref, Book storage book, Deal memory d) private {
        book.stopped = true;
        uint32 effective = _effective(ref.provider);
        bool due = true;
        if (d.reason <= Reason.Resigned) {
            due = effective >= d.stopAt;
        } else if (d.reason == Reason.Missed) {
            due = d.stopAt <= effective;
            for (uint32 epoch = effective > MISSED ? effective - uint32(MISSED) : 0; epoch < effective; ++epoch) {
                if (_isProven(ref.provider, epoch) || _at(ref.id, epoch).sectors == 0) due = false;
            }
        } else if (d.reason == Reason.Exhausted) {
            due = missesOf(ref) >= COVER;
        } else if (d.reason == Reason.Convicted) {
            due = book.deadline != 0 && _epoch() > book.deadline;
        }
        _must(due, 24, "a deal ended before its reason held");
    }

    function _compareHost(address host, bool frozen, bytes32 set) private {
        Provider memory p = MARKET.providerOf(host);
        Host storage was = seen[host];
        _must(!frozen || set == was.set, 20, "a frozen set changed");
        _must(p.series >= was.series, 5, "a series fell");
        _must(p.slots >= was.slots, 5, "the highest slot fell");
        _must(p.missCount >= was.misses, 5, "missCount fell");
        (was.set, was.series, was.slots, was.misses) = (set, p.series, p.slots, p.missCount);
        // What the set comes to, where it is another figure now; where nothing can change it, nothing did.
        Total[] storage all = totals[host];
        if (p.sectors == (all.length == 0 ? 0 : all[all.length - 1].sectors)) return;
        all.push(Total(_effective(host), p.sectors));
    }

    /// @dev Whoever the bond must go to.
    function _challengeEnded(address provider, Book storage book) internal virtual;

    function _must(bool holds, uint256 invariant, string memory otherwise) internal {
        if (!holds) _fault(invariant, otherwise);
    }

    function _fault(uint256 invariant, string memory what) internal {
        if (bytes(faults[invariant]).length == 0) faults[invariant] = what;
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
