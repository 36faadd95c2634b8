// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";
import {Delegation, Scopes} from "../types/Market.sol";
import {Standing} from "../types/Records.sol";
import {Ledger} from "./Ledger.sol";

/// @title Accounts
/// @notice Money in and out, and who may act for whom.
abstract contract Accounts is IStorageMarket, Ledger {
    using SafeERC20 for IERC20;

    /// @inheritdoc IStorageMarket
    function deposit(address owner, uint128 amount) external nonReentrant {
        address from = _msgSender();
        _pull(from, amount);
        _credit(owner, uint256(amount) << LEDGER_SHIFT);
        emit Deposited(owner, from, amount);
    }

    /// @inheritdoc IStorageMarket
    function permit(address owner, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        try IERC20Permit(address(TOKEN)).permit(owner, address(this), value, deadline, v, r, s) {} catch {}
    }

    /// @inheritdoc IStorageMarket
    function withdraw(uint128 amount, address to) external nonReentrant {
        address owner = _msgSender();
        uint256 units = uint256(amount) << LEDGER_SHIFT;
        Standing standing = _holders[owner].standing;
        if (units > standing.free()) revert Market_InsufficientBalance(units, standing.free());
        _holders[owner].standing = standing.debited(units);
        TOKEN.safeTransfer(to, amount);
        emit Withdrawn(owner, to, amount);
    }

    /// @inheritdoc IStorageMarket
    function authorize(address delegate, Delegation calldata delegation) external {
        address client = _msgSender();
        Delegation storage earlier = _delegations[client][delegate];
        // Providers served bytes against this cap: only a revocation, with its delay, takes it away.
        if (_inForce(earlier, Scopes.READ)) {
            if (
                delegation.scopes & Scopes.READ == 0 || delegation.untilEpoch < earlier.untilEpoch
                    || delegation.egressCap < earlier.egressCap
            ) revert Market_DelegationInForce(earlier.untilEpoch, earlier.egressCap);
        }
        _delegations[client][delegate] = delegation;
        emit Authorized(client, delegate, delegation);
    }

    /// @inheritdoc IStorageMarket
    function revoke(address delegate) external {
        address client = _msgSender();
        Delegation storage delegation = _delegations[client][delegate];
        uint32 from = uint32(_epoch() + 2);
        if (delegation.untilEpoch < from) from = delegation.untilEpoch;
        delegation.untilEpoch = from;
        emit Revoked(client, delegate, from);
    }
}
