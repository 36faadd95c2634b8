// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {Agreed, Progress, Sampled, Standing} from "../types/Records.sol";

/*
 * The members of the words that the market stores; where each lies is said at its type. A setter takes values that fit:
 * its caller has checked them, or the limits of the market see to it.
 */

/// @dev `word` with `bits` bits from `shift` on replaced.
function put(uint256 word, uint256 shift, uint256 bits, uint256 value) pure returns (uint256) {
    unchecked {
        return word & ~(((1 << bits) - 1) << shift) | value << shift;
    }
}

library StandingWord {
    error Standing_BalanceOverflow(uint256 units);
    error Standing_BalanceShort(uint256 have, uint256 units);

    function free(Standing x) internal pure returns (uint256) {
        return uint128(Standing.unwrap(x));
    }

    function missCount(Standing x) internal pure returns (uint256) {
        return uint24(Standing.unwrap(x) >> 128);
    }

    function countedThrough(Standing x) internal pure returns (uint256) {
        return uint24(Standing.unwrap(x) >> 152);
    }

    function capacity(Standing x) internal pure returns (uint256) {
        return uint32(Standing.unwrap(x) >> 176);
    }

    function deals(Standing x) internal pure returns (uint256) {
        return Standing.unwrap(x) >> 208 & 0x1fff;
    }

    function slots(Standing x) internal pure returns (uint256) {
        return Standing.unwrap(x) >> 221 & 0x1fff;
    }

    function series(Standing x) internal pure returns (uint256) {
        return Standing.unwrap(x) >> 234 & 0x1ffff;
    }

    function treeHeight(Standing x) internal pure returns (uint256) {
        return Standing.unwrap(x) >> 251 & 7;
    }

    function tipped(Standing x) internal pure returns (bool) {
        return Standing.unwrap(x) >> 254 & 1 == 1;
    }

    function rotated(Standing x) internal pure returns (bool) {
        return Standing.unwrap(x) >> 255 == 1;
    }

    /// @dev Reverts where the balance would leave 128 bits.
    function credited(Standing x, uint256 units) internal pure returns (Standing) {
        uint256 after_ = free(x) + units;
        if (after_ > type(uint128).max) revert Standing_BalanceOverflow(after_);
        unchecked {
            return Standing.wrap(Standing.unwrap(x) + units);
        }
    }

    /// @dev Reverts where there is not so much.
    function debited(Standing x, uint256 units) internal pure returns (Standing) {
        uint256 before = free(x);
        if (units > before) revert Standing_BalanceShort(before, units);
        unchecked {
            return Standing.wrap(Standing.unwrap(x) - units);
        }
    }

    function counted(Standing x, uint256 misses, uint256 through) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 128, 48, misses | through << 24));
    }

    function withCapacity(Standing x, uint256 sectors) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 176, 32, sectors));
    }

    function withDeals(Standing x, uint256 unclosed) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 208, 13, unclosed));
    }

    function withSlots(Standing x, uint256 used) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 221, 13, used));
    }

    /// @dev One more unclosed deal, of so many sectors, in `slot`; its collateral is debited.
    function opened(Standing x, uint256 slot, uint256 sectors, uint256 collateral) internal pure returns (Standing) {
        unchecked {
            if (slot >= slots(x)) x = withSlots(x, slot + 1);
            return Standing.wrap(Standing.unwrap(debited(x, collateral)) + (sectors << 176 | 1 << 208));
        }
    }

    function withSeries(Standing x, uint256 number) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 234, 17, number));
    }

    function withTreeHeight(Standing x, uint256 height) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 251, 3, height));
    }

    function withTipped(Standing x, bool tips) internal pure returns (Standing) {
        return Standing.wrap(put(Standing.unwrap(x), 254, 1, tips ? 1 : 0));
    }

    function withRotated(Standing x) internal pure returns (Standing) {
        return Standing.wrap(Standing.unwrap(x) | 1 << 255);
    }
}

library AgreedWord {
    uint256 internal constant MAX_RATE = type(uint80).max;

    function pack(bytes32 id_, uint256 rate_, uint256 capacity_) internal pure returns (Agreed) {
        unchecked {
            return Agreed.wrap(uint256(id_) | rate_ << 24 | capacity_ - 1);
        }
    }

    /// @dev Of a digest, what names a deal.
    function idOf(bytes32 digest) internal pure returns (bytes32) {
        return digest & ~bytes32(uint256(type(uint104).max));
    }

    function id(Agreed x) internal pure returns (bytes32) {
        return idOf(bytes32(Agreed.unwrap(x)));
    }

    /// @dev Ledger units per sector and epoch.
    function rate(Agreed x) internal pure returns (uint256) {
        return uint80(Agreed.unwrap(x) >> 24);
    }

    /// @dev Sectors.
    function capacity(Agreed x) internal pure returns (uint256) {
        unchecked {
            return uint256(uint24(Agreed.unwrap(x))) + 1;
        }
    }
}

