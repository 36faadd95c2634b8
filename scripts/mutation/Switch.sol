// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/*
 * Which mutant of a build is on: the number that the block's fee recipient is above MUTANTS. No contract here asks who
 * that is, every call sees it, the constructors' too, and reading it costs 2 gas. At MUTANTS itself none is on, and each
 * that is reached is told to the node, by a call that its coverage collects and that changes nothing.
 */
uint256 constant MUTANTS = 0x4d7574616e74733a0000000000000000;

function __mutant(uint256 mutant) pure returns (bool) {
    return _pure(_isOn)(mutant) == 1;
}

function __mutantNumber() pure returns (uint256) {
    return _pure(_above)(MUTANTS);
}

function _isOn(uint256 mutant) view returns (uint256 on) {
    assembly ("memory-safe") {
        let above := sub(coinbase(), MUTANTS)
        switch above
        case 0 {
            mstore(0, mutant)
            pop(staticcall(gas(), 0xc0bEc0BEc0BeC0bEC0beC0bEC0bEC0beC0beC0BE, 0, 0x20, 0, 0))
        }
        default { on := eq(above, mutant) }
    }
}

function _above(uint256 base) view returns (uint256 mutant) {
    assembly ("memory-safe") {
        mutant := sub(coinbase(), base)
    }
}

/// @dev The compiler lets no pure function read the block. A switch in one must.
function _pure(function(uint256) view returns (uint256) reading)
    pure
    returns (function(uint256) pure returns (uint256) plain)
{
    assembly ("memory-safe") {
        plain := reading
    }
}
