// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Test} from "./utils/Test.sol";
import {G1, G2} from "../src/libraries/BN254.sol";
import {Digests} from "../src/libraries/Digests.sol";
import {Firings} from "../src/libraries/Firings.sol";
import {Domain} from "../src/types/Domain.sol";
import {Epoch, TaskId} from "../src/types/Ids.sol";
import {Task} from "../src/types/Structs.sol";

contract BareDomain is Domain {}

contract DigestsTest is Test {
    struct TaskVector {
        uint16 combinedBps;
        bytes32 component;
        uint64 deadline;
        uint16 externalBps;
        address handler;
        bytes32 inputHash;
        bytes32 leaf;
        bytes32 manifest;
        uint16 nativeBps;
        uint64 number;
        bytes payload;
        address requester;
        bytes32 taskId;
        bytes32 workflow;
    }

    string private constant TASK_VECTOR =
        "TaskVector(uint16 combinedBps,bytes32 component,uint64 deadline,uint16 externalBps,address handler,bytes32 inputHash,bytes32 leaf,bytes32 manifest,uint16 nativeBps,uint64 number,bytes payload,address requester,bytes32 taskId,bytes32 workflow)";

    struct BatchCase {
        bytes32 digest;
        uint32 epoch;
        bytes32[] leaves;
        bytes32 root;
    }

    struct VetoCase {
        bytes32 digest;
        uint32 epoch;
        bytes32 leaf;
    }

    string private json;
    uint256 private chainId;
    bytes32 private domain;

    function setUp() public {
        json = vectors("digests");
        chainId = vm.parseJsonUint(json, "$.chainId");
        domain = Digests.domainSeparator(chainId, vm.parseJsonAddress(json, "$.verifyingContract"));
    }

    function digestOfCalldata(bytes32 separator, Task calldata task) external pure returns (bytes32) {
        return Digests.taskDigest(separator, task);
    }

    function identify(bytes32 separator, Task calldata task) external pure returns (TaskId, uint256, bytes32) {
        return Firings.identify(separator, task);
    }

    function test_domain_separator_matches_the_shared_vectors() public view {
        vm.assertEq(domain, vm.parseJsonBytes32(json, "$.domainSeparator"));
    }

    function test_domain_of_a_contract_is_its_own_and_follows_the_chain_id() public {
        BareDomain bare = new BareDomain();
        vm.assertEq(bare.domainSeparator(), Digests.domainSeparator(block.chainid, address(bare)));
        vm.chainId(77);
        vm.assertEq(bare.domainSeparator(), Digests.domainSeparator(77, address(bare)));
    }

    function test_task_ids_and_leaves_match_the_shared_vectors() public view {
        TaskVector[] memory cases = abi.decode(vm.parseJsonTypeArray(json, "$.tasks", TASK_VECTOR), (TaskVector[]));
        vm.assertGe(cases.length, 3);
        for (uint256 i = 0; i < cases.length; i++) {
            TaskVector memory c = cases[i];
            Task memory task = Task(
                c.number,
                c.workflow,
                c.manifest,
                c.handler,
                c.requester,
                c.deadline,
                c.nativeBps,
                c.externalBps,
                c.combinedBps,
                c.inputHash
            );
            TaskId id = Digests.taskId(domain, task);
            vm.assertEq(TaskId.unwrap(id), c.taskId);
            (TaskId found, uint256 key, bytes32 digest) = this.identify(domain, task);
            assertEq(found, id);
            vm.assertEq(digest, c.taskId);
            vm.assertEq(key, c.number);
            vm.assertEq(Digests.leaf(digest, c.component, chainId, c.handler, keccak256(c.payload)), c.leaf);
        }
    }

    function test_firings_match_the_shared_vectors() public view {
        uint256 count;
        for (; vm.keyExistsJson(json, firingKey(count, "hash")); count++) {
            bytes32 hash = firingHash(count);
            vm.assertEq(hash, vm.parseJsonBytes32(json, firingKey(count, "hash")));
            Task memory task;
            task.number = uint64(vm.parseJsonUint(json, firingKey(count, "taskNumber")));
            task.workflow = vm.parseJsonBytes32(json, firingKey(count, "workflow"));
            task.manifest = vm.parseJsonBytes32(json, firingKey(count, "manifest"));
            task.handler = vm.parseJsonAddress(json, firingKey(count, "handler"));
            task.requester = vm.parseJsonAddress(json, firingKey(count, "requester"));
            task.deadline = uint64(vm.parseJsonUint(json, firingKey(count, "deadline")));
            task.inputHash = hash;
            (TaskId id,, bytes32 digest) = this.identify(domain, task);
            vm.assertEq(TaskId.unwrap(id), vm.parseJsonBytes32(json, firingKey(count, "taskId")));
            vm.assertEq(digest, vm.parseJsonBytes32(json, firingKey(count, "taskDigest")));
        }
        vm.assertGe(count, 7);
    }

    function firingKey(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat("$.firings[", vm.toString(index), "].", field);
    }

    function firingHash(uint256 index) private view returns (bytes32) {
        bytes32 kind = keccak256(bytes(vm.parseJsonString(json, firingKey(index, "kind"))));
        if (kind == keccak256("cron")) {
            return Digests.cronFiring(uint64(vm.parseJsonUint(json, firingKey(index, "instant"))));
        }
        if (kind == keccak256("http")) return httpHash(index);
        uint256 chain = vm.parseJsonUint(json, firingKey(index, "chainId"));
        if (kind == keccak256("block")) {
            return Digests.blockFiring(chain, uint64(vm.parseJsonUint(json, firingKey(index, "number"))));
        }
        return Digests.logFiring(
            chain,
            vm.parseJsonBytes32(json, firingKey(index, "txHash")),
            uint64(vm.parseJsonUint(json, firingKey(index, "position"))),
            vm.parseJsonAddress(json, firingKey(index, "emitter")),
            vm.parseJsonBytes32Array(json, firingKey(index, "topics")),
            vm.parseJsonBytes(json, firingKey(index, "data"))
        );
    }

    function httpHash(uint256 index) private view returns (bytes32 hash) {
        hash = Digests.httpFiring(
            vm.parseJsonBytes32(json, firingKey(index, "workflow")),
            vm.parseJsonAddress(json, firingKey(index, "caller")),
            vm.parseJsonBytes32(json, firingKey(index, "key")),
            uint64(vm.parseJsonUint(json, firingKey(index, "instant"))),
            vm.parseJsonBytes(json, firingKey(index, "data"))
        );
        vm.assertEq(Digests.digest(domain, hash), vm.parseJsonBytes32(json, firingKey(index, "signed")));
    }

    function test_roots_and_batch_digests_match_the_shared_vectors() public view {
        BatchCase[] memory cases = abi.decode(
            vm.parseJsonTypeArray(
                json, "$.batches", "BatchCase(bytes32 digest,uint32 epoch,bytes32[] leaves,bytes32 root)"
            ),
            (BatchCase[])
        );
        vm.assertGe(cases.length, 3);
        for (uint256 i = 0; i < cases.length; i++) {
            vm.assertEq(Digests.rootInPlace(cases[i].leaves), cases[i].root);
            vm.assertEq(Digests.batch(domain, Epoch.wrap(cases[i].epoch), cases[i].root), cases[i].digest);
        }
    }

    function test_veto_digests_match_the_shared_vectors() public view {
        VetoCase[] memory cases = abi.decode(
            vm.parseJsonTypeArray(json, "$.vetoes", "VetoCase(bytes32 digest,uint32 epoch,bytes32 leaf)"), (VetoCase[])
        );
        vm.assertGe(cases.length, 3);
        for (uint256 i = 0; i < cases.length; i++) {
            vm.assertEq(Digests.veto(domain, Epoch.wrap(cases[i].epoch), cases[i].leaf), cases[i].digest);
        }
    }

    function testFuzz_task_id_in_calldata_equals_that_in_memory(bytes32 separator, Task calldata task) public view {
        vm.assertEq(this.digestOfCalldata(separator, task), TaskId.unwrap(Digests.taskId(separator, task)));
    }

    function testFuzz_task_id_equals_eip712_in_plain_solidity(bytes32 separator, Task memory task) public pure {
        bytes32 structHash = keccak256(
            abi.encode(
                Digests.TASK_TYPEHASH,
                task.number,
                task.workflow,
                task.manifest,
                task.handler,
                task.requester,
                task.deadline,
                task.nativeBps,
                task.externalBps,
                task.combinedBps,
                task.inputHash
            )
        );
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", separator, structHash));
        assertEq(Digests.taskId(separator, task), TaskId.wrap(expected));
    }

    function testFuzz_task_with_stray_high_bits_has_another_id(bytes32 separator, Task memory task, uint256 stray)
        public
        view
    {
        stray = bound(stray, 1, type(uint128).max) << 64;
        bytes memory message = abi.encodeCall(this.digestOfCalldata, (separator, task));
        assembly {
            let first := add(message, 0x44)
            mstore(first, or(mload(first), stray))
        }
        (bool ok, bytes memory output) = address(this).staticcall(message);
        vm.assertTrue(ok);
        vm.assertTrue(abi.decode(output, (TaskId)) != Digests.taskId(separator, task));
    }

    function testFuzz_root_equals_the_recursive_definition(bytes32[] memory leaves) public pure {
        vm.assume(leaves.length != 0);
        bytes32 expected = rootOf(leaves);
        vm.assertEq(Digests.rootInPlace(leaves), expected);
    }

    function testFuzz_pair_equals_plain_solidity(bytes32 left, bytes32 right) public pure {
        vm.assertEq(Digests.hashPair(left, right), keccak256(abi.encode(left, right)));
    }

    function testFuzz_purposes_never_share_a_digest(bytes32 separator, address operator, uint32 epoch, bytes32 root)
        public
        pure
    {
        bytes32 possession = Digests.possession(separator, operator, G1(1, 2), G2(1, 2, 3, 4));
        bytes32 batch = Digests.batch(separator, Epoch.wrap(epoch), root);
        bytes32 veto = Digests.veto(separator, Epoch.wrap(epoch), root);
        vm.assertTrue(possession != batch);
        vm.assertTrue(possession != veto);
        vm.assertTrue(batch != veto);
    }

    function rootOf(bytes32[] memory nodes) private pure returns (bytes32) {
        if (nodes.length == 1) return nodes[0];
        bytes32[] memory above = new bytes32[]((nodes.length + 1) / 2);
        for (uint256 i = 0; i < above.length; i++) {
            bool paired = 2 * i + 1 < nodes.length;
            above[i] = paired ? keccak256(bytes.concat(nodes[2 * i], nodes[2 * i + 1])) : nodes[2 * i];
        }
        return rootOf(above);
    }
}
