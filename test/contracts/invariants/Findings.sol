// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @notice Everything that is wrong at one time, by the checks that say so: the first must not hide the others.
library Findings {
    struct List {
        string text;
        bytes32 last;
    }

    function holds(List memory list, bool held, string memory check, string memory what) internal pure {
        bytes32 key = keccak256(abi.encodePacked(check, what));
        if (held || key == list.last) return; // of several deals, one is enough
        list.last = key;
        list.text = string.concat(list.text, check, ": ", what, "; ");
    }

    function equal(List memory list, uint256 left, uint256 right, string memory check, string memory what)
        internal
        pure
    {
        holds(list, left == right, check, what);
    }
}
