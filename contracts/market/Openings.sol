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

    /// @dev Every check comes before the first effect.
    function _open(Batch memory batch, VolumeTerms calldata volume, Terms memory terms, DealItem calldata item)
        private
        returns (bytes4 problem)
    {
        if (item.slot >= SumTree.MAX_SLOTS) return Market_BadTerms.selector;
        Holder storage holder = _holders[item.provider];
        Standing standing = holder.standing;
        problem = _itemProblem(batch, volume, item, standing, holder.penaltyRate);
        if (problem != 0) return problem;
        uint256 collateral = _fullCollateral(volume.capacity, holder.penaltyRate);
        if (collateral > standing.free()) return Market_InsufficientCollateral.selector;
        DealRecord storage record = holder.deals[item.slot];
        bytes32 previous = record.agreed.id();
        if (previous != 0 && record.progress.status() & CLOSED == 0) return Market_SlotTaken.selector;

        (terms.provider, terms.slot, terms.previous) = (item.provider, item.slot, previous);
        (terms.series, terms.position) = (uint32(standing.series()), item.position);
        (terms.rate, terms.egressRate, terms.validUntil) = (item.rate, item.egressRate, item.validUntil);
        bytes32 digest = MessageHashUtils.toTypedDataHash(batch.domain, terms.hash());
        if (_recoverDigest(digest, item.signature) != _signerOf(holder)) return Market_WrongSigner.selector;

        if (batch.customer == 0) _begin(batch, volume);
        if (item.slot >= standing.slots()) standing = standing.withSlots(item.slot + 1);
        standing = standing.withDeals(standing.deals() + 1).withCapacity(standing.capacity() + volume.capacity);
        holder.standing = standing.debited(collateral);
        _write(batch, volume, item, record, AgreedWord.idOf(digest));
        _emitOpened(item, AgreedWord.idOf(digest));
    }

    function _itemProblem(
        Batch memory batch,
        VolumeTerms calldata volume,
        DealItem calldata item,
        Standing standing,
        uint256 penaltyRate
    ) private view returns (bytes4) {
        if (standing.treeHeight() == 0) return Market_NotRegistered.selector;
        if (item.position >= volume.n || item.rate > AgreedWord.MAX_RATE) return Market_BadTerms.selector;
        if (uint256(item.escrow) << LEDGER_SHIFT > ProgressWord.MAX_ESCROW || item.egress > type(uint96).max) {
            return Market_BadTerms.selector;
        }
        if (batch.delegated) {
            Delegation storage delegation = _delegations[volume.client][batch.caller];
            if (
                item.rate > delegation.maxRate || item.egressRate > delegation.maxEgressRate
                    || uint256(item.escrow) + item.egress > delegation.repairBudget
            ) return Market_Unauthorized.selector;
        }
        if (item.rate * MULTIPLIER > penaltyRate) return Market_PenaltyRateTooLow.selector;
        if (standing.capacity() + volume.capacity > MAX_PROVIDER_CAPACITY) return Market_CapacityExceeded.selector;
        if (block.timestamp > item.validUntil) return Market_Expired.selector;
        uint256 need = uint256(volume.minSectors) * item.rate * (volume.endEpoch - batch.start);
        return uint256(item.escrow) << LEDGER_SHIFT < need ? Market_InsufficientEscrow.selector : bytes4(0);
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
        VolumeTerms calldata volume,
        DealItem calldata item,
        DealRecord storage record,
        bytes32 id
    ) private {
        record.agreed = AgreedWord.pack(id, item.rate, volume.capacity);
        record.progress = ProgressWord.pack(
            uint256(item.escrow) << LEDGER_SHIFT, batch.start - 1, volume.endEpoch, volume.minSectors, batch.customer
        );
        if (item.egress != 0) record.egress = item.egress << LEDGER_SHIFT;
        uint128 tokens = item.escrow + item.egress;
        batch.units += uint256(tokens) << LEDGER_SHIFT;
        if (batch.delegated) _delegations[volume.client][batch.caller].repairBudget -= tokens;
    }

    function _emitOpened(DealItem calldata item, bytes32 id) private {
        emit DealOpened(
            item.provider,
            id,
            item.slot,
            item.position,
            item.rate,
            item.egressRate,
            item.escrow << LEDGER_SHIFT,
            item.egress << LEDGER_SHIFT
        );
    }
}
