// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IOperatorRegistry} from "./IOperatorRegistry.sol";
import {IRestakingManager} from "./IRestakingManager.sol";
import {IStakeSource} from "./IStakeSource.sol";
import {IStrategy} from "./IStrategy.sol";
import {Token} from "../types/Structs.sol";

/// @notice What a service may do to the stake behind it. Fixed at registration, for good: it is what operators and
/// their stakers agree to.
struct SlashingTerms {
    /// May request slashes; zero for a service that never slashes.
    address slasher;
    /// May veto a request while it waits; zero for none.
    address resolver;
    /// Receives what is slashed; zero to burn it.
    address recipient;
    /// Seconds that a request waits before it can be executed.
    uint32 vetoSeconds;
    /// Most that one request may take, in basis points of an operator's allocation.
    uint16 maxSlashBps;
}

/// @notice Whom a service takes. May change at any time; who serves already stays until ejected.
struct MembershipRules {
    /// Whether the service's owner must approve an operator first.
    bool approvalRequired;
    /// Most operators, 1 to 1 000; below 1 000 only with a minimum stake, by which operators are ranked when it is
    /// reached.
    uint16 maxOperators;
    /// Least weight per token, in the token's smallest unit. An operator below either has no weight at all. A token
    /// without minimum counts for nothing in the ranking.
    uint96 minNative;
    uint96 minExternal;
}

/// @notice What an operator exposes to a service, in basis points of its stake per token. In `allocate`, 65 535 leaves
/// the token's allocation as it is.
struct AllocationBps {
    uint16 native;
    uint16 ext;
}

/// @notice One allocation, as magnitudes: parts of 1e27 of the operator's stake as it was before any slashing, so that
/// a magnitude divided by the slash factor is the allocated part of the present stake.
struct Allocation {
    /// Slashable now.
    uint96 current;
    /// Takes the place of `current` at `effectiveAt`.
    uint96 pending;
    /// 0 when nothing is pending.
    uint48 effectiveAt;
}

enum SlashStatus {
    None,
    Requested,
    Vetoed,
    Executed
}

/// @notice A slash that was asked for.
struct SlashRequest {
    address service;
    /// First second at which it can be executed, and last.
    uint48 executableAt;
    uint48 expiresAt;
    address operator;
    SlashStatus status;
    /// Proportion of the operator's allocation to be taken, per token.
    uint16 nativeBps;
    uint16 externalBps;
    /// When the fault happened.
    uint48 faultAt;
    /// What shows the fault: a hash or an identifier, as the service defines it.
    bytes32 evidence;
}

