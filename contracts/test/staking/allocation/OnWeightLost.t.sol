// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AllocationFixture} from "./AllocationFixture.sol";
import {CallingService, FailingService, ObservingService} from "./Services.sol";
import {Bls} from "../../utils/Bls.sol";
import {AllocationBps, IAllocationManager, MembershipRules} from "../../../src/interfaces/IAllocationManager.sol";
import {G1, G2} from "../../../src/libraries/BN254.sol";
import {BoundedCalls} from "../../../src/libraries/BoundedCalls.sol";

/// @notice What services are told, and what hostile ones can do with it.
contract OnWeightLostTest is AllocationFixture {
    uint256 private constant OBSERVER_GAS = 3_000_000;

    function setUp() public {
        setUpAllocations(3, 10_000, ALLOCATION_DELAY);
    }

    /// @dev Makes `which` the service of these tests, with operators that serve it.
    function use(ObservingService which, uint256 count) private {
        service = which;
        registerService(address(which));
        serve(count);
    }

    function rotate(uint256 index, uint256 sk) private returns (G1 memory g1) {
        g1 = Bls.publicKey(sk);
        G2 memory g2 = Bls.publicKeyG2(sk);
        G1 memory possession = Bls.sign(sk, registry.possessionDigest(at(index), g1, g2));
        vm.prank(at(index));
        registry.rotateKey(g1, g2, possession);
    }

    function assertRefused(CallingService which) private view {
        vm.assertEq(which.calls(), 1);
        vm.assertFalse(which.succeeded());
        vm.assertEq(
            which.output(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    function test_previous_key_is_told_as_long_as_it_is_honoured() public {
        use(service, 1);
        G1 memory fresh = rotate(0, 4711);
        wait(KEY_OVERLAP);
        eject(0);
        vm.assertEq(service.lastKeys().length, 2);
        vm.assertEq(service.lastKeys()[0].x, fresh.x);
        vm.assertEq(service.lastKeys()[1].x, operators[0].g1.x);
    }

    function test_previous_key_is_not_told_when_it_is_not_honoured() public {
        use(service, 1);
        G1 memory fresh = rotate(0, 4711);
        wait(KEY_OVERLAP + 1);
        eject(0);
        vm.assertEq(service.lastKeys().length, 1);
        vm.assertEq(service.lastKeys()[0].x, fresh.x);
    }

    function test_service_has_its_gas_however_little_the_caller_gives() public {
        use(service, 1);
        uint64 id = requestSlash(0, address(service), 1, 1);
        wait(VETO_SECONDS);
        bytes memory message = abi.encodeCall(IAllocationManager.executeSlash, (id));
        uint256 state = vm.snapshotState();
        for (uint256 limit = 200_000; limit < 3_600_000; limit += 100_000) {
            (bool ok, bytes memory output) = address(allocations).call{gas: limit}(message);
            if (ok) {
                vm.assertEq(service.calls(), 1);
                vm.assertGe(service.gasGiven(), OBSERVER_GAS - 1_000);
            } else if (output.length != 0) {
                vm.assertEq(bytes32(bytes4(output)), bytes32(BoundedCalls.InsufficientGas.selector));
            }
            vm.revertToState(state);
        }
        (bool enough,) = address(allocations).call{gas: 3_600_000}(message);
        vm.assertTrue(enough);
    }

    function assertFailureStopsNothing(FailingService.Way way) private {
        use(new FailingService(serviceOwner, way), 2);
        uint64 id = requestSlash(0, address(service), 5_000, 5_000);
        wait(VETO_SECONDS);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.ObserverFailed(address(service), at(0));
        uint256 before = gasleft();
        allocations.executeSlash(id);
        vm.assertLe(before - gasleft(), OBSERVER_GAS + 300_000);
        assertWeights(0, address(service), NATIVE_STAKE / 2, EXTERNAL_STAKE / 2);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.ObserverFailed(address(service), at(1));
        before = gasleft();
        eject(1);
        vm.assertLe(before - gasleft(), OBSERVER_GAS + 300_000);
        vm.assertFalse(allocations.isOptedIn(at(1), address(service)));
    }

    function test_service_that_reverts_stops_nothing() public {
        assertFailureStopsNothing(FailingService.Way.Revert);
    }

    function test_service_that_burns_its_gas_stops_nothing() public {
        assertFailureStopsNothing(FailingService.Way.BurnGas);
    }

    function test_service_that_reverts_with_a_bomb_stops_nothing() public {
        assertFailureStopsNothing(FailingService.Way.RevertBomb);
    }

    function test_service_that_returns_a_bomb_is_not_copied() public {
        use(new FailingService(serviceOwner, FailingService.Way.ReturnBomb), 1);
        uint256 before = gasleft();
        eject(0);
        vm.assertLe(before - gasleft(), OBSERVER_GAS + 300_000);
        vm.assertFalse(allocations.isOptedIn(at(0), address(service)));
    }

    function test_service_that_does_not_listen_stops_nothing() public {
        address deaf = address(new DeafService(serviceOwner));
        registerService(deaf);
        optIn(0, deaf, 10_000, 10_000);
        vm.expectEmit(address(allocations));
        emit IAllocationManager.ObserverFailed(deaf, at(0));
        vm.prank(serviceOwner);
        allocations.ejectOperator(deaf, at(0));
    }

    function test_newcomer_is_not_stopped_either() public {
        use(new FailingService(serviceOwner, FailingService.Way.BurnGas), 1);
        setRules(MembershipRules(false, 1, 1, 1));
        vm.expectEmit(address(allocations));
        emit IAllocationManager.ObserverFailed(address(service), at(0));
        optIn(1, address(service), 10_000, 10_000, at(0));
        vm.assertTrue(allocations.isOptedIn(at(1), address(service)));
    }

    function test_executing_again_from_within_is_refused() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 1);
        uint64 id = requestSlash(0, address(caller), 5_000, 5_000);
        uint64 second = requestSlash(0, address(caller), 5_000, 5_000);
        caller.set(address(allocations), abi.encodeCall(IAllocationManager.executeSlash, (second)));
        wait(VETO_SECONDS);
        allocations.executeSlash(id);
        assertRefused(caller);
        assertWeights(0, address(caller), NATIVE_STAKE / 2, EXTERNAL_STAKE / 2);
    }

    function test_ejecting_from_within_is_refused() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 2);
        caller.set(address(allocations), abi.encodeCall(IAllocationManager.ejectOperator, (address(caller), at(1))));
        eject(0);
        assertRefused(caller);
        vm.assertEq(allocations.operatorCount(address(caller)), 1);
    }

    function test_opting_in_from_within_is_refused() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 1);
        caller.set(
            address(allocations),
            abi.encodeCall(IAllocationManager.optIn, (address(caller), AllocationBps(1, 1), address(0)))
        );
        eject(0);
        assertRefused(caller);
    }

    function test_allocating_from_within_is_refused() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 1);
        caller.set(
            address(allocations), abi.encodeCall(IAllocationManager.allocate, (address(caller), AllocationBps(1, 1)))
        );
        eject(0);
        assertRefused(caller);
    }

    function test_opting_out_from_within_is_refused() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 1);
        caller.set(address(allocations), abi.encodeCall(IAllocationManager.optOut, (address(caller))));
        eject(0);
        assertRefused(caller);
    }

    /// @dev The service is called last: it sees what will be.
    function test_service_sees_the_state_that_will_be() public {
        CallingService caller = new CallingService(serviceOwner);
        use(caller, 1);
        setRules(MembershipRules(false, 1, 1, 1));
        caller.set(address(allocations), abi.encodeCall(IAllocationManager.operatorsOf, (address(caller))));
        optIn(1, address(caller), 10_000, 10_000, at(0));
        address[] memory seen = abi.decode(caller.output(), (address[]));
        vm.assertEq(seen.length, 1);
        vm.assertEq(seen[0], at(1));
        caller.set(address(allocations), abi.encodeCall(IAllocationManager.slashableOf, (at(1), address(caller))));
        wait(ALLOCATION_DELAY);
        slashBy(address(caller), 1, 5_000, 0);
        (uint256 seenNative,) = abi.decode(caller.output(), (uint256, uint256));
        vm.assertEq(seenNative, NATIVE_STAKE);
    }
}

contract DeafService {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }
}
