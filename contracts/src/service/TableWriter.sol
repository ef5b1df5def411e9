// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper, TableConfig} from "../interfaces/ITableKeeper.sol";
import {IStakeSource} from "../interfaces/IStakeSource.sol";
import {G1, G2} from "../libraries/BN254.sol";
import {OperatorTables, Row} from "../libraries/OperatorTables.sol";
import {Epoch} from "../types/Ids.sol";
import {Table, Tables} from "../types/Table.sol";
import {Corrections, Draft} from "./Corrections.sol";
import {TableCodes} from "./TableCodes.sol";
import {StagedChunk, TableState, TableStates} from "./TableState.sol";

/// @title TableWriter
/// @notice Writes the operator tables of a `TableKeeper`, and does what else is rare with them: see `ITableKeeper`, which
/// is the manual. Decides which tables there are; what is in one is made by `TableCodes`.
/// @dev Works on the state of the TableKeeper that delegates to it, which brought it along. It has no state of its own
/// that anyone relies on, so that it does no harm to call it by itself.
contract TableWriter {
    /// @notice How many of the latest tables are believed.
    uint256 public constant LIVE_EPOCHS = 4;
    /// @notice Most corrections that a table has.
    uint256 public constant MAX_CORRECTIONS = 64;
    /// @notice Seconds for which a staged chunk can be used.
    uint256 public constant STAGED_SECONDS = 10 minutes;

    uint256 private constant ONE_IN_BPS = 10_000;

    IStakeSource private immutable _stakeSource;
    uint32 private immutable _tableWindow;
    uint32 private immutable _epochSeconds;
    uint16 private immutable _moveBps;

    constructor(TableConfig memory config) {
        if (address(config.stakeSource) == address(0)) revert ITableKeeper.ZeroAddress();
        if (config.tableWindow == 0) revert ITableKeeper.InvalidTableWindow(config.tableWindow);
        uint32 longest = config.stakeSource.longestTableWindow();
        if (config.tableWindow > longest) revert ITableKeeper.TableOutlivesStake(config.tableWindow, longest);
        if (config.epochSeconds == 0 || config.epochSeconds >= config.tableWindow) {
            revert ITableKeeper.InvalidEpochSeconds(config.epochSeconds, config.tableWindow);
        }
        if (config.moveBps == 0 || config.moveBps > ONE_IN_BPS) revert ITableKeeper.InvalidMoveBps(config.moveBps);
        _stakeSource = config.stakeSource;
        _tableWindow = config.tableWindow;
        _epochSeconds = config.epochSeconds;
        _moveBps = config.moveBps;
    }

    function refreshTable(address[] calldata operators, G2 calldata apk) external returns (Epoch epoch) {
        uint64 version = _stakeSource.membershipVersion(address(this));
        _requireDue(version);
        _requireComplete(operators.length);
        address pointer;
        uint256 takenAt = block.timestamp;
        if (operators.length <= OperatorTables.CHUNK_ROWS) {
            pointer = TableCodes.writeTable(_read(operators), apk);
        } else {
            address[] memory chunks;
            (chunks, takenAt) = _stagedChunks(operators, version);
            pointer = TableCodes.writeOver(chunks, operators.length, apk);
        }
        TableStates.load().membershipVersion = version;
        epoch = _append(pointer, takenAt, operators.length, 0);
        emit ITableKeeper.TableRefreshed(epoch, pointer, takenAt, operators);
    }

    function stageChunk(address[] calldata operators) external returns (address pointer) {
        bytes32 list = _hash(operators, 0, operators.length);
        uint64 version = _stakeSource.membershipVersion(address(this));
        StagedChunk storage staged = TableStates.load().staged[list];
        pointer = TableCodes.writeChunk(_read(operators), staged.pointer);
        (staged.pointer, staged.stagedAt, staged.membershipVersion) = (pointer, uint32(block.timestamp), version);
        emit ITableKeeper.ChunkStaged(list, pointer, version);
    }

    function correctTable(address[] calldata operators, uint16[] calldata positions) external returns (Epoch epoch) {
        Table table = TableStates.live(Epoch.wrap(TableStates.load().epoch));
        if (_expired(table)) revert ITableKeeper.TableExpired(table.epoch(), table.takenAt(), _tableWindow);
        _requireSameMembers();
        if (operators.length == 0) revert ITableKeeper.EmptyTable();
        if (operators.length != positions.length) {
            revert ITableKeeper.PositionsMismatch(operators.length, positions.length);
        }
        uint256[] memory revoked = TableStates.revokedIn(table);
        Draft memory draft = Corrections.begin(table, positions.length);
        _correct(draft, operators, positions, revoked);
        (address pointer, uint256 count) = Corrections.finish(draft);
        if (count > MAX_CORRECTIONS) revert ITableKeeper.TooManyCorrections(count, MAX_CORRECTIONS);
        epoch = _append(pointer, table.takenAt(), table.count(), count);
        _carryRevoked(epoch, revoked, positions);
        emit ITableKeeper.TableCorrected(epoch, table.epoch(), pointer, positions);
    }

    function onWeightLost(address operator, G1[] calldata keys) external {
        if (msg.sender != address(_stakeSource)) revert ITableKeeper.NotStakeSource(msg.sender);
        TableState storage state = TableStates.load();
        state.weightLostAt = uint40(block.timestamp);
        for (uint256 i = 0; i < LIVE_EPOCHS; i++) {
            Table table = state.tables[i];
            if (table.count() == 0 || _expired(table)) continue;
            (bool found, uint256 position) = TableCodes.find(table, keys);
            if (found) _revoke(table, operator, position);
        }
    }

    /// @notice Sum of a table's rows, and of its operators' G2 keys.
    function total(Table table) external view returns (Row memory sum, G2 memory apk) {
        return TableCodes.total(table);
    }

    /// @notice Rows from position `first` on, corrected; fewer than `count` at the end of the table.
    function rows(Table table, uint256 first, uint256 count) external view returns (Row[] memory) {
        return Corrections.rows(table, first, count);
    }

    // Refreshing

    function _requireDue(uint64 version) private view {
        TableState storage state = TableStates.load();
        if (state.epoch == 0 || version != state.membershipVersion) return;
        Table table = TableStates.live(Epoch.wrap(state.epoch));
        if (table.revokedWords() != 0 || table.corrections() > MAX_CORRECTIONS / 2) return;
        uint256 dueAt = table.takenAt() + _epochSeconds;
        if (block.timestamp < dueAt) revert ITableKeeper.TableNotDue(table.epoch(), dueAt);
    }

    /// @dev Completeness by counting: as many distinct members as there are members.
    function _requireComplete(uint256 given) private view {
        if (given == 0) revert ITableKeeper.EmptyTable();
        uint256 optedIn = _stakeSource.operatorCount(address(this));
        if (given != optedIn) revert ITableKeeper.IncompleteOperators(given, optedIn);
        if (given > OperatorTables.MAX_OPERATORS) {
            revert ITableKeeper.TooManyOperators(given, OperatorTables.MAX_OPERATORS);
        }
    }

    /// @dev Rows of a chunk.
    function _read(address[] calldata operators) private view returns (Row[] memory) {
        uint256 count = operators.length;
        if (count == 0) revert ITableKeeper.EmptyTable();
        if (count > OperatorTables.CHUNK_ROWS) {
            revert ITableKeeper.TooManyOperators(count, OperatorTables.CHUNK_ROWS);
        }
        for (uint256 i = 1; i < count; i++) {
            if (operators[i] <= operators[i - 1]) {
                revert ITableKeeper.OperatorsNotAscending(operators[i - 1], operators[i]);
            }
        }
        return _stakeSource.rows(address(this), operators);
    }

    /// @dev A list was found to ascend when it was staged; only the seams are left to check.
    function _stagedChunks(address[] calldata operators, uint64 version)
        private
        view
        returns (address[] memory chunks, uint256 takenAt)
    {
        chunks = new address[](OperatorTables.wordsFor(operators.length));
        takenAt = block.timestamp;
        for (uint256 i = 0; i < chunks.length; i++) {
            uint256 first = i * OperatorTables.CHUNK_ROWS;
            if (i != 0 && operators[first] <= operators[first - 1]) {
                revert ITableKeeper.OperatorsNotAscending(operators[first - 1], operators[first]);
            }
            bytes32 list = _hash(operators, first, OperatorTables.rowsIn(operators.length, i));
            StagedChunk memory staged = TableStates.load().staged[list];
            if (!_usable(staged, version)) revert ITableKeeper.ChunkNotStaged(i);
            chunks[i] = staged.pointer;
            if (staged.stagedAt < takenAt) takenAt = staged.stagedAt;
        }
    }

    function _usable(StagedChunk memory staged, uint64 version) private view returns (bool) {
        return staged.pointer != address(0) && staged.membershipVersion == version
            && block.timestamp <= staged.stagedAt + STAGED_SECONDS && staged.stagedAt > TableStates.load().weightLostAt;
    }

    /// @dev keccak256 of `count` operators from `first` on, each in a word.
    function _hash(address[] calldata operators, uint256 first, uint256 count) private pure returns (bytes32 list) {
        // list = keccak256(abi.encodePacked(operators[first:first + count]));
        assembly ("memory-safe") {
            let words := mload(0x40)
            calldatacopy(words, add(operators.offset, shl(5, first)), shl(5, count))
            list := keccak256(words, shl(5, count))
        }
    }

    function _append(address pointer, uint256 takenAt, uint256 count, uint256 corrections)
        private
        returns (Epoch epoch)
    {
        TableState storage state = TableStates.load();
        uint32 number = ++state.epoch;
        epoch = Epoch.wrap(number);
        state.tables[number % LIVE_EPOCHS] = Tables.pack(pointer, takenAt, epoch, count, corrections);
    }

    // Correcting

    function _requireSameMembers() private view {
        uint64 written = TableStates.load().membershipVersion;
        uint64 current = _stakeSource.membershipVersion(address(this));
        if (written != current) revert ITableKeeper.MembershipChanged(written, current);
    }

    function _correct(
        Draft memory draft,
        address[] calldata operators,
        uint16[] calldata positions,
        uint256[] memory revoked
    ) private view {
        Row[] memory present = _stakeSource.rows(address(this), operators);
        for (uint256 i = 0; i < positions.length; i++) {
            uint256 position = positions[i];
            bool valid = position < draft.table.count() && (i == 0 || position > positions[i - 1]);
            if (!valid) revert ITableKeeper.InvalidPosition(position);
            Row memory before = Corrections.take(draft, position);
            if (before.key.x != present[i].key.x || before.key.y != present[i].key.y) {
                revert ITableKeeper.OperatorNotAtPosition(operators[i], position);
            }
            bool due = revoked[position >> 8] >> (position & 0xff) & 1 != 0
                || _moved(before.nativeWeight, present[i].nativeWeight, draft.sum.nativeWeight)
                || _moved(before.externalWeight, present[i].externalWeight, draft.sum.externalWeight);
            if (!due) revert ITableKeeper.WeightNotMoved(operators[i]);
            Corrections.put(draft, position, before, present[i]);
        }
    }

    /// @dev Whether more than `moveBps` of the token's total came or went, or all that there was.
    function _moved(uint256 before, uint256 present, uint256 all) private view returns (bool) {
        uint256 distance = before > present ? before - present : present - before;
        return distance * ONE_IN_BPS > all * _moveBps || (present == 0 && before != 0);
    }

    // Revoking

    function _revoke(Table table, address operator, uint256 position) private {
        uint32 number = Epoch.unwrap(table.epoch());
        uint256 bits = TableStates.load().revoked[number][position >> 8];
        _setRevoked(number, position >> 8, bits | 1 << (position & 0xff));
        emit ITableKeeper.WeightRevoked(table.epoch(), operator, position);
    }

    /// @dev Weights that were not corrected are as wrong in the new table as in the old one.
    function _carryRevoked(Epoch epoch, uint256[] memory revoked, uint16[] calldata corrected) private {
        for (uint256 i = 0; i < corrected.length; i++) {
            revoked[corrected[i] >> 8] &= ~(1 << (corrected[i] & 0xff));
        }
        for (uint256 i = 0; i < revoked.length; i++) {
            if (revoked[i] != 0) _setRevoked(Epoch.unwrap(epoch), i, revoked[i]);
        }
    }

    function _setRevoked(uint32 number, uint256 word, uint256 bits) private {
        TableState storage state = TableStates.load();
        state.revoked[number][word] = bits;
        state.tables[number % LIVE_EPOCHS] = state.tables[number % LIVE_EPOCHS].withRevokedWord(word);
    }

    function _expired(Table table) private view returns (bool) {
        return block.timestamp > table.takenAt() + _tableWindow;
    }
}
