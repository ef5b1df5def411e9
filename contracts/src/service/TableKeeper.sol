// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper, TableConfig, TableInfo} from "../interfaces/ITableKeeper.sol";
import {IStakeObserver, IStakeSource} from "../interfaces/IStakeSource.sol";
import {G1, G2} from "../libraries/BN254.sol";
import {Certificates} from "../libraries/Certificates.sol";
import {OperatorTables, Row, WeightPair} from "../libraries/OperatorTables.sol";
import {Epoch} from "../types/Ids.sol";
import {Table} from "../types/Table.sol";
import {StagedChunk, TableStates} from "./TableState.sol";
import {TableWriter} from "./TableWriter.sol";

/// @title TableKeeper
/// @notice See `ITableKeeper`, which is the manual. Here is what verifications need. What is rare is in a `TableWriter`,
/// which every TableKeeper brings with it, and whose code works on this contract's state: so there is room for a service
/// beside it.
abstract contract TableKeeper is ITableKeeper {
    /// @inheritdoc ITableKeeper
    IStakeSource public immutable stakeSource;
    /// @inheritdoc ITableKeeper
    uint32 public immutable tableWindow;
    /// @inheritdoc ITableKeeper
    uint32 public immutable epochSeconds;
    /// @inheritdoc ITableKeeper
    uint16 public immutable moveBps;
    TableWriter private immutable _writer;

    constructor(TableConfig memory config) {
        _writer = new TableWriter(config);
        stakeSource = config.stakeSource;
        tableWindow = config.tableWindow;
        epochSeconds = config.epochSeconds;
        moveBps = config.moveBps;
    }

    /// @inheritdoc ITableKeeper
    function refreshTable(address[] calldata, G2 calldata) external returns (Epoch) {
        _delegate();
    }

    /// @inheritdoc ITableKeeper
    function stageChunk(address[] calldata) external returns (address) {
        _delegate();
    }

    /// @inheritdoc ITableKeeper
    function correctTable(address[] calldata, uint16[] calldata) external returns (Epoch) {
        _delegate();
    }

    /// @inheritdoc IStakeObserver
    function onWeightLost(address, G1[] calldata) external {
        _delegate();
    }

    /// @inheritdoc ITableKeeper
    function currentEpoch() public view returns (Epoch) {
        return Epoch.wrap(TableStates.load().epoch);
    }

    /// @inheritdoc ITableKeeper
    function tableInfo(Epoch epoch) external view returns (TableInfo memory) {
        Table table = _live(epoch);
        return TableInfo(table.pointer(), uint48(table.takenAt()), uint16(table.count()), uint16(table.corrections()));
    }

    /// @inheritdoc ITableKeeper
    function tableTotal(Epoch epoch) external view returns (Row memory, G2 memory) {
        _ask(abi.encodeCall(TableWriter.total, (_live(epoch))));
    }

    /// @inheritdoc ITableKeeper
    function tableRows(Epoch epoch, uint256 first, uint256 count) external view returns (Row[] memory) {
        _ask(abi.encodeCall(TableWriter.rows, (_live(epoch), first, count)));
    }

    /// @inheritdoc ITableKeeper
    function revokedIn(Epoch epoch) external view returns (uint256[] memory) {
        return TableStates.revokedIn(_live(epoch));
    }

    /// @inheritdoc ITableKeeper
    function stagedChunk(bytes32 list) external view returns (address, uint256, uint64) {
        StagedChunk memory staged = TableStates.load().staged[list];
        return (staged.pointer, staged.stagedAt, staged.membershipVersion);
    }

    /// @notice Demands that `certificate` was made under a table that is believed, and carries its signers' signature
    /// over `digest`.
    /// @return signed Sum of the signers' weights, without those that were revoked.
    /// @return total Sum of all weights.
    function _verified(bytes calldata certificate, bytes32 digest)
        internal
        view
        returns (WeightPair signed, WeightPair total)
    {
        Epoch epoch = Certificates.epochOf(certificate);
        Table table = TableStates.at(epoch);
        unchecked {
            if (Epoch.unwrap(table.epoch()) != Epoch.unwrap(epoch)) _refuse(epoch);
            if (block.timestamp > table.takenAt() + tableWindow) _refuse(epoch);
        }
        (signed, total) = Certificates.verify(certificate, table, digest);
        if (table.revokedWords() != 0) signed = _withoutRevoked(certificate, table, signed);
    }

    /// @notice Bitmap of the signers that a verified certificate names.
    function _signersOf(bytes calldata certificate) internal view returns (uint256[] memory) {
        return Certificates.signersOf(certificate, _live(Certificates.epochOf(certificate)).count());
    }

    /// @dev Says why the table of an epoch is not believed.
    function _refuse(Epoch epoch) private view {
        revert TableExpired(epoch, _live(epoch).takenAt(), tableWindow);
    }

    function _withoutRevoked(bytes calldata certificate, Table table, WeightPair signed)
        private
        view
        returns (WeightPair)
    {
        uint256[] memory revoked = TableStates.revokedIn(table);
        uint256[] memory signers = Certificates.signersOf(certificate, table.count());
        for (uint256 i = 0; i < revoked.length; i++) {
            revoked[i] &= signers[i];
        }
        WeightPair lost = OperatorTables.weightsOf(table, revoked);
        return WeightPair.wrap(WeightPair.unwrap(signed) - WeightPair.unwrap(lost));
    }

    function _live(Epoch epoch) private view returns (Table) {
        return TableStates.live(epoch);
    }

    /// @dev Runs the writer's function of the same name on this contract's state, and returns what it returns.
    function _delegate() private {
        address writer = address(_writer);
        // (ok, output) = writer.delegatecall(msg.data); if (!ok) revert output; return output;
        assembly {
            calldatacopy(0x00, 0x00, calldatasize())
            let ok := delegatecall(gas(), writer, 0x00, calldatasize(), 0x00, 0x00)
            returndatacopy(0x00, 0x00, returndatasize())
            if iszero(ok) { revert(0x00, returndatasize()) }
            return(0x00, returndatasize())
        }
    }

    /// @dev Returns what the writer answers.
    function _ask(bytes memory question) private view {
        address writer = address(_writer);
        // (ok, output) = writer.staticcall(question); if (!ok) revert output; return output;
        assembly {
            let ok := staticcall(gas(), writer, add(question, 0x20), mload(question), 0x00, 0x00)
            returndatacopy(0x00, 0x00, returndatasize())
            if iszero(ok) { revert(0x00, returndatasize()) }
            return(0x00, returndatasize())
        }
    }
}
