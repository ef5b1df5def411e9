// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Arrays} from "@openzeppelin/contracts/utils/Arrays.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {
    Allocation,
    AllocationBps,
    IAllocationManager,
    MembershipRules,
    SlashRequest,
    SlashStatus,
    SlashingTerms
} from "../interfaces/IAllocationManager.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {IRestakingManager} from "../interfaces/IRestakingManager.sol";
import {IStakeObserver, IStakeSource} from "../interfaces/IStakeSource.sol";
import {IStrategy} from "../interfaces/IStrategy.sol";
import {BN254, G1} from "../libraries/BN254.sol";
import {BoundedCalls} from "../libraries/BoundedCalls.sol";
import {Exposure, Exposures} from "../libraries/Exposures.sol";
import {Row} from "../libraries/OperatorTables.sol";
import {SharePrice, SharePrices} from "../libraries/SharePrices.sol";
import {Token} from "../types/Structs.sol";

/// @title AllocationManager
/// @notice See `IAllocationManager`, which is the manual. Holds no tokens and no stake: the RestakingManager does.
contract AllocationManager is IAllocationManager, ReentrancyGuardTransient {
    using Arrays for address[];
    using EnumerableSet for EnumerableSet.AddressSet;
    using BN254 for G1;
    using Exposures for Allocation;

    /// @notice Most services that an operator serves, or can still be slashed by.
    uint256 public constant MAX_SERVICES = 32;
    /// @notice Most operators of one service.
    uint16 public constant MAX_OPERATORS = 1_000;
    /// @notice Gas that a service is called with when an operator loses its weight.
    uint256 public constant OBSERVER_GAS = 3_000_000;
    /// @notice Instead of basis points: leave the token's allocation as it is.
    uint16 public constant UNCHANGED = type(uint16).max;

    /// @dev Magnitude of all of an operator's stake.
    uint256 private constant WHOLE = 1e27;
    uint16 private constant ONE_IN_BPS = 10_000;
    /// @dev Who replaces the weakest operator has at least 11/10 of its stake.
    uint256 private constant REPLACE_NUMERATOR = 11;
    uint256 private constant REPLACE_DENOMINATOR = 10;
    uint256 private constant NATIVE = uint256(Token.Native);
    uint256 private constant EXTERNAL = uint256(Token.External);

    /// @inheritdoc IAllocationManager
    IOperatorRegistry public immutable operatorRegistry;
    /// @inheritdoc IAllocationManager
    IRestakingManager public immutable restakingManager;
    /// @inheritdoc IAllocationManager
    uint32 public immutable allocationDelay;
    /// @inheritdoc IAllocationManager
    uint256 public immutable deploymentBlock = block.number;

    /// @dev A table needs the first three slots of it:
    ///
    /// | slot | bits | field |
    /// |---|---|---|
    /// | 0 | 0-159 | native strategy; zero for an unknown service |
    /// | | 160-191 | seconds that a slash request waits |
    /// | | 192-207 | most that one request may take |
    /// | | 208-223 | most operators |
    /// | | 224-231 | whether operators need approval |
    /// | 1 | 0-159 | external strategy |
    /// | | 160-255 | least native weight |
    /// | 2 | 0-159 | slasher |
    /// | | 160-255 | least external weight |
    /// | 3 | 0-159 | resolver |
    /// | | 160-223 | version of the membership |
    /// | 4 | 0-159 | recipient |
    /// | 5-6 | | operators |
    struct Service {
        address native;
        uint32 vetoSeconds;
        uint16 maxSlashBps;
        uint16 maxOperators;
        bool approvalRequired;
        address ext;
        uint96 minNative;
        address slasher;
        uint96 minExternal;
        address resolver;
        uint64 version;
        address recipient;
        EnumerableSet.AddressSet operators;
    }

    mapping(address service => Service) private _services;
    /// @dev Allocations, native first.
    mapping(address service => mapping(address operator => Exposure[2])) private _exposures;
    /// @dev Every service that the operator serves, or that can slash it, is in here; others are taken out when room is
    /// needed.
    mapping(address operator => EnumerableSet.AddressSet) private _servicesOf;
    mapping(uint64 id => SlashRequest) private _slashRequests;
    /// @inheritdoc IAllocationManager
    uint64 public slashRequestCount;

    modifier onlyServiceOwner(address service) {
        _checkServiceOwner(service);
        _;
    }

    /// @dev The other contracts may have no code yet: those of staking know each other's addresses beforehand.
    constructor(IOperatorRegistry operatorRegistry_, IRestakingManager restakingManager_, uint32 allocationDelay_) {
        if (address(operatorRegistry_) == address(0)) revert ZeroAddress();
        if (address(restakingManager_) == address(0)) revert ZeroAddress();
        operatorRegistry = operatorRegistry_;
        restakingManager = restakingManager_;
        allocationDelay = allocationDelay_;
    }

    // Services

    /// @inheritdoc IAllocationManager
    function registerService(
        address service,
        IStrategy native,
        IStrategy ext,
        SlashingTerms memory terms,
        MembershipRules memory rules
    ) external onlyServiceOwner(service) {
        if (isService(service)) revert ServiceAlreadyRegistered(service);
        if (!restakingManager.isStrategy(address(native))) revert InvalidStrategy(address(native));
        if (!restakingManager.isStrategy(address(ext)) || address(ext) == address(native)) {
            revert InvalidStrategy(address(ext));
        }
        _checkTerms(terms);
        _checkRules(rules);
        Service storage s = _services[service];
        s.native = address(native);
        s.ext = address(ext);
        s.slasher = terms.slasher;
        s.resolver = terms.resolver;
        s.recipient = terms.recipient;
        s.vetoSeconds = terms.vetoSeconds;
        s.maxSlashBps = terms.maxSlashBps;
        _setRules(s, rules);
        emit ServiceRegistered(service, address(native), address(ext), terms, rules);
    }

    /// @inheritdoc IAllocationManager
    function setMembershipRules(address service, MembershipRules memory rules) external onlyServiceOwner(service) {
        Service storage s = _known(service);
        _checkRules(rules);
        _setRules(s, rules);
        emit MembershipRulesChanged(service, rules);
    }

    /// @inheritdoc IAllocationManager
    function approveOperator(address service, address operator, bool approved) external onlyServiceOwner(service) {
        _known(service);
        Exposure[2] storage exposures = _exposures[service][operator];
        exposures[NATIVE] = exposures[NATIVE].withApproved(approved);
        emit OperatorApproved(operator, service, approved);
    }

    /// @inheritdoc IAllocationManager
    function ejectOperator(address service, address operator) external nonReentrant onlyServiceOwner(service) {
        _leave(_known(service), service, operator, true);
        _notify(service, operator);
    }

    // Operators

    /// @inheritdoc IAllocationManager
    /// @dev The service is told of the operator that was replaced when all else is done.
    function optIn(address service, AllocationBps calldata allocation, address weakest) external nonReentrant {
        Service storage s = _known(service);
        _checkNewcomer(s, service);
        bool full = s.operators.length() >= s.maxOperators;
        if (full && weakest == address(0)) revert ServiceFull(service, s.maxOperators);
        Exposure[2] storage exposures = _exposures[service][msg.sender];
        exposures[NATIVE] = exposures[NATIVE].withServes(true);
        _enlist(service);
        emit OptedIn(msg.sender, service);
        _allocate(service, NATIVE, allocation.native);
        _allocate(service, EXTERNAL, allocation.ext);
        uint256 rank = _rankOfNewcomer(s, service);
        if (full) _replace(s, service, weakest, rank);
        s.operators.add(msg.sender);
        s.version++;
        if (full) _notify(service, weakest);
    }

    /// @inheritdoc IAllocationManager
    function allocate(address service, AllocationBps calldata allocation) external nonReentrant {
        if (!isOptedIn(msg.sender, service)) revert NotOptedIn(msg.sender, service);
        if (allocation.native != UNCHANGED) _allocate(service, NATIVE, allocation.native);
        if (allocation.ext != UNCHANGED) _allocate(service, EXTERNAL, allocation.ext);
    }

    /// @inheritdoc IAllocationManager
    function optOut(address service) external nonReentrant {
        _leave(_known(service), service, msg.sender, false);
    }

    // Slashing

    /// @inheritdoc IAllocationManager
    function requestSlash(
        address service,
        address operator,
        uint16 nativeBps,
        uint16 externalBps,
        uint48 faultAt,
        bytes32 evidence
    ) external returns (uint64 id) {
        Service storage s = _known(service);
        if (msg.sender != s.slasher) revert NotSlasher(service, msg.sender);
        if (nativeBps > s.maxSlashBps) revert SlashTooHigh(nativeBps, s.maxSlashBps);
        if (externalBps > s.maxSlashBps) revert SlashTooHigh(externalBps, s.maxSlashBps);
        if (!_reaches(service, operator, nativeBps, externalBps)) revert NothingToSlash(operator, service);
        uint256 delay = restakingManager.withdrawalDelay();
        _checkFault(faultAt, s.vetoSeconds, delay);
        SlashRequest memory request = SlashRequest({
            service: service,
            executableAt: uint48(block.timestamp + s.vetoSeconds),
            expiresAt: uint48(faultAt + delay - 1),
            operator: operator,
            status: SlashStatus.Requested,
            nativeBps: nativeBps,
            externalBps: externalBps,
            faultAt: faultAt,
            evidence: evidence
        });
        id = ++slashRequestCount;
        _slashRequests[id] = request;
        emit SlashRequested(id, request);
    }

    /// @inheritdoc IAllocationManager
    function vetoSlash(uint64 id) external {
        _checkPending(id);
        SlashRequest storage request = _slashRequests[id];
        address service = request.service;
        if (msg.sender != _services[service].resolver) revert NotResolver(service, msg.sender);
        if (block.timestamp >= request.executableAt) revert SlashNoLongerVetoable(id, request.executableAt);
        request.status = SlashStatus.Vetoed;
        emit SlashVetoed(id);
    }

    /// @inheritdoc IAllocationManager
    /// @dev The service is told when all else is done. Services that share the stake learn it from their next tables.
    function executeSlash(uint64 id) external nonReentrant {
        _checkPending(id);
        SlashRequest memory request = slashRequest(id);
        if (block.timestamp < request.executableAt || block.timestamp > request.expiresAt) {
            revert SlashNotExecutable(id, request.executableAt, request.expiresAt);
        }
        _slashRequests[id].status = SlashStatus.Executed;
        uint256 native = _slash(request, NATIVE, request.nativeBps);
        uint256 ext = _slash(request, EXTERNAL, request.externalBps);
        emit SlashExecuted(id, native, ext);
        _notify(request.service, request.operator);
    }

    // Stake source

    /// @inheritdoc IStakeSource
    function operatorCount(address service) external view returns (uint256) {
        return _services[service].operators.length();
    }

    /// @inheritdoc IStakeSource
    function membershipVersion(address service) external view returns (uint64) {
        return _services[service].version;
    }

    /// @inheritdoc IStakeSource
    function rows(address service, address[] calldata operators) external view returns (Row[] memory result) {
        G1[] memory keys = operatorRegistry.keysOf(operators);
        (uint256[] memory native, uint256[] memory ext) = _weights(service, operators);
        result = new Row[](operators.length);
        for (uint256 i = 0; i < operators.length; i++) {
            Row memory row = result[i];
            row.key = keys[i];
            row.nativeWeight = uint96(native[i]);
            row.externalWeight = uint96(ext[i]);
        }
    }

    /// @inheritdoc IStakeSource
    /// @dev Keys are named while they are honoured. Stake that is withdrawn or deallocated right after it was read can be
    /// slashed for less than the withdrawal delay.
    function longestTableWindow() external view returns (uint32) {
        uint32 honoured = operatorRegistry.keyOverlap();
        uint32 delay = restakingManager.withdrawalDelay();
        return honoured < delay ? honoured : delay - 1;
    }

    // Views

    /// @inheritdoc IAllocationManager
    function isService(address service) public view returns (bool) {
        return _services[service].native != address(0);
    }

    /// @inheritdoc IAllocationManager
    function slashingTermsOf(address service) external view returns (SlashingTerms memory) {
        Service storage s = _known(service);
        return SlashingTerms(s.slasher, s.resolver, s.recipient, s.vetoSeconds, s.maxSlashBps);
    }

    /// @inheritdoc IAllocationManager
    function membershipRulesOf(address service) external view returns (MembershipRules memory) {
        Service storage s = _known(service);
        return MembershipRules(s.approvalRequired, s.maxOperators, s.minNative, s.minExternal);
    }

    /// @inheritdoc IAllocationManager
    function strategiesOf(address service) external view returns (address native, address ext) {
        Service storage s = _services[service];
        return (s.native, s.ext);
    }

    /// @inheritdoc IAllocationManager
    function isApproved(address operator, address service) external view returns (bool) {
        return _exposures[service][operator][NATIVE].approved();
    }

    /// @inheritdoc IAllocationManager
    function isOptedIn(address operator, address service) public view returns (bool) {
        return _exposures[service][operator][NATIVE].serves();
    }

    /// @inheritdoc IAllocationManager
    function operatorsOf(address service) external view returns (address[] memory) {
        return _services[service].operators.values();
    }

    /// @inheritdoc IAllocationManager
    function servicesOf(address operator) external view returns (address[] memory services) {
        services = _servicesOf[operator].values();
        uint256 count;
        for (uint256 i = 0; i < services.length; i++) {
            if (_isBound(services[i], operator)) services[count++] = services[i];
        }
        return services.splice(0, count);
    }

    /// @inheritdoc IAllocationManager
    function allocationOf(address operator, address service, address strategy)
        external
        view
        returns (Allocation memory allocation)
    {
        (bool found, uint256 side) = _sideOf(service, strategy);
        if (found) allocation = _allocation(service, operator, side);
    }

    /// @inheritdoc IAllocationManager
    function allocatedOf(address operator, address strategy) public view returns (uint256 sum) {
        EnumerableSet.AddressSet storage services = _servicesOf[operator];
        for (uint256 i = 0; i < services.length(); i++) {
            address service = services.at(i);
            (bool found, uint256 side) = _sideOf(service, strategy);
            if (found) sum += _exposures[service][operator][side].encumbered(block.timestamp);
        }
    }

    /// @inheritdoc IAllocationManager
    function weightsOf(address operator, address service) external view returns (uint96, uint96) {
        if (!isOptedIn(operator, service)) return (0, 0);
        (uint256[] memory native, uint256[] memory ext) = _weights(service, _only(operator));
        return (uint96(native[0]), uint96(ext[0]));
    }

    /// @inheritdoc IAllocationManager
    function slashableOf(address operator, address service) external view returns (uint256 native, uint256 ext) {
        Service storage s = _known(service);
        Exposure[2] storage exposures = _exposures[service][operator];
        native = _assets(s.native, _only(operator), _only(exposures[NATIVE].slashable(block.timestamp)))[0];
        ext = _assets(s.ext, _only(operator), _only(exposures[EXTERNAL].slashable(block.timestamp)))[0];
    }

    /// @inheritdoc IAllocationManager
    function slashRequest(uint64 id) public view returns (SlashRequest memory) {
        return _slashRequests[id];
    }

    // Services, privately

    function _known(address service) private view returns (Service storage s) {
        s = _services[service];
        if (s.native == address(0)) revert UnknownService(service);
    }

    /// @dev The caller is the service or its owner. A service without `owner()`, or whose `owner()` fails or returns
    /// something else, has none. At most two words of what it returns are copied.
    function _checkServiceOwner(address service) private view {
        if (service.code.length != 0) {
            if (service == msg.sender) return;
            (bool ok, bytes32 owner,) =
                LowLevelCall.staticcallReturn64Bytes(service, abi.encodeWithSignature("owner()"));
            bool complete = ok && LowLevelCall.returnDataSize() >= 32;
            if (complete && owner == bytes32(uint256(uint160(msg.sender)))) return;
        }
        revert NotServiceOwner(service, msg.sender);
    }

    function _setRules(Service storage s, MembershipRules memory rules) private {
        s.approvalRequired = rules.approvalRequired;
        s.maxOperators = rules.maxOperators;
        s.minNative = rules.minNative;
        s.minExternal = rules.minExternal;
    }

    function _checkTerms(SlashingTerms memory terms) private view {
        uint32 delay = restakingManager.withdrawalDelay();
        bool inRange = terms.maxSlashBps != 0 && terms.maxSlashBps <= ONE_IN_BPS;
        bool noSlasher = terms.slasher == address(0) && terms.maxSlashBps == 0;
        if ((inRange || noSlasher) && terms.vetoSeconds < delay) return;
        revert InvalidSlashingTerms(terms.maxSlashBps, terms.vetoSeconds, delay);
    }

    /// @dev A maximum below the highest possible one must say by what operators are ranked when it is reached.
    function _checkRules(MembershipRules memory rules) private pure {
        bool inRange = rules.maxOperators != 0 && rules.maxOperators <= MAX_OPERATORS;
        bool ranked = rules.minNative | rules.minExternal != 0 || rules.maxOperators == MAX_OPERATORS;
        if (inRange && ranked) return;
        revert InvalidMembershipRules(rules.maxOperators, rules.minNative, rules.minExternal);
    }

    function _strategy(address service, uint256 side) private view returns (address) {
        return side == NATIVE ? _services[service].native : _services[service].ext;
    }

    /// @dev Where the strategy's allocations to the service are kept.
    function _sideOf(address service, address strategy) private view returns (bool found, uint256 side) {
        Service storage s = _services[service];
        if (strategy == address(0)) return (false, 0);
        if (s.native == strategy) return (true, NATIVE);
        return (s.ext == strategy, EXTERNAL);
    }

    // Membership, privately

    function _checkNewcomer(Service storage s, address service) private view {
        if (!operatorRegistry.isOperator(msg.sender)) revert NotAnOperator(msg.sender);
        Exposure native = _exposures[service][msg.sender][NATIVE];
        if (native.serves()) revert AlreadyOptedIn(msg.sender, service);
        if (s.approvalRequired && !native.approved()) revert NotApproved(msg.sender, service);
        uint48 until = native.at(block.timestamp).effectiveAt;
        uint48 other = _allocation(service, msg.sender, EXTERNAL).effectiveAt;
        if (until | other != 0) revert StillSlashable(msg.sender, service, until > other ? until : other);
    }

    /// @dev Adds the service to the caller's, and when there are too many, first takes out those that no longer reach it.
    function _enlist(address service) private {
        EnumerableSet.AddressSet storage services = _servicesOf[msg.sender];
        services.add(service);
        if (services.length() <= MAX_SERVICES) return;
        address[] memory all = services.values();
        for (uint256 i = 0; i < all.length; i++) {
            if (!_isBound(all[i], msg.sender)) services.remove(all[i]);
        }
        if (services.length() > MAX_SERVICES) revert TooManyServices(msg.sender, MAX_SERVICES);
    }

    /// @dev Whether the operator serves the service, or can be slashed by it.
    function _isBound(address service, address operator) private view returns (bool) {
        Exposure[2] storage exposures = _exposures[service][operator];
        return exposures[NATIVE].serves() || exposures[NATIVE].slashable(block.timestamp) != 0
            || exposures[EXTERNAL].slashable(block.timestamp) != 0;
    }

    /// @dev Takes the operator out of the set. What it had allocated goes as late as if it went only now.
    function _leave(Service storage s, address service, address operator, bool ejected) private {
        Exposure[2] storage exposures = _exposures[service][operator];
        if (!exposures[NATIVE].serves()) revert NotOptedIn(operator, service);
        exposures[NATIVE] = exposures[NATIVE].withServes(false);
        s.operators.remove(operator);
        s.version++;
        emit OptedOut(operator, service, ejected);
        uint48 until = _releaseTime();
        _release(service, operator, NATIVE, until);
        _release(service, operator, EXTERNAL, until);
    }

    /// @dev Even where nothing was effective yet: who came and went at will could have the service's tables superseded
    /// each time.
    function _release(address service, address operator, uint256 side, uint48 until) private {
        uint96 current = _allocation(service, operator, side).current;
        _store(service, operator, side, Allocation(current, 0, until));
    }

    /// @dev Stake once nothing is pending: else whoever came last would always be the weakest.
    function _rankOfNewcomer(Service storage s, address service) private view returns (uint256) {
        (uint256[] memory native, uint256[] memory ext) = _stakes(service, _only(msg.sender), _target);
        if (native[0] < s.minNative) revert StakeTooLow(msg.sender, Token.Native, uint96(native[0]), s.minNative);
        if (ext[0] < s.minExternal) revert StakeTooLow(msg.sender, Token.External, uint96(ext[0]), s.minExternal);
        return _rank(native[0], ext[0], s.minNative, s.minExternal);
    }

    /// @dev Makes room for a newcomer of that rank. An operator of rank 0 is replaced by any other.
    function _replace(Service storage s, address service, address named, uint256 rank) private {
        (address weakest, uint256 least) = _weakest(s, service);
        if (named != weakest) revert NotWeakest(named, weakest);
        bool stronger = rank > least && rank * REPLACE_DENOMINATOR >= least * REPLACE_NUMERATOR;
        if (!stronger) revert ServiceFull(service, s.maxOperators);
        _leave(s, service, weakest, true);
    }

    function _weakest(Service storage s, address service) private view returns (address weakest, uint256 least) {
        address[] memory operators = s.operators.values();
        (uint256[] memory native, uint256[] memory ext) = _stakes(service, operators, _target);
        (uint256 minNative, uint256 minExternal) = (s.minNative, s.minExternal);
        least = type(uint256).max;
        for (uint256 i = 0; i < operators.length; i++) {
            uint256 rank = _rank(native[i], ext[i], minNative, minExternal);
            if (rank > least || (rank == least && operators[i] > weakest)) continue;
            (weakest, least) = (operators[i], rank);
        }
    }

    /// @dev Stake in units of the minima, times both: native / minNative + ext / minExternal. A token without minimum
    /// does not count; without any, and below either, all are equal.
    function _rank(uint256 native, uint256 ext, uint256 minNative, uint256 minExternal) private pure returns (uint256) {
        if (native < minNative || ext < minExternal) return 0;
        if (minNative == 0) return minExternal == 0 ? 0 : ext;
        if (minExternal == 0) return native;
        return native * minExternal + ext * minNative;
    }

    // Allocations, privately

    function _allocate(address service, uint256 side, uint16 bps) private {
        if (bps > ONE_IN_BPS) revert AllocationTooHigh(bps, ONE_IN_BPS);
        address strategy = _strategy(service, side);
        uint256 factor = restakingManager.slashFactorOf(msg.sender, strategy);
        uint96 target = uint96(factor * bps / ONE_IN_BPS);
        if (target == _exposures[service][msg.sender][side].target()) return;
        Allocation memory allocation = _allocation(service, msg.sender, side);
        if (allocation.effectiveAt != 0) {
            revert AllocationPending(msg.sender, service, strategy, allocation.effectiveAt);
        }
        bool increase = target > allocation.current;
        uint48 effectiveAt = increase ? uint48(block.timestamp) + allocationDelay : _releaseTime();
        bool atOnce = effectiveAt == block.timestamp;
        allocation = atOnce ? Allocation(target, 0, 0) : Allocation(allocation.current, target, effectiveAt);
        _store(service, msg.sender, side, allocation);
        if (increase) _checkLeverage(strategy, factor);
    }

    function _checkLeverage(address strategy, uint256 factor) private view {
        uint256 sum = allocatedOf(msg.sender, strategy);
        uint256 cap = factor * IStrategy(strategy).leverageCapBps() / ONE_IN_BPS;
        if (sum > cap) revert LeverageCapExceeded(msg.sender, strategy, sum, cap);
    }

    function _allocation(address service, address operator, uint256 side) private view returns (Allocation memory) {
        return _exposures[service][operator][side].at(block.timestamp);
    }

    function _store(address service, address operator, uint256 side, Allocation memory allocation) private {
        Exposure[2] storage exposures = _exposures[service][operator];
        exposures[side] = exposures[side].with(allocation);
        emit AllocationChanged(operator, service, _strategy(service, side), allocation);
    }

    function _releaseTime() private view returns (uint48) {
        return uint48(block.timestamp) + restakingManager.withdrawalDelay();
    }

    // Slashing, privately

    function _checkPending(uint64 id) private view {
        SlashStatus status = _slashRequests[id].status;
        if (status == SlashStatus.None) revert UnknownSlashRequest(id);
        if (status != SlashStatus.Requested) revert SlashNotPending(id, status);
    }

    function _reaches(address service, address operator, uint16 nativeBps, uint16 externalBps)
        private
        view
        returns (bool)
    {
        Exposure[2] storage exposures = _exposures[service][operator];
        return (nativeBps != 0 && exposures[NATIVE].slashable(block.timestamp) != 0)
            || (externalBps != 0 && exposures[EXTERNAL].slashable(block.timestamp) != 0);
    }

    /// @dev A request must become executable before what stood behind the operator at the fault can have left.
    function _checkFault(uint48 faultAt, uint256 vetoSeconds, uint256 delay) private view {
        uint256 beyond = block.timestamp + vetoSeconds;
        if (faultAt <= block.timestamp && beyond < faultAt + delay) return;
        uint256 earliest = beyond < delay ? 0 : beyond - delay + 1;
        revert FaultOutOfReach(faultAt, uint48(earliest), uint48(block.timestamp));
    }

    /// @dev Takes its part of one allocation, and lowers the slash factor by as much.
    function _slash(SlashRequest memory request, uint256 side, uint16 bps) private returns (uint256 shares) {
        Allocation memory before = _allocation(request.service, request.operator, side);
        if (bps == 0 || before.current == 0) return 0;
        Allocation memory left = before.slashed(bps);
        _store(request.service, request.operator, side, left);
        address strategy = _strategy(request.service, side);
        uint96 taken = before.current - left.current;
        uint96 factor = restakingManager.slashFactorOf(request.operator, strategy) - taken;
        _fitUnderCap(request.operator, strategy, factor);
        address recipient = _services[request.service].recipient;
        return restakingManager.slash(request.operator, IStrategy(strategy), factor, recipient);
    }

    /// @dev Above a cap of 100 %, what is left of the stake can be less than what its services share: all allocations
    /// shrink in proportion until they fit again, and none is more than the whole. At 100 % they always fit, as the sum
    /// fell by no less than the factor.
    function _fitUnderCap(address operator, address strategy, uint96 factor) private {
        uint256 leverage = IStrategy(strategy).leverageCapBps();
        if (leverage == ONE_IN_BPS) return;
        uint256 cap = factor * leverage / ONE_IN_BPS;
        uint256 sum = allocatedOf(operator, strategy);
        if (sum < cap) sum = cap;
        EnumerableSet.AddressSet storage services = _servicesOf[operator];
        for (uint256 i = 0; i < services.length(); i++) {
            address service = services.at(i);
            (bool found, uint256 side) = _sideOf(service, strategy);
            if (found) _shrink(service, operator, side, cap, sum, factor);
        }
    }

    /// @dev Multiplies the allocation by `cap / sum`, then takes it down to `limit`.
    function _shrink(address service, address operator, uint256 side, uint256 cap, uint256 sum, uint96 limit) private {
        Allocation memory before = _allocation(service, operator, side);
        if (before.current | before.pending == 0) return;
        Allocation memory left = before.scaled(cap, sum).capped(limit);
        if (left.current == before.current && left.pending == before.pending) return;
        _store(service, operator, side, left);
    }

    /// @dev Tells the service under which keys the operator's weight is lost. Above a cap of 100 % stake of other
    /// services may have shrunk as well; they learn it from their next tables.
    function _notify(address service, address operator) private {
        bytes memory message = abi.encodeCall(IStakeObserver.onWeightLost, (operator, _honouredKeys(operator)));
        if (!BoundedCalls.tryCall(service, OBSERVER_GAS, message)) emit ObserverFailed(service, operator);
    }

    function _honouredKeys(address operator) private view returns (G1[] memory keys) {
        (G1 memory previous, uint48 until) = operatorRegistry.previousKeyOf(operator);
        bool honoured = !previous.isInfinity() && block.timestamp <= until;
        keys = new G1[](honoured ? 2 : 1);
        keys[0] = operatorRegistry.keyOf(operator);
        if (honoured) keys[1] = previous;
    }

    // Stake, privately

    /// @dev Zeros for a member whose stake is below a minimum.
    function _weights(address service, address[] memory operators)
        private
        view
        returns (uint256[] memory native, uint256[] memory ext)
    {
        (native, ext) = _stakes(service, operators, Exposures.weight);
        (uint256 minNative, uint256 minExternal) = (_services[service].minNative, _services[service].minExternal);
        for (uint256 i = 0; i < operators.length; i++) {
            if (native[i] < minNative || ext[i] < minExternal) (native[i], ext[i]) = (0, 0);
        }
    }

    /// @dev Allocated stake of members in both tokens' smallest units, each allocation as `measure` sees it now.
    function _stakes(
        address service,
        address[] memory operators,
        function(Exposure, uint256) pure returns (uint256) measure
    ) private view returns (uint256[] memory native, uint256[] memory ext) {
        native = new uint256[](operators.length);
        ext = new uint256[](operators.length);
        mapping(address => Exposure[2]) storage all = _exposures[service];
        for (uint256 i = 0; i < operators.length; i++) {
            Exposure[2] storage exposures = all[operators[i]];
            Exposure word = exposures[NATIVE];
            if (!word.serves()) revert NotOptedIn(operators[i], service);
            native[i] = measure(word, block.timestamp);
            ext[i] = measure(exposures[EXTERNAL], block.timestamp);
        }
        native = _assets(_services[service].native, operators, native);
        ext = _assets(_services[service].ext, operators, ext);
    }

    /// @dev Measures what is left once nothing is pending.
    function _target(Exposure word, uint256) private pure returns (uint256) {
        return word.target();
    }

    /// @dev Turns magnitudes, in place, into the tokens that they are of each operator's stake, at most 96 bits.
    function _assets(address strategy, address[] memory operators, uint256[] memory magnitudes)
        private
        view
        returns (uint256[] memory)
    {
        (uint128[] memory scaled,) = restakingManager.stakesOf(operators, strategy);
        SharePrice memory price = SharePrices.priceOf(IStrategy(strategy));
        for (uint256 i = 0; i < operators.length; i++) {
            uint256 shares;
            // A product of 128 and 96 bits.
            unchecked {
                shares = scaled[i] * magnitudes[i] / WHOLE;
            }
            uint256 assets = price.toAssets(shares);
            magnitudes[i] = assets > type(uint96).max ? type(uint96).max : assets;
        }
        return magnitudes;
    }

    function _only(address operator) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = operator;
    }

    function _only(uint256 magnitude) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = magnitude;
    }
}
