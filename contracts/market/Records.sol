// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {AgreedWord, SampledWord} from "../libraries/Words.sol";
import {DealRef, Signature} from "../types/Market.sol";
import {Agreed, CLOSED, Customer, DealRecord, Holder, Link, Live, Progress, STOPPED, Sampled, Seed, Standing} from "../types/Records.sol";
import {Standings} from "./Standings.sol";

/// @title Records
/// @notice What is kept of a deal: finding it, its collateral and cover, and settling it.
/// @dev Everything stored is declared here and in the bases: {StorageMarket} and {Annex} see one layout.
abstract contract Records is Standings {
    using ProofRecord for uint256[1 << 16];
    using SumTree for uint256[1 << 14];

    uint256 internal constant MAX_CAPACITY = 1 << 24; // sectors of a deal
    uint256 internal constant MAX_PROVIDER_CAPACITY = 1 << 31; // and of all deals of a provider

    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Sublet");
    bytes32 private constant VERSION = keccak256("1");

    mapping(uint256 index => Customer) internal _customers;
    uint256 internal _customerCount;
    mapping(address client => Link) internal _links;
    mapping(bytes32 deal => mapping(address signer => uint128)) internal _redeemed;
    Seed internal _seed;

    /// @dev Takes up the deal at (provider, slot), unless it is closed; or says why there is none.
    function _find(Live memory d, address provider, uint256 slot) internal view returns (bytes4) {
        _turnTo(d, provider);
        return _take(d, slot);
    }

    function _turnTo(Live memory d, address provider) internal view {
        Holder storage holder = _holders[provider];
        (d.provider, d.span) = (provider, 0);
        assembly ("memory-safe") {
            mstore(add(d, 0x40), holder.slot)
        }
    }

    /// @dev {_find}, of the provider that was turned to.
    function _take(Live memory d, uint256 slot) internal view returns (bytes4) {
        if (slot >= SumTree.MAX_SLOTS) return Market_WrongDeal.selector;
        DealRecord storage record = _home(d).deals[slot];
        d.slot = slot;
        assembly ("memory-safe") {
            mstore(add(d, 0x60), record.slot)
        }
        (d.agreed, d.progress) = (record.agreed, record.progress);
        if (Agreed.unwrap(d.agreed) == 0) return Market_WrongDeal.selector;
        return d.progress.status() & CLOSED != 0 ? Market_WrongState.selector : bytes4(0);
    }

    /// @dev The same, where `ref` names it.
    function _take(Live memory d, DealRef calldata ref) internal view returns (bytes4 problem) {
        problem = _take(d, ref.slot);
        if (d.agreed.id() != ref.id) problem = Market_WrongDeal.selector;
    }

    /// @dev {_find}, where `ref` names it.
    function _load(Live memory d, DealRef calldata ref) internal view returns (bytes4) {
        if (d.provider != ref.provider) _turnTo(d, ref.provider);
        return _take(d, ref);
    }

    /// @dev The same, or a revert.
    function _demand(DealRef calldata ref) internal view returns (Live memory d) {
        bytes4 problem = _load(d, ref);
        if (problem == Market_WrongDeal.selector) revert Market_WrongDeal(d.agreed.id(), ref.id);
        if (problem != 0) revert Market_WrongState(ref.id);
    }

    function _home(Live memory d) internal pure returns (Holder storage holder) {
        uint256 home = d.home;
        assembly ("memory-safe") {
            holder.slot := home
        }
    }

    function _record(Live memory d) internal pure returns (DealRecord storage record) {
        uint256 place = d.place;
        assembly ("memory-safe") {
            record.slot := place
        }
    }

    function _customer(Live memory d) internal view returns (Customer storage) {
        return _customers[d.progress.customer()];
    }

    function _client(Live memory d) internal view returns (address) {
        return _customer(d).client;
    }

    function _stopped(Live memory d) internal pure returns (bool) {
        return d.progress.status() & STOPPED != 0;
    }

    /// @dev Nothing of a reused slot's last deal is seen before the first commit.
    function _sampled(Live memory d) internal view returns (Sampled) {
        return d.progress.number() == 0 ? Sampled.wrap(0) : _record(d).sampled;
    }

    /// @dev Committed sectors, also those of a deal that is stopped.
    function _sectors(Live memory d) internal view returns (uint256) {
        return _stopped(d) ? _sampled(d).sectors() : _home(d).tree.get(d.slot);
    }

    /// @dev E, or a revert where this deal takes no new figures now.
    function _requireLive(Live memory d) internal view returns (uint256 effective) {
        effective = _requireGate(_home(d));
        if (_stopped(d) || effective >= d.progress.stopAt()) revert Market_WrongState(d.agreed.id());
    }

    /// @dev What `sectors` cost in so many epochs.
    function _need(Live memory d, uint256 sectors, uint256 epochs) internal pure returns (uint256) {
        unchecked {
            return _billed(d.progress, sectors) * d.agreed.rate() * epochs;
        }
    }

    function _billed(Progress progress, uint256 sectors) internal pure returns (uint256) {
        uint256 least = progress.minSectors();
        return sectors > least ? sectors : least;
    }

    /// @dev What a deal of `capacity` sectors locks. Even.
    function _fullCollateral(uint256 capacity, uint256 penaltyRate) internal view returns (uint256) {
        unchecked {
            uint256 cover = capacity * penaltyRate * COVER; // 25, 96 and 13 bits
            uint256 least = MIN_COLLATERAL << LEDGER_SHIFT;
            return cover > least ? cover : least;
        }
    }

    function _collateralLeft(Live memory d) internal view returns (uint256) {
        return _fullCollateral(d.agreed.capacity(), _home(d).penaltyRate) - _record(d).lost;
    }

    /// @dev Whether so many misses of its provider have used the collateral up.
    function _exhausted(Sampled sampled, uint256 sectors, uint256 misses) internal view returns (bool) {
        return sectors == 0 ? sampled.cover() >= COVER : sampled.coverLeft(misses) == 0;
    }

    /// @dev Counts misses and settles through `through`; nothing before this write's effective epoch stays open.
    function _catchUp(Live memory d, uint256 through) internal {
        _countMisses(_home(d), through);
        _credit(d.provider, _settle(d, _sectors(d), through));
    }

    /// @dev Settles the epochs up to min(through, stopAt - 1). The deal's own words stay to be saved, and `paid` to be
    /// credited.
    function _settle(Live memory d, uint256 sectors, uint256 through) internal returns (uint256 paid) {
        uint256 penalty;
        (through, paid, penalty) = _outcome(d, sectors, through);
        if (through <= d.progress.settledThrough()) return 0;
        _apply(d, through, paid, penalty);
        emit Settled(d.agreed.id(), uint32(through), uint128(paid));
    }

    /// @dev What the epochs up to min(through, stopAt - 1) that are not settled yet pay and cost.
    function _outcome(Live memory d, uint256 sectors, uint256 through)
        internal
        view
        returns (uint256 last, uint256 paid, uint256 penalty)
    {
        Progress progress = d.progress;
        uint256 settled = progress.settledThrough();
        if (through <= settled) return (through, 0, 0);
        unchecked {
            last = progress.stopAt() - 1;
            if (through < last) last = through;
            if (last <= settled) return (last, 0, 0);
            Holder storage holder = _home(d);
            uint256 proved = _provenIn(d, settled + 1, last);
            // 13, 25 and 80 bits: no product is near 256.
            paid = proved * _billed(progress, sectors) * d.agreed.rate();
            uint256 missed = last - settled - proved;
            if (missed != 0 && sectors != 0) {
                penalty = missed * sectors * holder.penaltyRate;
                uint256 left = _collateralLeft(d);
                if (penalty > left) penalty = left;
            }
        }
    }

    /// @dev How many epochs of first..last are proven.
    function _provenIn(Live memory d, uint256 first, uint256 last) private view returns (uint256) {
        uint256 span = first << 32 | last;
        if (d.span != span) (d.span, d.proven) = (span, _home(d).record.count(first, last));
        return d.proven;
    }

    /// @dev Moves an outcome but for the provider's pay.
    function _apply(Live memory d, uint256 through, uint256 paid, uint256 penalty) internal {
        d.progress = d.progress.settled(through).withEscrow(d.progress.escrow() - paid);
        if (penalty != 0) {
            _record(d).lost += uint128(penalty);
            _penalise(_client(d), penalty);
            emit Penalised(d.agreed.id(), uint128(penalty));
        }
    }

    /// @dev EIP-712 domain of this market, built anew: it holds on every fork, and in the annex.
    function _domain() internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, NAME, VERSION, block.chainid, address(this)));
    }

    /// @dev Who signed `structHash` for this market; the zero address where nobody did, or in high s.
    function _recover(bytes32 structHash, Signature calldata signature) internal view returns (address) {
        return _recoverDigest(MessageHashUtils.toTypedDataHash(_domain(), structHash), signature);
    }

    function _recoverDigest(bytes32 digest, Signature calldata signature) internal pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
    }
}
