// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./utils/Bls.sol";
import {FailingHandler} from "./utils/Handlers.sol";
import {Fixture} from "./utils/Fixture.sol";
import {Vm} from "./utils/Vm.sol";
import {IOperatorRegistry} from "../src/interfaces/IOperatorRegistry.sol";
import {IRestakingManager, Withdrawal} from "../src/interfaces/IRestakingManager.sol";
import {IServiceManager, TaskStatus, Workflow} from "../src/interfaces/IServiceManager.sol";
import {IStrategy} from "../src/interfaces/IStrategy.sol";
import {ITableKeeper} from "../src/interfaces/ITableKeeper.sol";
import {G1, G2} from "../src/libraries/BN254.sol";
import {Epoch, TaskId} from "../src/types/Ids.sol";
import {Result, Task} from "../src/types/Structs.sol";

/// @notice What an indexer knows that reads logs and nothing else.
contract Mirror {
    struct KeyState {
        G1 current;
        G1 previous;
        uint48 until;
    }

    struct TransportState {
        bytes32 current;
        bytes32 previous;
        uint48 until;
    }

    struct CommissionState {
        uint16 current;
        uint16 announced;
        uint48 effectiveAt;
    }

    struct SlashState {
        uint48 time;
        uint96 factor;
    }

    // Operators
    mapping(address => KeyState) private _keys;
    mapping(address => TransportState) private _transportKeys;
    mapping(address => CommissionState) private _commissions;
    mapping(bytes32 => address) public holderOfKey;
    mapping(bytes32 => address) public holderOfTransportKey;
    mapping(address => string) public socketOf;
    mapping(address => string) public metadataOf;

    // Stake
    address[] public strategies;
    address[] public stakers;
    mapping(address => bool) private _known;
    mapping(address => mapping(address => uint256)) public scaledOf;
    mapping(address => address) public delegateOf;
    mapping(uint64 => Withdrawal) private _withdrawals;
    uint64 public withdrawalCount;
    mapping(address => mapping(address => SlashState[])) private _slashes;
    mapping(address => mapping(address => uint256)) public slashedSharesOf;
    uint256 private immutable _withdrawalDelay;

    // The service
    bytes32 public current;
    bytes32 public next;
    uint64 public activationBlock;
    mapping(bytes32 => mapping(bytes32 => address)) public handlerOf;
    mapping(uint32 => address) public pointerOf;
    uint32 public epoch;
    uint64 public taskCount;
    mapping(uint64 => TaskId) public idOf;
    mapping(TaskId => uint64) public numberOf;
    mapping(uint64 => TaskStatus) public statusOf;
    mapping(uint64 => bytes32) public pendingLeafOf;
    mapping(uint64 => uint64) public pendingUntilOf;

    constructor(uint256 withdrawalDelay) {
        _withdrawalDelay = withdrawalDelay;
    }

    function stakerCount() external view returns (uint256) {
        return stakers.length;
    }

    function strategyCount() external view returns (uint256) {
        return strategies.length;
    }

    function keysOf(address operator) external view returns (KeyState memory) {
        return _keys[operator];
    }

    function transportKeysOf(address operator) external view returns (bytes32, bytes32, uint48) {
        TransportState memory keys = _transportKeys[operator];
        return (keys.current, keys.previous, keys.until);
    }

    function commissionOf(address operator) external view returns (uint16, uint16, uint48) {
        CommissionState memory state = _commissions[operator];
        if (block.timestamp >= state.effectiveAt) return (state.announced, 0, 0);
        return (state.current, state.announced, state.effectiveAt);
    }

    function withdrawalOf(uint64 id) external view returns (Withdrawal memory) {
        return _withdrawals[id];
    }

    /// @notice The factor after the last slash before `time`.
    function factorBefore(address operator, address strategy, uint256 time) public view returns (uint256 factor) {
        factor = 1e27;
        SlashState[] storage slashes = _slashes[operator][strategy];
        for (uint256 i = 0; i < slashes.length; i++) {
            if (slashes[i].time < time) factor = slashes[i].factor;
        }
    }

    function factorOf(address operator, address strategy) public view returns (uint256) {
        return factorBefore(operator, strategy, type(uint256).max);
    }

    function withdrawalShares(uint64 id) public view returns (uint256) {
        Withdrawal memory w = _withdrawals[id];
        return w.scaled * factorBefore(w.operator, address(w.strategy), w.maturesAt) / 1e27;
    }

    function operatorScaled(address operator, address strategy) public view returns (uint256 sum) {
        for (uint256 i = 0; i < stakers.length; i++) {
            if (delegateOf[stakers[i]] == operator) sum += scaledOf[stakers[i]][strategy];
        }
    }

    function operatorQueued(address operator, address strategy) external view returns (uint256 sum) {
        for (uint64 id = 1; id <= withdrawalCount; id++) {
            Withdrawal memory w = _withdrawals[id];
            if (w.operator != operator || address(w.strategy) != strategy) continue;
            if (w.queuedAt + _withdrawalDelay > block.timestamp) sum += w.scaled;
        }
    }

    function read(Vm.Log calldata log, uint256 height, uint256 time) external {
        _readOperators(log);
        _readStake(log);
        _readWithdrawals(log, time);
        _readService(log, height);
    }

    function _readOperators(Vm.Log calldata log) private {
        bytes32 topic = log.topics[0];
        address operator = log.topics.length > 1 ? _address(log.topics[1]) : address(0);
        if (topic == IOperatorRegistry.OperatorRegistered.selector) {
            (G1 memory g1,, bytes32 transportKey, string memory socket, string memory uri) =
                abi.decode(log.data, (G1, G2, bytes32, string, string));
            _keys[operator].current = g1;
            _transportKeys[operator].current = transportKey;
            holderOfKey[keccak256(abi.encode(g1))] = operator;
            holderOfTransportKey[transportKey] = operator;
            (socketOf[operator], metadataOf[operator]) = (socket, uri);
        } else if (topic == IOperatorRegistry.OperatorDeregistered.selector) {
            delete _keys[operator];
            delete _transportKeys[operator];
            delete _commissions[operator];
        } else if (topic == IOperatorRegistry.KeyRotated.selector) {
            (G1 memory g1,, G1 memory previous, uint48 until) = abi.decode(log.data, (G1, G2, G1, uint48));
            _keys[operator] = KeyState(g1, previous, until);
            holderOfKey[keccak256(abi.encode(g1))] = operator;
        } else if (topic == IOperatorRegistry.TransportKeyRotated.selector) {
            TransportState memory keys = abi.decode(log.data, (TransportState));
            _transportKeys[operator] = keys;
            holderOfTransportKey[keys.current] = operator;
        } else if (topic == IOperatorRegistry.SocketUpdated.selector) {
            socketOf[operator] = abi.decode(log.data, (string));
        } else if (topic == IOperatorRegistry.MetadataUpdated.selector) {
            metadataOf[operator] = abi.decode(log.data, (string));
        } else if (topic == IOperatorRegistry.CommissionAnnounced.selector) {
            CommissionState storage state = _commissions[operator];
            if (block.timestamp >= state.effectiveAt) state.current = state.announced;
            (state.announced, state.effectiveAt) = abi.decode(log.data, (uint16, uint48));
        }
    }

    function _readStake(Vm.Log calldata log) private {
        bytes32 topic = log.topics[0];
        if (topic == IRestakingManager.StrategyAdded.selector) {
            strategies.push(_address(log.topics[1]));
        } else if (topic == IRestakingManager.Deposited.selector) {
            (,, uint256 scaled) = abi.decode(log.data, (uint256, uint256, uint256));
            _meet(_address(log.topics[1]));
            scaledOf[_address(log.topics[1])][_address(log.topics[2])] += scaled;
        } else if (topic == IRestakingManager.Delegated.selector) {
            _readDelegation(_address(log.topics[1]), _address(log.topics[2]));
        } else if (topic == IRestakingManager.Undelegated.selector) {
            delegateOf[_address(log.topics[1])] = address(0);
        } else if (topic == IRestakingManager.SlashedStakePaid.selector) {
            (uint256 shares,) = abi.decode(log.data, (uint256, uint256));
            slashedSharesOf[_address(log.topics[1])][_address(log.topics[2])] -= shares;
        }
    }

    function _readWithdrawals(Vm.Log calldata log, uint256 time) private {
        bytes32 topic = log.topics[0];
        if (topic == IRestakingManager.WithdrawalQueued.selector) {
            (address operator, uint256 scaled, uint48 maturesAt) = abi.decode(log.data, (address, uint256, uint48));
            (address staker, address strategy) = (_address(log.topics[2]), _address(log.topics[3]));
            withdrawalCount = uint64(uint256(log.topics[1]));
            scaledOf[staker][strategy] -= scaled;
            _withdrawals[withdrawalCount] =
                Withdrawal(staker, operator, IStrategy(strategy), uint128(scaled), uint48(time), maturesAt);
        } else if (topic == IRestakingManager.WithdrawalCompleted.selector) {
            delete _withdrawals[uint64(uint256(log.topics[1]))];
        } else if (topic == IRestakingManager.WithdrawalRestaked.selector) {
            (, uint256 scaled) = abi.decode(log.data, (uint256, uint256));
            Withdrawal memory w = _withdrawals[uint64(uint256(log.topics[1]))];
            scaledOf[w.staker][address(w.strategy)] += scaled;
            delete _withdrawals[uint64(uint256(log.topics[1]))];
        } else if (topic == IRestakingManager.Slashed.selector) {
            (uint96 factor, uint256 shares) = abi.decode(log.data, (uint96, uint256));
            _slashes[_address(log.topics[1])][_address(log.topics[2])].push(SlashState(uint48(time), factor));
            slashedSharesOf[_address(log.topics[3])][_address(log.topics[2])] += shares;
        }
    }

    /// @dev Shares become scaled stake in the operator's units.
    function _readDelegation(address staker, address operator) private {
        _meet(staker);
        delegateOf[staker] = operator;
        for (uint256 i = 0; i < strategies.length; i++) {
            uint256 shares = scaledOf[staker][strategies[i]];
            if (shares == 0) continue;
            scaledOf[staker][strategies[i]] = shares * 1e27 / factorOf(operator, strategies[i]);
        }
    }

    function _readService(Vm.Log calldata log, uint256 height) private {
        bytes32 topic = log.topics[0];
        if (topic == IServiceManager.ManifestAnnounced.selector) {
            _readManifest(log, height);
        } else if (topic == ITableKeeper.TableRefreshed.selector) {
            epoch = uint32(uint256(log.topics[1]));
            (pointerOf[epoch],,) = abi.decode(log.data, (address, uint256, address[]));
        } else if (topic == IServiceManager.TaskCreated.selector) {
            (Task memory task,) = abi.decode(log.data, (Task, bytes));
            taskCount = task.number;
            idOf[task.number] = TaskId.wrap(log.topics[1]);
            numberOf[TaskId.wrap(log.topics[1])] = task.number;
            statusOf[task.number] = TaskStatus.Open;
        } else if (topic == IServiceManager.TaskDelivered.selector) {
            (, bool handled) = abi.decode(log.data, (address, bool));
            statusOf[numberOf[TaskId.wrap(log.topics[1])]] = handled ? TaskStatus.Settled : TaskStatus.Unhandled;
        } else if (topic == IServiceManager.TaskRedelivered.selector) {
            statusOf[numberOf[TaskId.wrap(log.topics[1])]] = TaskStatus.Settled;
        } else if (topic == IServiceManager.TaskPending.selector) {
            uint64 number = numberOf[TaskId.wrap(log.topics[1])];
            (pendingLeafOf[number], pendingUntilOf[number]) = abi.decode(log.data, (bytes32, uint64));
            statusOf[number] = TaskStatus.Pending;
        } else if (topic == IServiceManager.TaskVetoed.selector) {
            statusOf[numberOf[TaskId.wrap(log.topics[1])]] = TaskStatus.Vetoed;
        }
    }

    function _readManifest(Vm.Log calldata log, uint256 height) private {
        (, uint64 activation, Workflow[] memory workflows) = abi.decode(log.data, (string, uint64, Workflow[]));
        if (height >= activationBlock) current = next;
        next = log.topics[1];
        activationBlock = activation;
        for (uint256 i = 0; i < workflows.length; i++) {
            handlerOf[next][workflows[i].name] = workflows[i].handler;
        }
    }

    function _meet(address staker) private {
        if (_known[staker]) return;
        _known[staker] = true;
        stakers.push(staker);
    }

    function _address(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}

/// @notice A story of every kind of event, and the state that follows from its events alone.
contract StateFromEventsTest is Fixture {
    Mirror private mirror = new Mirror(WITHDRAWAL_DELAY);
    address private staker = account("staker");

    function setUp() public {
        vm.recordLogs();
        setUpService(4, both(6667, 6667));
        catchUp();
    }

    /// @dev Logs of one moment, as a log does not tell its time.
    function catchUp() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            mirror.read(logs[i], block.number, block.timestamp);
        }
    }

    function pass(uint256 time) private {
        catchUp();
        wait(time);
    }

    function tellOfOperators() private {
        vm.startPrank(operators[1].account);
        registry.updateSocket("elsewhere:1");
        registry.updateMetadata("ipfs://one");
        registry.announceCommission(500);
        registry.rotateTransportKey(keccak256("new transport key"));
        vm.stopPrank();
        delete operators;
        loadOperators(6);
        G1 memory possession = Bls.sign(
            operators[4].sk, registry.possessionDigest(operators[1].account, operators[4].g1, operators[4].g2)
        );
        vm.prank(operators[1].account);
        registry.rotateKey(operators[4].g1, operators[4].g2, possession);
        registerOnly(operators[5]);
        vm.prank(operators[5].account);
        registry.deregisterOperator();
        pass(COMMISSION_NOTICE);
        vm.prank(operators[1].account);
        registry.announceCommission(700);
        catchUp();
    }

    function tellOfStake() private {
        stake(staker, nativeStrategy, 5000);
        delegate(staker, operators[2].account);
        stake(staker, externalStrategy, 17);
        stake(anyone, externalStrategy, 3);
        queue(staker, nativeStrategy, 1000);
        queue(anyone, externalStrategy, 1);
        pass(1 days);
        slash(operators[2].account, nativeStrategy, 3333, requester);
        queue(staker, nativeStrategy, 500);
        pass(WITHDRAWAL_DELAY - 1 days);
        slash(operators[2].account, nativeStrategy, 1000, owner);
        complete(1);
        vm.prank(anyone);
        manager.completeAsStake(2);
        manager.paySlashed(requester, nativeStrategy);
        undelegate(staker);
        pass(WITHDRAWAL_DELAY);
        delegate(staker, operators[2].account);
        vm.prank(staker);
        manager.completeAsStake(4);
        delegate(anyone, operators[2].account);
        stake(anyone, nativeStrategy, 1001);
        queue(anyone, nativeStrategy, 200);
        catchUp();
    }

    function tellOfService() private {
        FailingHandler bad = new FailingHandler();
        bad.fail(FailingHandler.Way.Revert, keccak256("poison"));
        announce(keccak256("second"), address(bad));
        catchUp();
        vm.roll(block.number + 1);
        Task[] memory tasks = new Task[](4);
        tasks[0] = createTask("a");
        tasks[1] = createTask("poison");
        tasks[2] = createTask("b");
        tasks[3] = createTask("poison");
        Result[] memory results = sorted(tasks);
        service.submit(results, certify(results).pack());
        createTask("c");
        bad.fail(FailingHandler.Way.None, 0);
        for (uint256 i = 0; i < 4; i++) {
            if (results[i].task.number == tasks[1].number) service.redeliver(results[i]);
        }
        announce(keccak256("third"), address(handler));
        catchUp();
    }

    function test_operators_follow_from_their_events() public {
        tellOfOperators();
        for (uint256 i = 0; i < operators.length; i++) {
            address operator = operators[i].account;
            Mirror.KeyState memory keys = mirror.keysOf(operator);
            (G1 memory previous, uint48 until) = registry.previousKeyOf(operator);
            vm.assertEq(abi.encode(keys), abi.encode(registry.keyOf(operator), previous, until));
            vm.assertEq(transportKeys(mirror.transportKeysOf), transportKeys(registry.transportKeysOf));
            vm.assertEq(commissions(mirror.commissionOf), commissions(registry.commissionOf));
            bytes32 keyHash = keccak256(abi.encode(operators[i].g1));
            vm.assertEq(mirror.holderOfKey(keyHash), registry.holderOfKey(keyHash));
            bytes32 transportKey = transportKeyOf(operators[i]);
            vm.assertEq(mirror.holderOfTransportKey(transportKey), registry.holderOfTransportKey(transportKey));
        }
        vm.assertEq(mirror.socketOf(operators[1].account), "elsewhere:1");
        vm.assertEq(mirror.metadataOf(operators[1].account), "ipfs://one");
    }

    function transportKeys(function(address) external view returns (bytes32, bytes32, uint48) read)
        private
        view
        returns (bytes memory all)
    {
        for (uint256 i = 0; i < operators.length; i++) {
            (bytes32 current, bytes32 previous, uint48 until) = read(operators[i].account);
            all = abi.encode(all, current, previous, until);
        }
    }

    function commissions(function(address) external view returns (uint16, uint16, uint48) read)
        private
        view
        returns (bytes memory all)
    {
        for (uint256 i = 0; i < operators.length; i++) {
            (uint16 current, uint16 announced, uint48 effectiveAt) = read(operators[i].account);
            all = abi.encode(all, current, announced, effectiveAt);
        }
    }

    function test_stake_follows_from_its_events() public {
        tellOfStake();
        address[] memory strategies = manager.strategies();
        vm.assertEq(mirror.strategyCount(), strategies.length);
        for (uint256 j = 0; j < strategies.length; j++) {
            address strategy = strategies[j];
            vm.assertEq(mirror.strategies(j), strategy);
            for (uint256 i = 0; i < mirror.stakerCount(); i++) {
                address account_ = mirror.stakers(i);
                vm.assertEq(mirror.delegateOf(account_), manager.delegateOf(account_));
                vm.assertEq(mirror.scaledOf(account_, strategy), manager.scaledOf(account_, strategy));
            }
            checkOperators(strategy);
            vm.assertEq(mirror.slashedSharesOf(requester, strategy), manager.slashedSharesOf(requester, strategy));
            vm.assertEq(mirror.slashedSharesOf(owner, strategy), manager.slashedSharesOf(owner, strategy));
        }
    }

    function checkOperators(address strategy) private view {
        (uint128[] memory scaled, uint96[] memory factors) = manager.stakesOf(accounts(), strategy);
        for (uint256 i = 0; i < operators.length; i++) {
            address operator = operators[i].account;
            vm.assertEq(mirror.operatorScaled(operator, strategy), scaled[i]);
            vm.assertEq(mirror.factorOf(operator, strategy), factors[i]);
            vm.assertEq(mirror.operatorQueued(operator, strategy), manager.queuedOf(operator, strategy));
        }
    }

    function test_withdrawals_follow_from_their_events() public {
        tellOfStake();
        vm.assertEq(mirror.withdrawalCount(), manager.withdrawalCount());
        for (uint64 id = 1; id <= manager.withdrawalCount(); id++) {
            vm.assertEq(abi.encode(mirror.withdrawalOf(id)), abi.encode(manager.withdrawalOf(id)));
            vm.assertEq(mirror.withdrawalShares(id), manager.withdrawalShares(id));
        }
    }

    function test_service_follows_from_its_events() public {
        tellOfService();
        (bytes32 current, bytes32 next, uint64 activation) = service.manifests();
        vm.assertEq(mirror.current(), current);
        vm.assertEq(mirror.next(), next);
        vm.assertEq(mirror.activationBlock(), activation);
        vm.assertEq(mirror.handlerOf(next, WORKFLOW), service.handlerOf(next, WORKFLOW));
        vm.assertEq(mirror.epoch(), Epoch.unwrap(service.currentEpoch()));
        vm.assertEq(mirror.pointerOf(1), service.tableInfo(Epoch.wrap(1)).pointer);
        vm.assertEq(mirror.taskCount(), service.taskCount());
        for (uint64 number = 1; number <= service.taskCount(); number++) {
            (TaskStatus status, TaskId id) = service.taskStatus(number);
            vm.assertTrue(mirror.statusOf(number) == status);
            if (status == TaskStatus.Open) assertEq(mirror.idOf(number), id);
        }
    }

    /// @dev A service of its own, as only the policy `Veto` has these events: one result waits, one is vetoed, one waved
    /// through, one finalized.
    function test_vetoes_follow_from_their_events() public {
        delete operators;
        mirror = new Mirror(WITHDRAWAL_DELAY);
        setUpService(4, vetoable(6667, 3334, 1 days));
        stake(operators[3].account, externalStrategy, 1_000_000);
        nextEpoch();
        Result[][4] memory results;
        for (uint256 i = 0; i < 4; i++) {
            if (i == 3) vm.warp(START + 1 days);
            results[i] = only(createTask(abi.encode(i)));
            service.submit(results[i], certify(results[i], without(3)).pack());
            if (i == 0) service.veto(1, vetoOf(leafOf(results[0][0]), everyone()).pack());
            if (i == 1) service.submit(results[1], certify(results[1]).pack());
        }
        service.finalize(results[2]);
        catchUp();
        TaskStatus[4] memory expected = [TaskStatus.Vetoed, TaskStatus.Settled, TaskStatus.Settled, TaskStatus.Pending];
        for (uint64 number = 1; number <= 4; number++) {
            (TaskStatus status,) = service.taskStatus(number);
            vm.assertTrue(status == expected[number - 1]);
            vm.assertTrue(mirror.statusOf(number) == status);
        }
        (bytes32 leaf, uint64 until) = service.pendingResult(4);
        vm.assertEq(mirror.pendingLeafOf(4), leaf);
        vm.assertEq(mirror.pendingUntilOf(4), until);
    }
}
