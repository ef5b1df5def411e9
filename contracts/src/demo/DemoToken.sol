// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title DemoToken
/// @notice A token that anyone may mint, for local networks and tests. Worth nothing, anywhere.
contract DemoToken is ERC20 {
    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) {}

    /// @notice Mints `amount` to `account`, for whoever asks.
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
