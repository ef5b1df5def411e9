// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "./utils/Packed.sol";
import {FailingHandler} from "./utils/Handlers.sol";
import {Fixture} from "./utils/Fixture.sol";
import {FixedCondition, FixedPrices} from "./utils/Oracles.sol";
import {TaskStatus} from "../src/interfaces/IServiceManager.sol";
import {Row} from "../src/libraries/OperatorTables.sol";
import {Strategy} from "../src/staking/Strategy.sol";
import {Policy, PolicyKind, Requirement, Result, Task, Token, Verdict} from "../src/types/Structs.sol";

/// @notice Random walks through staking and a service, by calls that must succeed.
contract World is Fixture {
    uint256 private constant OPERATORS = 5;

    FailingHandler public board = new FailingHandler();
    address[] public stakers;
    FixedPrices private prices = new FixedPrices(3, 2);
    FixedCondition private condition = new FixedCondition();
    Result[] private results;
    /// @dev What ought to be: how often each result reached its handler, and how its task stands, by index.
    uint256[] public handled;
    TaskStatus[] public statuses;
    uint256[] private ends;
    uint256 public certified;
    uint256 public refused;
    uint256 public suspended;
    uint256 public vetoed;
    uint256 public finalized;

    constructor(PolicyKind kind) {
        setUpService(OPERATORS, policyOf(kind));
        announce(keccak256("board"), address(board));
        vm.roll(block.number + 1);
        board.fail(FailingHandler.Way.Revert, keccak256("poison"));
        for (uint256 i = 0; i < 6; i++) {
            stakers.push(account(string.concat("staker ", vm.toString(i))));
        }
        for (uint256 i = 0; i < OPERATORS; i++) {
            stakers.push(operators[i].account);
        }
    }

    function policyOf(PolicyKind kind) private view returns (Policy memory) {
        if (kind == PolicyKind.Both) return both(6667, 6667);
        if (kind == PolicyKind.Combined) return combined(6667, 2500, address(prices));
        if (kind == PolicyKind.Veto) return vetoable(6667, 4000, 10 minutes);
        if (kind == PolicyKind.BothOrFallback) return bothOrFallback(6667, 5000, 7500, address(condition));
        if (kind == PolicyKind.Either) return either(6667, 7500);
        return single(Token.External, 6667);
    }

    // Actions

    function deposit(uint256 who, bool native, uint96 amount) external {
        amount = uint96(bound(amount, 1, 1e24));
        Strategy strategy = native ? nativeStrategy : externalStrategy;
        if (strategy.toShares(amount) == 0) return;
        stake(stakers[who % stakers.length], strategy, amount);
    }

    function donate(bool native, uint96 amount) external {
        Strategy strategy = native ? nativeStrategy : externalStrategy;
        (native ? nativeToken : externalToken).mint(address(strategy), bound(amount, 1, 1e20));
    }

    function choose(uint256 who, uint256 to) external {
        address staker = stakers[who % stakers.length];
        if (manager.delegateOf(staker) == address(0)) delegate(staker, operators[to % OPERATORS].account);
    }

    function refresh() external {
        nextEpoch();
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 minutes));
    }

    function reprice(uint8 native, uint8 ext) external {
        prices.set(native, ext);
    }

    function turn(bool holds) external {
        condition.set(holds);
    }

    function create(bool poison, uint16 bps) external {
        bps = bps % 2 == 0 ? 0 : uint16(bound(bps, 5000, 10_000));
        Requirement memory requirement;
        if (bps % 3 == 0) requirement.nativeBps = bps;
        else if (bps % 3 == 1) requirement.externalBps = bps;
        else if (service.policy().kind == PolicyKind.Combined) requirement.combinedBps = bps;
        Task memory task = createTask(poison ? bytes("poison") : abi.encode(service.taskCount()), requirement);
        results.push(Result(task, COMPONENT, abi.encode(task.number)));
        handled.push(0);
        statuses.push(TaskStatus.Open);
        ends.push(0);
    }

    function submit(uint256 first, uint256 second, uint256 signers) external {
        if (results.length == 0 || !hasTable()) return;
        uint256 bitmap = bitmapOf(signers);
        uint256[] memory picked = pick(first % results.length, second % results.length);
        Result[] memory batch = batchOf(picked);
        // Every fifth time another result of a pending task.
        bool forged = statuses[picked[0]] == TaskStatus.Pending && signers % 5 == 0;
        if (forged) {
            batch[0].payload = "another";
            picked[0] = type(uint256).max;
        }
        Verdict verdict = anyDeliverable(picked) ? verdictOf(bitmap, picked) : Verdict.Refused;
        bool expected = verdict == Verdict.Final || (verdict == Verdict.Pending && anyOpen(picked));
        Certificate memory certificate = certify(batch, words(bitmap));
        if (verdict == Verdict.Final) expectDelivery(picked);
        if (verdict == Verdict.Pending) expectSuspension(picked);
        try service.submit(batch, certificate.pack()) {
            vm.assertTrue(expected);
            verdict == Verdict.Final ? certified++ : suspended++;
        } catch {
            vm.assertFalse(expected);
            refused++;
        }
    }

    function veto(uint256 index, uint256 signers) external {
        if (results.length == 0 || !hasTable()) return;
        index %= results.length;
        uint256 bitmap = bitmapOf(signers);
        (uint256[2] memory signed, uint256[2] memory total) = sums(bitmap);
        bool expected = statuses[index] == TaskStatus.Pending && block.timestamp < ends[index]
            && reaches(signed[1], total[1], service.policy().vetoBps);
        Certificate memory certificate = vetoOf(leafOf(results[index]), words(bitmap));
        try service.veto(results[index].task.number, certificate.pack()) {
            vm.assertTrue(expected);
            statuses[index] = TaskStatus.Vetoed;
            vetoed++;
        } catch {
            vm.assertFalse(expected);
        }
    }

    function finalize(uint256 first, uint256 second) external {
        if (results.length == 0) return;
        uint256[] memory picked = pick(first % results.length, second % results.length);
        Result[] memory batch = batchOf(picked);
        bool expected;
        for (uint256 i = 0; i < picked.length; i++) {
            uint256 index = picked[i];
            if (statuses[index] != TaskStatus.Pending || block.timestamp < ends[index]) continue;
            expected = true;
            expectDelivery(index);
        }
        try service.finalize(batch) {
            vm.assertTrue(expected);
            finalized++;
        } catch {
            vm.assertFalse(expected);
        }
    }

    function redeliver(uint256 index, bool repaired) external {
        if (results.length == 0) return;
        index %= results.length;
        if (statuses[index] != TaskStatus.Unhandled) return;
        if (repaired) board.fail(FailingHandler.Way.None, 0);
        try service.redeliver(results[index]) {
            handled[index]++;
            statuses[index] = TaskStatus.Settled;
        } catch {}
        board.fail(FailingHandler.Way.Revert, keccak256("poison"));
    }

    // What ought to happen, told from the interface alone

    function pick(uint256 a, uint256 b) private view returns (uint256[] memory picked) {
        picked = new uint256[](a == b ? 1 : 2);
        picked[0] = a;
        if (a == b) return picked;
        bool inOrder = idOf(results[b].task) > idOf(results[a].task);
        (picked[0], picked[1]) = inOrder ? (a, b) : (b, a);
    }

    function batchOf(uint256[] memory picked) private view returns (Result[] memory batch) {
        batch = new Result[](picked.length);
        for (uint256 i = 0; i < picked.length; i++) {
            batch[i] = results[picked[i]];
        }
    }

    function hasTable() private view returns (bool) {
        return block.timestamp <= uint256(service.tableInfo(service.currentEpoch()).takenAt) + WINDOW;
    }

    /// @dev Every other time all sign, else whoever.
    function bitmapOf(uint256 signers) private pure returns (uint256) {
        return signers % 2 == 0 ? (1 << OPERATORS) - 1 : (signers >> 1) % (1 << OPERATORS);
    }

    function words(uint256 bitmap) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = bitmap;
    }

    function isOpen(uint256 index) private view returns (bool) {
        if (index == type(uint256).max) return false;
        return statuses[index] == TaskStatus.Open && block.timestamp <= results[index].task.deadline;
    }

    function isDeliverable(uint256 index) private view returns (bool) {
        if (index == type(uint256).max) return false;
        return isOpen(index) || statuses[index] == TaskStatus.Pending;
    }

    function anyOpen(uint256[] memory picked) private view returns (bool open) {
        for (uint256 i = 0; i < picked.length; i++) {
            open = open || isOpen(picked[i]);
        }
    }

    function anyDeliverable(uint256[] memory picked) private view returns (bool deliverable) {
        for (uint256 i = 0; i < picked.length; i++) {
            deliverable = deliverable || isDeliverable(picked[i]);
        }
    }

    function sums(uint256 bitmap) private view returns (uint256[2] memory signed, uint256[2] memory total) {
        Row[] memory rows = tableRows();
        for (uint256 i = 0; i < OPERATORS; i++) {
            total[0] += rows[i + 1].nativeWeight;
            total[1] += rows[i + 1].externalWeight;
            if (bitmap >> i & 1 == 0) continue;
            signed[0] += rows[i + 1].nativeWeight;
            signed[1] += rows[i + 1].externalWeight;
        }
    }

    function reaches(uint256 signed, uint256 total, uint256 bps) private pure returns (bool) {
        return total > 0 && signed * 10_000 >= total * bps;
    }

    /// @dev Here the cap makes the native token count for the less of its value and a third of the external one's.
    function reachesCombined(uint256[2] memory signed, uint256[2] memory total, uint256 bps)
        private
        view
        returns (bool)
    {
        (uint256 native, uint256 ext) = prices.prices();
        if (native == 0 || ext == 0 || total[0] == 0) return false;
        uint256 whole = total[0] * native;
        uint256 third = total[1] * ext / 3;
        bool capped = whole * 3 > total[1] * ext;
        if (!capped) return reaches(signed[0] * native + signed[1] * ext, whole + total[1] * ext, bps);
        // All times total[0] · 3.
        uint256 some = signed[0] * total[1] * ext + 3 * signed[1] * ext * total[0];
        return third > 0 && reaches(some, 4 * total[1] * ext * total[0], bps);
    }

    function verdictOf(uint256 bitmap, uint256[] memory picked) private view returns (Verdict) {
        (uint256[2] memory signed, uint256[2] memory total) = sums(bitmap);
        for (uint256 i = 0; i < picked.length; i++) {
            if (isDeliverable(picked[i]) && !meets(signed, total, results[picked[i]].task)) return Verdict.Refused;
        }
        Policy memory p = service.policy();
        bool native = reaches(signed[0], total[0], p.nativeBps);
        bool ext = reaches(signed[1], total[1], p.externalBps);
        bool enough;
        if (p.kind == PolicyKind.Both) enough = native && ext;
        if (p.kind == PolicyKind.Either) enough = native || ext;
        if (p.kind == PolicyKind.Single) enough = ext;
        if (p.kind == PolicyKind.Combined) enough = reachesCombined(signed, total, p.combinedBps);
        if (p.kind == PolicyKind.BothOrFallback) {
            enough = (native && ext) || (condition.active() && reaches(signed[1], total[1], p.fallbackBps));
        }
        if (p.kind != PolicyKind.Veto) return enough ? Verdict.Final : Verdict.Refused;
        if (!native) return Verdict.Refused;
        // The others are less than enough to veto.
        bool stoppable = total[1] == 0 || (total[1] - signed[1]) * 10_000 >= total[1] * p.vetoBps;
        return stoppable ? Verdict.Pending : Verdict.Final;
    }

    function meets(uint256[2] memory signed, uint256[2] memory total, Task memory task) private view returns (bool) {
        if (task.nativeBps > 0 && !reaches(signed[0], total[0], task.nativeBps)) return false;
        if (task.externalBps > 0 && !reaches(signed[1], total[1], task.externalBps)) return false;
        return task.combinedBps == 0 || reachesCombined(signed, total, task.combinedBps);
    }

    function expectDelivery(uint256[] memory picked) private {
        for (uint256 i = 0; i < picked.length; i++) {
            if (isDeliverable(picked[i])) expectDelivery(picked[i]);
        }
    }

    function expectDelivery(uint256 index) private {
        bool poison = results[index].task.inputHash == keccak256("poison");
        statuses[index] = poison ? TaskStatus.Unhandled : TaskStatus.Settled;
        if (!poison) handled[index]++;
    }

    function expectSuspension(uint256[] memory picked) private {
        for (uint256 i = 0; i < picked.length; i++) {
            if (!isOpen(picked[i])) continue;
            statuses[picked[i]] = TaskStatus.Pending;
            ends[picked[i]] = block.timestamp + 10 minutes;
        }
    }

    // What must hold

    function checkDeliveries() external view {
        for (uint256 i = 0; i < results.length; i++) {
            uint256 calls = board.calls(idOf(results[i].task));
            vm.assertEq(calls, handled[i]);
            vm.assertLe(calls, 1);
            (TaskStatus status,) = service.taskStatus(results[i].task.number);
            vm.assertEq(uint256(status), uint256(statuses[i]));
            vm.assertTrue((status == TaskStatus.Settled) == (calls == 1));
        }
    }

    function checkStake(Strategy strategy) private view {
        uint256 shares;
        uint256 delegated;
        for (uint256 i = 0; i < stakers.length; i++) {
            shares += manager.sharesOf(stakers[i], address(strategy));
            if (manager.delegateOf(stakers[i]) != address(0)) {
                delegated += manager.sharesOf(stakers[i], address(strategy));
            }
        }
        uint256 weights;
        for (uint256 i = 0; i < OPERATORS; i++) {
            delegated -= manager.operatorSharesOf(operators[i].account, address(strategy));
            weights += stakeOf(operators[i].account, strategy);
        }
        vm.assertEq(delegated, 0);
        vm.assertEq(shares, strategy.totalShares());
        vm.assertLe(weights, strategy.totalAssets());
        vm.assertLe(strategy.totalAssets(), strategy.token().balanceOf(address(strategy)));
    }

    function checkStakes() external view {
        checkStake(nativeStrategy);
        checkStake(externalStrategy);
    }

    function checkTable() external view {
        Row[] memory rows = tableRows();
        uint256 native;
        uint256 ext;
        for (uint256 i = 1; i < rows.length; i++) {
            native += rows[i].nativeWeight;
            ext += rows[i].externalWeight;
        }
        vm.assertEq(native, rows[0].nativeWeight);
        vm.assertEq(ext, rows[0].externalWeight);
    }
}