/// @title IAllocationManager
/// @notice Which operators serve which services with how much of their stake, and how it is slashed.
///
/// An operator opts in to a service with an **allocation** per token, in basis points of its stake. Its allocations of
/// one strategy over all services sum to at most the strategy's *leverage cap*. At 100 % each unit of stake is at risk
/// once, and a slash by one service takes nothing from what another can slash. Above 100 % services share stake, and
/// when a slash brings the sum over the cap again, all of the operator's allocations of the strategy shrink in
/// proportion. Whoever relies on shared stake relies on the other services, too: an operator may serve one of its own
/// making, which slashes it in its own favour.
///
/// More becomes effective after `allocationDelay`, so that stakers can leave first. Less becomes effective after
/// the RestakingManager's `withdrawalDelay`: till then it can be slashed, but it counts for no weight at once.
///
/// A slash is requested by the service's slasher, waits `vetoSeconds` for its resolver, and is then executed by anyone,
/// before `faultAt + withdrawalDelay`: whatever stood behind the operator at the fault is still reached.
///
/// Trust: nobody but, per service, those whom its terms name. The service's owner (`owner()` of the service) registers
/// it, sets membership rules, approves and ejects. There is no owner of this contract.
///
/// Its whole state follows from its events, from block `deploymentBlock` on.
interface IAllocationManager is IStakeSource {
    error ZeroAddress();
    /// @notice The caller is neither the service nor its owner.
    error NotServiceOwner(address service, address caller);
    error UnknownService(address service);
    error ServiceAlreadyRegistered(address service);
    /// @notice The RestakingManager does not know the strategy, or both tokens have the same.
    error InvalidStrategy(address strategy);
    /// @notice `maxSlashBps` is not in 1 to 10 000 (or not 0 where there is no slasher), or the waiting leaves no time to
    /// execute before stake can leave.
    error InvalidSlashingTerms(uint16 maxSlashBps, uint32 vetoSeconds, uint32 withdrawalDelay);
    /// @notice `maxOperators` is not in 1 to 1 000, or below 1 000 without minimum stake to rank by.
    error InvalidMembershipRules(uint16 maxOperators, uint96 minNative, uint96 minExternal);
    error NotAnOperator(address account);
    error NotApproved(address operator, address service);
    error AlreadyOptedIn(address operator, address service);
    /// @notice The operator serves as many services as it can; the bound keeps slashing cheap.
    error TooManyServices(address operator, uint256 limit);
    error StakeTooLow(address operator, Token token, uint96 weight, uint96 least);
    /// @notice The service is full. To replace its weakest operator, name it and have more stake, by a tenth at least.
    error ServiceFull(address service, uint16 maxOperators);
    /// @notice The named operator is not the weakest one: `weaker` is.
    error NotWeakest(address named, address weaker);
    /// @notice An allocation is 0 to 10 000 basis points.
    error AllocationTooHigh(uint16 bps, uint16 limit);
    /// @notice The operator's allocations of the strategy would sum to more than its leverage cap; both in parts of
    /// 1e27, scaled by the slash factor.
    error LeverageCapExceeded(address operator, address strategy, uint256 sum, uint256 cap);
    /// @notice An earlier change of this allocation becomes effective only then.
    error AllocationPending(address operator, address service, address strategy, uint48 effectiveAt);
    /// @notice An operator that left is bound until then, and whatever it had allocated can be slashed; opt in again
    /// afterwards.
    error StillSlashable(address operator, address service, uint48 until);
    error NotSlasher(address service, address caller);
    error NotResolver(address service, address caller);
    error SlashTooHigh(uint16 bps, uint16 limit);
    error NothingToSlash(address operator, address service);
    /// @notice The fault lies in the future, or too long ago for the request to be executed in time.
    error FaultOutOfReach(uint48 faultAt, uint48 earliest, uint48 latest);
    error UnknownSlashRequest(uint64 id);
    error SlashNotPending(uint64 id, SlashStatus status);
    error SlashNotExecutable(uint64 id, uint48 executableAt, uint48 expiresAt);
    error SlashNoLongerVetoable(uint64 id, uint48 executableAt);

    event ServiceRegistered(
        address indexed service, address native, address ext, SlashingTerms terms, MembershipRules rules
    );
    event MembershipRulesChanged(address indexed service, MembershipRules rules);
    event OperatorApproved(address indexed operator, address indexed service, bool approved);
    event OptedIn(address indexed operator, address indexed service);
    /// @param ejected Whether the service's owner, or a stronger operator, made it leave.
    event OptedOut(address indexed operator, address indexed service, bool ejected);
    /// @notice An allocation changed, for whatever reason.
    event AllocationChanged(
        address indexed operator, address indexed service, address indexed strategy, Allocation allocation
    );
    event SlashRequested(uint64 indexed id, SlashRequest request);
    event SlashVetoed(uint64 indexed id);
    /// @param nativeShares Shares of the native strategy that were taken.
    /// @param externalShares Shares of the external strategy that were taken.
    event SlashExecuted(uint64 indexed id, uint256 nativeShares, uint256 externalShares);
    /// @notice The service could not be told that an operator lost its weight.
    event ObserverFailed(address indexed service, address indexed operator);

