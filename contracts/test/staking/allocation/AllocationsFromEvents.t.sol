// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationFixture} from "./AllocationFixture.sol";
import {Vm} from "../../utils/Vm.sol";
import {
    Allocation,
    IAllocationManager,
    MembershipRules,
    SlashRequest,
    SlashStatus,
    SlashingTerms
} from "../../../src/interfaces/IAllocationManager.sol";

/// @notice Rebuilds the state of the AllocationManager from its logs alone, and compares.
contract AllocationsFromEventsTest is AllocationFixture {
    struct ServiceState {
        address native;
        address ext;
        SlashingTerms terms;
        MembershipRules rules;
        uint64 version;
        uint256 members;
    }

    mapping(address => ServiceState) private _services;
    mapping(address operator => mapping(address service => bool)) private _approved;
    mapping(address operator => mapping(address service => bool)) private _member;
    mapping(address operator => mapping(address service => mapping(address strategy => Allocation))) private
        _allocation;
    mapping(uint64 => SlashRequest) private _requests;
    uint64 private _requestCount;
    uint256 private _shares;

    function setUp() public {
        setUpAllocations(3, LEVERAGE_CAP, ALLOCATION_DELAY);
    }

    /// @dev A bit of everything.
    function live() private {
        registerService(address(service), terms(), MembershipRules(true, 2, MIN_NATIVE, 0));
        registerService(address(other));
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(serviceOwner);
            allocations.approveOperator(address(service), at(i), true);
        }
        vm.prank(serviceOwner);
        allocations.approveOperator(address(service), at(2), false);
        setRules(MembershipRules(false, 2, MIN_NATIVE, MIN_EXTERNAL));
        optIn(0, address(service), 9_000, 8_000);
        optIn(1, address(service), 7_000, 6_000);
        optIn(0, address(other), 6_000, 5_000);
        optIn(1, address(other), 5_000, 5_000);
        wait(ALLOCATION_DELAY);
        allocate(1, address(service), 3_000, 10_000);
        slashBy(address(service), 0, 4_000, 1_000);
        optIn(2, address(service), 10_000, 10_000, at(0));
        uint64 stopped = requestSlash(1, address(other), 5_000, 5_000);
        vm.prank(resolver);
        allocations.vetoSlash(stopped);
        requestSlash(0, address(service), 1, 0);
        optOut(1, address(other));
        wait(3 days);
    }

    function rebuild(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].emitter == address(allocations)) take(logs[i]);
        }
    }

    function take(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        address first = address(uint160(uint256(log.topics[1])));
        address second = log.topics.length > 2 ? address(uint160(uint256(log.topics[2]))) : address(0);
        if (kind == IAllocationManager.ServiceRegistered.selector) {
            ServiceState storage s = _services[first];
            (s.native, s.ext, s.terms, s.rules) =
                abi.decode(log.data, (address, address, SlashingTerms, MembershipRules));
        } else if (kind == IAllocationManager.MembershipRulesChanged.selector) {
            _services[first].rules = abi.decode(log.data, (MembershipRules));
        } else if (kind == IAllocationManager.OperatorApproved.selector) {
            _approved[first][second] = abi.decode(log.data, (bool));
        } else if (kind == IAllocationManager.OptedIn.selector) {
            _member[first][second] = true;
            _services[second].version++;
            _services[second].members++;
        } else if (kind == IAllocationManager.OptedOut.selector) {
            _member[first][second] = false;
            _services[second].version++;
            _services[second].members--;
        } else if (kind == IAllocationManager.AllocationChanged.selector) {
            address strategy = address(uint160(uint256(log.topics[3])));
            _allocation[first][second][strategy] = abi.decode(log.data, (Allocation));
        } else {
            takeSlash(kind, uint64(uint256(log.topics[1])), log.data);
        }
    }

    function takeSlash(bytes32 kind, uint64 id, bytes memory data) private {
        if (kind == IAllocationManager.SlashRequested.selector) {
            _requests[id] = abi.decode(data, (SlashRequest));
            _requestCount = id;
        } else if (kind == IAllocationManager.SlashVetoed.selector) {
            _requests[id].status = SlashStatus.Vetoed;
        } else if (kind == IAllocationManager.SlashExecuted.selector) {
            _requests[id].status = SlashStatus.Executed;
            (uint256 nativeShares,) = abi.decode(data, (uint256, uint256));
            _shares += nativeShares;
        } else {
            vm.assertTrue(false, "an event that the test does not know");
        }
    }

    function compareService(address which) private view {
        ServiceState memory s = _services[which];
        (address n, address e) = allocations.strategiesOf(which);
        vm.assertEq(n, s.native);
        vm.assertEq(e, s.ext);
        vm.assertEq(keccak256(abi.encode(allocations.slashingTermsOf(which))), keccak256(abi.encode(s.terms)));
        vm.assertEq(keccak256(abi.encode(allocations.membershipRulesOf(which))), keccak256(abi.encode(s.rules)));
        vm.assertEq(allocations.membershipVersion(which), s.version);
        vm.assertEq(allocations.operatorCount(which), s.members);
        for (uint256 i = 0; i < 3; i++) {
            vm.assertTrue(allocations.isApproved(at(i), which) == _approved[at(i)][which]);
            vm.assertTrue(allocations.isOptedIn(at(i), which) == _member[at(i)][which]);
            compareAllocation(at(i), which, n);
            compareAllocation(at(i), which, e);
        }
    }

    function compareAllocation(address operator, address which, address strategy) private view {
        Allocation memory a = _allocation[operator][which][strategy];
        // What is due has taken its place; that needs no event.
        if (a.effectiveAt != 0 && block.timestamp >= a.effectiveAt) a = Allocation(a.pending, 0, 0);
        assertAllocation(allocations.allocationOf(operator, which, strategy), a.current, a.pending, a.effectiveAt);
    }

    function compare() private view {
        compareService(address(service));
        compareService(address(other));
        vm.assertEq(allocations.slashRequestCount(), _requestCount);
        for (uint64 id = 1; id <= _requestCount; id++) {
            vm.assertEq(keccak256(abi.encode(allocations.slashRequest(id))), keccak256(abi.encode(_requests[id])));
        }
        vm.assertEq(manager.slashedSharesOf(recipient, address(nativeStrategy)), _shares);
    }

    function test_state_follows_from_events() public {
        vm.recordLogs();
        live();
        rebuild(vm.getRecordedLogs());
        vm.assertEq(_requestCount, 3);
        vm.assertGe(_shares, 1);
        compare();
        wait(WITHDRAWAL_DELAY);
        compare();
    }
}
