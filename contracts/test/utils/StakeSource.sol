// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";
import {IRestakingManager} from "../../src/interfaces/IRestakingManager.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {G1} from "../../src/libraries/BN254.sol";
import {Row} from "../../src/libraries/OperatorTables.sol";

/// @notice The simplest source of stake there is: whoever opts in serves a service with all of its stake in the first
/// two strategies.
contract StakeSource is IStakeSource {
    using EnumerableSet for EnumerableSet.AddressSet;

    IOperatorRegistry public immutable operatorRegistry;
    IRestakingManager public immutable restakingManager;

    mapping(address service => EnumerableSet.AddressSet) private _operatorsOf;
    mapping(address operator => EnumerableSet.AddressSet) private _servicesOf;
    mapping(address service => uint64) public membershipVersion;

    constructor(IOperatorRegistry operatorRegistry_, IRestakingManager restakingManager_) {
        operatorRegistry = operatorRegistry_;
        restakingManager = restakingManager_;
    }

    function optIn(address service) external {
        _operatorsOf[service].add(msg.sender);
        _servicesOf[msg.sender].add(service);
        membershipVersion[service]++;
    }

    function optOut(address service) external {
        _operatorsOf[service].remove(msg.sender);
        _servicesOf[msg.sender].remove(service);
        membershipVersion[service]++;
    }

    function operatorCount(address service) external view returns (uint256) {
        return _operatorsOf[service].length();
    }

    function servicesOf(address operator) external view returns (address[] memory) {
        return _servicesOf[operator].values();
    }

    function rows(address service, address[] calldata operators) external view returns (Row[] memory result) {
        address[] memory strategies = restakingManager.strategies();
        G1[] memory keys = operatorRegistry.keysOf(operators);
        result = new Row[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            if (!_operatorsOf[service].contains(operators[i])) revert NotOptedIn(operators[i], service);
            result[i] = Row(keys[i], _weight(operators[i], strategies[0]), _weight(operators[i], strategies[1]));
        }
    }

    function _weight(address operator, address strategy) private view returns (uint96) {
        return uint96(IStrategy(strategy).toAssets(restakingManager.operatorSharesOf(operator, strategy)));
    }
}
