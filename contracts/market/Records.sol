// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {ProofRecord} from "../libraries/ProofRecord.sol";
import {Deal, DealRef, Reason, State} from "../types/Market.sol";
import {
    Agreed, Challenge, CLOSED, DealRecord, Opening, Progress, REASON_MASK, Sampled, Standing, STOPPED
} from "../types/Records.sol";
import {Providers} from "./Providers.sol";

/// @title Records
/// @notice What is kept of a deal: finding it, its state, its collateral, and settling it.
abstract contract Records is Providers, EIP712 {

    uint256 internal constant MAX_CAPACITY = 1 << 24;
    uint256 internal constant MAX_PROVIDER_CAPACITY = 1 << 31;
    uint256 internal constant MAX_NOTICE_EPOCHS = 30;
    uint256 internal constant MAX_ESCROW = type(uint120).max;

    /// @dev What a settlement through `through` moves.
    struct Outcome {
        uint32 through;
        uint128 paid;
        uint128 penalty;
    }

    mapping(address provider => mapping(uint256 slot => DealRecord)) internal _deals;
    Opening[] internal _openings;

    constructor() EIP712("Sublet", "1") {}

    /// @inheritdoc IStorageMarket
    function settle(DealRef[] calldata deals) external {
        _capBatch(deals.length);
        for (uint256 i = 0; i < deals.length; ++i) {
            DealRef calldata ref = deals[i];
            (bytes4 problem, DealRecord storage record) = _find(ref);
            if (problem != 0) {
                emit Skipped(i, problem);
                continue;
            }
            Agreed memory agreed = record.agreed;
            Progress memory progress = record.progress;
            uint96 penaltyRate = _standings[ref.provider].penaltyRate;
            if (_settle(ref.provider, record, agreed, progress, penaltyRate, _known(ref.provider))) {
                record.agreed = agreed;
                record.progress = progress;
            }
        }
    }

    /// @inheritdoc IStorageMarket
    function deal(address provider, uint16 slot) external view returns (Deal memory view_) {
        DealRecord storage record = _deals[provider][slot];
        if (record.id == 0) return view_;
        Agreed memory agreed = record.agreed;
        Progress memory progress = record.progress;
        Sampled memory sampled = record.sampled;
        Opening memory opening = _openings[agreed.opening];
        bool closed = progress.status & CLOSED != 0;
        (view_.id, view_.client, view_.clientSigner) = (record.id, opening.client, opening.clientSigner);
        (view_.volume, view_.position, view_.k, view_.n) = (opening.volume, agreed.position, opening.k, opening.n);
        (view_.state, view_.reason) = (_stateOf(progress), _reasonOf(progress));
        (view_.rate, view_.capacity, view_.minSectors) = (agreed.rate, _capacityOf(agreed), agreed.minSectors);
        (view_.noticeEpochs, view_.startEpoch) = (opening.noticeEpochs, opening.startEpoch);
        (view_.activeSince, view_.stopAt) = (progress.activeSince, agreed.stopAt);
        (view_.settledThrough, view_.number) = (agreed.settledThrough, progress.number);
        (view_.sectors, view_.root) = (progress.sectors, sampled.root);
        view_.misses =
            progress.sectors == 0 ? sampled.cover : _standings[provider].missCount + COVER - sampled.cover;
        if (!closed) {
            (view_.escrow, view_.egress) = (progress.escrow, record.egress);
            view_.collateral = _collateralLeft(record, agreed, _standings[provider].penaltyRate);
        }
        view_.answerBond = opening.answerBond;
        Challenge memory open = record.challenge;
        (view_.challengeDeadline, view_.challengedChunk, view_.challenger) =
            (open.deadline, open.chunk, open.challenger);
    }

    /// @dev The live or stopped deal that `ref` names, or why there is none.
    function _find(DealRef calldata ref) internal view returns (bytes4 problem, DealRecord storage record) {
        record = _deals[ref.provider][ref.slot];
        if (record.id != ref.id || ref.id == 0) return (Market_WrongDeal.selector, record);
        if (record.progress.status & CLOSED != 0) return (Market_WrongState.selector, record);
    }

    /// @dev The same, or a revert.
    function _require(DealRef calldata ref) internal view returns (DealRecord storage record) {
        bytes4 problem;
        (problem, record) = _find(ref);
        if (problem == Market_WrongDeal.selector) revert Market_WrongDeal(record.id, ref.id);
        if (problem != 0) revert Market_WrongState(ref.id);
    }

    function _stateOf(Progress memory progress) internal pure returns (State) {
        if (progress.status & CLOSED != 0) return State.Closed;
        if (progress.status & STOPPED != 0) return State.Stopped;
        if (progress.status != 0) return State.Notice;
        return progress.sectors == 0 ? State.Open : State.Active;
    }

    function _reasonOf(Progress memory progress) internal pure returns (Reason) {
        return Reason(progress.status & REASON_MASK);
    }

    function _capacityOf(Agreed memory agreed) internal pure returns (uint32) {
        return uint32(agreed.capacityLessOne) + 1;
    }

    /// @dev Sectors that are paid for in a proven epoch.
    function _billed(uint256 sectors, Agreed memory agreed) internal pure returns (uint256) {
        return sectors > agreed.minSectors ? sectors : agreed.minSectors;
    }

    /// @dev What a deal of `capacity` sectors locks. Even.
    function _fullCollateral(uint256 capacity, uint256 penaltyRate) internal view returns (uint256) {
        uint256 cover = capacity * penaltyRate * COVER;
        uint256 least = MIN_COLLATERAL << LEDGER_SHIFT;
        return cover > least ? cover : least;
    }

    function _collateralLeft(DealRecord storage record, Agreed memory agreed, uint96 penaltyRate)
        internal
        view
        returns (uint128)
    {
        return uint128(_fullCollateral(_capacityOf(agreed), penaltyRate)) - record.lost;
    }

    /// @dev Whether the misses so far have used the collateral up.
    function _exhausted(Progress memory progress, Sampled memory sampled, uint32 missCount)
        internal
        view
        returns (bool)
    {
        return progress.sectors == 0 ? sampled.cover >= COVER : missCount >= sampled.cover;
    }

    /// @dev What the epochs up to min(through, stopAt - 1) that are not settled yet pay and cost.
    function _outcome(
        address provider,
        DealRecord storage record,
        Agreed memory agreed,
        Progress memory progress,
        uint96 penaltyRate,
        uint32 through
    ) internal view returns (Outcome memory outcome) {
        if (through >= agreed.stopAt) through = agreed.stopAt - 1;
        outcome.through = through;
        if (through <= agreed.settledThrough) return outcome;
        uint256 proved = ProofRecord.count(_records[provider], agreed.settledThrough + 1, through);
        uint256 missed = through - agreed.settledThrough - proved;
        outcome.paid = uint128(proved * _billed(progress.sectors, agreed) * agreed.rate);
        uint256 cost = missed * progress.sectors * penaltyRate;
        if (cost != 0) {
            uint256 left = _collateralLeft(record, agreed, penaltyRate);
            outcome.penalty = uint128(cost < left ? cost : left);
        }
    }

    /// @dev Moves an outcome. The caller writes `agreed` and `progress` back where it says true.
    function _apply(
        address provider,
        DealRecord storage record,
        Agreed memory agreed,
        Progress memory progress,
        Outcome memory outcome
    ) internal returns (bool) {
        if (outcome.through <= agreed.settledThrough) return false;
        agreed.settledThrough = outcome.through;
        progress.escrow -= uint120(outcome.paid);
        if (outcome.paid != 0) _accounts[provider].balance += outcome.paid;
        if (outcome.penalty != 0) {
            record.lost += outcome.penalty;
            _penalise(provider, _openings[agreed.opening].client, outcome.penalty);
        }
        emit Settled(record.id, outcome.through, outcome.paid, outcome.penalty);
        return true;
    }

    function _settle(
        address provider,
        DealRecord storage record,
        Agreed memory agreed,
        Progress memory progress,
        uint96 penaltyRate,
        uint32 through
    ) internal returns (bool) {
        Outcome memory outcome = _outcome(provider, record, agreed, progress, penaltyRate, through);
        return _apply(provider, record, agreed, progress, outcome);
    }

    /// @dev Who signed `structHash` for this market; the zero address where the signature is no 65-byte, low-s one.
    function _recover(bytes32 structHash, bytes calldata signature) internal view returns (address signer) {
        (signer,,) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(structHash), signature);
    }
}
