// SPDX-License-Identifier: MIT
pragma solidity 0.8.36;

import {IMarketAnnex} from "../interfaces/IMarketAnnex.sol";
import {SectorProof} from "../libraries/SectorProof.sol";
import {DealRef, Reason, Scopes} from "../types/Market.sol";
import {Challenge, Live} from "../types/Records.sol";
import {Exits} from "./Exits.sol";

/// @title Challenges
/// @notice A named chunk, shown within an epoch or two, or the deal ends: what sampling cannot promise one client.
abstract contract Challenges is Exits {
    /// @inheritdoc IMarketAnnex
    function challenge(DealRef calldata ref, uint64 chunk) external nonReentrant {
        Live memory d = _demand(ref);
        address client = _client(d);
        address caller = _msgSender();
        if (caller != client && !_inForce(_delegations[client][caller], Scopes.AUDIT)) {
            revert Market_Unauthorized(caller);
        }
        if (_record(d).challenge.deadline != 0) revert Market_ChallengeOpen(d.agreed.id());
        uint32 deadline = uint32(_epoch() + 1);
        if (_stopped(d) || deadline >= d.progress.stopAt()) revert Market_WrongState(d.agreed.id());
        uint64 limit = _chunks(d);
        if (chunk >= limit) revert Market_ChunkOutOfRange(limit, chunk);
        _record(d).challenge = Challenge({challenger: caller, chunk: chunk, deadline: deadline});
        _charge(caller, uint256(_customer(d).answerBond) << LEDGER_SHIFT);
        emit Challenged(d.agreed.id(), caller, chunk, deadline);
    }

    /// @inheritdoc IMarketAnnex
    function answer(DealRef calldata ref, bytes calldata proof) external {
        Live memory d = _demand(ref);
        Challenge memory open = _record(d).challenge;
        if (open.deadline == 0) revert Market_NoChallenge(d.agreed.id());
        if (_epoch() > open.deadline) revert Market_Expired(open.deadline, _epoch());
        bool present = open.chunk < _chunks(d);
        if (present) {
            uint256 levels = SectorProof.height(_sectors(d));
            uint256 expected = SectorProof.length(levels);
            if (proof.length != expected) revert Market_ProofLength(expected, proof.length);
            bytes24 committed = _sampled(d).root();
            bytes24 root = SectorProof.root(proof, 0, open.chunk, levels);
            if (root != committed) revert Market_ProofRoot(committed, root);
        }
        _endChallenge(d, present ? d.provider : open.challenger, present);
    }

    /// @inheritdoc IMarketAnnex
    function convict(DealRef calldata ref) external {
        Live memory d = _demand(ref);
        uint32 deadline = _record(d).challenge.deadline;
        if (deadline == 0) revert Market_NoChallenge(d.agreed.id());
        if (_epoch() <= deadline) revert Market_NotDue(deadline + 1, uint32(_epoch()));
        (uint256 effective, bool open) = _gate(_home(d));
        bool inTree = !_stopped(d) && _sectors(d) != 0;
        if (inTree && !open) revert Market_WrongPhase(uint32(effective), false);
        _stop(d, effective, Reason.Convicted);
    }

    function _chunks(Live memory d) private view returns (uint64) {
        return uint64(_sectors(d) << SectorProof.CHUNKS_PER_SECTOR_LOG2);
    }
}
