// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./Bls.sol";
import {Test} from "./Test.sol";
import {DemoToken} from "../../src/demo/DemoToken.sol";
import {WrappedEther} from "../../src/demo/WrappedEther.sol";
import {IStrategy} from "../../src/interfaces/IStrategy.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {AllocationManager} from "../../src/staking/AllocationManager.sol";
import {EtherStrategy} from "../../src/staking/EtherStrategy.sol";
import {OperatorRegistry} from "../../src/staking/OperatorRegistry.sol";
import {RestakingManager} from "../../src/staking/RestakingManager.sol";
import {Strategy} from "../../src/staking/Strategy.sol";

/// @notice An operator of the shared vectors, with its secret key.
struct Operator {
    address account;
    uint256 sk;
    G1 g1;
    G2 g2;
}

/// @notice The contracts of staking, as they are deployed together, with two strategies.
abstract contract StakingFixture is Test {
    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant KEY_OVERLAP = 8 days;
    uint32 internal constant COMMISSION_NOTICE = 14 days;
    uint32 internal constant WITHDRAWAL_DELAY = 14 days;
    uint32 internal constant LEVERAGE_CAP = 15_000;

    address internal owner = account("owner");
    address internal anyone = account("anyone");

    DemoToken internal nativeToken;
    DemoToken internal externalToken;
    Strategy internal nativeStrategy;
    Strategy internal externalStrategy;
    OperatorRegistry internal registry;
    RestakingManager internal manager;
    /// @dev Allocations are effective at once.
    AllocationManager internal source;
    Operator[] internal operators;

    /// @dev As the JSON has them.
    struct OperatorVector {
        VectorG1 g1;
        VectorG2 g2;
        address operator;
        uint256 sk;
    }

    struct VectorG1 {
        uint256 x;
        uint256 y;
    }

    struct VectorG2 {
        uint256[2] x;
        uint256[2] y;
    }

    // Set-up

    function setUpStaking() internal {
        vm.warp(START);
        vm.roll(1000);
        deployStaking();
        nativeToken = new DemoToken("Demo native token", "TNDM");
        externalToken = new DemoToken("Demo staked ether", "dETH");
        nativeStrategy = addStrategy(nativeToken);
        externalStrategy = addStrategy(externalToken);
    }

    /// @notice Each contract knows the others: they come to addresses that are known beforehand.
    function deployStaking() private {
        uint256 nonce = vm.getNonce(address(this));
        address registryAddress = vm.computeCreateAddress(address(this), nonce);
        address managerAddress = vm.computeCreateAddress(address(this), nonce + 1);
        address sourceAddress = vm.computeCreateAddress(address(this), nonce + 2);
        registry = new OperatorRegistry(sourceAddress, KEY_OVERLAP, COMMISSION_NOTICE);
        manager = new RestakingManager(owner, registry, sourceAddress, WITHDRAWAL_DELAY);
        source = new AllocationManager(registry, manager, 0);
        vm.assertEq(address(registry), registryAddress);
        vm.assertEq(address(manager), managerAddress);
        vm.assertEq(address(source), sourceAddress);
    }

    function addStrategy(DemoToken token) internal returns (Strategy strategy) {
        strategy = new Strategy(token, address(manager), 10_000);
        addStrategy(strategy);
    }

    function addStrategy(Strategy strategy) internal {
        vm.prank(owner);
        manager.addStrategy(strategy);
    }

    function addEtherStrategy() internal returns (EtherStrategy strategy) {
        strategy = new EtherStrategy(new WrappedEther(), address(manager), 10_000);
        addStrategy(strategy);
    }

    function loadOperators(uint256 count) internal {
        OperatorVector[] memory all = abi.decode(
            vm.parseJsonTypeArray(
                vectors("operators"),
                "$.operators",
                "OperatorVector(VectorG1 g1,VectorG2 g2,address operator,uint256 sk)VectorG1(uint256 x,uint256 y)VectorG2(uint256[2] x,uint256[2] y)"
            ),
            (OperatorVector[])
        );
        for (uint256 i = 0; i < count && i < all.length; i++) {
            OperatorVector memory o = all[i];
            operators.push(
                Operator(o.operator, o.sk, G1(o.g1.x, o.g1.y), G2(o.g2.x[0], o.g2.x[1], o.g2.y[0], o.g2.y[1]))
            );
        }
        // Beyond the vectors each secret is the one before plus 1.
        while (operators.length < count) {
            Operator memory o = operators[operators.length - 1];
            G1 memory g1 = BN254.add(o.g1, BN254.generator());
            G2 memory g2 = Bls.add(o.g2, Bls.generatorG2());
            operators.push(Operator(address(uint160(o.account) + 1), o.sk + 1, g1, g2));
        }
    }

    // Actions

    /// @notice Registers an operator, which stands behind itself from then on.
    function register(Operator memory o) internal {
        registerOnly(o);
        delegate(o.account, o.account);
    }

    function registerOnly(Operator memory o) internal {
        G1 memory possession = possessionOf(o);
        vm.prank(o.account);
        registry.registerOperator(o.g1, o.g2, possession, transportKeyOf(o), "127.0.0.1:9000", "");
    }

    function possessionOf(Operator memory o) internal view returns (G1 memory) {
        return Bls.sign(o.sk, registry.possessionDigest(o.account, o.g1, o.g2));
    }

    function transportKeyOf(Operator memory o) internal pure returns (bytes32) {
        return keccak256(abi.encode(o.account));
    }

    function delegate(address staker, address operator) internal {
        vm.prank(staker);
        manager.delegateTo(operator);
    }

    function stake(address staker, IStrategy strategy, uint256 amount) internal {
        DemoToken token = DemoToken(address(strategy.token()));
        token.mint(staker, amount);
        vm.startPrank(staker);
        token.approve(address(strategy), amount);
        manager.deposit(strategy, amount);
        vm.stopPrank();
    }

    /// @notice Queues a withdrawal.
    function queue(address staker, IStrategy strategy, uint256 shares) internal returns (uint64) {
        vm.prank(staker);
        return manager.queueWithdrawal(strategy, shares);
    }

    function undelegate(address staker) internal returns (uint64[] memory) {
        vm.prank(staker);
        return manager.undelegate();
    }

    /// @notice Pays a withdrawal out to its staker.
    function complete(uint64 id) internal returns (uint256) {
        address staker = manager.withdrawalOf(id).staker;
        vm.prank(staker);
        return manager.completeWithdrawal(id, staker);
    }

    /// @notice Takes `bps` of what an operator has left.
    function slash(address operator, IStrategy strategy, uint256 bps, address recipient) internal returns (uint256) {
        uint256 factor = manager.slashFactorOf(operator, address(strategy));
        return slashTo(operator, strategy, uint96(factor - factor * bps / 10_000), recipient);
    }

    function slashTo(address operator, IStrategy strategy, uint96 factor, address recipient)
        internal
        returns (uint256)
    {
        vm.prank(manager.allocationManager());
        return manager.slash(operator, strategy, factor, recipient);
    }

    function wait(uint256 time) internal {
        vm.warp(block.timestamp + time);
    }

    // Views

    /// @notice What stands behind an operator, in tokens.
    function stakeOf(address operator, IStrategy strategy) internal view returns (uint256) {
        return strategy.toAssets(manager.operatorSharesOf(operator, address(strategy)));
    }

    function accounts() internal view returns (address[] memory list) {
        list = new address[](operators.length);
        for (uint256 i = 0; i < list.length; i++) {
            list[i] = operators[i].account;
        }
    }
}

/// @notice Staking with two strategies, a staker, and three operators' keys, none registered yet.
abstract contract StakingTest is StakingFixture {
    address internal staker = account("staker");
    address internal recipient = account("recipient");

    function setUp() public virtual {
        setUpStaking();
        loadOperators(3);
    }
}
