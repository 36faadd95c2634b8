// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {MarketToken} from "../../../contracts/MarketToken.sol";

/// @notice Honest until it is told otherwise. It has an account with the market of its own.
contract WickedToken is MarketToken {
    enum Way {
        Honest,
        KeepsAFee,
        SaysFalse,
        Reverts,
        MovesNothing,
        PaysForItself, // moves nothing, but pays as much into its own account meanwhile
        CallsBack
    }

    Way private way;
    IStorageMarket private market;
    bytes private call;

    function behave(Way way_, IStorageMarket market_, bytes calldata call_) external {
        (way, market, call) = (way_, market_, call_);
    }

    /// @notice Pays into its own account, honestly.
    function invest(IStorageMarket market_, uint128 amount) external {
        _mint(address(this), 1e12);
        _approve(address(this), address(market_), type(uint256).max);
        market_.deposit(address(this), amount);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return way != Way.SaysFalse && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (way == Way.SaysFalse) return false;
        if (way == Way.MovesNothing) return true;
        if (way == Way.PaysForItself) {
            way = Way.Honest;
            (bool ok,) = address(market).call(abi.encodeCall(market.deposit, (address(this), uint128(value))));
            way = Way.PaysForItself;
            ok; // refused, it moved nothing at all
            return true;
        }
        return super.transferFrom(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        require(way != Way.Reverts, "stopped");
        if (way == Way.CallsBack) _callBack();
        super._update(from, to, value);
        if (way == Way.CallsBack) _callBack();
        if (way == Way.KeepsAFee) super._update(to, address(this), value / 100 + 1);
    }

    function _callBack() private {
        way = Way.Honest;
        (bool ok,) = address(market).call(call);
        ok; // most are refused
        way = Way.CallsBack;
    }
}
