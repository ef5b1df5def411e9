// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {DemoToken} from "../../src/demo/DemoToken.sol";

/// @notice Keeps a hundredth of every transfer.
contract FeeToken is DemoToken {
    constructor() DemoToken("Fee", "FEE") {}

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0xfee), amount / 100);
    }
}

/// @notice Says false instead of reverting.
contract FalseToken is DemoToken {
    constructor() DemoToken("False", "FALSE") {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Makes a call of its holder's choice in the middle of a transfer.
contract HookToken is DemoToken {
    address private _target;
    bytes private _message;
    bool public succeeded;
    bytes public output;

    constructor() DemoToken("Hook", "HOOK") {}

    function hook(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (_target != address(0)) (succeeded, output) = _target.call(_message);
        return super.transferFrom(from, to, amount);
    }
}
