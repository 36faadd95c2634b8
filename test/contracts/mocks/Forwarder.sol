// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Forwarder} from "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol";

/// @notice OpenZeppelin's forwarder as it is, under a name of this project's so that an artifact of it exists.
contract Forwarder is ERC2771Forwarder("Sublet") {}
