// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {G1, G2} from "../libraries/BN254.sol";
import {IStakeSource} from "./IStakeSource.sol";
import {IStrategy} from "./IStrategy.sol";

/// @title IRestakingManager
/// @notice Where stakers deposit and delegate, and operators register keys and opt in to services.
///
/// Trust: the owner chooses which strategies there are, and nothing else. An operator's BLS key is believed because it
/// proved possession of it. Stake counts for the operator that its staker delegated to, in every service that the
/// operator serves.
///
/// Its whole state follows from its events.
interface IRestakingManager is IStakeSource {
    error ZeroAddress();
    error ZeroAmount();
    /// @notice The owner has not added this strategy.
    error UnknownStrategy(address strategy);
    error StrategyAlreadyAdded(address strategy);
    /// @notice The strategy was made for another manager.
    error ForeignStrategy(address strategy, address manager);
    error TooManyStrategies(uint256 limit);
    error NotAnOperator(address account);
    error AlreadyOperator(address account);
    /// @notice The staker has delegated already, and stays so until it undelegates.
    error AlreadyDelegated(address staker, address operator);
    /// @notice A key half is the point at infinity.
    error InfinityKey();
    /// @notice The BLS key belongs to another operator.
    error KeyInUse(bytes32 keyHash, address holder);
    /// @notice The transport key belongs to another operator.
    error TransportKeyInUse(bytes32 transportKey, address holder);
    error ZeroTransportKey();
    error SocketTooLong(uint256 length, uint256 limit);
    /// @notice The signature does not prove possession of the key, or the key's halves do not belong together.
    error InvalidPossession(address operator, bytes32 digest);
    error AlreadyOptedIn(address operator, address service);

    event StrategyAdded(address indexed strategy, address indexed token);
    event Deposited(address indexed staker, address indexed strategy, uint256 amount, uint256 shares);
    /// @notice All that `staker` holds, now and later, counts for `operator`.
    event Delegated(address indexed staker, address indexed operator);
    /// @notice The G2 half of the key is kept nowhere else.
    event OperatorRegistered(address indexed operator, G1 g1, G2 g2, bytes32 transportKey, string socket);
    event SocketUpdated(address indexed operator, string socket);
    event OptedIn(address indexed operator, address indexed service);
    event OptedOut(address indexed operator, address indexed service);

    /// @notice Lets stakers deposit into `strategy`. Owner only.
    function addStrategy(IStrategy strategy) external;

    /// @notice Stakes `amount` of the strategy's token, which the caller has approved to the *strategy*.
    /// @return shares Shares that the caller gained.
    function deposit(IStrategy strategy, uint256 amount) external returns (uint256 shares);

    /// @notice Gives the weight of all of the caller's stake, now and later, to `operator`.
    function delegateTo(address operator) external;

    /// @notice Makes the caller an operator, delegated to itself.
    /// @param g1 BLS public key in G1.
    /// @param g2 The same key in G2.
    /// @param possession Signature with that key over `possessionDigest(caller, g1, g2)`.
    /// @param transportKey Ed25519 public key that the operator's node speaks with.
    /// @param socket Where its node listens, `host:port`, at most 256 bytes; empty when it is not to be reached.
    function registerOperator(
        G1 calldata g1,
        G2 calldata g2,
        G1 calldata possession,
        bytes32 transportKey,
        string calldata socket
    ) external;

    /// @notice Changes where the caller's node listens.
    function updateSocket(string calldata socket) external;

    /// @notice Enters the caller, an operator, into the set of `service`.
    /// @dev Warning: any operator may enter, whatever its stake, and a table holds 278; a service that needs approval
    /// or a minimum stake must demand them.
    function optIn(address service) external;

    /// @notice Takes the caller out of the set of `service`. Tables that are written already keep it.
    function optOut(address service) external;

    /// @notice Whether deposits into `strategy` are accepted.
    function isStrategy(address strategy) external view returns (bool);

    /// @notice All strategies, in the order they were added.
    function strategies() external view returns (address[] memory);

    /// @notice Shares that `staker` holds in `strategy`.
    function sharesOf(address staker, address strategy) external view returns (uint256);

    /// @notice Shares in `strategy` that are delegated to `operator`.
    function operatorSharesOf(address operator, address strategy) external view returns (uint256);

    /// @notice What they are worth: the operator's weight in that token.
    function stakeOf(address operator, address strategy) external view returns (uint96);

    /// @notice Operator that `staker` delegated to; zero when none.
    function delegateOf(address staker) external view returns (address);

    /// @notice Whether `account` is registered as an operator.
    function isOperator(address account) external view returns (bool);

    /// @notice G1 half of the operator's BLS key; infinity when it is no operator.
    function keyOf(address operator) external view returns (G1 memory);

    /// @notice Operator that holds the BLS key with keccak256(x, y) = `keyHash`; zero when none.
    function holderOfKey(bytes32 keyHash) external view returns (address);

    /// @notice Operator that holds the transport key; zero when none.
    function holderOfTransportKey(bytes32 transportKey) external view returns (address);

    /// @notice Operators that serve `service`, in no particular order.
    /// @dev Warning: unbounded; for reading off chain.
    function operatorsOf(address service) external view returns (address[] memory);

    /// @notice Whether `operator` serves `service`.
    function isOptedIn(address operator, address service) external view returns (bool);

    /// @notice What `operator` signs to prove possession of the key.
    function possessionDigest(address operator, G1 calldata g1, G2 calldata g2) external view returns (bytes32);
}
