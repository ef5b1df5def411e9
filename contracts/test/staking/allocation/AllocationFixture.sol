// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {ObservingService} from "./Services.sol";
import {StakingFixture} from "../../utils/StakingFixture.sol";
import {DemoToken} from "../../../src/demo/DemoToken.sol";
import {
    Allocation,
    AllocationBps,
    IAllocationManager,
    MembershipRules,
    SlashingTerms
} from "../../../src/interfaces/IAllocationManager.sol";
import {AllocationManager} from "../../../src/staking/AllocationManager.sol";
import {OperatorRegistry} from "../../../src/staking/OperatorRegistry.sol";
import {RestakingManager} from "../../../src/staking/RestakingManager.sol";
import {Strategy} from "../../../src/staking/Strategy.sol";

/// @notice The contracts of staking with two services, and operators that are registered and have stake.
/// @dev Operator i stands behind itself with 1 000 000 · (i + 1) native and 500 000 · (i + 1) external.
abstract contract AllocationFixture is StakingFixture {
    uint32 internal constant ALLOCATION_DELAY = 15 days;
    uint32 internal constant VETO_SECONDS = 2 days;
    uint16 internal constant MAX_SLASH_BPS = 5_000;
    uint256 internal constant WHOLE = 1e27;
    uint256 internal constant NATIVE_STAKE = 1_000_000;
    uint256 internal constant EXTERNAL_STAKE = 500_000;
    uint96 internal constant MIN_NATIVE = 1_000;
    uint96 internal constant MIN_EXTERNAL = 500;
    bytes32 internal constant EVIDENCE = keccak256("evidence");

    address internal serviceOwner = account("service owner");
    address internal slasher = account("slasher");
    address internal resolver = account("resolver");
    address internal recipient = account("recipient");

    AllocationManager internal allocations;
    ObservingService internal service;
    ObservingService internal other;

    // Set-up

    function setUpAllocations(uint256 count, uint32 leverageCapBps, uint32 allocationDelay) internal {
        vm.warp(START);
        vm.roll(1000);
        deployAllocations(allocationDelay);
        nativeToken = new DemoToken("Demo native token", "TNDM");
        externalToken = new DemoToken("Demo staked ether", "dETH");
        nativeStrategy = new Strategy(nativeToken, address(manager), leverageCapBps);
        externalStrategy = new Strategy(externalToken, address(manager), leverageCapBps);
        addStrategy(nativeStrategy);
        addStrategy(externalStrategy);
        service = new ObservingService(serviceOwner);
        other = new ObservingService(serviceOwner);
        loadOperators(count);
        for (uint256 i = 0; i < count; i++) {
            register(operators[i]);
            stake(operators[i].account, nativeStrategy, NATIVE_STAKE * (i + 1));
            stake(operators[i].account, externalStrategy, EXTERNAL_STAKE * (i + 1));
        }
    }

    function deployAllocations(uint32 allocationDelay) private {
        uint256 nonce = vm.getNonce(address(this));
        address allocationsAddress = vm.computeCreateAddress(address(this), nonce + 2);
        registry = new OperatorRegistry(allocationsAddress, KEY_OVERLAP, COMMISSION_NOTICE);
        manager = new RestakingManager(owner, registry, allocationsAddress, WITHDRAWAL_DELAY);
        allocations = new AllocationManager(registry, manager, allocationDelay);
        vm.assertEq(address(allocations), allocationsAddress);
    }

    function terms() internal view returns (SlashingTerms memory) {
        return SlashingTerms(slasher, resolver, recipient, VETO_SECONDS, MAX_SLASH_BPS);
    }

    function rules() internal pure returns (MembershipRules memory) {
        return MembershipRules(false, 1_000, MIN_NATIVE, MIN_EXTERNAL);
    }

    function registerService(address which) internal {
        registerService(which, terms(), rules());
    }

    function registerService(address which, SlashingTerms memory terms_, MembershipRules memory rules_) internal {
        vm.prank(serviceOwner);
        allocations.registerService(which, nativeStrategy, externalStrategy, terms_, rules_);
    }

    function setRules(MembershipRules memory rules_) internal {
        vm.prank(serviceOwner);
        allocations.setMembershipRules(address(service), rules_);
    }

    // Actions

    function optIn(uint256 index, address which, uint16 nativeBps, uint16 externalBps) internal {
        optIn(index, which, nativeBps, externalBps, address(0));
    }

    function optIn(uint256 index, address which, uint16 nativeBps, uint16 externalBps, address weakest) internal {
        vm.prank(at(index));
        allocations.optIn(which, AllocationBps(nativeBps, externalBps), weakest);
    }

    /// @notice Enters operators into the first service with all of their stake, and waits until that is effective.
    function serve(uint256 count) internal {
        for (uint256 i = 0; i < count; i++) {
            optIn(i, address(service), 10_000, 10_000);
        }
        wait(ALLOCATION_DELAY);
    }

    function allocate(uint256 index, address which, uint16 nativeBps, uint16 externalBps) internal {
        vm.prank(at(index));
        allocations.allocate(which, AllocationBps(nativeBps, externalBps));
    }

    function optOut(uint256 index, address which) internal {
        vm.prank(at(index));
        allocations.optOut(which);
    }

    function eject(uint256 index) internal {
        vm.prank(serviceOwner);
        allocations.ejectOperator(address(service), at(index));
    }

    function requestSlash(uint256 index, address which, uint16 nativeBps, uint16 externalBps)
        internal
        returns (uint64)
    {
        vm.prank(slasher);
        return allocations.requestSlash(which, at(index), nativeBps, externalBps, uint48(block.timestamp), EVIDENCE);
    }

    /// @notice Requests a slash for a fault of now, waits as long as it must, and executes it.
    function slashBy(address which, uint256 index, uint16 nativeBps, uint16 externalBps) internal returns (uint64 id) {
        id = requestSlash(index, which, nativeBps, externalBps);
        wait(allocations.slashingTermsOf(which).vetoSeconds);
        allocations.executeSlash(id);
    }

    // Views

    function at(uint256 index) internal view returns (address) {
        return operators[index].account;
    }

    function native(uint256 index, address which) internal view returns (Allocation memory) {
        return allocations.allocationOf(at(index), which, address(nativeStrategy));
    }

    function ext(uint256 index, address which) internal view returns (Allocation memory) {
        return allocations.allocationOf(at(index), which, address(externalStrategy));
    }

    function assertAllocation(Allocation memory a, uint256 current, uint256 pending, uint256 effectiveAt)
        internal
        pure
    {
        vm.assertEq(a.current, current, "current");
        vm.assertEq(a.pending, pending, "pending");
        vm.assertEq(a.effectiveAt, effectiveAt, "effectiveAt");
    }

    function assertWeights(uint256 index, address which, uint256 nativeWeight, uint256 externalWeight) internal view {
        (uint96 n, uint96 e) = allocations.weightsOf(at(index), which);
        vm.assertEq(n, nativeWeight, "native weight");
        vm.assertEq(e, externalWeight, "external weight");
    }

    function assertSlashable(uint256 index, address which, uint256 nativeStake, uint256 externalStake) internal view {
        (uint256 n, uint256 e) = allocations.slashableOf(at(index), which);
        vm.assertEq(n, nativeStake, "native slashable");
        vm.assertEq(e, externalStake, "external slashable");
    }

    function expectChange(uint256 index, address which, address strategy, Allocation memory allocation) internal {
        vm.expectEmit(address(allocations));
        emit IAllocationManager.AllocationChanged(at(index), which, strategy, allocation);
    }
}

/// @notice Three operators, no leverage, the first service registered.
abstract contract AllocationTest is AllocationFixture {
    function setUp() public virtual {
        setUpAllocations(3, 10_000, ALLOCATION_DELAY);
        registerService(address(service));
    }
}
