// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {DealItem, Delegation, Scopes, Terms} from "../types/Market.sol";
import {Agreed, DealRecord, Opening, Progress, Sampled, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Openings
/// @notice Opening deals: many providers' signed terms, one client, one payment.
abstract contract Openings is Records {
    using TypedHashes for Terms;

    /// @dev A client's last two opening blocks: the list must not point a block at itself.
    struct Link {
        uint64 last;
        uint64 before;
    }

    /// @dev One call's running figures. `client` is that of the first item that opened.
    struct Batch {
        address caller;
        address client;
        uint32 start;
        uint64 previousBlock;
        uint256 units; // escrow and egress to charge
        uint256 openingIndex;
        Opening opening; // the last one written; empty before
    }

    mapping(address client => Link) private _links;

    /// @inheritdoc IStorageMarket
    function openDeals(DealItem[] calldata items, uint256 minOpened) external nonReentrant returns (uint256 opened) {
        _capBatch(items.length);
        Batch memory batch;
        batch.caller = _msgSender();
        batch.start = _inCommitPhase() ? _epoch() : _epoch() + 1;
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _open(batch, items[i]);
            if (problem == 0) ++opened;
            else emit Skipped(i, problem);
        }
        if (opened < minOpened) revert Market_TooFewOpened(minOpened, opened);
        if (opened != 0) _charge(batch.client, batch.units);
    }

    /// @inheritdoc IStorageMarket
    function lastOpening(address client) external view returns (uint64 blockNumber) {
        return _links[client].last;
    }

    /// @dev Every check comes before the first effect.
    function _open(Batch memory batch, DealItem calldata item) private returns (bytes4 problem) {
        Terms calldata terms = item.terms;
        problem = _payerProblem(batch, item);
        if (problem != 0) return problem;
        Standing memory standing = _standings[terms.provider];
        problem = _termsProblem(terms, standing, batch.start);
        if (problem != 0) return problem;

        uint256 need = uint256(terms.minSectors) * terms.rate * (terms.endEpoch - batch.start);
        if (uint256(item.escrow) << LEDGER_SHIFT < need) return Market_InsufficientEscrow.selector;
        uint256 collateral = _fullCollateral(terms.capacity, standing.penaltyRate);
        if (collateral > _free(terms.provider)) return Market_InsufficientCollateral.selector;
        bytes32 id = _hashTypedDataV4(terms.hash());
        (address signer,,) = ECDSA.tryRecoverCalldata(id, item.signature);
        if (signer == address(0) || signer != _signerOf(terms.provider)) return Market_WrongSigner.selector;

        _accounts[terms.provider].locked += uint128(collateral);
        _useNonce(terms.provider, terms.nonce);
        _spend(batch, item);
        uint16 slot = _record(batch, item, standing, id);
        _standings[terms.provider] = standing;
        _emitOpened(batch, item, id, slot, uint128(collateral));
    }

    /// @dev The client is the caller, or one that lets the caller repair within its limits.
    function _payerProblem(Batch memory batch, DealItem calldata item) private view returns (bytes4) {
        Terms calldata terms = item.terms;
        if (batch.client != address(0) && batch.client != terms.client) return Market_Unauthorized.selector;
        if (item.escrow > MAX_ESCROW >> LEDGER_SHIFT || item.egress > type(uint96).max) {
            return Market_BadTerms.selector;
        }
        if (terms.client != batch.caller) {
            Delegation storage delegation = _delegations[terms.client][batch.caller];
            if (
                !_inForce(delegation, Scopes.REPAIR) || terms.rate > delegation.maxRate
                    || terms.egressRate > delegation.maxEgressRate
                    || uint256(item.escrow) + item.egress > delegation.repairBudget
            ) return Market_Unauthorized.selector;
        }
        return 0;
    }

    function _termsProblem(Terms calldata terms, Standing memory standing, uint32 start)
        private
        view
        returns (bytes4)
    {
        if (standing.treeHeight == 0) return Market_NotRegistered.selector;
        if (terms.k == 0 || terms.k > terms.n || terms.position >= terms.n) return Market_BadTerms.selector;
        if (terms.clientSigner == address(0)) return Market_BadTerms.selector;
        if (terms.minSectors > terms.capacity || terms.capacity == 0) return Market_BadTerms.selector;
        if (terms.noticeEpochs == 0 || terms.noticeEpochs > MAX_NOTICE_EPOCHS) return Market_BadTerms.selector;
        if (terms.endEpoch <= start || terms.endEpoch - start > DEAL_EPOCHS) return Market_BadTerms.selector;
        if (2 * uint256(terms.answerBond) > MIN_COLLATERAL) return Market_BadTerms.selector;
        if (uint256(terms.rate) * MULTIPLIER > standing.penaltyRate) return Market_PenaltyRateTooLow.selector;
        if (terms.capacity > MAX_CAPACITY || uint256(standing.capacity) + terms.capacity > MAX_PROVIDER_CAPACITY) {
            return Market_CapacityExceeded.selector;
        }
        if (standing.freeSlot == 0 && standing.slots == MAX_SLOTS) return Market_TooManyDeals.selector;
        if (block.timestamp > terms.validUntil) return Market_Expired.selector;
        if (_nonceUsed(terms.provider, terms.nonce)) return Market_NonceUsed.selector;
        return 0;
    }

    /// @dev Counts the item's money, against the delegate's budget too, and links the client's first opening here.
    function _spend(Batch memory batch, DealItem calldata item) private {
        uint128 tokens = item.escrow + item.egress;
        batch.units += uint256(tokens) << LEDGER_SHIFT;
        if (item.terms.client != batch.caller) _delegations[item.terms.client][batch.caller].repairBudget -= tokens;
        if (batch.client != address(0)) return;
        batch.client = item.terms.client;
        Link memory link = _links[batch.client];
        batch.previousBlock = link.last == block.number ? link.before : link.last;
        _links[batch.client] = Link({last: uint64(block.number), before: batch.previousBlock});
    }

    /// @dev Takes a slot and writes the deal into it.
    function _record(Batch memory batch, DealItem calldata item, Standing memory standing, bytes32 id)
        private
        returns (uint16 slot)
    {
        Terms calldata terms = item.terms;
        bool reused = standing.freeSlot != 0;
        slot = reused ? standing.freeSlot - 1 : standing.slots++;
        DealRecord storage record = _deals[terms.provider][slot];
        if (reused) {
            standing.freeSlot = uint16(record.progress.escrow);
            // Left non-zero on purpose, which makes the first commit cheaper.
            record.sampled = Sampled({root: 0, stopAt: terms.endEpoch, cover: 0});
        }
        ++standing.deals;
        standing.capacity += terms.capacity;

        record.id = id;
        record.agreed = Agreed({
            opening: _opening(batch, terms),
            rate: terms.rate,
            capacityLessOne: uint24(terms.capacity - 1),
            minSectors: terms.minSectors,
            position: terms.position,
            stopAt: terms.endEpoch,
            settledThrough: batch.start - 1
        });
        record.progress = Progress({
            escrow: uint120(item.escrow << LEDGER_SHIFT),
            status: 0,
            number: 0,
            sectors: 0,
            activeSince: 0
        });
        if (item.egress != 0) record.egress = item.egress << LEDGER_SHIFT;
    }

    /// @dev The place of what the deal shares with the one before it in this call, written where they differ.
    function _opening(Batch memory batch, Terms calldata terms) private returns (uint32) {
        Opening memory last = batch.opening;
        bool same = last.client != address(0) && last.volume == terms.volume && last.k == terms.k
            && last.n == terms.n && last.noticeEpochs == terms.noticeEpochs && last.clientSigner == terms.clientSigner
            && last.answerBond == terms.answerBond;
        if (!same) {
            batch.opening = Opening({
                client: terms.client,
                volume: terms.volume,
                k: terms.k,
                n: terms.n,
                noticeEpochs: uint8(terms.noticeEpochs),
                clientSigner: terms.clientSigner,
                startEpoch: batch.start,
                answerBond: uint64(terms.answerBond)
            });
            batch.openingIndex = _openings.length;
            _openings.push(batch.opening);
        }
        return uint32(batch.openingIndex);
    }

    function _emitOpened(Batch memory batch, DealItem calldata item, bytes32 id, uint16 slot, uint128 collateral)
        private
    {
        Terms calldata terms = item.terms;
        emit DealOpened(
            terms.client,
            terms.provider,
            id,
            slot,
            terms.volume,
            terms.position,
            terms.k,
            terms.n,
            terms.rate,
            terms.egressRate,
            terms.capacity,
            terms.minSectors,
            batch.start,
            terms.endEpoch,
            item.escrow << LEDGER_SHIFT,
            item.egress << LEDGER_SHIFT,
            collateral,
            batch.previousBlock
        );
    }
}