library ProgressWord {
    uint256 internal constant MAX_ESCROW = (1 << 108) - 1;
    uint256 internal constant MAX_NUMBER = type(uint48).max;

    function pack(uint256 escrow_, uint256 settledThrough_, uint256 stopAt_, uint256 minSectors_, uint256 customer_)
        internal
        pure
        returns (Progress)
    {
        unchecked {
            uint256 left = stopAt_ - 1 - settledThrough_;
            return Progress.wrap(
                escrow_ | settledThrough_ << 108 | left << 132 | minSectors_ << 145 | customer_ << 218
            );
        }
    }

    /// @dev Ledger units.
    function escrow(Progress x) internal pure returns (uint256) {
        return Progress.unwrap(x) & MAX_ESCROW;
    }

    function settledThrough(Progress x) internal pure returns (uint256) {
        return uint24(Progress.unwrap(x) >> 108);
    }

    /// @dev Exclusive.
    function stopAt(Progress x) internal pure returns (uint256) {
        unchecked {
            return settledThrough(x) + (Progress.unwrap(x) >> 132 & 0x1fff) + 1;
        }
    }

    function minSectors(Progress x) internal pure returns (uint256) {
        return Progress.unwrap(x) >> 145 & 0x1ffffff;
    }

    function number(Progress x) internal pure returns (uint256) {
        return uint48(Progress.unwrap(x) >> 170);
    }

    function customer(Progress x) internal pure returns (uint256) {
        return uint32(Progress.unwrap(x) >> 218);
    }

    function status(Progress x) internal pure returns (uint256) {
        return Progress.unwrap(x) >> 250;
    }

    function withEscrow(Progress x, uint256 units) internal pure returns (Progress) {
        return Progress.wrap(put(Progress.unwrap(x), 0, 108, units));
    }

    /// @dev The same end, from another epoch. `through < stopAt(x)`.
    function settled(Progress x, uint256 through) internal pure returns (Progress) {
        unchecked {
            return Progress.wrap(put(Progress.unwrap(x), 108, 37, through | (stopAt(x) - 1 - through) << 24));
        }
    }

    /// @dev `epoch > settledThrough(x)`.
    function stopping(Progress x, uint256 epoch) internal pure returns (Progress) {
        unchecked {
            return Progress.wrap(put(Progress.unwrap(x), 132, 13, epoch - 1 - settledThrough(x)));
        }
    }

    function withNumber(Progress x, uint256 revision) internal pure returns (Progress) {
        return Progress.wrap(put(Progress.unwrap(x), 170, 48, revision));
    }

    function withStatus(Progress x, uint256 flags) internal pure returns (Progress) {
        return Progress.wrap(put(Progress.unwrap(x), 250, 6, flags));
    }
}

library SampledWord {
    function pack(bytes24 root_, uint256 stopAt_, uint256 activeSince_, uint256 cover_) internal pure returns (Sampled) {
        return Sampled.wrap(uint256(bytes32(root_)) | stopAt_ << 40 | activeSince_ << 16 | uint16(cover_));
    }

    function packStopped(bytes24 root_, uint256 sectors_) internal pure returns (Sampled) {
        return Sampled.wrap(uint256(bytes32(root_)) | sectors_);
    }

    /// @dev And the end that a proof reads beside it.
    function withRoot(Sampled x, bytes24 root_, uint256 stopAt_) internal pure returns (Sampled) {
        return Sampled.wrap(uint256(bytes32(root_)) | stopAt_ << 40 | Sampled.unwrap(x) & type(uint40).max);
    }

    function root(Sampled x) internal pure returns (bytes24) {
        return bytes24(bytes32(Sampled.unwrap(x)));
    }

    function stopAt(Sampled x) internal pure returns (uint256) {
        return uint24(Sampled.unwrap(x) >> 40);
    }

    function activeSince(Sampled x) internal pure returns (uint256) {
        return uint24(Sampled.unwrap(x) >> 16);
    }

    function cover(Sampled x) internal pure returns (uint256) {
        return uint16(Sampled.unwrap(x));
    }

    /// @dev Of a stopped deal.
    function sectors(Sampled x) internal pure returns (uint256) {
        return uint64(Sampled.unwrap(x));
    }

    /// @dev With sectors: how many misses the cover still bears; none where it is used up. Miss counts are compared modulo
    /// 2^16: a deal that may be challenged has an end at most 4,096 epochs after its cover was set.
    function coverLeft(Sampled x, uint256 missCount) internal pure returns (uint256) {
        unchecked {
            int16 left = int16(uint16(cover(x) - missCount));
            return left > 0 ? uint16(left) : 0;
        }
    }
}
