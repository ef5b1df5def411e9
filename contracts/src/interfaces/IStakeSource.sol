// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Row} from "../libraries/OperatorTables.sol";

/// @title IStakeSource
/// @notice What a ServiceManager asks of whoever keeps the stake: which operators serve it, their keys, their weights.
/// @dev The ServiceManager trusts its stake source entirely: keys that it returns must have proved possession (else a
/// rogue key signs for everyone), must be distinct, and weights must be stake that is really there.
interface IStakeSource {
    /// @notice An operator in the list does not serve the service.
    error NotOptedIn(address operator, address service);

    /// @notice Number of operators that serve `service`.
    function operatorCount(address service) external view returns (uint256);

    /// @notice Keys and weights of `operators`, in their order.
    /// @dev Reverts with `NotOptedIn` for an operator that does not serve `service`. Does not look for duplicates.
    /// @param native Strategy whose stake is the native weight.
    /// @param ext Strategy whose stake is the external weight.
    function rows(address service, address[] calldata operators, address native, address ext)
        external
        view
        returns (Row[] memory);
}
