// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title BoundedCalls
/// @notice Calls to contracts that are trusted with nothing: whatever they do costs at most the stated gas and harms
/// nobody else.
library BoundedCalls {
    /// @notice Too little gas is left to give a contract what it is due.
    error InsufficientGas(uint256 available, uint256 needed);

    /// @dev What a call costs before its own gas, at most: a cold account, another one that it delegates to (EIP-7702), and
    /// the way there.
    uint256 private constant CALL_GAS = 6_000;

    /// @notice Calls `target` with exactly `limit` gas, and copies nothing of what it returns, so it can not make that
    /// dear.
    /// @dev A call is given at most 63/64 of what is left. Were it less than the limit, whoever calls could make the
    /// target fail by gas.
    /// @return ok Whether it returned.
    function tryCall(address target, uint256 limit, bytes memory message) internal returns (bool ok) {
        uint256 available = gasleft();
        uint256 needed = limit + limit / 63 + 1 + CALL_GAS;
        if (available < needed) revert InsufficientGas(available, needed);
        // (ok, ) = target.call{gas: limit}(message);
        assembly ("memory-safe") {
            ok := call(limit, target, 0, add(message, 0x20), mload(message), 0, 0)
        }
    }
}
