// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {DemoToken} from "../../src/demo/DemoToken.sol";

/// @notice Keeps a part of every transfer, a hundredth unless told otherwise.
contract FeeToken is DemoToken {
    uint256 private _bps = 100;

    constructor() DemoToken("Fee", "FEE") {}

    function setFee(uint256 bps) external {
        _bps = bps;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0xfee), amount * _bps / 10_000);
    }
}

/// @notice Returns nothing, as tokens older than the standard do, and refuses to move nothing.
contract SilentToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        require(amount != 0, "nothing to move");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Balances change without a transfer, as those of a token that pays or loses by itself.
contract RebasingToken is DemoToken {
    constructor() DemoToken("Rebasing", "REB") {}

    /// @notice Multiplies the balance of `holder` by `numerator / denominator`, rounded down.
    function rebase(address holder, uint256 numerator, uint256 denominator) external {
        uint256 balance = balanceOf(holder);
        uint256 target = balance * numerator / denominator;
        if (target > balance) _mint(holder, target - balance);
        else _burn(holder, balance - target);
    }
}

/// @notice Says false instead of reverting.
contract FalseToken is DemoToken {
    constructor() DemoToken("False", "FALSE") {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Makes a call of its holder's choice in the middle of a transfer: tokens have moved, the caller does not know.
contract HookToken is DemoToken {
    address private _target;
    bytes private _message;
    bool public succeeded;
    bytes public output;

    constructor() DemoToken("Hook", "HOOK") {}

    function hook(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from == address(0) || _target == address(0)) return;
        (succeeded, output) = _target.call(_message);
    }
}

/// @notice Refuses ether until it is told to take it.
contract Refuser {
    bool public takes;

    error Refused();

    function relent() external {
        takes = true;
    }

    receive() external payable {
        if (!takes) revert Refused();
    }
}
