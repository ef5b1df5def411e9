// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Certificate} from "./utils/Packed.sol";
import {FailingHandler} from "./utils/Handlers.sol";
import {Fixture} from "./utils/Fixture.sol";
import {TaskStatus} from "../src/interfaces/IServiceManager.sol";
import {Row} from "../src/libraries/OperatorTables.sol";
import {Strategy} from "../src/staking/Strategy.sol";
import {Quorum, Result, Task} from "../src/types/Structs.sol";

/// @notice Random walks through staking and a service, by calls that must succeed.
contract World is Fixture {
    uint256 private constant OPERATORS = 5;

    FailingHandler public board = new FailingHandler();
    address[] public stakers;
    Result[] private results;
    /// @dev What ought to be: how often each result reached its handler, by index.
    uint256[] public handled;
    bool[] public kept;
    uint256 public certified;
    uint256 public refused;

    constructor() {
        setUpStaking();
        setUpServiceOn(OPERATORS);
        board.fail(FailingHandler.Way.Revert, keccak256("poison"));
        for (uint256 i = 0; i < 6; i++) {
            stakers.push(account(string.concat("staker ", vm.toString(i))));
        }
        for (uint256 i = 0; i < OPERATORS; i++) {
            stakers.push(operators[i].account);
        }
    }

    function setUpServiceOn(uint256 count) private {
        setUpService(count, Quorum(6667, 6667));
        announce(keccak256("board"), address(board));
        vm.roll(block.number + 1);
    }

    // Actions

    function deposit(uint256 who, bool native, uint96 amount) external {
        amount = uint96(bound(amount, 1, 1e24));
        stake(stakers[who % stakers.length], native ? nativeStrategy : externalStrategy, amount);
    }

    function donate(bool native, uint96 amount) external {
        Strategy strategy = native ? nativeStrategy : externalStrategy;
        (native ? nativeToken : externalToken).mint(address(strategy), amount);
    }

    function delegate(uint256 who, uint256 to) external {
        address staker = stakers[who % stakers.length];
        if (manager.delegateOf(staker) != address(0)) return;
        vm.prank(staker);
        manager.delegateTo(operators[to % OPERATORS].account);
    }

    function refresh() external {
        nextEpoch();
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 minutes));
    }

    function create(bool poison, uint16 nativeBps) external {
        uint16 bps = nativeBps % 2 == 0 ? 0 : uint16(bound(nativeBps, 6667, 10_000));
        Task memory task = createTask(poison ? bytes("poison") : abi.encode(service.taskCount()), Quorum(bps, 0));
        results.push(Result(task, COMPONENT, abi.encode(task.number)));
        handled.push(0);
        kept.push(false);
    }

    function submit(uint256 first, uint256 second, uint256 signers) external {
        if (results.length == 0) return;
        if (block.timestamp > uint256(service.tableInfo(service.currentEpoch()).takenAt) + WINDOW) return;
        uint256[] memory bitmap = new uint256[](1);
        // Every other time all sign, else whoever.
        bitmap[0] = signers % 2 == 0 ? (1 << OPERATORS) - 1 : (signers >> 1) % (1 << OPERATORS);
        uint256[] memory picked = pick(first % results.length, second % results.length);
        Result[] memory batch = batchOf(picked);
        bool expected = anyOpen(picked) && reaches(bitmap[0], picked);
        if (expected) expect(picked);
        Certificate memory certificate = certify(batch, bitmap);
        try service.submit(batch, certificate.pack()) {
            vm.assertTrue(expected);
            certified++;
        } catch {
            vm.assertFalse(expected);
            refused++;
        }
    }

    function redeliver(uint256 index, bool repaired) external {
        if (results.length == 0) return;
        index %= results.length;
        if (!kept[index]) return;
        if (repaired) board.fail(FailingHandler.Way.None, 0);
        try service.redeliver(results[index]) {
            handled[index]++;
            kept[index] = false;
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

    function isOpen(uint256 index) private view returns (bool) {
        (TaskStatus status,) = service.taskStatus(results[index].task.number);
        return status == TaskStatus.Open && block.timestamp <= results[index].task.deadline;
    }

    function anyOpen(uint256[] memory picked) private view returns (bool open) {
        for (uint256 i = 0; i < picked.length; i++) {
            open = open || isOpen(picked[i]);
        }
    }

    function reaches(uint256 bitmap, uint256[] memory picked) private view returns (bool) {
        Row[] memory rows = tableRows();
        uint256[2] memory signed;
        for (uint256 i = 0; i < OPERATORS; i++) {
            if (bitmap >> i & 1 == 0) continue;
            signed[0] += rows[i + 1].nativeWeight;
            signed[1] += rows[i + 1].externalWeight;
        }
        for (uint256 i = 0; i < picked.length; i++) {
            if (!isOpen(picked[i])) continue;
            if (signed[0] * 10_000 < rows[0].nativeWeight * uint256(results[picked[i]].task.nativeBps)) return false;
            if (signed[1] * 10_000 < rows[0].externalWeight * uint256(results[picked[i]].task.externalBps)) {
                return false;
            }
        }
        return true;
    }

    function expect(uint256[] memory picked) private {
        for (uint256 i = 0; i < picked.length; i++) {
            if (!isOpen(picked[i])) continue;
            bool poison = results[picked[i]].task.inputHash == keccak256("poison");
            if (poison) kept[picked[i]] = true;
            else handled[picked[i]]++;
        }
    }

    // What must hold

    function checkDeliveries() external view {
        for (uint256 i = 0; i < results.length; i++) {
            uint256 calls = board.calls(idOf(results[i].task));
            vm.assertEq(calls, handled[i]);
            vm.assertLe(calls, 1);
            (TaskStatus status,) = service.taskStatus(results[i].task.number);
            vm.assertTrue((status == TaskStatus.Unhandled) == kept[i]);
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
            weights += manager.stakeOf(operators[i].account, address(strategy));
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

contract InvariantsTest is Fixture {
    World private world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        world = new World();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = World.deposit.selector;
        selectors[1] = World.donate.selector;
        selectors[2] = World.delegate.selector;
        selectors[3] = World.refresh.selector;
        selectors[4] = World.wait.selector;
        selectors[5] = World.create.selector;
        selectors[6] = World.submit.selector;
        selectors[7] = World.redeliver.selector;
        selectors[8] = World.create.selector;
        targets[0] = FuzzSelector(address(world), selectors);
    }

    function invariant_results_are_handled_at_most_once_and_only_with_their_quorum() public view {
        world.checkDeliveries();
    }

    function invariant_stake_adds_up() public view {
        world.checkStakes();
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

    function invariant_table_adds_up() public view {
        world.checkTable();
    }
}
