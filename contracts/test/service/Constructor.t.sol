// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Fixture} from "../utils/Fixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager, ServiceConfig} from "../../src/interfaces/IServiceManager.sol";
import {IStakeSource} from "../../src/interfaces/IStakeSource.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Policy, PolicyKind, Token} from "../../src/types/Structs.sol";

contract ConstructorTest is Fixture {
    ServiceConfig private good;

    function setUp() public {
        setUpStaking();
        good = config(both(6667, 7000));
    }

    function tryDeploy(ServiceConfig memory bad, bytes memory reason) private {
        vm.expectRevert(reason);
        new ServiceManager(bad);
    }

    function test_service_is_as_configured() public {
        vm.roll(4321);
        service = new ServiceManager(good);
        vm.assertEq(address(service.stakeSource()), address(source));
        vm.assertEq(service.owner(), owner);
        vm.assertEq(service.nativeStrategy(), address(nativeStrategy));
        vm.assertEq(service.externalStrategy(), address(externalStrategy));
        vm.assertEq(abi.encode(service.policy()), abi.encode(good.policy));
        vm.assertEq(service.tableWindow(), WINDOW);
        vm.assertEq(service.handlerGas(), HANDLER_GAS);
        vm.assertEq(service.deploymentBlock(), 4321);
        vm.assertEq(service.domainSeparator(), Digests.domainSeparator(block.chainid, address(service)));
        vm.assertEq(service.manifestInForce(), bytes32(0));
        vm.assertEq(service.taskCount(), 0);
    }

    function test_missing_addresses_are_refused() public {
        bytes memory reason = abi.encodeWithSelector(ITableKeeper.ZeroAddress.selector);
        ServiceConfig memory bad = good;
        bad.stakeSource = IStakeSource(address(0));
        tryDeploy(bad, reason);
        bad = good;
        bad.nativeStrategy = address(0);
        tryDeploy(bad, reason);
        bad = good;
        bad.externalStrategy = address(0);
        tryDeploy(bad, reason);
        bad = good;
        bad.owner = address(0);
        tryDeploy(bad, abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
    }

    function test_policy_is_kept_field_by_field() public {
        Policy[5] memory policies = [
            combined(6667, 2500, address(this)),
            vetoable(6667, 3334, 1 days),
            bothOrFallback(6667, 6668, 8500, address(this)),
            either(5000, 6000),
            single(Token.External, 7000)
        ];
        for (uint256 i = 0; i < policies.length; i++) {
            service = new ServiceManager(config(policies[i]));
            vm.assertEq(abi.encode(service.policy()), abi.encode(policies[i]));
        }
    }

    /// @dev Which policies are invalid: Policies.t.sol.
    function test_invalid_policy_is_refused() public {
        ServiceConfig memory bad = good;
        bad.policy = both(6667, 0);
        tryDeploy(bad, abi.encodeWithSelector(Policies.InvalidPolicy.selector, PolicyKind.Both, "externalBps"));
    }

    function test_empty_window_is_refused() public {
        ServiceConfig memory bad = good;
        bad.tableWindow = 0;
        tryDeploy(bad, abi.encodeWithSelector(ITableKeeper.InvalidTableWindow.selector, 0));
    }

    /// @dev Else an operator that changed its key in time would keep its weight in tables, whatever it does.
    function test_tables_are_believed_no_longer_than_their_keys_are_known() public {
        ServiceConfig memory bad = good;
        bad.tableWindow = uint32(KEY_OVERLAP) + 1;
        tryDeploy(bad, abi.encodeWithSelector(ITableKeeper.TableOutlivesStake.selector, bad.tableWindow, KEY_OVERLAP));
        bad.tableWindow = uint32(KEY_OVERLAP);
        vm.assertEq(new ServiceManager(bad).tableWindow(), KEY_OVERLAP);
    }

    function test_epoch_must_end_before_its_table_does() public {
        uint32[3] memory lengths = [0, WINDOW, WINDOW + 1];
        for (uint256 i = 0; i < lengths.length; i++) {
            ServiceConfig memory bad = good;
            bad.epochSeconds = lengths[i];
            tryDeploy(bad, abi.encodeWithSelector(ITableKeeper.InvalidEpochSeconds.selector, lengths[i], WINDOW));
        }
    }

    function test_bound_of_moves_must_be_a_share() public {
        uint16[2] memory bounds = [0, 10_001];
        for (uint256 i = 0; i < bounds.length; i++) {
            ServiceConfig memory bad = good;
            bad.moveBps = bounds[i];
            tryDeploy(bad, abi.encodeWithSelector(ITableKeeper.InvalidMoveBps.selector, bounds[i]));
        }
    }

    function test_handler_gas_out_of_bounds_is_refused() public {
        uint32[2] memory limits = [uint32(49_999), 8_000_001];
        for (uint256 i = 0; i < limits.length; i++) {
            ServiceConfig memory bad = good;
            bad.handlerGas = limits[i];
            tryDeploy(
                bad, abi.encodeWithSelector(IServiceManager.InvalidHandlerGas.selector, limits[i], 50_000, 8_000_000)
            );
        }
    }
}
