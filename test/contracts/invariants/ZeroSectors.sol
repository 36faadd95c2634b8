// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ISeedSource} from "../../../contracts/interfaces/ISeedSource.sol";
import {Path, Paths} from "../../../contracts/libraries/Paths.sol";
import {Positions} from "../../../contracts/libraries/Positions.sol";
import {SectorProof} from "../../../contracts/libraries/SectorProof.sol";

/// @notice Data of zeros: its roots and proofs need no data, and the market cannot tell it from any other.
library ZeroSectors {
    function root(uint256 sectors) internal pure returns (bytes24) {
        return sectors == 0 ? bytes24(0) : _node(SectorProof.height(sectors));
    }

    /// @return the way from any chunk `levels` up.
    function answer(uint256 levels) internal pure returns (bytes memory) {
        if (levels == 0) return "";
        bytes memory bytes_ = new bytes(2 * SectorProof.CHUNK_BYTES);
        bytes24 sibling = bytes24(0);
        for (uint256 level = 1; level < levels; ++level) {
            sibling = _parent(sibling);
            bytes_ = bytes.concat(bytes_, sibling);
        }
        return bytes_;
    }

    /// @param leaves sectors in slot order.
    function proof(uint32[] memory leaves, bytes28 seed, address market, uint32 epoch, address provider)
        internal
        view
        returns (bytes memory bytes_)
    {
        uint256 total = 0;
        for (uint256 slot = 0; slot < leaves.length; ++slot) {
            total += leaves[slot];
        }
        if (total == 0) return "";
        bytes memory preimage = Positions.from(seed, block.chainid, market, epoch, provider);
        Path[5] memory paths;
        uint256 last = leaves.length;
        for (uint256 i = 0; i < Positions.COUNT; ++i) {
            uint256 chunk = Positions.place(Positions.draw(preimage, i), i, total << 15);
            uint256 slot = 0;
            while (chunk >> 15 >= leaves[slot]) chunk -= uint256(leaves[slot++]) << 15;
            uint256 levels = SectorProof.height(leaves[slot]);
            if (slot == last) (levels,) = Paths.join(paths, i, chunk);
            paths[i] = Paths.pack(bytes_.length, levels, chunk);
            last = slot;
            bytes_ = bytes.concat(bytes_, answer(levels));
        }
    }

    function _node(uint256 levels) private pure returns (bytes24 above) {
        for (uint256 level = 0; level < levels; ++level) {
            above = _parent(above);
        }
    }

    function _parent(bytes24 child) private pure returns (bytes24) {
        return bytes24(sha256(bytes.concat(bytes32(child), bytes32(child))));
    }
}

/// @notice A seed a block, without headers, which Solidity tests do not have: whoever hands it in may choose the rest of it,
/// so that a second one is another. It tells the block that it was asked for.
contract PlainSeeds is ISeedSource {
    function seed(uint256 blockNumber, bytes calldata header) external view returns (bytes32) {
        if (blockNumber >= block.number) revert SeedSource_NotPast(blockNumber, block.number);
        return bytes32(blockNumber << 224 | uint256(keccak256(header)) >> 32);
    }
}
