// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {AllocationFixture} from "./AllocationFixture.sol";
import {ObservingService} from "./Services.sol";
import {
    Allocation,
    AllocationBps,
    MembershipRules,
    SlashRequest,
    SlashStatus,
    SlashingTerms
} from "../../../src/interfaces/IAllocationManager.sol";
import {Withdrawal} from "../../../src/interfaces/IRestakingManager.sol";
import {Row} from "../../../src/libraries/OperatorTables.sol";

/// @notice Random walks of stakers, operators and two services that share stake, by calls that must succeed, beside a
/// model that is told from the interfaces alone.
contract AllocationWorld is AllocationFixture {
    uint256 private constant OPERATORS = 3;
    uint256 private constant STAKERS = 4;

    /// @dev One allocation as it ought to be.
    struct Ghost {
        uint256 current;
        uint256 pending;
        uint256 effectiveAt;
        bool serves;
    }

    uint256 public immutable leverage;
    address[2] public services;
    address[] private _stakers;
    mapping(address operator => mapping(uint256 service => mapping(uint256 side => Ghost))) private _ghosts;
    mapping(address operator => mapping(uint256 side => uint256)) private _factors;
    /// @dev Slashes of an operator: when, and the factor from then on.
    mapping(address operator => mapping(uint256 side => uint256[])) private _times;
    mapping(address operator => mapping(uint256 side => uint256[])) private _factorsThen;
    uint64[] private _requests;
    uint64[] private _withdrawals;

    uint256 public slashes;
    uint256 public changes;
    uint256 public paid;

    constructor(uint32 leverage_) {
        leverage = leverage_;
        setUpAllocations(OPERATORS, leverage_, ALLOCATION_DELAY);
        SlashingTerms memory t = SlashingTerms(slasher, resolver, recipient, VETO_SECONDS, 10_000);
        services = [address(service), address(other)];
        registerService(address(service), t, MembershipRules(false, 1_000, 1_000, 0));
        registerService(address(other), t, MembershipRules(false, 1_000, 0, 0));
        for (uint256 i = 0; i < STAKERS; i++) {
            _stakers.push(account(string.concat("staker ", vm.toString(i))));
        }
        for (uint256 i = 0; i < OPERATORS; i++) {
            _stakers.push(at(i));
            (_factors[at(i)][0], _factors[at(i)][1]) = (WHOLE, WHOLE);
        }
    }

    // Actions of stakers

    function deposit(uint256 who, bool isNative, uint256 amount) external {
        address staker = _stakers[who % _stakers.length];
        address operator = manager.delegateOf(staker);
        uint256 side = isNative ? 0 : 1;
        if (operator != address(0) && _factors[operator][side] < 1e18) return;
        stake(staker, isNative ? nativeStrategy : externalStrategy, bound(amount, 1_000, 1e18));
    }

    function delegate(uint256 who, uint256 to) external {
        address staker = _stakers[who % _stakers.length];
        address operator = at(to % OPERATORS);
        if (manager.delegateOf(staker) != address(0)) return;
        if (_factors[operator][0] < 1e18 || _factors[operator][1] < 1e18) return;
        delegate(staker, operator);
    }

    function withdraw(uint256 who, bool isNative, uint256 amount) external {
        address staker = _stakers[who % _stakers.length];
        address strategy = address(isNative ? nativeStrategy : externalStrategy);
        uint256 available = manager.sharesOf(staker, strategy);
        if (available == 0) return;
        _withdrawals.push(queue(staker, isNative ? nativeStrategy : externalStrategy, bound(amount, 1, available)));
    }

    /// @dev Pays out to the wei: scaled stake times the factor before maturity, by the model's own history.
    function payOut(uint256 which) external {
        if (_withdrawals.length == 0) return;
        uint64 id = _withdrawals[which % _withdrawals.length];
        Withdrawal memory withdrawal = manager.withdrawalOf(id);
        if (withdrawal.staker == address(0) || block.timestamp < withdrawal.maturesAt) return;
        uint256 side = address(withdrawal.strategy) == address(nativeStrategy) ? 0 : 1;
        uint256 factor = factorBefore(withdrawal.operator, side, withdrawal.maturesAt);
        uint256 expected = withdrawal.strategy.toAssets(withdrawal.scaled * factor / WHOLE);
        vm.assertEq(complete(id), expected);
        paid++;
    }

    function factorBefore(address operator, uint256 side, uint256 time) private view returns (uint256 factor) {
        factor = WHOLE;
        uint256[] storage times = _times[operator][side];
        for (uint256 i = 0; i < times.length; i++) {
            if (times[i] < time) factor = _factorsThen[operator][side][i];
        }
    }

    // Actions of operators

    function enter(uint256 who, uint256 which, uint16 nativeBps, uint16 externalBps) external {
        (uint256 o, uint256 s) = (who % OPERATORS, which % 2);
        settle(at(o));
        if (_ghosts[at(o)][s][0].serves || bound_(at(o), s)) return;
        uint256 n = fitting(at(o), s, 0, nativeBps);
        uint256 e = fitting(at(o), s, 1, externalBps);
        if (s == 0 && prospect(at(o), n) < 1_000) return;
        vm.prank(at(o));
        allocations.optIn(services[s], AllocationBps(uint16(n), uint16(e)), address(0));
        _ghosts[at(o)][s][0].serves = true;
        note(at(o), s, 0, n);
        note(at(o), s, 1, e);
    }

    function change(uint256 who, uint256 which, uint16 nativeBps, uint16 externalBps) external {
        (uint256 o, uint256 s) = (who % OPERATORS, which % 2);
        settle(at(o));
        if (!_ghosts[at(o)][s][0].serves) return;
        uint256 n = _ghosts[at(o)][s][0].effectiveAt != 0 ? 65_535 : fitting(at(o), s, 0, nativeBps);
        uint256 e = _ghosts[at(o)][s][1].effectiveAt != 0 ? 65_535 : fitting(at(o), s, 1, externalBps);
        vm.prank(at(o));
        allocations.allocate(services[s], AllocationBps(uint16(n), uint16(e)));
        if (n != 65_535) note(at(o), s, 0, n);
        if (e != 65_535) note(at(o), s, 1, e);
        changes++;
    }

    function leave(uint256 who, uint256 which, bool ejected) external {
        (uint256 o, uint256 s) = (who % OPERATORS, which % 2);
        settle(at(o));
        if (!_ghosts[at(o)][s][0].serves) return;
        vm.prank(ejected ? serviceOwner : at(o));
        if (ejected) allocations.ejectOperator(services[s], at(o));
        else allocations.optOut(services[s]);
        _ghosts[at(o)][s][0].serves = false;
        for (uint256 side = 0; side < 2; side++) {
            Ghost storage g = _ghosts[at(o)][s][side];
            g.pending = 0;
            g.effectiveAt = block.timestamp + WITHDRAWAL_DELAY;
        }
    }

    // Actions of the services

    function request(uint256 who, uint256 which, uint16 nativeBps, uint16 externalBps, uint256 age) external {
        (uint256 o, uint256 s) = (who % OPERATORS, which % 2);
        settle(at(o));
        nativeBps = uint16(bound(nativeBps, 0, 10_000));
        externalBps = uint16(bound(externalBps, 0, 10_000));
        bool reaches = (nativeBps != 0 && _ghosts[at(o)][s][0].current != 0)
            || (externalBps != 0 && _ghosts[at(o)][s][1].current != 0);
        if (!reaches) return;
        uint256 faultAt = block.timestamp - bound(age, 0, WITHDRAWAL_DELAY - VETO_SECONDS - 1);
        vm.prank(slasher);
        _requests.push(allocations.requestSlash(services[s], at(o), nativeBps, externalBps, uint48(faultAt), EVIDENCE));
    }

    /// @dev Requests that can be executed now are; of ten, one is stopped while it waits.
    function execute(uint256 which) external {
        if (_requests.length == 0) return;
        uint64 id = _requests[which % _requests.length];
        SlashRequest memory r = allocations.slashRequest(id);
        if (r.status != SlashStatus.Requested || block.timestamp > r.expiresAt) return;
        if (block.timestamp < r.executableAt && which % 10 == 0) {
            vm.prank(resolver);
            allocations.vetoSlash(id);
            return;
        }
        if (block.timestamp < r.executableAt) vm.warp(r.executableAt);
        settle(r.operator);
        allocations.executeSlash(id);
        uint256 s = r.service == services[0] ? 0 : 1;
        noteSlash(r.operator, s, 0, r.nativeBps);
        noteSlash(r.operator, s, 1, r.externalBps);
        slashes++;
    }

    function pass(uint256 time) external {
        wait(bound(time, 1, 5 days));
    }

    // The model

    function settle(address operator) private {
        for (uint256 i = 0; i < 4; i++) {
            Ghost storage g = _ghosts[operator][i / 2][i % 2];
            if (g.effectiveAt == 0 || block.timestamp < g.effectiveAt) continue;
            (g.current, g.pending, g.effectiveAt) = (g.pending, 0, 0);
        }
    }

    function bound_(address operator, uint256 s) private view returns (bool) {
        return _ghosts[operator][s][0].effectiveAt != 0 || _ghosts[operator][s][1].effectiveAt != 0;
    }

    function encumbered(Ghost storage g) private view returns (uint256) {
        uint256 then = g.effectiveAt == 0 ? g.current : g.pending;
        return then > g.current ? then : g.current;
    }

    /// @dev Brings basis points down to what the cap leaves, unless they are less than what is allocated.
    function fitting(address operator, uint256 s, uint256 side, uint256 bps) private view returns (uint256) {
        bps = bound(bps, 0, 10_000);
        uint256 factor = _factors[operator][side];
        if (factor == 0) return 0;
        uint256 taken = encumbered(_ghosts[operator][1 - s][side]);
        uint256 cap = factor * leverage / 10_000;
        uint256 room = cap > taken ? (cap - taken) * 10_000 / factor : 0;
        bool less = factor * bps / 10_000 <= _ghosts[operator][s][side].current;
        return less || bps <= room ? bps : room;
    }

    function prospect(address operator, uint256 bps) private view returns (uint256) {
        (uint128[] memory scaled,) = manager.stakesOf(only(operator), address(nativeStrategy));
        return nativeStrategy.toAssets(scaled[0] * (_factors[operator][0] * bps / 10_000) / WHOLE);
    }

    function note(address operator, uint256 s, uint256 side, uint256 bps) private {
        Ghost storage g = _ghosts[operator][s][side];
        uint256 wanted = _factors[operator][side] * bps / 10_000;
        if (wanted == g.current) return;
        g.effectiveAt = block.timestamp + (wanted > g.current ? ALLOCATION_DELAY : WITHDRAWAL_DELAY);
        g.pending = wanted;
    }

    function noteSlash(address operator, uint256 s, uint256 side, uint256 bps) private {
        Ghost storage g = _ghosts[operator][s][side];
        if (bps == 0 || g.current == 0) return;
        uint256 taken = (g.current * bps + 9_999) / 10_000;
        g.current -= taken;
        g.pending = g.pending * (10_000 - bps) / 10_000;
        if (g.current == 0 && g.pending == 0) g.effectiveAt = 0;
        uint256 factor = _factors[operator][side] - taken;
        _factors[operator][side] = factor;
        _times[operator][side].push(block.timestamp);
        _factorsThen[operator][side].push(factor);
        uint256 cap = factor * leverage / 10_000;
        uint256 sum = encumbered(_ghosts[operator][0][side]) + encumbered(_ghosts[operator][1][side]);
        for (uint256 i = 0; i < 2; i++) {
            Ghost storage h = _ghosts[operator][i][side];
            if (h.current == 0 && h.pending == 0) continue;
            if (sum > cap) (h.current, h.pending) = (h.current * cap / sum, h.pending * cap / sum);
            if (h.current > factor) h.current = factor;
            if (h.pending > factor) h.pending = factor;
            if (h.current == 0 && h.pending == 0) h.effectiveAt = 0;
        }
    }

    function only(address operator) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = operator;
    }

    // What must hold

    function strategyOf(uint256 side) private view returns (address) {
        return address(side == 0 ? nativeStrategy : externalStrategy);
    }

    function checkAllocations() external {
        for (uint256 i = 0; i < OPERATORS; i++) {
            settle(at(i));
            for (uint256 side = 0; side < 2; side++) {
                uint256 factor = manager.slashFactorOf(at(i), strategyOf(side));
                vm.assertEq(factor, _factors[at(i)][side], "factor");
                uint256 sum;
                for (uint256 s = 0; s < 2; s++) {
                    Allocation memory a = allocations.allocationOf(at(i), services[s], strategyOf(side));
                    Ghost storage g = _ghosts[at(i)][s][side];
                    assertAllocation(a, g.current, g.pending, g.effectiveAt);
                    vm.assertLe(a.current, factor);
                    vm.assertLe(a.pending, factor);
                    sum += encumbered(g);
                }
                vm.assertEq(allocations.allocatedOf(at(i), strategyOf(side)), sum);
                vm.assertLe(sum, factor * leverage / 10_000);
            }
        }
    }

    function checkWeights() external {
        for (uint256 s = 0; s < 2; s++) {
            uint256 members;
            for (uint256 i = 0; i < OPERATORS; i++) {
                settle(at(i));
                vm.assertTrue(allocations.isOptedIn(at(i), services[s]) == _ghosts[at(i)][s][0].serves);
                if (_ghosts[at(i)][s][0].serves) members++;
                checkWeight(i, s);
            }
            vm.assertEq(allocations.operatorCount(services[s]), members);
            vm.assertEq(allocations.rows(services[s], allocations.operatorsOf(services[s])).length, members);
        }
    }

    function checkWeight(uint256 i, uint256 s) private view {
        uint256[2] memory expected;
        uint256[2] memory slashable;
        for (uint256 side = 0; side < 2; side++) {
            Ghost storage g = _ghosts[at(i)][s][side];
            (uint128[] memory scaled,) = manager.stakesOf(only(at(i)), strategyOf(side));
            bool decreasing = g.effectiveAt != 0 && g.pending < g.current;
            expected[side] = toAssets(side, scaled[0] * (decreasing ? g.pending : g.current) / WHOLE);
            slashable[side] = toAssets(side, scaled[0] * g.current / WHOLE);
        }
        bool counts = _ghosts[at(i)][s][0].serves && (s == 1 || expected[0] >= 1_000);
        (uint96 n, uint96 e) = allocations.weightsOf(at(i), services[s]);
        vm.assertEq(n, counts ? expected[0] : 0, "native weight");
        vm.assertEq(e, counts ? expected[1] : 0, "external weight");
        assertSlashable(i, services[s], slashable[0], slashable[1]);
        vm.assertLe(n, slashable[0]);
        vm.assertLe(e, slashable[1]);
    }

    function toAssets(uint256 side, uint256 shares) private view returns (uint256) {
        return side == 0 ? nativeStrategy.toAssets(shares) : externalStrategy.toAssets(shares);
    }

    function checkServices() external {
        for (uint256 i = 0; i < OPERATORS; i++) {
            settle(at(i));
            uint256 count;
            for (uint256 s = 0; s < 2; s++) {
                bool reached = _ghosts[at(i)][s][0].current != 0 || _ghosts[at(i)][s][1].current != 0;
                if (reached || _ghosts[at(i)][s][0].serves) count++;
            }
            vm.assertEq(allocations.servicesOf(at(i)).length, count);
        }
    }

    /// @dev All that stakers hold, all that is queued and all that was slashed and waits is there.
    function checkBacking() external view {
        for (uint256 side = 0; side < 2; side++) {
            uint256 shares = manager.slashedSharesOf(recipient, strategyOf(side));
            for (uint256 i = 0; i < _stakers.length; i++) {
                shares += manager.sharesOf(_stakers[i], strategyOf(side));
            }
            for (uint256 i = 0; i < _withdrawals.length; i++) {
                if (address(manager.withdrawalOf(_withdrawals[i]).strategy) == strategyOf(side)) {
                    shares += manager.withdrawalShares(_withdrawals[i]);
                }
            }
            vm.assertLe(shares, side == 0 ? nativeStrategy.totalShares() : externalStrategy.totalShares());
        }
    }
}

