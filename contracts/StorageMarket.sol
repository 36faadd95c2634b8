// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ISeedSource} from "./interfaces/ISeedSource.sol";
import {Accounts} from "./market/Accounts.sol";
import {Clock} from "./market/Clock.sol";
import {Egress} from "./market/Egress.sol";
import {Exits} from "./market/Exits.sol";
import {Openings} from "./market/Openings.sol";
import {Proofs} from "./market/Proofs.sol";
import {Revisions} from "./market/Revisions.sol";
import {Parameters} from "./types/Market.sol";

/// @title StorageMarket
/// @notice See {IStorageMarket}. This is all of it: nobody owns the market and nothing of it can be changed.
contract StorageMarket is Openings, Revisions, Egress, Proofs, Exits {
    constructor(Parameters memory p, IERC20 token_, ISeedSource source, address forwarder)
        Clock(p)
        Accounts(token_)
        Proofs(source)
        ERC2771Context(forwarder)
    {}
}
