// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IFallbackCondition} from "../../src/interfaces/IFallbackCondition.sol";
import {IPriceSource} from "../../src/interfaces/IPriceSource.sol";
import {ITotalWeights} from "../../src/interfaces/ITotalWeights.sol";

/// @notice Says what it was told.
contract FixedPrices is IPriceSource {
    uint128 private _native;
    uint128 private _external;

    constructor(uint128 native, uint128 ext) {
        set(native, ext);
    }

    function set(uint128 native, uint128 ext) public {
        (_native, _external) = (native, ext);
    }

    function prices() external view returns (uint128 native, uint128 ext) {
        return (_native, _external);
    }
}

/// @notice Holds when it was told so.
contract FixedCondition is IFallbackCondition {
    bool public active;

    function set(bool active_) external {
        active = active_;
    }
}

/// @notice Answers every call in the way it is told to.
contract RudeOracle {
    enum Way {
        Answer,
        Revert,
        BurnGas,
        RevertBomb
    }

    Way private _way;
    bytes private _answer;

    function set(Way way, bytes calldata answer) external {
        (_way, _answer) = (way, answer);
    }

    fallback(bytes calldata) external returns (bytes memory) {
        if (_way == Way.Revert) revert();
        if (_way == Way.BurnGas) assembly { invalid() }
        if (_way == Way.RevertBomb) assembly { revert(0, 200000) }
        return _answer;
    }
}

/// @notice As much stake as it was told, or none that it knows of.
contract FixedWeights is ITotalWeights {
    uint96 private _native = 1;
    bool private _known = true;

    function set(bool known, uint96 native) external {
        (_known, _native) = (known, native);
    }

    function totalWeights() external view returns (uint96 native, uint96 ext) {
        require(_known);
        return (_native, 0);
    }
}
