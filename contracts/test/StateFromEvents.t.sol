// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {FailingHandler} from "./utils/Handlers.sol";
import {Fixture} from "./utils/Fixture.sol";
import {Vm} from "./utils/Vm.sol";
import {IRestakingManager} from "../src/interfaces/IRestakingManager.sol";
import {IServiceManager, TaskStatus, Workflow} from "../src/interfaces/IServiceManager.sol";
import {ITableKeeper} from "../src/interfaces/ITableKeeper.sol";
import {G1, G2} from "../src/libraries/BN254.sol";
import {Epoch, TaskId} from "../src/types/Ids.sol";
import {Quorum, Result, Task} from "../src/types/Structs.sol";

/// @notice What an indexer knows that reads logs and nothing else.
contract Mirror {
    // Staking
    address[] public strategies;
    address[] public stakers;
    mapping(address => bool) private _known;
    mapping(address => mapping(address => uint256)) public sharesOf;
    mapping(address => address) public delegateOf;
    mapping(address => G1) public keyOf;
    mapping(address => bytes32) public transportKeyOf;
    mapping(address => string) public socketOf;
    mapping(address => mapping(address => bool)) public isOptedIn;
    mapping(address => uint256) public operatorCount;

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

    function stakerCount() external view returns (uint256) {
        return stakers.length;
    }

    function strategyCount() external view returns (uint256) {
        return strategies.length;
    }

    function operatorShares(address operator, address strategy) external view returns (uint256 sum) {
        for (uint256 i = 0; i < stakers.length; i++) {
            if (delegateOf[stakers[i]] == operator) sum += sharesOf[stakers[i]][strategy];
        }
    }

    function read(Vm.Log calldata log, uint256 height) external {
        _readStaking(log);
        _readService(log, height);
    }

    function _readStaking(Vm.Log calldata log) private {
        bytes32 topic = log.topics[0];
        if (topic == IRestakingManager.StrategyAdded.selector) {
            strategies.push(_address(log.topics[1]));
        } else if (topic == IRestakingManager.Deposited.selector) {
            (, uint256 shares) = abi.decode(log.data, (uint256, uint256));
            _meet(_address(log.topics[1]));
            sharesOf[_address(log.topics[1])][_address(log.topics[2])] += shares;
        } else if (topic == IRestakingManager.Delegated.selector) {
            _meet(_address(log.topics[1]));
            delegateOf[_address(log.topics[1])] = _address(log.topics[2]);
        } else if (topic == IRestakingManager.OperatorRegistered.selector) {
            (G1 memory g1,, bytes32 transportKey, string memory socket) =
                abi.decode(log.data, (G1, G2, bytes32, string));
            keyOf[_address(log.topics[1])] = g1;
            transportKeyOf[_address(log.topics[1])] = transportKey;
            socketOf[_address(log.topics[1])] = socket;
        } else if (topic == IRestakingManager.SocketUpdated.selector) {
            socketOf[_address(log.topics[1])] = abi.decode(log.data, (string));
        } else if (topic == IRestakingManager.OptedIn.selector) {
            isOptedIn[_address(log.topics[1])][_address(log.topics[2])] = true;
            operatorCount[_address(log.topics[2])]++;
        } else if (topic == IRestakingManager.OptedOut.selector) {
            isOptedIn[_address(log.topics[1])][_address(log.topics[2])] = false;
            operatorCount[_address(log.topics[2])]--;
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
    Mirror private mirror = new Mirror();

    function setUp() public {
        vm.recordLogs();
        setUpService(4, Quorum(6667, 6667));
        catchUp();
    }

    function catchUp() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            mirror.read(logs[i], block.number);
        }
    }

    function tellStory() private {
        address staker = account("staker");
        stake(staker, nativeStrategy, 5000);
        vm.prank(staker);
        manager.delegateTo(operators[2].account);
        stake(staker, externalStrategy, 17);
        stake(anyone, externalStrategy, 3);
        vm.prank(operators[1].account);
        manager.updateSocket("elsewhere:1");
        vm.prank(operators[3].account);
        manager.optOut(address(service));
        catchUp();

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

    function test_staking_follows_from_its_events() public {
        tellStory();
        vm.assertEq(mirror.strategyCount(), manager.strategies().length);
        for (uint256 i = 0; i < mirror.stakerCount(); i++) {
            address staker = mirror.stakers(i);
            vm.assertEq(mirror.delegateOf(staker), manager.delegateOf(staker));
            vm.assertEq(mirror.isOptedIn(staker, address(service)), manager.isOptedIn(staker, address(service)));
            (uint256 x, uint256 y) = mirror.keyOf(staker);
            vm.assertEq(x, manager.keyOf(staker).x);
            vm.assertEq(y, manager.keyOf(staker).y);
            for (uint256 j = 0; j < mirror.strategyCount(); j++) {
                address strategy = mirror.strategies(j);
                vm.assertEq(strategy, manager.strategies()[j]);
                vm.assertEq(mirror.sharesOf(staker, strategy), manager.sharesOf(staker, strategy));
                vm.assertEq(mirror.operatorShares(staker, strategy), manager.operatorSharesOf(staker, strategy));
            }
        }
        vm.assertEq(mirror.operatorCount(address(service)), manager.operatorCount(address(service)));
        vm.assertEq(manager.holderOfTransportKey(mirror.transportKeyOf(operators[0].account)), operators[0].account);
        vm.assertEq(mirror.socketOf(operators[1].account), "elsewhere:1");
    }

    function test_service_follows_from_its_events() public {
        tellStory();
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
}
