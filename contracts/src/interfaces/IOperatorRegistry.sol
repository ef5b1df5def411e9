// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1, G2} from "../libraries/BN254.sol";

/// @title IOperatorRegistry
/// @notice Who the operators are: their keys, where their nodes listen, what they charge. Knows no stake.
///
/// Trust: nobody. There is no owner. A BLS key is believed because its holder proved possession of it; everything else
/// is an operator's own word about itself. A transport key is not proved: whoever claims another's can not speak with
/// it, but keeps the other from registering it, which then takes a fresh one.
///
/// Keys rotate with an overlap. A new key is in force at once: tables taken from then on hold it. The previous one is
/// honoured for `keyOverlap` seconds more, by peers (transport) and in tables that were taken before (BLS), and nobody
/// else can claim it, ever. A second rotation must wait until the overlap has passed.
///
/// Its whole state follows from its events, from block `deploymentBlock` on.
interface IOperatorRegistry {
    error NotAnOperator(address account);
    error AlreadyOperator(address account);
    /// @notice A key half is the point at infinity.
    error InfinityKey();
    /// @notice The BLS key belongs, or belonged, to an operator.
    error KeyInUse(bytes32 keyHash, address holder);
    /// @notice The transport key belongs, or belonged, to an operator.
    error TransportKeyInUse(bytes32 transportKey, address holder);
    error ZeroTransportKey();
    error SocketTooLong(uint256 length, uint256 limit);
    error MetadataTooLong(uint256 length, uint256 limit);
    /// @notice The signature does not prove possession of the key, or the key's halves do not belong together.
    error InvalidPossession(address operator, bytes32 digest);
    /// @notice The previous key of that kind is honoured until then; rotate again afterwards.
    error RotationPending(address operator, uint48 until);
    /// @notice A commission is at most 10 000 basis points.
    error CommissionTooHigh(uint16 bps, uint16 limit);
    /// @notice The operator serves that many services, or their allocations can still be slashed; opt out first.
    error StillServing(address operator, uint256 services);

    /// @notice The G2 half of the key is kept nowhere else.
    event OperatorRegistered(
        address indexed operator, G1 g1, G2 g2, bytes32 transportKey, string socket, string metadataUri
    );
    event OperatorDeregistered(address indexed operator);
    /// @param overlapUntil Last second at which the previous key is honoured.
    event KeyRotated(address indexed operator, G1 g1, G2 g2, G1 previous, uint48 overlapUntil);
    /// @param overlapUntil Last second at which the previous key is honoured.
    event TransportKeyRotated(address indexed operator, bytes32 transportKey, bytes32 previous, uint48 overlapUntil);
    event SocketUpdated(address indexed operator, string socket);
    event MetadataUpdated(address indexed operator, string metadataUri);
    /// @param effectiveAt First second at which `bps` applies.
    event CommissionAnnounced(address indexed operator, uint16 bps, uint48 effectiveAt);

    /// @notice Makes the caller an operator.
    /// @param g1 BLS public key in G1.
    /// @param g2 The same key in G2.
    /// @param possession Signature with that key over `possessionDigest(caller, g1, g2)`.
    /// @param transportKey Ed25519 public key that the operator's node speaks with.
    /// @param socket Where its node listens, `host:port`, at most 256 bytes; empty when it is not to be reached.
    /// @param metadataUri Where a description of the operator can be had, at most 256 bytes; may be empty.
    function registerOperator(
        G1 calldata g1,
        G2 calldata g2,
        G1 calldata possession,
        bytes32 transportKey,
        string calldata socket,
        string calldata metadataUri
    ) external;

    /// @notice Ends the caller's being an operator. It must serve no service. Its keys are spent; with others it may
    /// register again. Whoever delegated to it stays delegated until undelegating.
    function deregisterOperator() external;

    /// @notice Replaces the caller's BLS key.
    function rotateKey(G1 calldata g1, G2 calldata g2, G1 calldata possession) external;

    /// @notice Replaces the caller's transport key.
    function rotateTransportKey(bytes32 transportKey) external;

    /// @notice Changes where the caller's node listens.
    function updateSocket(string calldata socket) external;

    /// @notice Changes where the caller's description can be had.
    function updateMetadata(string calldata metadataUri) external;

    /// @notice Changes the share of rewards that the caller keeps before its stakers, `commissionNotice` seconds from
    /// now. An announcement that is not in effect yet gives way.
    function announceCommission(uint16 bps) external;

    /// @notice Whether `account` is registered as an operator.
    function isOperator(address account) external view returns (bool);

    /// @notice G1 half of the operator's BLS key; infinity when it is no operator.
    function keyOf(address operator) external view returns (G1 memory);

    /// @notice G1 halves of the operators' BLS keys, in their order; infinity for an account that is no operator.
    function keysOf(address[] calldata operators) external view returns (G1[] memory);

    /// @notice The key before the present one, and the last second at which it is honoured; zeros when there is none.
    function previousKeyOf(address operator) external view returns (G1 memory key, uint48 until);

    /// @notice Transport key, the one before it, and the last second at which that is honoured.
    function transportKeysOf(address operator) external view returns (bytes32 current, bytes32 previous, uint48 until);

    /// @notice Commission in force, and the announced one with the first second at which it applies (zeros when none
    /// is announced), in basis points.
    function commissionOf(address operator) external view returns (uint16 current, uint16 announced, uint48 effectiveAt);

    /// @notice Operator that holds or held the BLS key with keccak256(x, y) = `keyHash`; zero when none.
    function holderOfKey(bytes32 keyHash) external view returns (address);

    /// @notice Operator that holds or held the transport key; zero when none.
    function holderOfTransportKey(bytes32 transportKey) external view returns (address);

    /// @notice What `operator` signs to prove possession of the key.
    function possessionDigest(address operator, G1 calldata g1, G2 calldata g2) external view returns (bytes32);

    /// @notice Seconds for which a previous key is honoured.
    function keyOverlap() external view returns (uint32);

    /// @notice Seconds between announcing a commission and its effect.
    function commissionNotice() external view returns (uint32);

    /// @notice Block of deployment: logs of this contract begin here.
    function deploymentBlock() external view returns (uint256);
}
