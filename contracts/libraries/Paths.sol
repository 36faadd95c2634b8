// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SectorProof} from "./SectorProof.sol";

/// @dev The way up from a challenged chunk, as far as the proof has it: offset (16): where that begins | levels (8) of it, 0:
/// an earlier path has the chunk already | index (40) of the chunk in its deal.
type Path is uint256;

/// @title Paths
/// @notice How an epoch's answers lie in its proof: in the order of their challenges, which is that of their places, and
/// each stops where it meets an earlier one of its deal.
library Paths {
    function pack(uint256 offset, uint256 levels, uint256 index) internal pure returns (Path) {
        return Path.wrap(offset | levels << 16 | index << 24);
    }

    /// @notice Where the `i`-th path, of chunk `index` in the deal that the one before is of, meets an earlier one.
    /// @return levels how many of its pairings the proof has, `junction` where in the proof the node lies that they must
    /// lead to: a sibling of that earlier path.
    /// @dev A path that stops below the level where both meet has met there, or below, one before it that goes on: in the
    /// end the deal's first, which goes to the root.
    function join(Path[5] memory paths, uint256 i, uint256 index)
        internal
        pure
        returns (uint256 levels, uint256 junction)
    {
        unchecked {
            while (true) {
                uint256 earlier = Path.unwrap(paths[--i]);
                uint256 apart = earlier >> 24 ^ index;
                uint256 met = apart == 0 ? 0 : Math.log2(apart) + 1;
                if (met > uint8(earlier >> 16)) continue;
                levels = met == 0 ? 0 : met - 1;
                return (levels, uint16(earlier) + SectorProof.length(levels));
            }
        }
    }
}
