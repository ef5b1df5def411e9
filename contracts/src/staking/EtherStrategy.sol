// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IWrappedEther} from "../interfaces/IWrappedEther.sol";
import {Strategy} from "./Strategy.sol";

/// @title EtherStrategy
/// @notice Ether, staked: wrapped while it is held, paid out as ether. Takes the wrapper's token as well.
contract EtherStrategy is Strategy {
    constructor(IWrappedEther wrapper, address manager_, uint32 leverageCapBps_)
        Strategy(wrapper, manager_, leverageCapBps_)
    {}

    /// @dev Wrappers give this 2 300 gas, so it does next to nothing.
    receive() external payable {
        if (msg.sender != address(token)) revert NotWrapper(msg.sender);
    }

    /// @inheritdoc Strategy
    function depositEther()
        external
        payable
        override
        onlyManager
        nonReentrant
        returns (uint256 assets, uint256 shares)
    {
        uint256 before = token.balanceOf(address(this));
        IWrappedEther(address(token)).deposit{value: msg.value}();
        return _credit(msg.value, before);
    }

    /// @inheritdoc Strategy
    function isEther() external pure override returns (bool) {
        return true;
    }

    /// @inheritdoc Strategy
    function _pay(address recipient, uint256 assets) internal override {
        IWrappedEther(address(token)).withdraw(assets);
        (bool paid,) = recipient.call{value: assets}("");
        if (!paid) revert EtherRefused(recipient, assets);
    }
}
