// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "../utils/Bls.sol";
import {Operator, StakingTest} from "../utils/StakingFixture.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {OperatorRegistry} from "../../src/staking/OperatorRegistry.sol";

contract RegisterOperatorTest is StakingTest {
    bytes32 private constant TRANSPORT = keccak256("transport");

    function tryRegister(Operator memory o, G1 memory possession, bytes4 selector) private {
        vm.prank(o.account);
        vm.expectRevert(selector);
        registry.registerOperator(o.g1, o.g2, possession, TRANSPORT, "", "");
    }

    function tryRegister(Operator memory o, G1 memory possession) private {
        bytes32 digest = registry.possessionDigest(o.account, o.g1, o.g2);
        vm.prank(o.account);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.InvalidPossession.selector, o.account, digest));
        registry.registerOperator(o.g1, o.g2, possession, TRANSPORT, "", "");
    }

    function test_registered_operator_is_known_by_its_keys() public {
        Operator memory o = operators[0];
        G1 memory possession = possessionOf(o);
        vm.expectEmit(address(registry));
        emit IOperatorRegistry.OperatorRegistered(o.account, o.g1, o.g2, TRANSPORT, "[::1]:9000", "ipfs://operator");
        vm.prank(o.account);
        registry.registerOperator(o.g1, o.g2, possession, TRANSPORT, "[::1]:9000", "ipfs://operator");
        vm.assertTrue(registry.isOperator(o.account));
        vm.assertEq(registry.keyOf(o.account).x, o.g1.x);
        vm.assertEq(registry.keyOf(o.account).y, o.g1.y);
        vm.assertEq(registry.holderOfKey(keccak256(abi.encode(o.g1))), o.account);
        vm.assertEq(registry.holderOfTransportKey(TRANSPORT), o.account);
        (bytes32 current, bytes32 previous, uint48 until) = registry.transportKeysOf(o.account);
        vm.assertEq(current, TRANSPORT);
        vm.assertEq(previous, 0);
        vm.assertEq(until, 0);
        vm.assertEq(manager.delegateOf(o.account), address(0));
    }

    /// @dev The vectors are made for a registry at an address of theirs.
    function test_possessions_of_the_shared_vectors_are_accepted() public {
        string memory json = vectors("operators");
        OperatorRegistry at_ = OperatorRegistry(vm.parseJsonAddress(json, "$.verifyingContract"));
        vm.chainId(vm.parseJsonUint(json, "$.chainId"));
        deployTo(address(at_), "OperatorRegistry.sol:OperatorRegistry", abi.encode(source, 1, 1));
        for (uint256 i = 0; i < operators.length; i++) {
            Operator memory o = operators[i];
            string memory path = string.concat("$.operators[", vm.toString(i), "]");
            vm.assertEq(
                at_.possessionDigest(o.account, o.g1, o.g2),
                vm.parseJsonBytes32(json, string.concat(path, ".possessionDigest"))
            );
            G1 memory possession = G1(
                vm.parseJsonUint(json, string.concat(path, ".possession.x")),
                vm.parseJsonUint(json, string.concat(path, ".possession.y"))
            );
            vm.prank(o.account);
            at_.registerOperator(o.g1, o.g2, possession, keccak256(abi.encode(i)), "", "");
        }
    }

    function test_keys_are_told_in_the_order_asked() public {
        register(operators[0]);
        register(operators[2]);
        G1[] memory keys = registry.keysOf(accounts());
        vm.assertEq(keys.length, 3);
        vm.assertEq(keys[0].x, operators[0].g1.x);
        vm.assertEq(keys[0].y, operators[0].g1.y);
        vm.assertTrue(BN254.isInfinity(keys[1]));
        vm.assertEq(keys[2].x, operators[2].g1.x);
    }

    function test_only_once() public {
        register(operators[0]);
        vm.prank(operators[0].account);
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.AlreadyOperator.selector, operators[0].account));
        registry.registerOperator(operators[1].g1, operators[1].g2, G1(1, 2), TRANSPORT, "", "");
    }

    function test_long_socket_is_refused() public {
        string memory socket = string(new bytes(257));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.SocketTooLong.selector, 257, 256));
        registry.registerOperator(operators[0].g1, operators[0].g2, G1(1, 2), TRANSPORT, socket, "");
    }

    function test_long_metadata_uri_is_refused() public {
        string memory uri = string(new bytes(257));
        vm.expectRevert(abi.encodeWithSelector(IOperatorRegistry.MetadataTooLong.selector, 257, 256));
        registry.registerOperator(operators[0].g1, operators[0].g2, G1(1, 2), TRANSPORT, "", uri);
    }

    function test_missing_transport_key_is_refused() public {
        vm.expectRevert(IOperatorRegistry.ZeroTransportKey.selector);
        registry.registerOperator(operators[0].g1, operators[0].g2, G1(1, 2), 0, "", "");
    }

    function test_transport_key_of_another_is_refused() public {
        register(operators[0]);
        bytes32 taken = keccak256(abi.encode(operators[0].account));
        vm.expectRevert(
            abi.encodeWithSelector(IOperatorRegistry.TransportKeyInUse.selector, taken, operators[0].account)
        );
        registry.registerOperator(operators[1].g1, operators[1].g2, G1(1, 2), taken, "", "");
    }

    function test_key_of_another_is_refused() public {
        register(operators[0]);
        Operator memory thief = operators[1];
        (thief.g1, thief.g2, thief.sk) = (operators[0].g1, operators[0].g2, operators[0].sk);
        G1 memory possession = possessionOf(thief);
        vm.prank(thief.account);
        vm.expectRevert(
            abi.encodeWithSelector(
                IOperatorRegistry.KeyInUse.selector, keccak256(abi.encode(thief.g1)), operators[0].account
            )
        );
        registry.registerOperator(thief.g1, thief.g2, possession, TRANSPORT, "", "");
    }

    function test_infinity_is_no_key() public {
        Operator memory o = operators[0];
        o.g1 = G1(0, 0);
        tryRegister(o, G1(0, 0), IOperatorRegistry.InfinityKey.selector);
        o = operators[0];
        o.g2 = G2(0, 0, 0, 0);
        tryRegister(o, G1(0, 0), IOperatorRegistry.InfinityKey.selector);
    }

    function test_infinity_is_no_possession() public {
        tryRegister(operators[0], G1(0, 0));
    }

    function test_possession_of_another_operator_is_refused() public {
        Operator memory thief = operators[0];
        thief.account = anyone;
        tryRegister(thief, possessionOf(operators[0]));
    }

    function test_possession_for_another_registry_is_refused() public {
        Operator memory o = operators[0];
        OperatorRegistry other = new OperatorRegistry(address(source), 1, 1);
        tryRegister(o, Bls.sign(o.sk, other.possessionDigest(o.account, o.g1, o.g2)));
    }

    function test_possession_for_another_chain_is_refused() public {
        G1 memory possession = possessionOf(operators[0]);
        vm.chainId(1);
        tryRegister(operators[0], possession);
    }

    function test_halves_of_different_keys_are_refused() public {
        Operator memory o = operators[0];
        o.g2 = operators[1].g2;
        tryRegister(o, possessionOf(o));
        o = operators[0];
        o.g1 = operators[1].g1;
        tryRegister(o, possessionOf(o));
    }

    /// @dev PK' = 7·G − PK of a victim: with it one party could sign for both. The possession can not be made.
    function test_rogue_key_is_refused() public {
        register(operators[0]);
        G2 memory negated = operators[0].g2;
        negated.yIm = BN254.P - negated.yIm;
        negated.yRe = BN254.P - negated.yRe;
        Operator memory rogue = Operator({
            account: anyone,
            sk: 7,
            g1: BN254.add(Bls.publicKey(7), BN254.negate(operators[0].g1)),
            g2: Bls.add(Bls.publicKeyG2(7), negated)
        });
        tryRegister(rogue, possessionOf(rogue));
    }

    // One call to a test: a precompile that refuses its input burns all gas it is given.

    function test_g1_off_the_curve_is_refused() public {
        Operator memory o = operators[0];
        o.g1.y ^= 1;
        tryRegister(o, G1(1, 2), BN254.InvalidPoint.selector);
    }

    function test_g2_off_the_twist_is_refused() public {
        Operator memory o = operators[0];
        o.g2.yRe ^= 1;
        tryRegister(o, G1(1, 2), BN254.InvalidPoint.selector);
    }

    function test_possession_off_the_curve_is_refused() public {
        tryRegister(operators[0], G1(1, 3), BN254.InvalidPoint.selector);
    }

    /// @dev A point and the same with a coordinate above the modulus must not count as two keys.
    function test_unreduced_coordinate_is_refused() public {
        Operator memory o = operators[0];
        o.g1.x += BN254.P;
        tryRegister(o, possessionOf(o), BN254.InvalidPoint.selector);
    }
}
