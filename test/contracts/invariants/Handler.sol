// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IStorageMarket} from "../../../contracts/interfaces/IStorageMarket.sol";
import {
    CommitItem,
    Deal,
    DealItem,
    DealRef,
    Extension,
    Provider,
    Signature,
    VolumeTerms,
    Voucher
} from "../../../contracts/types/Market.sol";
import {Paying} from "./Paying.sol";
import {People} from "./People.sol";
import {WickedToken} from "./WickedToken.sol";
import {ZeroSectors} from "./ZeroSectors.sol";

/// @notice {People} doing anything in any order, time included. What they do is told to a {Shadow}, which keeps the plain books.
contract Handler is Paying {
    /// @dev The seed of an epoch, as it was first seen.
    mapping(uint32 epoch => bytes28) private seeds;
    uint32 private lastSeedEpoch;

    constructor(IStorageMarket market, WickedToken token) People(market, token) {}

    // ---------------------------------------------------------------- time and proofs

    function advance(uint256 seed) external {
        vm.roll(block.number + bound(seed, 1, 30));
        done[msg.sig]++;
    }

    /// @notice At any time, with anything beside it.
    function recordSeed(uint256 header) external {
        _call(_relay(header), abi.encodeCall(MARKET.recordSeed, (abi.encode(header))));
        _lookAtSeed();
    }

    /// @notice Proves a provider for this epoch, waiting for the prove phase where there is something to prove.
    function prove(uint256 seed) external {
        address provider = _provider(seed);
        (bytes28 value, bytes memory proof) = _honest(provider);
        uint32 epoch = _epoch();
        bool provable = _provable(provider, epoch);
        Provider memory p = MARKET.providerOf(provider);
        address from = (seed >> 8) % 2 == 0 ? _relay(seed >> 16) : actor((seed >> 16) % PARTIES);
        uint256 free = MARKET.freeBalance(provider);
        uint256 tip = from != p.relay || p.sectors == 0 ? 0 : free < p.tip ? free : p.tip;
        if (from == p.relay) _consents(provider);
        _due(from, int256(tip));
        Move memory move = _before();
        bool proved = _call(from, abi.encodeCall(MARKET.prove, (provider, value, proof)));
        if (proved) {
            _proved(provider, epoch);
            _gains(move, from, tip);
            _loses(move, provider, tip);
            _after(move, 22, "a proof moved something else than its tip");
        } else if (provable) {
            _fault(3, "an honest proof was refused");
        }
    }

    /// @notice With a bit of it changed, cut short, or for another seed: nothing of it counts.
    function proveWrongly(uint256 seed) external {
        address provider = _provider(seed);
        (bytes28 value, bytes memory proof) = _honest(provider);
        if (proof.length == 0) return;
        if ((seed >> 8) % 4 == 0) {
            value = bytes28(uint224(value) ^ 1);
        } else if ((seed >> 8) % 4 == 1) {
            assembly ("memory-safe") {
                mstore(proof, sub(mload(proof), 1))
            }
        } else {
            uint256 place = (seed >> 16) % proof.length;
            proof[place] = bytes1(uint8(proof[place]) ^ uint8(1 << (seed >> 10) % 8));
        }
        bool was = MARKET.proven(provider, _epoch());
        _call(actor(0), abi.encodeCall(MARKET.prove, (provider, value, proof)));
        done[msg.sig]++;
        _must(was || !MARKET.proven(provider, _epoch()), 10, "what is no proof was taken for one");
    }

    /// @dev This epoch's proof, at a time when there can be one.
    function _honest(address provider) private returns (bytes28 value, bytes memory proof) {
        uint32 epoch = _epoch();
        (, uint256 challengeBlock) = MARKET.epochStart(epoch);
        if (block.number <= challengeBlock) vm.roll(challengeBlock + 1);
        MARKET.recordSeed("");
        _lookAtSeed();
        (, value) = MARKET.seed();
        uint32[] memory leaves = MARKET.leaves(provider, 0, MARKET.providerOf(provider).slots);
        proof = ZeroSectors.proof(leaves, value, address(MARKET), epoch, provider);
    }

    /// @dev An epoch has one, which is of its challenge block, and is there only when that is past.
    function _lookAtSeed() private {
        (uint32 epoch, bytes28 value) = MARKET.seed();
        if (epoch == 0) return;
        (, uint256 challengeBlock) = MARKET.epochStart(epoch);
        _must(epoch >= lastSeedEpoch && epoch <= _epoch(), 21, "a seed is of another epoch");
        _must(block.number > challengeBlock, 21, "a seed is there too early");
        _must(uint224(value) >> 192 == challengeBlock, 21, "a seed is another block's");
        _must(seeds[epoch] == 0 || seeds[epoch] == value, 21, "a seed became another");
        (seeds[epoch], lastSeedEpoch) = (value, epoch);
    }

    /// @notice Of one deal, or of all that there ever were.
    function settle(uint256 dealSeed) external {
        (DealRef memory ref,) = _pick(dealSeed);
        _call(_relay(dealSeed >> 40), abi.encodeCall(MARKET.settle, ((dealSeed >> 32) % 2 == 0 ? _one(ref) : deals)));
    }

    // ---------------------------------------------------------------- providers

    /// @notice Which counts only while it has no unclosed deal.
    function reregister(uint256 seed) external {
        address provider = _provider(seed >> 16);
        if (seed % 2 == 0 && MARKET.providerOf(provider).deals != 0) provider = actor(PARTIES - 1);
        uint96 rate = PENALTY_RATE - uint96((seed >> 8) % 3) * (1_000 << 32);
        _call(provider, abi.encodeCall(MARKET.register, (_signer(provider), rate)));
    }

    function setSigner(uint256 seed) external {
        address provider = _provider(seed);
        address next = (seed >> 8) % 2 == 0 ? _deputy(provider) : provider;
        _call(provider, abi.encodeCall(MARKET.setSigner, (next)));
    }

    function setTip(uint256 seed) external {
        uint96 tip = (seed >> 16) % 16 == 0 ? type(uint96).max : uint96(seed >> 24) % (1_000 << 32);
        _call(_provider(seed), abi.encodeCall(MARKET.setTip, (_relay(seed >> 8), tip)));
    }

    // ---------------------------------------------------------------- strangers

    /// @notice Somebody speaks for one who did not: whatever a deal was, it is afterwards.
    function impersonate(uint256 dealSeed, uint256 seed) external {
        (DealRef memory ref, Deal memory d) = (seed >> 12) % 2 == 0 ? _pick(dealSeed) : _pickActive(dealSeed);
        if (d.id != ref.id) return;
        address signer = _signer(ref.provider);
        address stranger = actor(seed % DELEGATES);
        if (stranger == d.client || stranger == ref.provider) stranger = _relay(seed >> 8);
        (address from, bytes memory call) = _usurping(ref, d, stranger, signer, seed >> 16);
        bytes32 before = keccak256(abi.encode(MARKET.deal(ref.provider, ref.slot)));
        uint256 count = MARKET.providerOf(ref.provider).deals;
        bool[] memory frozen = _frozen();
        vm.prank(from);
        (bool ok,) = address(MARKET).call(call);
        ok; // batches skip what is not allowed
        done[msg.sig]++;
        bool same = before == keccak256(abi.encode(MARKET.deal(ref.provider, ref.slot)));
        _must(same && MARKET.providerOf(ref.provider).deals == count, 26, "somebody spoke for another");
        _observe(frozen);
    }

    function _usurping(DealRef memory ref, Deal memory d, address stranger, address signer, uint256 seed)
        private
        view
        returns (address from, bytes memory call)
    {
        uint256 what = seed % 15;
        if (what > 12) what = 10;
        if (what == 0) return (stranger, abi.encodeCall(MARKET.terminate, (ref)));
        if (what == 1) return (stranger, abi.encodeCall(MARKET.resign, (ref)));
        if (what == 2) return (stranger, abi.encodeCall(MARKET.terminateMissed, (ref)));
        if (what == 3) return (stranger, abi.encodeCall(MARKET.abandon, (ref)));
        if (what == 4) return (stranger, abi.encodeCall(MARKET.refill, (ref)));
        if (what == 5) return (stranger, abi.encodeCall(MARKET.challenge, (ref, 0)));
        if (what <= 7) {
            Extension memory extension = _extension(ref, d, seed >> 8);
            Signature memory signature = _signExtension(what == 6 ? signer : stranger, extension);
            return (what == 6 ? stranger : d.client, abi.encodeCall(MARKET.extend, (ref, extension, signature)));
        }
        if (what == 8) {
            Voucher memory voucher = Voucher(ref.id, 1_000 << 32);
            return (stranger, abi.encodeCall(MARKET.redeem, (_redemption(ref, voucher, stranger))));
        }
        if (what <= 10) {
            (CommitItem[] memory items, Signature[] memory assents) = (new CommitItem[](1), new Signature[](1));
            bytes32 digest;
            (items[0], digest) = _revision(ref, seed >> 8);
            // A signer that was replaced counts no more than a stranger.
            assents[0] = _sign(what == 9 ? signer : signer == ref.provider ? stranger : ref.provider, digest);
            if (what == 9) items[0].signature = _sign(stranger, digest);
            return (_relay(seed), abi.encodeCall(MARKET.commit, (ref.provider, items, assents)));
        }
        VolumeTerms memory volume = _volume(seed >> 8, d.client);
        DealItem[] memory offers = new DealItem[](1);
        (offers[0],) = _offer(volume, ref.provider, what == 11 ? signer : stranger, seed >> 16);
        return (what == 11 ? stranger : d.client, abi.encodeCall(MARKET.openDeals, (volume, offers, 1)));
    }
}
