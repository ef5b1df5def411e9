// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IWrappedEther
/// @notice Ether as a token, one for one, as WETH has it on most chains.
interface IWrappedEther is IERC20 {
    /// @notice Gives the caller as many tokens as ether comes with the call.
    function deposit() external payable;

    /// @notice Takes `amount` of the caller's tokens and sends it as much ether.
    function withdraw(uint256 amount) external;
}
