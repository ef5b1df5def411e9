// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1, G2} from "./BN254.sol";
import {Epoch, TaskId} from "../types/Ids.sol";
import {Task} from "../types/Structs.sol";

/// @title Digests
/// @notice Everything that Tandem hashes on chain, fixed in docs/reference/formats.md and pinned by
/// vectors/digests.json.
/// @dev Pure: chain id and contract come in with the domain separator. Only `batch`, `veto` and `possession` digests are ever signed.
library Digests {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant TASK_TYPEHASH = keccak256(
        "Task(uint64 number,bytes32 workflow,bytes32 manifest,address handler,address requester,uint64 deadline,uint16 nativeBps,uint16 externalBps,uint16 combinedBps,bytes32 inputHash)"
    );
    bytes32 internal constant FIRED_TYPEHASH = keccak256("Fired(bytes32 workflow,bytes32 firing)");
    bytes32 internal constant CRON_TYPEHASH = keccak256("CronFiring(uint64 instant)");
    bytes32 internal constant BLOCK_TYPEHASH = keccak256("BlockFiring(uint256 chainId,uint64 number)");
    bytes32 internal constant LOG_TYPEHASH = keccak256(
        "LogFiring(uint256 chainId,bytes32 txHash,uint64 position,address emitter,bytes32[] topics,bytes data)"
    );
    bytes32 internal constant HTTP_TYPEHASH =
        keccak256("HttpFiring(bytes32 workflow,address caller,bytes32 key,uint64 instant,bytes input)");
    bytes32 internal constant RESULT_TYPEHASH =
        keccak256("Result(bytes32 taskId,bytes32 component,uint256 chainId,address handler,bytes32 payloadHash)");
    bytes32 internal constant BATCH_TYPEHASH = keccak256("Batch(uint32 epoch,bytes32 root)");
    bytes32 internal constant VETO_TYPEHASH = keccak256("Veto(uint32 epoch,bytes32 leaf)");
    bytes32 internal constant POSSESSION_TYPEHASH =
        keccak256("Possession(address operator,uint256[2] g1,uint256[4] g2)");

    bytes32 private constant NAME_HASH = keccak256("Tandem");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// @notice The EIP-712 domain of the contract that will check the digests.
    function domainSeparator(uint256 chainId, address verifyingContract) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chainId, verifyingContract));
    }

    /// @notice The EIP-712 digest of a struct in a domain.
    function digest(bytes32 domain, bytes32 structHash) internal pure returns (bytes32 result) {
        // return keccak256(abi.encodePacked(hex"1901", domain, structHash));
        assembly ("memory-safe") {
            let end := mload(0x40)
            mstore(end, hex"1901")
            mstore(add(end, 0x02), domain)
            mstore(add(end, 0x22), structHash)
            result := keccak256(end, 0x42)
        }
    }

    /// @notice The id of a task that was asked for, in the domain of its ServiceManager: the digest of all that was recorded.
    function taskId(bytes32 domain, Task memory task) internal pure returns (TaskId) {
        return TaskId.wrap(digest(domain, keccak256(abi.encode(TASK_TYPEHASH, task))));
    }

    /// @notice The id of a firing: of the workflow and of what fired, and of nothing that a reorganisation may change.
    function firedId(bytes32 domain, bytes32 workflow, bytes32 firing) internal pure returns (TaskId) {
        return TaskId.wrap(digest(domain, keccak256(abi.encode(FIRED_TYPEHASH, workflow, firing))));
    }

    /// @notice A second of a schedule, in Unix time: the `inputHash` of its task.
    function cronFiring(uint64 instant) internal pure returns (bytes32) {
        return keccak256(abi.encode(CRON_TYPEHASH, instant));
    }

    /// @notice A block of a chain: the `inputHash` of its task.
    function blockFiring(uint256 chainId, uint64 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(BLOCK_TYPEHASH, chainId, number));
    }

    /// @notice A log of a chain, by its place in its transaction: the `inputHash` of its task.
    function logFiring(
        uint256 chainId,
        bytes32 txHash,
        uint64 position,
        address emitter,
        bytes32[] memory topics,
        bytes memory data
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                LOG_TYPEHASH, chainId, txHash, position, emitter, keccak256(abi.encodePacked(topics)), keccak256(data)
            )
        );
    }

    /// @notice What a caller signed and sent to an operator: the `inputHash` of its task. Its digest in the domain is what was signed.
    function httpFiring(bytes32 workflow, address caller, bytes32 key, uint64 instant, bytes memory input)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(HTTP_TYPEHASH, workflow, caller, key, instant, keccak256(input)));
    }

    /// @notice The digest of a task in calldata.
    /// @dev Hashes the words as they came: a word with stray high bits gives the digest of no task there is.
    function taskDigest(bytes32 domain, Task calldata task) internal pure returns (bytes32) {
        bytes32 typeHash = TASK_TYPEHASH;
        bytes32 structHash;
        // structHash = keccak256(abi.encode(TASK_TYPEHASH, task));
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, typeHash)
            calldatacopy(add(words, 0x20), task, 0x140)
            structHash := keccak256(words, 0x160)
        }
        return digest(domain, structHash);
    }

    /// @notice The leaf of a result. It needs no domain: the task's digest commits to the service.
    function leaf(bytes32 task, bytes32 component, uint256 chainId, address handler, bytes32 payloadHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(RESULT_TYPEHASH, task, component, chainId, handler, payloadHash));
    }

    /// @notice The Merkle root of leaves in their order; on every level an odd last node moves up unchanged.
    /// @dev Overwrites `leaves`, which must not be empty.
    function rootInPlace(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 width = leaves.length;
        unchecked {
            while (width > 1) {
                uint256 pairs = width / 2;
                for (uint256 i = 0; i < pairs; i++) {
                    leaves[i] = hashPair(leaves[2 * i], leaves[2 * i + 1]);
                }
                if (width % 2 == 1) leaves[pairs] = leaves[width - 1];
                width = (width + 1) / 2;
            }
        }
        return leaves[0];
    }

    /// @notice What the operators of an epoch sign for a batch, in the domain of their ServiceManager.
    function batch(bytes32 domain, Epoch epoch, bytes32 root) internal pure returns (bytes32 result) {
        bytes32 typeHash = BATCH_TYPEHASH;
        // return digest(domain, keccak256(abi.encode(BATCH_TYPEHASH, epoch, root)));
        assembly ("memory-safe") {
            // The word at 0x40 is borrowed.
            let free := mload(0x40)
            mstore(0x00, typeHash)
            mstore(0x20, epoch)
            mstore(0x40, root)
            mstore(0x22, keccak256(0x00, 0x60))
            mstore(0x00, hex"1901")
            mstore(0x02, domain)
            result := keccak256(0x00, 0x42)
            mstore(0x40, free)
        }
    }

    /// @notice What the operators of an epoch sign to stop a pending result, in the domain of their ServiceManager.
    function veto(bytes32 domain, Epoch epoch, bytes32 leaf_) internal pure returns (bytes32) {
        return digest(domain, keccak256(abi.encode(VETO_TYPEHASH, epoch, leaf_)));
    }

    /// @notice What an operator signs to show that it holds the key it registers, in the domain of the
    /// OperatorRegistry.
    function possession(bytes32 domain, address operator, G1 memory g1, G2 memory g2) internal pure returns (bytes32) {
        return digest(
            domain,
            keccak256(abi.encode(POSSESSION_TYPEHASH, operator, keccak256(abi.encode(g1)), keccak256(abi.encode(g2))))
        );
    }

    function hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32 node) {
        // return keccak256(abi.encode(left, right));
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            node := keccak256(0x00, 0x40)
        }
    }
}
