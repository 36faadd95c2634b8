// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {MarketToken} from "../../../contracts/MarketToken.sol";

/// @notice Keeps a hundredth of every transfer between accounts.
contract FeeToken is MarketToken {
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        super._update(from, to, value - value / 100);
        super._update(from, address(this), value / 100);
    }
}

/// @notice Says false where others revert, once it is told to.
contract RefusingToken is MarketToken {
    bool public refusing;

    function refuse(bool value) external {
        refusing = value;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !refusing && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !refusing && super.transferFrom(from, to, value);
    }
}

/// @notice Moves tokens and returns nothing, as some old tokens do.
contract SilentToken is MarketToken {
    function transfer(address to, uint256 value) public override returns (bool) {
        super.transfer(to, value);
        assembly ("memory-safe") {
            return(0, 0)
        }
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        super.transferFrom(from, to, value);
        assembly ("memory-safe") {
            return(0, 0)
        }
    }
}

/// @notice Calls back in the midst of a transfer: first before balances change, then after.
contract ReenteringToken is MarketToken {
    address private target;
    bytes private call;
    uint256 public attempts;
    uint256 public successes;

    function arm(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _update(address from, address to, uint256 value) internal override {
        _callBack();
        super._update(from, to, value);
        _callBack();
    }

    function _callBack() private {
        if (target == address(0)) return;
        (address to, bytes memory data) = (target, call);
        target = address(0);
        (bool success,) = to.call(data);
        attempts++;
        if (success) successes++;
        target = to;
    }
}

/// @notice Has a list of accounts that can neither pay nor be paid, as some issuers keep.
contract BlockingToken is MarketToken {
    error Blocked(address account);

    mapping(address account => bool) private barred;

    function bar(address account, bool value) external {
        barred[account] = value;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (barred[from]) revert Blocked(from);
        if (barred[to]) revert Blocked(to);
        super._update(from, to, value);
    }
}

/// @notice Everybody's balance is a percentage of what it was, and changes without a transfer.
contract RebasingToken is MarketToken {
    uint256 private percent = 100;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * percent / 100;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value * 100 / percent);
    }
}

/// @notice Calls who is paid, where that is a contract: one that does not expect it reverts, and the payment with it.
contract HookedToken is MarketToken {
    error RecipientReverted(address recipient);

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (to.code.length == 0 || to == msg.sender) return;
        (bool taken,) = to.call(abi.encodeWithSignature("tokensReceived()"));
        if (!taken) revert RecipientReverted(to);
    }
}