/// @notice What must hold whatever the policy.
abstract contract InvariantsTest is Fixture {
    World internal world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function kindOf() internal pure virtual returns (PolicyKind);

    function setUp() public {
        world = new World(kindOf());
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[14] memory selectors = [
            World.deposit.selector,
            World.donate.selector,
            World.choose.selector,
            World.refresh.selector,
            World.pass.selector,
            World.create.selector,
            World.create.selector,
            World.submit.selector,
            World.submit.selector,
            World.redeliver.selector,
            World.reprice.selector,
            World.turn.selector,
            World.veto.selector,
            World.finalize.selector
        ];
        targets[0] = FuzzSelector(address(world), new bytes4[](selectors.length));
        for (uint256 i = 0; i < selectors.length; i++) {
            targets[0].selectors[i] = selectors[i];
        }
    }

    function invariant_results_are_handled_at_most_once_and_only_with_their_quorum() public view {
        world.checkDeliveries();
    }

    /// @dev A walk that delivered nothing, or refused nothing, would show nothing.
    function test_world_delivers_and_refuses() public {
        for (uint256 i = 0; i < 12; i++) {
            world.create(i % 4 == 0, 0);
            world.submit(i, i / 2, i);
        }
        vm.assertGe(world.certified(), 4);
        vm.assertGe(world.refused(), 3);
        world.checkDeliveries();
    }
}

