// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

/// @dev The cheatcodes of Hardhat's Solidity tests that are used here.
interface Vm {
    function roll(uint256 blockNumber) external;
    function prank(address sender) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata revertData) external;
    function expectPartialRevert(bytes4 revertData) external;
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function record() external;
    function accesses(address target) external view returns (bytes32[] memory reads, bytes32[] memory writes);
    function getCode(string calldata artifact) external view returns (bytes memory);
    function assertEq(uint256 left, uint256 right, string calldata message) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata message) external pure;
    function assertTrue(bool condition, string calldata message) external pure;
    function assertLe(uint256 left, uint256 right, string calldata message) external pure;
}

/// @title Check
/// @notice What the Solidity tests share: cheatcodes, and random inputs brought into a range.
abstract contract Check {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @return how often this contract read its storage since `vm.record()`.
    function _reads() internal view returns (uint256) {
        (bytes32[] memory reads,) = vm.accesses(address(this));
        return reads.length;
    }

    /// @return a value in [least, most], every one of them possible.
    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        require(least <= most, "empty range");
        if (value >= least && value <= most) return value;
        uint256 width = most - least;
        return width == type(uint256).max ? value : least + value % (width + 1);
    }
}