abstract contract AllocationInvariants is AllocationFixture {
    AllocationWorld internal world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = AllocationWorld.deposit.selector;
        selectors[1] = AllocationWorld.delegate.selector;
        selectors[2] = AllocationWorld.withdraw.selector;
        selectors[3] = AllocationWorld.payOut.selector;
        selectors[4] = AllocationWorld.enter.selector;
        selectors[5] = AllocationWorld.change.selector;
        selectors[6] = AllocationWorld.leave.selector;
        selectors[7] = AllocationWorld.request.selector;
        selectors[8] = AllocationWorld.execute.selector;
        selectors[9] = AllocationWorld.pass.selector;
        selectors[10] = AllocationWorld.enter.selector;
        selectors[11] = AllocationWorld.pass.selector;
        targets[0] = FuzzSelector(address(world), selectors);
    }

    function invariant_allocations_follow_the_model_and_stay_under_the_cap() public {
        world.checkAllocations();
    }

    function invariant_weights_are_allocated_stake_and_can_be_slashed() public {
        world.checkWeights();
    }

    function invariant_operators_are_bound_by_whom_they_serve_or_can_be_slashed_by() public {
        world.checkServices();
    }

    function invariant_all_claims_are_backed() public view {
        world.checkBacking();
    }

    /// @dev A walk without slashes and payments would show nothing.
    function test_world_slashes_and_pays() public {
        for (uint256 i = 0; i < 40; i++) {
            world.deposit(i, i % 3 != 0, 1e12 * i);
            world.delegate(i, i / 2);
            world.enter(i, i / 3, uint16(2_500 * (i % 4)), uint16(2_500 * (i % 5)));
            world.pass(4 days);
            world.change(i, i, uint16(i * 311), uint16(i * 97));
            world.withdraw(i, i % 2 == 0, 1e9 * i);
            world.request(i, i / 2, uint16(i * 41), uint16(i * 73), i * 1 hours);
            world.execute(i * 7 + 1);
            if (i % 9 == 8) world.leave(i, i / 2, i % 2 == 0);
            world.payOut(i / 2);
            world.checkAllocations();
            world.checkWeights();
            world.checkServices();
            world.checkBacking();
        }
        vm.assertGe(world.slashes(), 5);
        vm.assertGe(world.changes(), 5);
        vm.assertGe(world.paid(), 3);
    }
}

contract AllocationInvariantsTest is AllocationInvariants {
    function setUp() public {
        world = new AllocationWorld(10_000);
    }
}

contract LeveragedAllocationInvariantsTest is AllocationInvariants {
    function setUp() public {
        world = new AllocationWorld(LEVERAGE_CAP);
    }
}
