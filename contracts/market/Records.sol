// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {Words} from "../libraries/Words.sol";
import {DealRef} from "../types/Market.sol";
import {CLOSED, DealRecord, Link, Live, Opening, OpeningWords, Sampled, Seed, STOPPED} from "../types/Records.sol";
import {Standings} from "./Standings.sol";

/// @title Records
/// @notice What is kept of a deal: finding it, its collateral and cover, and settling it.
/// @dev Everything stored is declared here and in the bases: {StorageMarket} and {Annex} see one layout.
abstract contract Records is Standings {
    uint256 internal constant MAX_CAPACITY = 1 << 24; // sectors of a deal
    uint256 internal constant MAX_PROVIDER_CAPACITY = 1 << 31; // and of all deals of a provider

    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Sublet");
    bytes32 private constant VERSION = keccak256("1");

    /// @dev What a settlement through `through` moves.
    struct Outcome {
        uint32 through;
        uint128 paid;
        uint128 penalty;
    }

    mapping(address provider => mapping(uint256 slot => DealRecord)) internal _deals;
    mapping(uint256 index => OpeningWords) internal _openings;
    uint256 internal _openingCount;
    mapping(address client => Link) internal _links;
    mapping(bytes32 deal => mapping(address signer => uint128)) internal _redeemed;
    Seed internal _seed;

    /// @dev The deal that `id` names at (provider, slot), unless it is closed; or why there is none.
    function _load(address provider, uint16 slot, bytes32 id) internal view returns (bytes4 problem, Live memory d) {
        DealRecord storage record = _deals[provider][slot];
        if (record.id != id || id == 0) return (Market_WrongDeal.selector, d);
        (d.provider, d.slot, d.id) = (provider, slot, id);
        Words.unpack(d.progress, record.progress);
        if (d.progress.status & CLOSED != 0) return (Market_WrongState.selector, d);
        Words.unpack(d.agreed, record.agreed);
        _readStanding(d.standing, provider);
    }

    /// @dev The same, or a revert.
    function _demand(DealRef calldata ref) internal view returns (Live memory d) {
        bytes4 problem;
        (problem, d) = _load(ref.provider, ref.slot, ref.id);
        if (problem == Market_WrongDeal.selector) {
            revert Market_WrongDeal(_deals[ref.provider][ref.slot].id, ref.id);
        }
        if (problem != 0) revert Market_WrongState(ref.id);
    }

    function _save(Live memory d) internal {
        _saveDeal(d);
        _setStanding(d.provider, d.standing);
    }

    function _saveDeal(Live memory d) internal {
        DealRecord storage record = _record(d);
        record.agreed = Words.pack(d.agreed);
        record.progress = Words.pack(d.progress);
    }

    function _sampled(Live memory d) internal view returns (Sampled memory sampled) {
        Words.unpack(sampled, _record(d).sampled);
    }

    function _setSampled(Live memory d, bytes24 root, uint32 cover) internal {
        _record(d).sampled = Words.pack(Sampled({root: root, stopAt: d.agreed.stopAt, cover: cover}));
    }

    function _record(Live memory d) internal view returns (DealRecord storage) {
        return _deals[d.provider][d.slot];
    }

    function _opening(Live memory d) internal view returns (Opening memory opening) {
        OpeningWords storage words = _openings[d.agreed.opening];
        Words.unpack(opening, words.first, words.second);
    }

    function _client(Live memory d) internal view returns (address) {
        return address(uint160(_openings[d.agreed.opening].first));
    }

    function _clientSigner(Live memory d) internal view returns (address) {
        return address(uint160(_openings[d.agreed.opening].second));
    }

    function _stopped(Live memory d) internal pure returns (bool) {
        return d.progress.status & STOPPED != 0;
    }

    function _capacity(Live memory d) internal pure returns (uint32) {
        return uint32(d.agreed.capacityLessOne) + 1;
    }

    /// @dev E, or a revert where this deal takes no new figures now.
    function _requireLive(Live memory d) internal view returns (uint32 effective) {
        effective = _requireGate(d.provider);
        if (_stopped(d) || effective >= d.agreed.stopAt) revert Market_WrongState(d.id);
    }

    function _setLeaf(Live memory d, uint32 sectors) internal {
        d.standing.treeHeight = SumTree.set(_trees[d.provider], d.standing.treeHeight, d.slot, sectors);
    }

    /// @dev What `sectors` cost from `effective` to the deal's end.
    function _need(Live memory d, uint256 sectors, uint32 effective) internal pure returns (uint256) {
        return _billed(d, sectors) * d.agreed.rate * (d.agreed.stopAt - effective);
    }

    /// @dev Sectors that are paid for in a proven epoch.
    function _billed(Live memory d, uint256 sectors) internal pure returns (uint256) {
        return sectors > d.agreed.minSectors ? sectors : d.agreed.minSectors;
    }

    /// @dev What a deal of `capacity` sectors locks. Even.
    function _fullCollateral(uint256 capacity, uint256 penaltyRate) internal view returns (uint256) {
        uint256 cover = capacity * penaltyRate * COVER;
        uint256 least = MIN_COLLATERAL << LEDGER_SHIFT;
        return cover > least ? cover : least;
    }

    function _collateralLeft(Live memory d) internal view returns (uint128) {
        return uint128(_fullCollateral(_capacity(d), d.standing.penaltyRate)) - _record(d).lost;
    }

    /// @dev Whether the misses so far, counted before, have used the collateral up.
    function _exhausted(Live memory d, uint32 cover) internal view returns (bool) {
        return d.progress.sectors == 0 ? cover >= COVER : d.standing.missCount >= cover;
    }

    /// @dev Counts misses and settles through `through`; nothing before this write's effective epoch stays open.
    function _catchUp(Live memory d, uint32 through) internal {
        _countMisses(d.provider, d.standing, through);
        _apply(d, _outcome(d, through));
    }

    /// @dev What the epochs up to min(through, stopAt - 1) that are not settled yet pay and cost.
    function _outcome(Live memory d, uint32 through) internal view returns (Outcome memory outcome) {
        uint32 settled = d.agreed.settledThrough;
        if (through >= d.agreed.stopAt) through = d.agreed.stopAt - 1;
        outcome.through = through;
        if (through <= settled) return outcome;
        uint256 proved = ProofRecord.count(_records[d.provider], settled + 1, through);
        uint256 sectors = d.progress.sectors;
        outcome.paid = uint128(proved * _billed(d, sectors) * d.agreed.rate);
        uint256 cost = (through - settled - proved) * sectors * d.standing.penaltyRate;
        if (cost != 0) {
            uint256 left = _collateralLeft(d);
            outcome.penalty = uint128(cost < left ? cost : left);
        }
    }

    /// @dev Moves an outcome.
    /// @return settled whether there was anything to settle.
    function _apply(Live memory d, Outcome memory outcome) internal returns (bool settled) {
        if (outcome.through <= d.agreed.settledThrough) return false;
        d.agreed.settledThrough = outcome.through;
        d.progress.escrow -= uint120(outcome.paid);
        _credit(d.provider, outcome.paid);
        if (outcome.penalty != 0) {
            _record(d).lost += outcome.penalty;
            _penalise(d.provider, _client(d), outcome.penalty);
        }
        emit Settled(d.id, outcome.through, outcome.paid, outcome.penalty);
        return true;
    }

    /// @dev Who signed `structHash` for this market; the zero address where the signature is no 65-byte, low-s one.
    function _recover(bytes32 structHash, bytes calldata signature) internal view returns (address) {
        return _recoverDigest(_digest(structHash), signature);
    }

    /// @dev EIP-712 under this market's domain, which is built anew: it holds on every fork, and in the annex.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN, NAME, VERSION, block.chainid, address(this)));
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    function _recoverDigest(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
    }
}
