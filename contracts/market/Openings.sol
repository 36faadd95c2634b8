// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {Words} from "../libraries/Words.sol";
import {DealItem, Delegation, Scopes, Terms} from "../types/Market.sol";
import {Agreed, DealRecord, Link, Live, Opening, OpeningWords, Progress, Standing} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Openings
/// @notice Opening deals: many providers' signed terms, one client, one payment.
abstract contract Openings is IMarketAnnex, Records {
    using TypedHashes for Terms;

    uint256 private constant MAX_NOTICE_EPOCHS = 30;
    uint256 private constant MAX_OPENINGS = type(uint32).max; // of the market: what a deal has room for

    /// @dev One call's running figures. `client` is that of the first item that opened.
    struct Batch {
        address caller;
        address client;
        uint32 start;
        uint64 previousBlock;
        uint256 units; // escrow and egress to charge
        uint256 opening; // index of the last one written, and its words; 0 before
        uint256 first;
        uint256 second;
    }

    /// @inheritdoc IMarketAnnex
    function openDeals(DealItem[] calldata items, uint256 minOpened) external nonReentrant returns (uint256 opened) {
        _capBatch(items.length);
        Batch memory batch;
        batch.caller = _msgSender();
        batch.start = _inCommitPhase() ? _epoch() : _epoch() + 1;
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _open(batch, items[i], items[i].terms);
            if (problem == 0) ++opened;
            else emit Skipped(i, problem);
        }
        if (opened < minOpened) revert Market_TooFewOpened(minOpened, opened);
        if (opened != 0) _charge(batch.client, batch.units);
    }

    /// @dev Every check comes before the first effect.
    function _open(Batch memory batch, DealItem calldata item, Terms memory terms) private returns (bytes4 problem) {
        problem = _payerProblem(batch, item, terms);
        if (problem != 0) return problem;
        Live memory d;
        d.provider = terms.provider;
        _readStanding(d.standing, terms.provider);
        problem = _termsProblem(terms, d.standing, batch.start);
        if (problem != 0) return problem;

        uint256 need = uint256(terms.minSectors) * terms.rate * (terms.endEpoch - batch.start);
        if (uint256(item.escrow) << LEDGER_SHIFT < need) return Market_InsufficientEscrow.selector;
        uint256 collateral = _fullCollateral(terms.capacity, d.standing.penaltyRate);
        if (collateral > _free(terms.provider)) return Market_InsufficientCollateral.selector;
        d.id = _digest(terms.hash());
        address signer = _recoverDigest(d.id, item.signature);
        if (signer == address(0) || signer != _signerOf(terms.provider)) return Market_WrongSigner.selector;

        _accounts[terms.provider].locked += uint128(collateral);
        _takeNonce(terms.provider, terms.nonce);
        _spend(batch, item, terms);
        _write(batch, item, terms, d);
        _emitOpened(batch, item, terms, d, uint128(collateral));
    }

    /// @dev The client is the caller, or one that lets the caller repair within its limits.
    function _payerProblem(Batch memory batch, DealItem calldata item, Terms memory terms)
        private
        view
        returns (bytes4)
    {
        if (batch.client != address(0) && batch.client != terms.client) return Market_Unauthorized.selector;
        if (item.escrow > type(uint120).max >> LEDGER_SHIFT || item.egress > type(uint96).max) {
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

    function _termsProblem(Terms memory terms, Standing memory standing, uint32 start)
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
    function _spend(Batch memory batch, DealItem calldata item, Terms memory terms) private {
        uint128 tokens = item.escrow + item.egress;
        batch.units += uint256(tokens) << LEDGER_SHIFT;
        if (terms.client != batch.caller) _delegations[terms.client][batch.caller].repairBudget -= tokens;
        if (batch.client != address(0)) return;
        batch.client = terms.client;
        Link memory link = _links[batch.client];
        batch.previousBlock = link.last == block.number ? link.before : link.last;
        _links[batch.client] = Link({last: uint64(block.number), before: batch.previousBlock});
    }

    /// @dev Takes a slot and writes the deal into it.
    function _write(Batch memory batch, DealItem calldata item, Terms memory terms, Live memory d) private {
        Standing memory standing = d.standing;
        bool reused = standing.freeSlot != 0;
        d.slot = reused ? standing.freeSlot - 1 : standing.slots++;
        ++standing.deals;
        standing.capacity += terms.capacity;
        _agree(d.agreed, terms);
        (d.agreed.opening, d.agreed.settledThrough) = (_share(batch, terms), batch.start - 1);
        DealRecord storage record = _record(d);
        if (reused) {
            Words.unpack(d.progress, record.progress);
            standing.freeSlot = uint16(d.progress.escrow);
            _setSampled(d, 0, 0); // left non-zero by stopAt: the first commit finds a word in use, which is cheaper
        }
        d.progress = Progress({
            escrow: uint120(item.escrow << LEDGER_SHIFT),
            status: 0,
            number: 0,
            sectors: 0,
            activeSince: 0
        });
        record.id = d.id;
        if (item.egress != 0) record.egress = item.egress << LEDGER_SHIFT;
        _save(d);
    }

    function _agree(Agreed memory agreed, Terms memory terms) private pure {
        agreed.rate = terms.rate;
        agreed.capacityLessOne = uint24(terms.capacity - 1);
        agreed.minSectors = terms.minSectors;
        agreed.position = terms.position;
        agreed.stopAt = terms.endEpoch;
    }

    /// @dev The place of what the deal shares with the one before it in this call, written where they differ.
    function _share(Batch memory batch, Terms memory terms) private returns (uint32) {
        (uint256 first, uint256 second) = Words.pack(
            Opening({
                client: terms.client,
                volume: terms.volume,
                k: terms.k,
                n: terms.n,
                noticeEpochs: uint8(terms.noticeEpochs),
                clientSigner: terms.clientSigner,
                startEpoch: batch.start,
                answerBond: uint64(terms.answerBond)
            })
        );
        if (first != batch.first || second != batch.second) {
            batch.opening = ++_openingCount;
            if (batch.opening > MAX_OPENINGS) revert Market_TooManyDeals(MAX_OPENINGS);
            (batch.first, batch.second) = (first, second);
            _openings[batch.opening] = OpeningWords({first: first, second: second});
        }
        return uint32(batch.opening);
    }

    function _emitOpened(
        Batch memory batch,
        DealItem calldata item,
        Terms memory terms,
        Live memory d,
        uint128 collateral
    ) private {
        emit DealOpened(
            terms.client,
            terms.provider,
            d.id,
            d.slot,
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
