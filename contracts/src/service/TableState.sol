// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../interfaces/ITableKeeper.sol";
import {OperatorTables} from "../libraries/OperatorTables.sol";
import {Epoch} from "../types/Ids.sol";
import {Table} from "../types/Table.sol";

/// @notice What a service remembers of its operator tables.
///
/// | slot | bits | field |
/// |---|---|---|
/// | 0-3 | | tables: epoch e is at index e % 4, until a later one takes its place |
/// | 4 | 0-31 | latest epoch |
/// | 4 | 32-95 | membership version of the latest table |
/// | 4 | 96-135 | time at which an operator last lost its weight |
/// | 5 | | bitmaps of revoked operators, by epoch and word; zero unless the table says otherwise |
/// | 6 | | staged chunks, by keccak256 of their operators, each in a word |
struct TableState {
    Table[4] tables;
    uint32 epoch;
    uint64 membershipVersion;
    uint40 weightLostAt;
    mapping(uint32 epoch => mapping(uint256 word => uint256)) revoked;
    mapping(bytes32 list => StagedChunk) staged;
}

/// @notice A chunk of a large table that is not in one yet. One slot.
struct StagedChunk {
    address pointer;
    uint32 stagedAt;
    uint64 membershipVersion;
}

/// @title TableStates
/// @notice Where the state is: at a place of its own (ERC-7201, "tandem.tables"), as two contracts' code works on it.
library TableStates {
    uint256 private constant SLOT = 0x15e815d3618871abf69b331f9c3da1da3a5db4f7c16e4e1d09d18cfc08465100;

    function load() internal pure returns (TableState storage state) {
        assembly ("memory-safe") {
            state.slot := SLOT
        }
    }

    /// @notice The table at the place of an epoch, which may be that of another.
    function at(Epoch epoch) internal view returns (Table table) {
        // table = load().tables[epoch % 4];
        assembly ("memory-safe") {
            table := sload(add(SLOT, and(epoch, 3)))
        }
    }

    /// @notice The table of an epoch, if it is among the latest. It may have expired.
    function live(Epoch epoch) internal view returns (Table table) {
        table = at(epoch);
        uint256 wanted = Epoch.unwrap(epoch);
        uint256 found = Epoch.unwrap(table.epoch());
        if (wanted == 0 || wanted > found) revert ITableKeeper.UnknownEpoch(epoch);
        if (wanted != found) revert ITableKeeper.TableSuperseded(epoch);
    }

    /// @notice Bitmap of the operators whose weight was revoked.
    function revokedIn(Table table) internal view returns (uint256[] memory bitmap) {
        bitmap = new uint256[](OperatorTables.wordsFor(table.count()));
        mapping(uint256 => uint256) storage words = load().revoked[Epoch.unwrap(table.epoch())];
        for (uint256 i = 0; i < bitmap.length; i++) {
            if (table.revokedWords() >> i & 1 != 0) bitmap[i] = words[i];
        }
    }
}
