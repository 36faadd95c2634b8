// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Parameters} from "../types/Market.sol";
import {Challenges} from "./Challenges.sol";
import {Clock} from "./Clock.sol";
import {Extensions} from "./Extensions.sol";
import {Ledger} from "./Ledger.sol";
import {Openings} from "./Openings.sol";
import {Providers} from "./Providers.sol";

/// @title Annex
/// @notice The rarer calls of the market, in a contract of their own because one contract holds 24,576 bytes. The
/// market deploys it and runs it by delegatecall, on the market's storage and money; by itself it holds nothing and obeys
/// nobody.
contract Annex is Providers, Openings, Extensions, Challenges {
    address private immutable SELF = address(this);

    constructor(Parameters memory p, IERC20 token_, address forwarder)
        Clock(p)
        Ledger(token_)
        ERC2771Context(forwarder)
    {}

    /// @dev Every call that needs no deal of the annex's own asks who is calling, so none gets anywhere here.
    function _msgSender() internal view override returns (address) {
        if (address(this) == SELF) revert Market_Unauthorized(msg.sender);
        return super._msgSender();
    }
}
