// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IStakeObserver, IStakeSource} from "./IStakeSource.sol";
import {G2} from "../libraries/BN254.sol";
import {Row} from "../libraries/OperatorTables.sol";
import {Epoch} from "../types/Ids.sol";

/// @notice When operator tables are written, and for how long they are believed.
struct TableConfig {
    /// Keeps the operators and their stake.
    IStakeSource stakeSource;
    /// Seconds for which a table is believed after its stake was read, at most the stake source's
    /// `longestTableWindow`.
    uint32 tableWindow;
    /// Seconds after which anyone may write the next one, less than `tableWindow`.
    uint32 epochSeconds;
    /// Share of a token's total, in basis points, by which an operator's weight must have moved for a correction.
    uint16 moveBps;
}

/// @notice An operator table: where it is, since when, how many operators it holds, and how many weights in it are
/// corrections.
struct TableInfo {
    address pointer;
    uint48 takenAt;
    uint16 count;
    uint16 corrections;
}

/// @title ITableKeeper
/// @notice Keeps the operator tables of a service: who its operators are, under which keys, with how much stake. Each
/// table is an epoch; certificates name the one that they were made under.
///
/// Trust: the stake source for keys and weights (see `IStakeSource`). Everyone else is trusted with nothing: any account
/// may write and correct tables, of which every byte is read from the stake source, or checked.
///
/// Only the latest `LIVE_EPOCHS` tables are believed, each for `tableWindow` seconds.
///
/// @dev Warning: whoever can move much stake at will can have the table corrected at will, and so supersede tables
/// under which certificates are on their way. So can whoever has a few operators, by having them leave one by one.
/// Stake sources should take time over stake that joins a service, and over operators that come back.
interface ITableKeeper is IStakeObserver {
    error ZeroAddress();
    error InvalidTableWindow(uint32 tableWindow);
    /// @notice Tables would be believed when stake in them may be gone, or keys in them are not named any more.
    error TableOutlivesStake(uint32 tableWindow, uint32 longest);
    /// @notice Not in 1 to `tableWindow` − 1.
    error InvalidEpochSeconds(uint32 epochSeconds, uint32 tableWindow);
    /// @notice Not in 1 to 10 000.
    error InvalidMoveBps(uint16 moveBps);

    /// @notice The list of operators is empty.
    error EmptyTable();
    /// @notice More operators than a table or a chunk takes.
    error TooManyOperators(uint256 count, uint256 limit);
    /// @notice The list leaves out operators, or names too many.
    error IncompleteOperators(uint256 given, uint256 optedIn);
    /// @notice The list is not strictly ascending.
    error OperatorsNotAscending(address previous, address next);
    /// @notice The weights of all operators together exceed 96 bits.
    error WeightOverflow(uint256 totalNative, uint256 totalExternal);
    /// @notice The G2 key is not the sum of the operators' keys, or that is infinity.
    error InvalidAggregateKey();
    /// @notice The table's code could not be deployed, for lack of gas.
    error TableNotWritten();
    /// @notice The latest table is good enough: a new one is due at the time given.
    error TableNotDue(Epoch epoch, uint256 dueAt);

    /// @notice A chunk of a large table was never staged, too long ago, before an operator joined or left, or before one
    /// lost its weight.
    /// @param chunk Its index.
    error ChunkNotStaged(uint256 chunk);

    /// @notice Operators joined or left since the latest table: a new one is due.
    error MembershipChanged(uint64 written, uint64 current);
    error PositionsMismatch(uint256 operators, uint256 positions);
    /// @notice The positions are not strictly ascending, or one is beyond the table.
    error InvalidPosition(uint256 position);
    /// @notice The row at that position has another key than the operator has now.
    error OperatorNotAtPosition(address operator, uint256 position);
    /// @notice The operator's weight is about what the table says.
    error WeightNotMoved(address operator);
    /// @notice The latest table has as many corrections as one can have: a new one is due.
    error TooManyCorrections(uint256 count, uint256 limit);

    error NotStakeSource(address caller);

    error UnknownEpoch(Epoch epoch);
    /// @notice There are `LIVE_EPOCHS` later tables or more.
    error TableSuperseded(Epoch epoch);
    /// @notice The table's stake was read too long ago to be believed.
    error TableExpired(Epoch epoch, uint256 takenAt, uint256 window);

    /// @param takenAt Time from which the window counts: when the oldest of its rows was read.
    event TableRefreshed(Epoch indexed epoch, address pointer, uint256 takenAt, address[] operators);
    /// @param base The table that it corrects.
    event TableCorrected(Epoch indexed epoch, Epoch base, address pointer, uint16[] positions);
    /// @param list keccak256 of the operators, each in a word.
    event ChunkStaged(bytes32 indexed list, address pointer, uint64 membershipVersion);
    /// @notice The operator's weight counts no more in certificates of that epoch.
    event WeightRevoked(Epoch indexed epoch, address indexed operator, uint256 position);

    /// @notice Writes a new operator table from the stake as it is now. Anyone may, when there is none yet, when the
    /// epoch of the latest has ended, or when operators joined, left or lost their weight since it was written, or it
    /// has more than half the corrections that it can have.
    /// @dev One of more than 256 operators is put together from chunks that were staged before, 256 operators each but
    /// for the last, and counts as taken when the oldest was.
    /// @param operators All operators that serve this service, strictly ascending.
    /// @param apk Sum of their G2 keys; checked.
    function refreshTable(address[] calldata operators, G2 calldata apk) external returns (Epoch epoch);

    /// @notice Writes a chunk of a large table, or finds that the one staged before for these operators is still right.
    /// Anyone may. It can be used for `STAGED_SECONDS`.
    /// @param operators Operators in the places 256 · j to 256 · j + 255 of the table to come.
    function stageChunk(address[] calldata operators) external returns (address pointer);

    /// @notice Writes a new table that is the latest one with the weights of a few operators as they are now. Anyone may,
    /// for operators of whose weight more than `moveBps` of the token's total came or went, or the rest of it, or which
    /// was revoked. It is believed for no longer than the table that it corrects.
    /// @param positions Where each operator is in the table, strictly ascending.
    function correctTable(address[] calldata operators, uint16[] calldata positions) external returns (Epoch epoch);

    /// @notice Number of the latest table; 0 before the first.
    function currentEpoch() external view returns (Epoch);

    /// @notice One of the latest `LIVE_EPOCHS` tables.
    function tableInfo(Epoch epoch) external view returns (TableInfo memory);

    /// @notice Sum of a table's rows, and of its operators' G2 keys.
    function tableTotal(Epoch epoch) external view returns (Row memory total, G2 memory apk);

    /// @notice Rows of a table from position `first` on, corrected; fewer than `count` at its end.
    function tableRows(Epoch epoch, uint256 first, uint256 count) external view returns (Row[] memory);

    /// @notice Bitmap of the operators of a table whose weight was revoked.
    function revokedIn(Epoch epoch) external view returns (uint256[] memory);

    /// @notice The chunk that was staged last for a list of operators, and when; zeros when there is none.
    /// @param list keccak256 of the operators, each in a word.
    function stagedChunk(bytes32 list)
        external
        view
        returns (address pointer, uint256 stagedAt, uint64 membershipVersion);

    /// @notice Keeps operators and stake.
    function stakeSource() external view returns (IStakeSource);

    /// @notice Seconds for which a table is believed.
    function tableWindow() external view returns (uint32);

    /// @notice Seconds after which anyone may write the next table.
    function epochSeconds() external view returns (uint32);

    /// @notice How far a weight must have moved for a correction, in basis points of the token's total.
    function moveBps() external view returns (uint16);
}
