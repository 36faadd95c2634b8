// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title MarketToken
/// @notice Six-decimal ERC-20 with permit that anyone may mint: for local chains and tests, worth nothing anywhere.
contract MarketToken is ERC20Permit {
    constructor() ERC20("Sublet test token", "SUBT") ERC20Permit("Sublet test token") {}

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates tokens.
    /// @param to whose they are.
    /// @param amount base units of 10^-6 tokens.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