    /// @notice Makes `service` known here. The service's owner only, once.
    /// @param native Strategy whose stake is the native weight.
    /// @param ext Strategy whose stake is the external weight.
    function registerService(
        address service,
        IStrategy native,
        IStrategy ext,
        SlashingTerms calldata terms,
        MembershipRules calldata rules
    ) external;

    /// @notice Changes whom `service` takes. The service's owner only.
    function setMembershipRules(address service, MembershipRules calldata rules) external;

    /// @notice Approves `operator` for `service`, or takes the approval back, which ejects nobody. The service's owner
    /// only.
    function approveOperator(address service, address operator, bool approved) external;

    /// @notice Makes `operator` leave `service`: its weight is lost at once, its allocation stays slashable as if it
    /// had left by itself. It may come back unless approval is required. The service's owner only.
    function ejectOperator(address service, address operator) external;

    /// @notice Enters the caller, an operator, into `service` with an allocation of its stake, which must reach the
    /// service's minima once it is effective.
    /// @param weakest Operator to be replaced if the service is full: the one with the least allocated stake once
    /// nothing is pending, in units of the minimum stake of each token, the lowest address among equals. Zero otherwise.
    function optIn(address service, AllocationBps calldata allocation, address weakest) external;

    /// @notice Changes the caller's allocation to a service that it serves. Below a minimum it stays a member without
    /// weight.
    function allocate(address service, AllocationBps calldata allocation) external;

    /// @notice Takes the caller out of `service`. Its allocation can be slashed for the `withdrawalDelay`, and it comes
    /// back no sooner.
    function optOut(address service) external;

    /// @notice Asks for a slash. The service's slasher only.
    /// @param faultAt When the fault happened; not so long ago that the request could not be executed in time.
    function requestSlash(
        address service,
        address operator,
        uint16 nativeBps,
        uint16 externalBps,
        uint48 faultAt,
        bytes32 evidence
    ) external returns (uint64 id);

    /// @notice Stops a request, before it is executable. The service's resolver only.
    function vetoSlash(uint64 id) external;

    /// @notice Executes a request that waited and was not vetoed. Anyone may.
    function executeSlash(uint64 id) external;

    function isService(address service) external view returns (bool);
    function slashingTermsOf(address service) external view returns (SlashingTerms memory);
    function membershipRulesOf(address service) external view returns (MembershipRules memory);
    function strategiesOf(address service) external view returns (address native, address ext);
    function isApproved(address operator, address service) external view returns (bool);
    function isOptedIn(address operator, address service) external view returns (bool);

    /// @notice Operators that serve `service`, in no particular order.
    /// @dev Warning: up to 1 000; for reading off chain.
    function operatorsOf(address service) external view returns (address[] memory);

    /// @notice Services that `operator` serves, or whose slashing still reaches it.
    function servicesOf(address operator) external view returns (address[] memory);

    /// @notice The allocation as it is now: one that became effective is current, with nothing pending.
    function allocationOf(address operator, address service, address strategy) external view returns (Allocation memory);

    /// @notice Sum of the operator's allocations of a strategy over all services, each at the larger of current and
    /// pending.
    function allocatedOf(address operator, address strategy) external view returns (uint256);

    /// @notice What an operator's stake counts for in a service: stake that is allocated and stays so, in the tokens'
    /// smallest units; zeros when it is below a minimum.
    function weightsOf(address operator, address service) external view returns (uint96 native, uint96 ext);

    /// @notice What the service could slash of the operator now, in the tokens' smallest units, without what is queued;
    /// also of one that left.
    function slashableOf(address operator, address service) external view returns (uint256 native, uint256 ext);

    function slashRequest(uint64 id) external view returns (SlashRequest memory);
    function slashRequestCount() external view returns (uint64);

    /// @notice Seconds until a larger allocation is effective.
    function allocationDelay() external view returns (uint32);

    function operatorRegistry() external view returns (IOperatorRegistry);
    function restakingManager() external view returns (IRestakingManager);

    /// @notice Block of deployment: logs of this contract begin here.
    function deploymentBlock() external view returns (uint256);
}
