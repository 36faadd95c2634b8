// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ISeedSource} from "./interfaces/ISeedSource.sol";
import {IMarketAnnex} from "./interfaces/IMarketAnnex.sol";
import {Relations} from "./libraries/Relations.sol";
import {Accounts} from "./market/Accounts.sol";
import {Annex} from "./market/Annex.sol";
import {Clock} from "./market/Clock.sol";
import {Egress} from "./market/Egress.sol";
import {Ledger} from "./market/Ledger.sol";
import {Proofs} from "./market/Proofs.sol";
import {Revisions} from "./market/Revisions.sol";
import {Views} from "./market/Views.sol";
import {DealItem, DealRef, Extension, Parameters, Signature, VolumeTerms} from "./types/Market.sol";

/// @title StorageMarket
/// @notice See {IStorageMarket}. Nobody owns the market and nothing of it can be changed.
contract StorageMarket is Accounts, Revisions, Egress, Proofs, Views, Multicall {
    address private immutable ANNEX;

    constructor(Parameters memory p, IERC20 token_, ISeedSource source, address forwarder)
        Clock(p)
        Ledger(token_)
        Proofs(source)
        ERC2771Context(forwarder)
    {
        Relations.check(p);
        ANNEX = address(new Annex(p, token_, forwarder));
    }

    /// @inheritdoc IMarketAnnex
    function register(address, uint96) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function setSigner(address) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function announce(bytes calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function setTip(address, uint96) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function cancelOffers() external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function openDeals(VolumeTerms calldata, DealItem[] calldata, uint256) external returns (uint256) {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function extend(DealRef calldata, Extension calldata, Signature calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function refill(DealRef calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function topUp(DealRef calldata, uint128, uint128) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function terminate(DealRef calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function resign(DealRef calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function terminateMissed(DealRef calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function abandon(DealRef calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function prune(DealRef[] calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function close(DealRef[] calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function challenge(DealRef calldata, uint64) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function answer(DealRef calldata, bytes calldata) external {
        _annex();
    }

    /// @inheritdoc IMarketAnnex
    function convict(DealRef calldata) external {
        _annex();
    }

    /// @dev Hands the whole call to {Annex}, which has a function of the same name, and ends it with its outcome.
    function _annex() private {
        address annex = ANNEX;
        assembly ("memory-safe") {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), annex, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }

    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return ERC2771Context._msgSender();
    }

    function _msgData() internal view override(Context, ERC2771Context) returns (bytes calldata) {
        return ERC2771Context._msgData();
    }
}
