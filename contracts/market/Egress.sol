// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {TypedHashes} from "../libraries/TypedHashes.sol";
import {Delegation, RedeemItem, Scopes, Voucher} from "../types/Market.sol";
import {Live} from "../types/Records.sol";
import {Records} from "./Records.sol";

/// @title Egress
/// @notice Vouchers for bytes served, paid out of a deal's own budget.
abstract contract Egress is IStorageMarket, Records {
    using TypedHashes for Voucher;

    /// @inheritdoc IStorageMarket
    function redeem(RedeemItem[] calldata items) external {
        _capBatch(items.length);
        Live memory d;
        for (uint256 i = 0; i < items.length; ++i) {
            bytes4 problem = _redeem(d, items[i]);
            if (problem != 0) emit Skipped(i, problem);
        }
    }

    function _redeem(Live memory d, RedeemItem calldata item) private returns (bytes4) {
        Voucher calldata voucher = item.voucher;
        bytes4 problem = _find(d, item.provider, item.slot);
        if (d.agreed.id() != voucher.deal) return Market_WrongDeal.selector;
        if (problem != 0) return problem;
        address signer = _recover(voucher.hash(), item.signature);
        bool delegated = signer != _customer(d).signer;
        Delegation storage delegation = _delegations[_client(d)][signer];
        if (signer == address(0) || (delegated && !_inForce(delegation, Scopes.READ))) {
            return Market_WrongSigner.selector;
        }

        uint128 before = _redeemed[voucher.deal][signer];
        if (voucher.cumulative <= before) return Market_NothingToRedeem.selector;
        uint128 paid = voucher.cumulative - before;
        uint128 budget = _record(d).egress;
        if (paid > budget) paid = budget;
        if (delegated && paid > delegation.egressCap) paid = delegation.egressCap;
        if (paid == 0) return Market_NothingToRedeem.selector;

        // Only what was paid counts as redeemed: after a top-up the same voucher pays the rest.
        _redeemed[voucher.deal][signer] = before + paid;
        _record(d).egress = budget - paid;
        if (delegated) delegation.egressCap -= paid;
        _credit(d.provider, paid);
        emit Redeemed(voucher.deal, signer, voucher.cumulative, paid);
        return 0;
    }
}
