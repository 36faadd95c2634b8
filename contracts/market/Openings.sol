// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {SumTree} from "../libraries/SumTree.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {AgreedWord, ProgressWord} from "../libraries/Words.sol";
import {DealItem, Delegation, Scopes, Terms, VolumeTerms} from "../types/Market.sol";
import {Agreed, CLOSED, Customer, DealRecord, Holder, Link, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Openings
/// @notice Opening deals: many providers' signed terms, one client, one payment.
abstract contract Openings is IMarketAnnex, Records {
    using TypedHashes for Terms;

    uint256 private constant MAX_NOTICE_EPOCHS = 30;
    uint256 private constant MAX_CUSTOMERS = type(uint32).max; // what a deal has room for

    /// @dev One call's figures.
    struct Batch {
        bool delegated; // the caller is a delegate of the client
        address caller;
        bytes32 domain;
        uint256 start;
        uint256 reserved; // sectors x epochs that each deal's escrow pays at least
        uint256 customer; // index, once an item has opened
        uint256 units; // escrow and egress to charge
    }

    /// @inheritdoc IMarketAnnex
    function openDeals(VolumeTerms calldata volume, DealItem[] calldata items, uint256 minOpened)
        external
        nonReentrant
        returns (uint256 opened)
    {
        _capBatch(items.length);
        Batch memory batch;
        batch.caller = _msgSender();
        batch.delegated = batch.caller != volume.client;
        batch.domain = _domain();
        batch.start = _inCommitPhase() ? _epoch() : _epoch() + 1;
        _checkVolume(batch, volume);
        batch.reserved = uint256(volume.minSectors) * (volume.endEpoch - batch.start);
        Terms memory terms = _common(volume);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _open(batch, volume, terms, items[i]);
            if (problem == 0) ++opened;
            else emit Skipped(i, problem);
        }
        if (opened < minOpened) revert Market_TooFewOpened(minOpened, opened);
        if (opened != 0) _charge(volume.client, batch.units);
    }

    /// @dev What is wrong with all items is no item's fault.
    function _checkVolume(Batch memory batch, VolumeTerms calldata volume) private view {
        if (batch.delegated && !_inForce(_delegations[volume.client][batch.caller], Scopes.REPAIR)) {
            revert Market_Unauthorized(batch.caller);
        }
        if (volume.k == 0 || volume.k > volume.n) revert Market_BadTerms("k");
        if (volume.clientSigner == address(0)) revert Market_BadTerms("clientSigner");
        if (volume.capacity > MAX_CAPACITY) revert Market_CapacityExceeded(MAX_CAPACITY, volume.capacity);
        if (volume.capacity == 0) revert Market_BadTerms("capacity");
        if (volume.minSectors > volume.capacity) revert Market_BadTerms("minSectors");
        if (volume.noticeEpochs == 0 || volume.noticeEpochs > MAX_NOTICE_EPOCHS) revert Market_BadTerms("noticeEpochs");
        if (volume.endEpoch <= batch.start || volume.endEpoch - batch.start > DEAL_EPOCHS) {
            revert Market_BadTerms("endEpoch");
        }
        if (2 * uint256(volume.answerBond) > MIN_COLLATERAL) revert Market_BadTerms("answerBond");
    }

    function _common(VolumeTerms calldata volume) private pure returns (Terms memory terms) {
        (terms.client, terms.clientSigner, terms.volume) = (volume.client, volume.clientSigner, volume.volume);
        (terms.k, terms.n, terms.capacity, terms.minSectors) = (volume.k, volume.n, volume.capacity, volume.minSectors);
        (terms.endEpoch, terms.noticeEpochs) = (volume.endEpoch, volume.noticeEpochs);
        terms.answerBond = volume.answerBond;
    }

    /// @dev Every check comes before the first effect. `terms` has what the deals share, and takes up what is this one's.
    function _open(Batch memory batch, VolumeTerms calldata volume, Terms memory terms, DealItem calldata item)
        private
        returns (bytes4 problem)
    {
        (terms.provider, terms.slot, terms.position) = (item.provider, item.slot, item.position);
        (terms.rate, terms.egressRate, terms.validUntil) = (item.rate, item.egressRate, item.validUntil);
        (uint256 escrow, uint256 egress) = (item.escrow, item.egress);
        Holder storage holder = _holders[terms.provider];
        Standing standing = holder.standing;
        (address signer, uint256 penaltyRate) = (holder.signer, holder.penaltyRate);
        problem = _itemProblem(batch, terms, escrow, egress, standing, penaltyRate);
        if (problem != 0) return problem;
        uint256 collateral = _fullCollateral(terms.capacity, penaltyRate);
        if (collateral > standing.free()) return Market_InsufficientCollateral.selector;
        DealRecord storage record = holder.deals[terms.slot];
        terms.previous = record.agreed.id();
        if (terms.previous != 0 && record.progress.status() & CLOSED == 0) return Market_SlotTaken.selector;

        terms.series = uint32(standing.series());
        bytes32 digest = MessageHashUtils.toTypedDataHash(batch.domain, terms.hash());
        if (standing.rotated()) signer = _signerOf(holder);
        if (_recoverDigest(digest, item.signature) != signer) return Market_WrongSigner.selector;

        if (batch.customer == 0) _begin(batch, volume);
        holder.standing = standing.opened(terms.slot, terms.capacity, collateral);
        _write(batch, terms, escrow, egress, record, AgreedWord.idOf(digest));
    }

    function _itemProblem(
        Batch memory batch,
        Terms memory terms,
        uint256 escrow,
        uint256 egress,
        Standing standing,
        uint256 penaltyRate
    ) private view returns (bytes4) {
        uint256 rate = terms.rate;
        if (standing.treeHeight() == 0) return Market_NotRegistered.selector;
        if (terms.slot >= SumTree.MAX_SLOTS || terms.position >= terms.n || rate > AgreedWord.MAX_RATE) {
            return Market_BadTerms.selector;
        }
        if (escrow > ProgressWord.MAX_ESCROW >> LEDGER_SHIFT || egress > type(uint96).max) {
            return Market_BadTerms.selector;
        }
        if (batch.delegated) {
            Delegation storage delegation = _delegations[terms.client][batch.caller];
            if (
                rate > delegation.maxRate || terms.egressRate > delegation.maxEgressRate
                    || escrow + egress > delegation.repairBudget
            ) return Market_Unauthorized.selector;
        }
        unchecked {
            if (rate * MULTIPLIER > penaltyRate) return Market_PenaltyRateTooLow.selector;
            if (standing.capacity() + terms.capacity > MAX_PROVIDER_CAPACITY) return Market_CapacityExceeded.selector;
            if (block.timestamp > terms.validUntil) return Market_Expired.selector;
            return escrow << LEDGER_SHIFT < batch.reserved * rate ? Market_InsufficientEscrow.selector : bytes4(0);
        }
    }

    /// @dev With the first deal: links the client's openings, finds or writes its side, and tells what the deals share.
    function _begin(Batch memory batch, VolumeTerms calldata volume) private {
        Link storage link = _links[volume.client];
        uint64 previous = link.last == block.number ? link.before : link.last;
        batch.customer = link.customer;
        Customer storage known = _customers[batch.customer];
        if (
            known.client != volume.client || known.signer != volume.clientSigner
                || known.noticeEpochs != volume.noticeEpochs || known.answerBond != volume.answerBond
        ) {
            batch.customer = ++_customerCount;
            if (batch.customer > MAX_CUSTOMERS) revert Market_CapacityExceeded(MAX_CUSTOMERS, batch.customer);
            _customers[batch.customer] = Customer({
                client: volume.client,
                noticeEpochs: uint8(volume.noticeEpochs),
                answerBond: uint64(volume.answerBond),
                signer: volume.clientSigner
            });
        }
        _links[volume.client] =
            Link({last: uint64(block.number), before: previous, customer: uint32(batch.customer)});
        emit VolumeOpened(
            volume.client,
            volume.volume,
            volume.clientSigner,
            volume.k,
            volume.n,
            volume.capacity,
            volume.minSectors,
            uint32(batch.start),
            volume.endEpoch,
            volume.noticeEpochs,
            volume.answerBond,
            previous
        );
    }

    /// @dev Writes the deal into its slot, and counts its money, against the delegate's budget too.
    function _write(
        Batch memory batch,
        Terms memory terms,
        uint256 escrow,
        uint256 egress,
        DealRecord storage record,
        bytes32 id
    ) private {
        unchecked {
            if (batch.delegated) {
                _delegations[terms.client][batch.caller].repairBudget -= uint128(escrow + egress); // within it: checked
            }
            escrow <<= LEDGER_SHIFT;
            batch.units += escrow + (egress << LEDGER_SHIFT);
            record.agreed = AgreedWord.pack(id, terms.rate, terms.capacity);
            record.progress =
                ProgressWord.pack(escrow, batch.start - 1, terms.endEpoch, terms.minSectors, batch.customer);
        }
        emit DealOpened(
            terms.provider, id, terms.slot, terms.position, terms.rate, terms.egressRate, uint128(escrow)
        );
        if (egress != 0) {
            record.egress = uint128(egress << LEDGER_SHIFT);
            emit ToppedUp(id, terms.client, 0, uint128(egress));
        }
    }
}
