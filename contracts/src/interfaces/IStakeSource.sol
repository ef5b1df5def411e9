// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1} from "../libraries/BN254.sol";
import {Row} from "../libraries/OperatorTables.sol";

/// @title IStakeSource
/// @notice What a ServiceManager asks of whoever keeps the stake: which operators serve it, their keys, their weights.
/// @dev The ServiceManager trusts its stake source entirely: keys that it returns must have proved possession (else a
/// rogue key signs for everyone), must be distinct, and weights must be stake that the service can slash for as long as
/// it believes a table.
///
/// Ours is the AllocationManager. A source over another restaking protocol implements the same four views, and calls
/// `IStakeObserver` when an operator loses its weight.
interface IStakeSource {
    /// @notice An operator in the list does not serve the service.
    error NotOptedIn(address operator, address service);

    /// @notice Number of operators that serve `service`.
    function operatorCount(address service) external view returns (uint256);

    /// @notice Changes whenever an operator joins or leaves `service`.
    function membershipVersion(address service) external view returns (uint64);

    /// @notice Keys and weights of `operators`, in their order.
    /// @dev Reverts with `NotOptedIn` for an operator that does not serve `service`. Does not look for duplicates.
    function rows(address service, address[] calldata operators) external view returns (Row[] memory);

    /// @notice Longest time, in seconds, for which a table of these operators may be believed: so long every key in it is
    /// named to `onWeightLost`, and all of its stake can be slashed, whatever its owners do. Never changes.
    function longestTableWindow() external view returns (uint32);
}

/// @title IStakeObserver
/// @notice What a stake source tells a service at once, without waiting for its next operator table.
interface IStakeObserver {
    /// @notice `operator` was slashed or ejected: its weight counts no more in any table that exists. Stake source
    /// only.
    /// @dev Called with bounded gas; a failure stops neither a slash nor an ejection.
    /// @param keys G1 keys under which the operator may stand in tables that were taken within `longestTableWindow` seconds.
    function onWeightLost(address operator, G1[] calldata keys) external;
}
