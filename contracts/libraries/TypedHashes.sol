// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {CommitItem, Extension, Terms, Voucher} from "../types/Market.sol";

/// @title TypedHashes
/// @notice EIP-712 hashStruct of everything that is signed for the market. All members are static, so the encoding of a
/// struct is its type hash and its words.
library TypedHashes {
    bytes32 internal constant TERMS = keccak256(
        "Terms(address client,address clientSigner,address provider,uint16 slot,bytes32 previous,uint32 series,uint64 volume,uint8 position,uint8 k,uint8 n,uint96 rate,uint96 egressRate,uint32 capacity,uint32 minSectors,uint32 endEpoch,uint32 noticeEpochs,uint128 answerBond,uint64 validUntil)"
    );
    bytes32 internal constant REVISION =
        keccak256("Revision(bytes32 deal,uint64 number,bytes24 root,uint32 sectors,bytes32 head)");
    bytes32 internal constant EXTENSION = keccak256(
        "Extension(bytes32 deal,uint32 from,uint32 endEpoch,uint96 rate,uint32 capacity,uint32 series,uint64 validUntil)"
    );
    bytes32 internal constant VOUCHER = keccak256("Voucher(bytes32 deal,uint128 cumulative)");

    /// @dev The members lie in memory as they are hashed; the type stands before them for as long as that takes.
    function hash(Terms memory terms) internal pure returns (bytes32 result) {
        bytes32 type_ = TERMS;
        assembly ("memory-safe") {
            let start := sub(terms, 0x20)
            let kept := mload(start)
            mstore(start, type_)
            result := keccak256(start, 0x260)
            mstore(start, kept)
        }
    }

    /// @dev Of the {Revision} that `item` is of the deal `id`: all of it but `deal` lies in calldata as it is hashed.
    function hash(CommitItem calldata item, bytes32 id) internal pure returns (bytes32 result) {
        bytes32 type_ = REVISION;
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, type_)
            mstore(add(start, 0x20), id)
            calldatacopy(add(start, 0x40), add(item, 0x20), 0x80) // number, root, sectors, head
            result := keccak256(start, 0xc0)
        }
    }

    function hash(Extension calldata extension) internal pure returns (bytes32) {
        return keccak256(abi.encode(EXTENSION, extension));
    }

    function hash(Voucher calldata voucher) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER, voucher));
    }
}
