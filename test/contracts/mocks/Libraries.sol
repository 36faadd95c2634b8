// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Path, Paths} from "../../../contracts/libraries/Paths.sol";
import {Positions} from "../../../contracts/libraries/Positions.sol";
import {SectorProof} from "../../../contracts/libraries/SectorProof.sol";
import {SumTree} from "../../../contracts/libraries/SumTree.sol";

/// @notice The pure libraries, callable, for comparing them with the codec.
contract Libraries {
    using SumTree for uint256[1 << 14];

    uint256[1 << 14] private tree;
    uint256 private height = 1;

    /// @return root that `proof` of chunk `index` in a deal of `sectors` leads to, `length` its bytes must have.
    function proofRoot(bytes calldata proof, uint256 index, uint256 sectors)
        external
        view
        returns (bytes24 root, uint256 length)
    {
        uint256 levels = SectorProof.height(sectors);
        return (SectorProof.root(proof, 0, index, levels), SectorProof.length(levels));
    }

    /// @return levels and junctions of challenges of those chunks, five at most, of deals so many pairings high.
    function joined(uint256[] calldata slots, uint256[] calldata indices, uint256[] calldata heights)
        external
        pure
        returns (uint256[5] memory levels, uint256[5] memory junctions)
    {
        Path[5] memory paths;
        uint256 end = 0;
        for (uint256 i = 0; i < slots.length; ++i) {
            levels[i] = heights[i];
            if (i != 0 && slots[i] == slots[i - 1]) (levels[i], junctions[i]) = Paths.join(paths, i, indices[i]);
            paths[i] = Paths.pack(end, levels[i], indices[i]);
            end += SectorProof.length(levels[i]);
        }
    }

    /// @return root that the path at `proof[offset:]` leads to, `node` the sibling at `proof[junction:]`.
    function climbed(bytes calldata proof, uint256 offset, uint256 index, uint256 levels, uint256 junction)
        external
        view
        returns (bytes24 root, bytes24 node)
    {
        return (SectorProof.root(proof, offset, index, levels), SectorProof.node(proof, junction));
    }

    /// @return randoms one draw a stratum.
    function draws(bytes28 seed, uint256 chainId, address market, uint32 epoch, address provider)
        external
        pure
        returns (uint128[] memory randoms)
    {
        randoms = new uint128[](Positions.COUNT);
        bytes memory preimage = Positions.from(seed, chainId, market, epoch, provider);
        for (uint256 i = 0; i < randoms.length; ++i) {
            randoms[i] = Positions.draw(preimage, i);
        }
    }

    /// @return places the challenged chunks among `chunks`.
    function positions(bytes28 seed, uint256 chainId, address market, uint32 epoch, address provider, uint256 chunks)
        external
        pure
        returns (uint256[] memory places)
    {
        places = new uint256[](Positions.COUNT);
        bytes memory preimage = Positions.from(seed, chainId, market, epoch, provider);
        for (uint256 i = 0; i < places.length; ++i) {
            places[i] = Positions.place(Positions.draw(preimage, i), i, chunks);
        }
    }

    function setLeaves(uint256[] calldata slots, uint32[] calldata sectors) external {
        for (uint256 i = 0; i < slots.length; ++i) {
            uint256 word = tree.getWord(slots[i] >> 3);
            height = tree.setWord(height, slots[i] >> 3, word, SumTree.with(word, slots[i] & 7, sectors[i]));
        }
    }

    function find(uint256[] calldata sectors) external view returns (uint256[] memory slots, uint256[] memory indices) {
        slots = new uint256[](sectors.length);
        indices = new uint256[](sectors.length);
        for (uint256 i = 0; i < sectors.length; ++i) {
            (slots[i], indices[i],) = tree.find(height, tree.root(height), sectors[i]);
        }
    }
}
