// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IStakeObserver} from "../../../src/interfaces/IStakeSource.sol";
import {G1} from "../../../src/libraries/BN254.sol";

/// @notice A service that remembers what it was told.
contract ObservingService is IStakeObserver {
    address public owner;
    uint256 public calls;
    address public lastOperator;
    uint256 public gasGiven;
    G1[] private _keys;

    constructor(address owner_) {
        owner = owner_;
    }

    function onWeightLost(address operator, G1[] calldata keys) external virtual {
        gasGiven = gasleft();
        calls++;
        lastOperator = operator;
        delete _keys;
        for (uint256 i = 0; i < keys.length; i++) {
            _keys.push(keys[i]);
        }
    }

    function lastKeys() external view returns (G1[] memory) {
        return _keys;
    }
}

/// @notice A service that fails, in the way it is told to, when it is told of an operator.
contract FailingService is ObservingService {
    enum Way {
        Revert,
        BurnGas,
        ReturnBomb,
        RevertBomb
    }

    Way private _way;

    constructor(address owner_, Way way) ObservingService(owner_) {
        _way = way;
    }

    function onWeightLost(address, G1[] calldata) external view override {
        if (_way == Way.Revert) revert();
        if (_way == Way.BurnGas) assembly { invalid() }
        // As much memory as the gas buys, for the caller to copy if it is so kind.
        if (_way == Way.ReturnBomb) assembly { return(0, 900000) }
        if (_way == Way.RevertBomb) assembly { revert(0, 900000) }
    }
}

/// @notice A service that makes a call of its holder's choice when it is told of an operator.
contract CallingService is ObservingService {
    address private _target;
    bytes private _message;
    bool public succeeded;
    bytes public output;

    constructor(address owner_) ObservingService(owner_) {}

    function set(address target, bytes calldata message) external {
        (_target, _message) = (target, message);
    }

    /// @notice Calls as the service.
    function call(address target, bytes calldata message) external returns (bool ok) {
        (ok,) = target.call(message);
    }

    function onWeightLost(address, G1[] calldata) external override {
        calls++;
        (succeeded, output) = _target.call(_message);
    }
}

/// @notice Answers every call, `owner()` among them, with bytes of its holder's choice.
contract AnsweringService {
    bytes private _answer;
    bool private _reverts;

    constructor(bytes memory answer, bool reverts) {
        (_answer, _reverts) = (answer, reverts);
    }

    fallback() external {
        bytes memory answer = _answer;
        if (_reverts) assembly { revert(add(answer, 0x20), mload(answer)) }
        assembly { return(add(answer, 0x20), mload(answer)) }
    }
}

/// @notice Answers every call with as much memory as the gas buys.
contract BombService {
    fallback() external {
        assembly { return(0, 900000) }
    }
}

/// @notice Tries to write when it is asked for its owner.
contract WritingService {
    address private _asked;

    function owner() external returns (address) {
        _asked = msg.sender;
        return msg.sender;
    }
}
