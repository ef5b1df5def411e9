// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IRestakingManager} from "../interfaces/IRestakingManager.sol";
import {IServiceManager} from "../interfaces/IServiceManager.sol";
import {IStakeSource} from "../interfaces/IStakeSource.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {BN254, G1, G2} from "../libraries/BN254.sol";
import {Digests} from "../libraries/Digests.sol";
import {Row} from "../libraries/OperatorTables.sol";
import {Domain} from "../types/Domain.sol";

/// @title RestakingManager
/// @notice See `IRestakingManager`, which is the manual. Holds no tokens: strategies do.
contract RestakingManager is IRestakingManager, Ownable2Step, ReentrancyGuardTransient, Domain {
    using BN254 for G1;
    using BN254 for G2;
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @notice Delegation walks over all strategies; this bounds it.
    uint256 public constant MAX_STRATEGIES = 16;
    /// @notice Longest socket, in bytes.
    uint256 public constant MAX_SOCKET_BYTES = 256;

    EnumerableSet.AddressSet private _strategies;
    mapping(address service => EnumerableSet.AddressSet) private _operatorsOf;
    mapping(address operator => G1) private _keys;
    /// @inheritdoc IStakeSource
    mapping(address service => uint64) public membershipVersion;

    /// @inheritdoc IRestakingManager
    mapping(address staker => mapping(address strategy => uint256)) public sharesOf;
    /// @inheritdoc IRestakingManager
    mapping(address operator => mapping(address strategy => uint256)) public operatorSharesOf;
    /// @inheritdoc IRestakingManager
    mapping(address staker => address) public delegateOf;
    /// @inheritdoc IRestakingManager
    mapping(bytes32 keyHash => address) public holderOfKey;
    /// @inheritdoc IRestakingManager
    mapping(bytes32 transportKey => address) public holderOfTransportKey;

    modifier onlyOperator() {
        if (!isOperator(msg.sender)) revert NotAnOperator(msg.sender);
        _;
    }

    constructor(address owner_) Ownable(owner_) {}

    /// @inheritdoc IRestakingManager
    function addStrategy(IStrategy strategy) external onlyOwner {
        if (strategy.manager() != address(this)) revert ForeignStrategy(address(strategy), strategy.manager());
        if (_strategies.length() == MAX_STRATEGIES) revert TooManyStrategies(MAX_STRATEGIES);
        if (!_strategies.add(address(strategy))) revert StrategyAlreadyAdded(address(strategy));
        emit StrategyAdded(address(strategy), address(strategy.token()));
    }

    /// @inheritdoc IRestakingManager
    /// @dev The strategy tells the shares only after it took the tokens; the guard keeps a token's hooks out until they
    /// are booked.
    function deposit(IStrategy strategy, uint256 amount) external nonReentrant returns (uint256 shares) {
        if (!isStrategy(address(strategy))) revert UnknownStrategy(address(strategy));
        if (amount == 0) revert ZeroAmount();
        shares = strategy.deposit(msg.sender, amount);
        sharesOf[msg.sender][address(strategy)] += shares;
        address operator = delegateOf[msg.sender];
        if (operator != address(0)) operatorSharesOf[operator][address(strategy)] += shares;
        emit Deposited(msg.sender, address(strategy), amount, shares);
    }

    /// @inheritdoc IRestakingManager
    function delegateTo(address operator) external nonReentrant {
        if (!isOperator(operator)) revert NotAnOperator(operator);
        _delegate(msg.sender, operator);
    }

    /// @inheritdoc IRestakingManager
    function registerOperator(
        G1 calldata g1,
        G2 calldata g2,
        G1 calldata possession,
        bytes32 transportKey,
        string calldata socket
    ) external nonReentrant {
        if (isOperator(msg.sender)) revert AlreadyOperator(msg.sender);
        _checkSocket(socket);
        _claimTransportKey(transportKey);
        _claimKey(g1, g2);
        _checkPossession(g1, g2, possession);
        _keys[msg.sender] = g1;
        emit OperatorRegistered(msg.sender, g1, g2, transportKey, socket);
        _delegate(msg.sender, msg.sender);
    }

    /// @inheritdoc IRestakingManager
    function updateSocket(string calldata socket) external onlyOperator {
        _checkSocket(socket);
        emit SocketUpdated(msg.sender, socket);
    }

    /// @inheritdoc IRestakingManager
    function optIn(address service) external onlyOperator {
        if (service == address(0)) revert ZeroAddress();
        if (!_operatorsOf[service].add(msg.sender)) revert AlreadyOptedIn(msg.sender, service);
        membershipVersion[service]++;
        emit OptedIn(msg.sender, service);
    }

    /// @inheritdoc IRestakingManager
    function optOut(address service) external {
        if (!_operatorsOf[service].remove(msg.sender)) revert NotOptedIn(msg.sender, service);
        membershipVersion[service]++;
        emit OptedOut(msg.sender, service);
    }

    /// @inheritdoc IStakeSource
    function operatorCount(address service) external view returns (uint256) {
        return _operatorsOf[service].length();
    }

    /// @inheritdoc IStakeSource
    function rows(address service, address[] calldata operators) external view returns (Row[] memory result) {
        address native = IServiceManager(service).nativeStrategy();
        address ext = IServiceManager(service).externalStrategy();
        EnumerableSet.AddressSet storage optedIn = _operatorsOf[service];
        result = new Row[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            address operator = operators[i];
            if (!optedIn.contains(operator)) revert NotOptedIn(operator, service);
            result[i] = Row(_keys[operator], stakeOf(operator, native), stakeOf(operator, ext));
        }
    }

    /// @inheritdoc IRestakingManager
    function isStrategy(address strategy) public view returns (bool) {
        return _strategies.contains(strategy);
    }

    /// @inheritdoc IRestakingManager
    function strategies() external view returns (address[] memory) {
        return _strategies.values();
    }

    /// @inheritdoc IRestakingManager
    function stakeOf(address operator, address strategy) public view returns (uint96) {
        uint256 shares = operatorSharesOf[operator][strategy];
        // A strategy holds at most 96 bits of assets, so no part of them is more.
        return shares == 0 ? 0 : uint96(IStrategy(strategy).toAssets(shares));
    }

    /// @inheritdoc IRestakingManager
    function isOperator(address account) public view returns (bool) {
        // No point of the curve has x = 0.
        return _keys[account].x != 0;
    }

    /// @inheritdoc IRestakingManager
    function keyOf(address operator) external view returns (G1 memory) {
        return _keys[operator];
    }

    /// @inheritdoc IRestakingManager
    function operatorsOf(address service) external view returns (address[] memory) {
        return _operatorsOf[service].values();
    }

    /// @inheritdoc IRestakingManager
    function isOptedIn(address operator, address service) external view returns (bool) {
        return _operatorsOf[service].contains(operator);
    }

    /// @inheritdoc IRestakingManager
    function possessionDigest(address operator, G1 calldata g1, G2 calldata g2) public view returns (bytes32) {
        return Digests.possession(domainSeparator(), operator, g1, g2);
    }

    function _delegate(address staker, address operator) private {
        address current = delegateOf[staker];
        if (current != address(0)) revert AlreadyDelegated(staker, current);
        delegateOf[staker] = operator;
        for (uint256 i = 0; i < _strategies.length(); i++) {
            address strategy = _strategies.at(i);
            uint256 shares = sharesOf[staker][strategy];
            if (shares != 0) operatorSharesOf[operator][strategy] += shares;
        }
        emit Delegated(staker, operator);
    }

    function _claimTransportKey(bytes32 transportKey) private {
        if (transportKey == 0) revert ZeroTransportKey();
        address holder = holderOfTransportKey[transportKey];
        if (holder != address(0)) revert TransportKeyInUse(transportKey, holder);
        holderOfTransportKey[transportKey] = msg.sender;
    }

    function _claimKey(G1 memory g1, G2 memory g2) private {
        if (g1.isInfinity() || g2.isInfinity()) revert InfinityKey();
        bytes32 keyHash = keccak256(abi.encode(g1));
        address holder = holderOfKey[keyHash];
        if (holder != address(0)) revert KeyInUse(keyHash, holder);
        holderOfKey[keyHash] = msg.sender;
    }

    function _checkPossession(G1 calldata g1, G2 calldata g2, G1 calldata possession) private view {
        bytes32 digest = possessionDigest(msg.sender, g1, g2);
        if (!BN254.verify(digest, BN254.hashToG1(digest), g1, g2, possession)) {
            revert InvalidPossession(msg.sender, digest);
        }
    }

    function _checkSocket(string calldata socket) private pure {
        uint256 length = bytes(socket).length;
        if (length > MAX_SOCKET_BYTES) revert SocketTooLong(length, MAX_SOCKET_BYTES);
    }
}