contract BothInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.Both;
    }

    function invariant_stake_adds_up() public view {
        world.checkStakes();
    }

    function invariant_table_adds_up() public view {
        world.checkTable();
    }
}

contract CombinedInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.Combined;
    }
}

contract VetoInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.Veto;
    }

    /// @dev Operators 1 to 4 certify, 0 to 3 could still veto.
    function test_world_suspends_vetoes_and_finalizes() public {
        for (uint256 i = 0; i < 3; i++) {
            world.create(false, 0);
        }
        world.deposit(6, false, 1e23);
        world.refresh();
        world.submit(0, 1, 1 + 2 * 30);
        world.submit(2, 2, 1 + 2 * 30);
        vm.assertEq(world.suspended(), 2);
        world.veto(0, 0);
        world.submit(1, 1, 5 * 2);
        world.submit(1, 1, 2);
        world.pass(20 minutes - 1);
        world.pass(20 minutes - 1);
        world.finalize(0, 2);
        vm.assertEq(world.vetoed(), 1);
        vm.assertEq(world.certified(), 1);
        vm.assertEq(world.finalized(), 1);
        world.checkDeliveries();
    }
}

contract BothOrFallbackInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.BothOrFallback;
    }
}

contract EitherInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.Either;
    }
}

contract SingleInvariantsTest is InvariantsTest {
    function kindOf() internal pure override returns (PolicyKind) {
        return PolicyKind.Single;
    }
}
