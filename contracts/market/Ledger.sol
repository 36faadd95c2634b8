// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Holder} from "../types/Records.sol";
import {Delegation} from "../types/Market.sol";
import {Clock} from "./Clock.sol";

/// @title Ledger
/// @notice One free balance a person, in ledger units; how tokens come in; who may act for whom.
/// @dev A token may call back. Every function that calls it is guarded against re-entry, since arrivals are measured as
/// a difference; the others are not, so everything is written before the token is called.
abstract contract Ledger is Clock, ERC2771Context, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 internal constant MAX_BATCH = 64;
    /// @dev Ledger units in a token base unit, as a shift.
    uint8 internal constant LEDGER_SHIFT = 32;

    IERC20 internal immutable TOKEN;

    mapping(address owner => Holder) internal _holders;
    mapping(address client => mapping(address delegate => Delegation)) internal _delegations;
    uint128 internal _burnt;

    constructor(IERC20 token_) {
        TOKEN = token_;
    }

    function _inForce(Delegation storage delegation, uint8 scope) internal view returns (bool) {
        return delegation.scopes & scope != 0 && _epoch() < delegation.untilEpoch;
    }

    /// @dev Takes `units` from the payer's free balance, and what is missing there from its token allowance. To be
    /// called when everything else is written.
    function _charge(address payer, uint256 units) internal {
        Holder storage holder = _holders[payer];
        uint256 free = holder.standing.free();
        if (free < units) {
            uint256 missing = (units - free + (uint256(1) << LEDGER_SHIFT) - 1) >> LEDGER_SHIFT;
            _pull(payer, missing);
            holder.standing = holder.standing.credited(missing << LEDGER_SHIFT);
            emit Deposited(payer, payer, uint128(missing));
            free = holder.standing.free(); // a tip may have been paid out of it while the token was called
            if (free < units) revert Market_InsufficientBalance(units, free);
        }
        holder.standing = holder.standing.debited(units);
    }

    /// @dev Collateral is lost: half of `penalty` (even) is burnt, half goes to the client.
    function _penalise(address client, uint256 penalty) internal {
        _burnt += uint128(penalty / 2);
        _credit(client, penalty / 2);
    }

    function _credit(address owner, uint256 units) internal {
        if (units != 0) _holders[owner].standing = _holders[owner].standing.credited(units);
    }

    function _requireSender(address expected) internal view {
        if (_msgSender() != expected) revert Market_Unauthorized(_msgSender());
    }

    function _capBatch(uint256 items) internal pure {
        if (items > MAX_BATCH) revert Market_TooLong(MAX_BATCH, items);
    }

    /// @dev What the market holds stays below 2^96 base units, so no sum of ledger units leaves 128 bits.
    function _pull(address from, uint256 amount) internal {
        uint256 held = _held();
        TOKEN.safeTransferFrom(from, address(this), amount);
        uint256 arrived = _held() - held;
        if (arrived < amount) revert Market_TransferShort(amount, arrived);
        if (held + arrived > type(uint96).max) revert Market_CapacityExceeded(type(uint96).max, held + arrived);
    }

    function _held() private view returns (uint256) {
        return TOKEN.balanceOf(address(this));
    }
}
