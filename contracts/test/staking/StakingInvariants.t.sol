// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {StakingFixture} from "../utils/StakingFixture.sol";
import {RebasingToken} from "../utils/Tokens.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

/// @notice Random walks through staking, by calls that must succeed, beside a model of what ought to be.
/// @dev The model knows neither scaled stake nor factors. It keeps every holding by itself, in 1e-27 of a share, and a
/// slash walks over all of them. What the contracts round, the model counts: a holding is worth at least what the model
/// says less `dust`, and at most what it says, and one share more for a withdrawal of a part of a holding, which was
/// taken from the rest.
contract StakingWorld is StakingFixture {
    uint256 private constant OPERATORS = 3;
    uint256 private constant UNIT = 1e27;

    struct Holding {
        uint256 units;
        uint256 dust;
    }

    /// @dev A withdrawal, by the model: the contracts are asked for its worth only.
    struct Leaving {
        uint64 id;
        address staker;
        address operator;
        Strategy strategy;
        uint256 scaled;
        uint256 maturesAt;
        uint256 units;
        uint256 dust;
        uint256 surplus;
    }

    address[] public stakers;
    address[] public recipients;
    Strategy[2] public strategies;
    mapping(address staker => mapping(address strategy => Holding)) private _holdings;
    Leaving[] private _leaving;
    /// @dev Shares that rounding may have left to nobody.
    mapping(address strategy => uint256) private _lost;

    uint256 public slashes;
    uint256 public completed;
    uint256 public restaked;

    constructor() {
        setUpStaking();
        strategies[0] = addStrategy(new RebasingToken());
        strategies[1] = addStrategy(new RebasingToken());
        loadOperators(OPERATORS);
        for (uint256 i = 0; i < OPERATORS; i++) {
            register(operators[i]);
            stakers.push(operators[i].account);
        }
        for (uint256 i = 0; i < 5; i++) {
            stakers.push(account(string.concat("staker ", vm.toString(i))));
        }
        recipients.push(account("insurance"));
        recipients.push(account("fund"));
        recipients.push(address(0));
    }

    // Actions

    function deposit(uint256 who, bool first, uint96 amount) external {
        (address staker, Strategy strategy) = (_staker(who), _strategy(first));
        amount = uint96(bound(amount, 1, amount % 2 == 0 ? 100 : 1e24));
        uint256 shares = strategy.toShares(amount);
        if (shares == 0 || !_isOpen(manager.delegateOf(staker), strategy)) return;
        stake(staker, strategy, amount);
        _gain(staker, strategy, shares);
    }

    function choose(uint256 who, uint256 to) external {
        (address staker, address operator) = (_staker(who), operators[to % OPERATORS].account);
        if (manager.delegateOf(staker) != address(0)) return;
        for (uint256 i = 0; i < 2; i++) {
            bool any = manager.scaledOf(staker, address(strategies[i])) != 0;
            if (any && !_isOpen(operator, strategies[i])) return;
            if (any) _round(staker, strategies[i]);
        }
        delegate(staker, operator);
    }

    function leave(uint256 who) external {
        address staker = _staker(who);
        if (manager.delegateOf(staker) == address(0)) return;
        address operator = manager.delegateOf(staker);
        uint256[2] memory scaled;
        for (uint256 i = 0; i < 2; i++) {
            scaled[i] = manager.scaledOf(staker, address(strategies[i]));
        }
        uint64[] memory ids = undelegate(staker);
        uint256 next;
        for (uint256 i = 0; i < 2; i++) {
            if (scaled[i] != 0) _leaveWhole(ids[next++], staker, operator, strategies[i], scaled[i]);
        }
        vm.assertEq(ids.length, next);
    }

    function queueAll(uint256 who, bool first) external {
        (address staker, Strategy strategy) = (_staker(who), _strategy(first));
        uint256 scaled = manager.scaledOf(staker, address(strategy));
        if (scaled == 0) return;
        uint64 id = queue(staker, strategy, type(uint256).max);
        _leaveWhole(id, staker, manager.delegateOf(staker), strategy, scaled);
    }

    function queueSome(uint256 who, bool first, uint256 shares) external {
        (address staker, Strategy strategy) = (_staker(who), _strategy(first));
        uint256 available = manager.sharesOf(staker, address(strategy));
        if (available == 0) return;
        shares = bound(shares, 1, available);
        uint256 scaled = manager.scaledOf(staker, address(strategy));
        uint64 id = queue(staker, strategy, shares);
        scaled -= manager.scaledOf(staker, address(strategy));
        _push(id, staker, manager.delegateOf(staker), strategy, scaled, Holding(shares * UNIT, 0), 1);
        // Not below zero: the model never has less than the contracts.
        _holdings[staker][address(strategy)].units -= shares * UNIT;
        _round(staker, strategy);
    }

    function complete(uint256 index) external {
        if (!_isMature(index)) return;
        Leaving memory l = _leaving[index % _leaving.length];
        uint256 expected = l.strategy.toAssets(_checkLeaving(l));
        uint256 balance = l.strategy.token().balanceOf(l.staker);
        vm.assertEq(complete(l.id), expected);
        vm.assertEq(l.strategy.token().balanceOf(l.staker), balance + expected);
        _finish(index);
        completed++;
    }

    function completeAsStake(uint256 index) external {
        if (!_isMature(index)) return;
        Leaving memory l = _leaving[index % _leaving.length];
        if (!_isOpen(manager.delegateOf(l.staker), l.strategy)) return;
        uint256 shares = _checkLeaving(l);
        vm.prank(l.staker);
        vm.assertEq(manager.completeAsStake(l.id), shares);
        _finish(index);
        _gain(l.staker, l.strategy, shares);
        restaked++;
    }

    function slashSome(uint256 which, bool first, uint256 part, uint256 to) external {
        (address operator, Strategy strategy) = (operators[which % OPERATORS].account, _strategy(first));
        uint256 present = manager.slashFactorOf(operator, address(strategy));
        if (present == 0) return;
        // Mostly some percent, at times all but a billionth, all, or next to nothing.
        uint256 factor = present * bound(part, 5000, 9999) / 10_000;
        if (part % 16 == 0) factor = present / 1e9;
        if (part % 16 == 1) factor = present - 1;
        if (part % 64 == 2) factor = 0;
        uint256 taken = slashTo(operator, strategy, uint96(factor), recipients[to % 3]);
        _slash(operator, strategy, present, factor, taken);
        slashes++;
    }

    function pay(uint256 to, bool first) external {
        (address to_, Strategy strategy) = (recipients[to % 3], _strategy(first));
        uint256 shares = manager.slashedSharesOf(to_, address(strategy));
        if (shares == 0) return;
        uint256 expected = strategy.toAssets(shares);
        vm.assertEq(manager.paySlashed(to_, strategy), expected);
    }

    /// @dev Gains, and losses as long as a share is worth a thousandth or more.
    function rebase(bool first, uint256 permille) external {
        Strategy strategy = _strategy(first);
        permille = bound(permille, 500, 1500);
        uint256 assets = strategy.totalAssets() * permille / 1000;
        if (assets > 1e27 || assets < strategy.totalShares() / 1000) return;
        RebasingToken(address(strategy.token())).rebase(address(strategy), permille, 1000);
    }

    function donate(bool first, uint96 amount) external {
        Strategy strategy = _strategy(first);
        RebasingToken(address(strategy.token())).mint(address(strategy), bound(amount, 1, 1e9));
    }

    function pass(uint256 time) external {
        wait(bound(time, 0, WITHDRAWAL_DELAY / 2));
    }

    /// @dev To the last second in which a withdrawal can be slashed, or to the first in which it can not.
    function passToMaturity(uint256 index, bool before) external {
        if (_leaving.length == 0) return;
        uint256 time = _leaving[index % _leaving.length].maturesAt;
        if (before) time--;
        if (time > block.timestamp) vm.warp(time);
    }

    // The model

    function _gain(address staker, Strategy strategy, uint256 shares) private {
        _holdings[staker][address(strategy)].units += shares * UNIT;
        _round(staker, strategy);
    }

    /// @dev The contracts round against the staker by less than a share.
    function _round(address staker, Strategy strategy) private {
        _holdings[staker][address(strategy)].dust++;
        _lost[address(strategy)]++;
    }

    function _leaveWhole(uint64 id, address staker, address operator, Strategy strategy, uint256 scaled) private {
        _push(id, staker, operator, strategy, scaled, _holdings[staker][address(strategy)], 0);
        delete _holdings[staker][address(strategy)];
    }

    function _push(
        uint64 id,
        address staker,
        address operator,
        Strategy strategy,
        uint256 scaled,
        Holding memory holding,
        uint256 surplus
    ) private {
        uint256 maturesAt = block.timestamp + WITHDRAWAL_DELAY;
        _leaving.push(Leaving(id, staker, operator, strategy, scaled, maturesAt, holding.units, holding.dust, surplus));
    }

    /// @dev Takes it off the list; what its rounding left is nobody's.
    function _finish(uint256 index) private {
        index %= _leaving.length;
        _lost[address(_leaving[index].strategy)]++;
        _leaving[index] = _leaving[_leaving.length - 1];
        _leaving.pop();
    }

    function _slash(address operator, Strategy strategy, uint256 present, uint256 factor, uint256 taken) private {
        uint256 before;
        uint256 afterwards;
        uint256 dust = 2;
        uint256 surplus;
        for (uint256 i = 0; i < stakers.length; i++) {
            if (manager.delegateOf(stakers[i]) != operator) continue;
            Holding storage holding = _holdings[stakers[i]][address(strategy)];
            before += holding.units;
            holding.units = Math.mulDiv(holding.units, factor, present);
            afterwards += holding.units;
            dust += holding.dust;
        }
        for (uint256 i = 0; i < _leaving.length; i++) {
            if (!_isReached(_leaving[i], operator, strategy)) continue;
            before += _leaving[i].units;
            _leaving[i].units = Math.mulDiv(_leaving[i].units, factor, present);
            afterwards += _leaving[i].units;
            dust += _leaving[i].dust;
            surplus += _leaving[i].surplus;
        }
        uint256 expected = (before - afterwards) / UNIT;
        vm.assertLe(taken, expected + surplus + 1, "more was taken than stakers lost");
        vm.assertLe(expected, taken + dust, "less was taken than stakers lost");
        _lost[address(strategy)] += 2;
    }

    function _isReached(Leaving storage leaving, address operator, Strategy strategy) private view returns (bool) {
        bool same = leaving.operator == operator && address(leaving.strategy) == address(strategy);
        return same && block.timestamp < leaving.maturesAt;
    }

    function _isMature(uint256 index) private view returns (bool) {
        return _leaving.length != 0 && block.timestamp >= _leaving[index % _leaving.length].maturesAt;
    }

    function _isOpen(address operator, Strategy strategy) private view returns (bool) {
        return operator == address(0) || manager.slashFactorOf(operator, address(strategy)) >= 1e18;
    }

    function _staker(uint256 who) private view returns (address) {
        return stakers[who % stakers.length];
    }

    function _strategy(bool first) private view returns (Strategy) {
        return strategies[first ? 0 : 1];
    }

    // What must hold

    function checkHoldings() external view {
        for (uint256 i = 0; i < stakers.length; i++) {
            for (uint256 j = 0; j < 2; j++) {
                Holding memory holding = _holdings[stakers[i]][address(strategies[j])];
                uint256 shares = manager.sharesOf(stakers[i], address(strategies[j]));
                vm.assertLe(shares, holding.units / UNIT, "a staker has too much");
                vm.assertLe(holding.units / UNIT, shares + holding.dust, "a staker has too little");
            }
        }
    }

    function checkWithdrawals() external view {
        for (uint256 i = 0; i < _leaving.length; i++) {
            _checkLeaving(_leaving[i]);
        }
    }

    function _checkLeaving(Leaving memory leaving) private view returns (uint256 shares) {
        shares = manager.withdrawalShares(leaving.id);
        vm.assertLe(shares, leaving.units / UNIT + leaving.surplus, "a withdrawal is worth too much");
        vm.assertLe(leaving.units / UNIT, shares + leaving.dust + 1, "a withdrawal is worth too little");
    }

    function checkOperators() external view {
        for (uint256 j = 0; j < 2; j++) {
            address strategy = address(strategies[j]);
            (uint128[] memory scaled,) = manager.stakesOf(accounts(), strategy);
            for (uint256 i = 0; i < OPERATORS; i++) {
                uint256 queued;
                for (uint256 k = 0; k < _leaving.length; k++) {
                    if (!_isReached(_leaving[k], operators[i].account, strategies[j])) continue;
                    queued += _leaving[k].scaled;
                }
                vm.assertEq(manager.queuedOf(operators[i].account, strategy), queued);
                uint256 sum;
                for (uint256 k = 0; k < stakers.length; k++) {
                    if (manager.delegateOf(stakers[k]) != operators[i].account) continue;
                    sum += manager.scaledOf(stakers[k], strategy);
                }
                vm.assertEq(scaled[i], sum);
            }
        }
    }

    /// @dev What stakers, withdrawals and recipients can claim, in shares and in tokens.
    function checkClaims() external view {
        for (uint256 j = 0; j < 2; j++) {
            (uint256 shares, uint256 assets) = _claims(strategies[j]);
            vm.assertLe(shares, strategies[j].totalShares(), "more shares are claimed than there are");
            vm.assertLe(strategies[j].totalShares(), shares + _unclaimed(strategies[j]), "shares are nobody's");
            vm.assertLe(assets, strategies[j].totalAssets(), "more tokens are claimed than there are");
        }
    }

    function _claims(Strategy strategy) private view returns (uint256 shares, uint256 assets) {
        for (uint256 i = 0; i < stakers.length; i++) {
            uint256 claim = manager.sharesOf(stakers[i], address(strategy));
            (shares, assets) = (shares + claim, assets + strategy.toAssets(claim));
        }
        for (uint256 i = 0; i < _leaving.length; i++) {
            if (address(_leaving[i].strategy) != address(strategy)) continue;
            uint256 claim = manager.withdrawalShares(_leaving[i].id);
            (shares, assets) = (shares + claim, assets + strategy.toAssets(claim));
        }
        for (uint256 i = 0; i < recipients.length; i++) {
            uint256 claim = manager.slashedSharesOf(recipients[i], address(strategy));
            (shares, assets) = (shares + claim, assets + strategy.toAssets(claim));
        }
    }

    /// @dev What rounding has cost so far, and a share to each claim that there is.
    function _unclaimed(Strategy strategy) private view returns (uint256) {
        return _lost[address(strategy)] + stakers.length + _leaving.length;
    }

    /// @notice Everyone takes all that is theirs, and nothing but dust stays.
    function close() external {
        for (uint256 i = 0; i < stakers.length; i++) {
            if (manager.delegateOf(stakers[i]) != address(0)) this.leave(i);
            this.queueAll(i, true);
            this.queueAll(i, false);
        }
        wait(WITHDRAWAL_DELAY);
        while (_leaving.length != 0) {
            this.complete(0);
        }
        for (uint256 i = 0; i < recipients.length; i++) {
            this.pay(i, true);
            this.pay(i, false);
        }
        for (uint256 j = 0; j < 2; j++) {
            (uint256 shares,) = _claims(strategies[j]);
            vm.assertEq(shares, 0);
            vm.assertLe(strategies[j].totalShares(), _unclaimed(strategies[j]));
        }
    }
}

