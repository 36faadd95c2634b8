// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Account} from "../types/Records.sol";
import {Delegation, Scopes} from "../types/Market.sol";
import {Clock} from "./Clock.sol";
import {IStorageMarket} from "../interfaces/IStorageMarket.sol";

/// @title Accounts
/// @notice One balance a person, in ledger units; where tokens come in and go out; who may act for whom.
/// @dev Every function that calls the token is guarded against re-entry: arrivals are measured as a difference.
abstract contract Accounts is Clock, ERC2771Context, Multicall, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 internal constant MAX_BATCH = 64;
    /// @dev Ledger units in a token base unit, as a shift.
    uint8 internal constant LEDGER_SHIFT = 32;

    IERC20 private immutable TOKEN;

    mapping(address owner => Account) internal _accounts;
    mapping(address client => mapping(address delegate => Delegation)) internal _delegations;
    uint128 private _burnt;

    constructor(IERC20 token_) {
        TOKEN = token_;
    }

    /// @inheritdoc IStorageMarket
    function deposit(address owner, uint128 amount) external nonReentrant {
        address from = _msgSender();
        _pull(from, amount);
        _accounts[owner].balance += amount << LEDGER_SHIFT;
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
        uint256 free = _free(owner);
        if (units > free) revert Market_InsufficientBalance(units, free);
        _accounts[owner].balance -= uint128(units);
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
        uint32 from = _epoch() + 2;
        if (delegation.untilEpoch < from) from = delegation.untilEpoch;
        delegation.untilEpoch = from;
        emit Revoked(client, delegate, from);
    }

    /// @inheritdoc IStorageMarket
    function token() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc IStorageMarket
    function account(address owner) external view returns (uint128 balance, uint128 locked) {
        Account memory of_ = _accounts[owner];
        return (of_.balance, of_.locked);
    }

    /// @inheritdoc IStorageMarket
    function delegationOf(address client, address delegate) external view returns (Delegation memory) {
        return _delegations[client][delegate];
    }

    /// @inheritdoc IStorageMarket
    function burnt() external view returns (uint128) {
        return _burnt;
    }

    function _inForce(Delegation storage delegation, uint8 scope) internal view returns (bool) {
        return delegation.scopes & scope != 0 && _epoch() < delegation.untilEpoch;
    }

    function _free(address owner) internal view returns (uint256) {
        Account memory of_ = _accounts[owner];
        return of_.balance - of_.locked;
    }

    /// @dev Takes `units` from the payer's free balance, and what is missing there from its token allowance.
    function _charge(address payer, uint256 units) internal {
        uint256 free = _free(payer);
        if (free < units) {
            uint256 missing = (units - free + (uint256(1) << LEDGER_SHIFT) - 1) >> LEDGER_SHIFT;
            _pull(payer, missing);
            _accounts[payer].balance += uint128(missing << LEDGER_SHIFT);
            emit Deposited(payer, payer, uint128(missing));
        }
        _accounts[payer].balance -= uint128(units);
    }

    /// @dev Collateral is lost: half of `penalty` (even) is burnt, half goes to the client.
    function _penalise(address provider, address client, uint128 penalty) internal {
        _seize(provider, penalty);
        _burnt += penalty / 2;
        _accounts[client].balance += penalty / 2;
    }

    /// @dev Locked collateral leaves the provider's account.
    function _seize(address provider, uint128 units) internal {
        Account memory of_ = _accounts[provider];
        _accounts[provider] = Account({balance: of_.balance - units, locked: of_.locked - units});
    }

    function _capBatch(uint256 items) internal pure {
        if (items > MAX_BATCH) revert Market_TooLong(MAX_BATCH, items);
    }

    /// @dev What the market holds stays below 2^96 base units, so no sum of ledger units leaves 128 bits.
    function _pull(address from, uint256 amount) private {
        uint256 held = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(from, address(this), amount);
        uint256 arrived = TOKEN.balanceOf(address(this)) - held;
        if (arrived < amount) revert Market_TransferShort(amount, arrived);
        if (held + arrived > type(uint96).max) revert Market_CapacityExceeded(type(uint96).max, held + arrived);
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }

    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return ERC2771Context._msgSender();
    }

    function _msgData() internal view override(Context, ERC2771Context) returns (bytes calldata) {
        return ERC2771Context._msgData();
    }
}
