// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IAllocationManager} from "../interfaces/IAllocationManager.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {BN254, G1, G2} from "../libraries/BN254.sol";
import {Digests} from "../libraries/Digests.sol";
import {Domain} from "../types/Domain.sol";

/// @title OperatorRegistry
/// @notice See `IOperatorRegistry`, which is the manual. Knows of stake only whether an operator still serves a service.
contract OperatorRegistry is IOperatorRegistry, Domain {
    using BN254 for G1;
    using BN254 for G2;

    /// @notice Longest socket, in bytes.
    uint256 public constant MAX_SOCKET_BYTES = 256;
    /// @notice Longest metadata URI, in bytes.
    uint256 public constant MAX_METADATA_BYTES = 256;
    /// @notice Highest commission, in basis points.
    uint16 public constant MAX_COMMISSION_BPS = 10_000;

    /// @notice Says which services an operator serves.
    IAllocationManager public immutable allocationManager;
    /// @inheritdoc IOperatorRegistry
    uint32 public immutable keyOverlap;
    /// @inheritdoc IOperatorRegistry
    uint32 public immutable commissionNotice;
    /// @inheritdoc IOperatorRegistry
    uint256 public immutable deploymentBlock = block.number;

    /// @dev A key that was rotated out, and the last second at which it is honoured.
    struct PreviousKey {
        G1 key;
        uint48 until;
    }

    struct TransportKeys {
        bytes32 current;
        bytes32 previous;
        uint48 until;
    }

    /// @dev One slot. `announced` is in force from `effectiveAt` on, if that is not 0.
    struct Commission {
        uint16 current;
        uint16 announced;
        uint48 effectiveAt;
    }

    /// @dev Apart from previous keys, as tables are made from these: two slots to an operator.
    mapping(address operator => G1) private _keys;
    mapping(address operator => PreviousKey) private _previousKeys;
    mapping(address operator => TransportKeys) private _transportKeys;
    mapping(address operator => Commission) private _commissions;
    /// @inheritdoc IOperatorRegistry
    mapping(bytes32 keyHash => address) public holderOfKey;
    /// @inheritdoc IOperatorRegistry
    mapping(bytes32 transportKey => address) public holderOfTransportKey;

    modifier onlyOperator() {
        if (!isOperator(msg.sender)) revert NotAnOperator(msg.sender);
        _;
    }

    /// @param allocationManager_ May have no code yet: the contracts of staking know each other's addresses beforehand.
    constructor(address allocationManager_, uint32 keyOverlap_, uint32 commissionNotice_) {
        allocationManager = IAllocationManager(allocationManager_);
        keyOverlap = keyOverlap_;
        commissionNotice = commissionNotice_;
    }

    /// @inheritdoc IOperatorRegistry
    function registerOperator(
        G1 calldata g1,
        G2 calldata g2,
        G1 calldata possession,
        bytes32 transportKey,
        string calldata socket,
        string calldata metadataUri
    ) external {
        if (isOperator(msg.sender)) revert AlreadyOperator(msg.sender);
        _checkSocket(socket);
        _checkMetadata(metadataUri);
        _claimTransportKey(transportKey);
        _claimKey(g1, g2, possession);
        _keys[msg.sender] = g1;
        _transportKeys[msg.sender].current = transportKey;
        emit OperatorRegistered(msg.sender, g1, g2, transportKey, socket, metadataUri);
    }

    /// @inheritdoc IOperatorRegistry
    function deregisterOperator() external onlyOperator {
        uint256 services = allocationManager.servicesOf(msg.sender).length;
        if (services != 0) revert StillServing(msg.sender, services);
        delete _keys[msg.sender];
        delete _previousKeys[msg.sender];
        delete _transportKeys[msg.sender];
        delete _commissions[msg.sender];
        emit OperatorDeregistered(msg.sender);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateKey(G1 calldata g1, G2 calldata g2, G1 calldata possession) external onlyOperator {
        _checkOverlap(_previousKeys[msg.sender].until);
        _claimKey(g1, g2, possession);
        G1 memory previous = _keys[msg.sender];
        uint48 until = uint48(block.timestamp) + keyOverlap;
        _previousKeys[msg.sender] = PreviousKey(previous, until);
        _keys[msg.sender] = g1;
        emit KeyRotated(msg.sender, g1, g2, previous, until);
    }

    /// @inheritdoc IOperatorRegistry
    function rotateTransportKey(bytes32 transportKey) external onlyOperator {
        TransportKeys storage keys = _transportKeys[msg.sender];
        _checkOverlap(keys.until);
        _claimTransportKey(transportKey);
        bytes32 previous = keys.current;
        uint48 until = uint48(block.timestamp) + keyOverlap;
        (keys.current, keys.previous, keys.until) = (transportKey, previous, until);
        emit TransportKeyRotated(msg.sender, transportKey, previous, until);
    }

    /// @inheritdoc IOperatorRegistry
    function updateSocket(string calldata socket) external onlyOperator {
        _checkSocket(socket);
        emit SocketUpdated(msg.sender, socket);
    }

    /// @inheritdoc IOperatorRegistry
    function updateMetadata(string calldata metadataUri) external onlyOperator {
        _checkMetadata(metadataUri);
        emit MetadataUpdated(msg.sender, metadataUri);
    }

    /// @inheritdoc IOperatorRegistry
    function announceCommission(uint16 bps) external onlyOperator {
        if (bps > MAX_COMMISSION_BPS) revert CommissionTooHigh(bps, MAX_COMMISSION_BPS);
        (uint16 current,,) = commissionOf(msg.sender);
        uint48 effectiveAt = uint48(block.timestamp) + commissionNotice;
        _commissions[msg.sender] = Commission(current, bps, effectiveAt);
        emit CommissionAnnounced(msg.sender, bps, effectiveAt);
    }

    /// @inheritdoc IOperatorRegistry
    function isOperator(address account) public view returns (bool) {
        // No point of the curve has x = 0.
        return _keys[account].x != 0;
    }

    /// @inheritdoc IOperatorRegistry
    function keyOf(address operator) external view returns (G1 memory) {
        return _keys[operator];
    }

    /// @inheritdoc IOperatorRegistry
    function keysOf(address[] calldata operators) external view returns (G1[] memory keys) {
        keys = new G1[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            keys[i] = _keys[operators[i]];
        }
    }

    /// @inheritdoc IOperatorRegistry
    function previousKeyOf(address operator) external view returns (G1 memory key, uint48 until) {
        PreviousKey memory previous = _previousKeys[operator];
        return (previous.key, previous.until);
    }

    /// @inheritdoc IOperatorRegistry
    function transportKeysOf(address operator) external view returns (bytes32 current, bytes32 previous, uint48 until) {
        TransportKeys memory keys = _transportKeys[operator];
        return (keys.current, keys.previous, keys.until);
    }

    /// @inheritdoc IOperatorRegistry
    function commissionOf(address operator) public view returns (uint16 current, uint16 announced, uint48 effectiveAt) {
        Commission memory kept = _commissions[operator];
        bool pending = block.timestamp < kept.effectiveAt;
        if (pending) return (kept.current, kept.announced, kept.effectiveAt);
        return (kept.effectiveAt == 0 ? kept.current : kept.announced, 0, 0);
    }

    /// @inheritdoc IOperatorRegistry
    function possessionDigest(address operator, G1 calldata g1, G2 calldata g2) public view returns (bytes32) {
        return Digests.possession(domainSeparator(), operator, g1, g2);
    }

    function _claimTransportKey(bytes32 transportKey) private {
        if (transportKey == 0) revert ZeroTransportKey();
        address holder = holderOfTransportKey[transportKey];
        if (holder != address(0)) revert TransportKeyInUse(transportKey, holder);
        holderOfTransportKey[transportKey] = msg.sender;
    }

    /// @dev The pairing check comes last, as it is dearest.
    function _claimKey(G1 calldata g1, G2 calldata g2, G1 calldata possession) private {
        if (g1.isInfinity() || g2.isInfinity()) revert InfinityKey();
        bytes32 keyHash = keccak256(abi.encode(g1));
        address holder = holderOfKey[keyHash];
        if (holder != address(0)) revert KeyInUse(keyHash, holder);
        holderOfKey[keyHash] = msg.sender;
        bytes32 digest = possessionDigest(msg.sender, g1, g2);
        if (!BN254.verify(digest, BN254.hashToG1(digest), g1, g2, possession)) {
            revert InvalidPossession(msg.sender, digest);
        }
    }

    function _checkOverlap(uint48 until) private view {
        if (block.timestamp <= until) revert RotationPending(msg.sender, until);
    }

    function _checkSocket(string calldata socket) private pure {
        uint256 length = bytes(socket).length;
        if (length > MAX_SOCKET_BYTES) revert SocketTooLong(length, MAX_SOCKET_BYTES);
    }

    function _checkMetadata(string calldata metadataUri) private pure {
        uint256 length = bytes(metadataUri).length;
        if (length > MAX_METADATA_BYTES) revert MetadataTooLong(length, MAX_METADATA_BYTES);
    }
}
