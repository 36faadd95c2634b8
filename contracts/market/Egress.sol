// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {Delegation, RedeemItem, Scopes, Voucher} from "../types/Market.sol";
import {CLOSED, DealRecord, Opening} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Egress
/// @notice Vouchers for bytes served, paid out of a deal's own budget.
abstract contract Egress is Records {
    using TypedHashes for Voucher;

    mapping(bytes32 deal => mapping(address signer => uint128)) private _redeemed;

    /// @inheritdoc IStorageMarket
    function redeem(RedeemItem[] calldata items) external {
        _capBatch(items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _redeem(items[i]);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    /// @inheritdoc IStorageMarket
    function redeemed(bytes32 id, address signer) external view returns (uint128) {
        return _redeemed[id][signer];
    }

    function _redeem(RedeemItem calldata item) private returns (bytes4) {
        Voucher calldata voucher = item.voucher;
        DealRecord storage record = _deals[item.provider][item.slot];
        if (record.id != voucher.deal || voucher.deal == 0) return Market_WrongDeal.selector;
        if (record.progress.status & CLOSED != 0) return Market_WrongState.selector;
        Opening storage opening = _openings[record.agreed.opening];
        address signer = _recover(voucher.hash(), item.signature);
        bool delegated = signer != opening.clientSigner;
        Delegation storage delegation = _delegations[opening.client][signer];
        if (signer == address(0) || (delegated && !_inForce(delegation, Scopes.READ))) {
            return Market_WrongSigner.selector;
        }

        uint128 before = _redeemed[voucher.deal][signer];
        if (voucher.cumulative <= before) return Market_NothingToRedeem.selector;
        uint128 paid = voucher.cumulative - before;
        uint128 budget = record.egress;
        if (paid > budget) paid = budget;
        if (delegated && paid > delegation.egressCap) paid = delegation.egressCap;
        if (paid == 0) return Market_NothingToRedeem.selector;

        // Only what was paid counts as redeemed: after a top-up the same voucher pays the rest.
        _redeemed[voucher.deal][signer] = before + paid;
        record.egress = budget - paid;
        if (delegated) delegation.egressCap -= paid;
        _accounts[item.provider].balance += paid;
        emit Redeemed(voucher.deal, signer, voucher.cumulative, paid);
        return 0;
    }
}
