// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IWrappedEther} from "../interfaces/IWrappedEther.sol";

/// @title WrappedEther
/// @notice Ether as a token, for local networks and tests. A chain of one's own choice has its own, long in use.
contract WrappedEther is ERC20, IWrappedEther {
    /// @notice The caller did not take the ether back.
    error EtherRefused(address account, uint256 amount);

    constructor() ERC20("Wrapped Ether", "WETH") {}

    /// @inheritdoc IWrappedEther
    function deposit() external payable {
        _mint(msg.sender, msg.value);
    }

    /// @inheritdoc IWrappedEther
    function withdraw(uint256 amount) external {
        _burn(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert EtherRefused(msg.sender, amount);
    }
}