contract StakingInvariantsTest is StakingFixture {
    StakingWorld private world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        world = new StakingWorld();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = StakingWorld.deposit.selector;
        selectors[1] = StakingWorld.choose.selector;
        selectors[2] = StakingWorld.leave.selector;
        selectors[3] = StakingWorld.queueAll.selector;
        selectors[4] = StakingWorld.queueSome.selector;
        selectors[5] = bytes4(keccak256("complete(uint256)"));
        selectors[6] = StakingWorld.completeAsStake.selector;
        selectors[7] = StakingWorld.slashSome.selector;
        selectors[8] = StakingWorld.pay.selector;
        selectors[9] = StakingWorld.rebase.selector;
        selectors[10] = StakingWorld.donate.selector;
        selectors[11] = StakingWorld.pass.selector;
        selectors[12] = StakingWorld.passToMaturity.selector;
        selectors[13] = StakingWorld.deposit.selector;
        selectors[14] = StakingWorld.queueSome.selector;
        targets[0] = FuzzSelector(address(world), selectors);
    }

    /// @dev One walk for all, as the walk is what takes time.
    function invariant_claims_are_what_was_not_slashed_and_are_covered() public view {
        world.checkHoldings();
        world.checkWithdrawals();
        world.checkOperators();
        world.checkClaims();
    }

    function afterInvariant() public {
        world.close();
    }

    /// @dev A walk that slashed nothing, or paid nothing out, would show nothing.
    function test_world_slashes_and_pays() public {
        for (uint256 i = 0; i < 24; i++) {
            world.deposit(i, i % 2 == 0, uint96(1e20 + i * 7919));
            world.choose(i, i);
            world.queueSome(i, i % 2 == 0, 1e18 + i);
            world.slashSome(i, i % 3 == 0, 5000 + i * 16 + 3, i);
            world.pass(5 days);
            world.complete(i / 2);
            world.completeAsStake(i / 3);
        }
        vm.assertGe(world.slashes(), 20);
        vm.assertGe(world.completed(), 3);
        vm.assertGe(world.restaked(), 1);
        world.checkHoldings();
        world.checkWithdrawals();
        world.checkOperators();
        world.checkClaims();
        world.close();
    }
}
