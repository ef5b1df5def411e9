// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Policies} from "../../src/libraries/Policies.sol";
import {Bls} from "../utils/Bls.sol";
import {ServiceFixture} from "../utils/ServiceFixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IOperatorRegistry} from "../../src/interfaces/IOperatorRegistry.sol";
import {ITableKeeper} from "../../src/interfaces/ITableKeeper.sol";
import {IServiceManager} from "../../src/interfaces/IServiceManager.sol";
import {BN254, G1, G2} from "../../src/libraries/BN254.sol";
import {Signers} from "../../src/libraries/Certificates.sol";
import {Epoch} from "../../src/types/Ids.sol";
import {Token} from "../../src/types/Structs.sol";

contract OnWeightLostTest is ServiceFixture {
    bytes32 private constant ROOT = keccak256("root");

    function lose(uint256 index) private {
        G1[] memory keys = new G1[](2);
        (keys[0], keys[1]) = (G1(1, 2), operators[index].g1);
        vm.prank(address(source));
        service.onWeightLost(operators[index].account, keys);
    }

    function refuse(bytes memory certificate, Token token, uint96 signed, uint96 total) private {
        vm.expectRevert(abi.encodeWithSelector(Policies.QuorumNotReached.selector, token, signed, total, 6667));
        service.verifyRoot(certificate, ROOT);
    }

    function test_stake_source_only() public {
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.NotStakeSource.selector, anyone));
        vm.prank(anyone);
        service.onWeightLost(operators[0].account, new G1[](0));
    }

    function test_weight_counts_no_more_and_the_key_still_does() public {
        lose(2);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[0], 4);
        // All but one, whose weight is gone, is as good as without it.
        service.verifyRoot(certify(ROOT, Epoch.wrap(1), everyone()).pack(), ROOT);
        service.verifyRoot(certify(ROOT, Epoch.wrap(1), without(2)).pack(), ROOT);
        bytes memory certificate = certify(ROOT, Epoch.wrap(1), without(0)).pack();
        refuse(certificate, Token.Native, 204, 406);
        certificate = certify(ROOT, Epoch.wrap(1), without(0)).pack(Signers.Only);
        refuse(certificate, Token.Native, 204, 406);
    }

    function test_it_counts_no_more_in_every_table_that_is_believed() public {
        nextEpoch();
        stake(operators[0].account, nativeStrategy, 1000);
        address[] memory list = new address[](1);
        list[0] = operators[0].account;
        service.correctTable(list, new uint16[](1));
        lose(0);
        for (uint32 i = 1; i <= 3; i++) {
            vm.assertEq(service.revokedIn(Epoch.wrap(i))[0], 1);
        }
        // With the corrected weight, not with the written one.
        refuse(certify(ROOT, Epoch.wrap(3), everyone()).pack(), Token.Native, 306, 1406);
    }

    function test_two_may_lose_theirs() public {
        lose(1);
        lose(3);
        lose(3);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[0], 10);
        refuse(certify(ROOT, Epoch.wrap(1), everyone()).pack(), Token.Native, 202, 406);
    }

    function test_operator_that_is_in_no_table_changes_nothing() public {
        G1[] memory keys = new G1[](1);
        keys[0] = BN254.negate(operators[0].g1);
        vm.recordLogs();
        vm.prank(address(source));
        service.onWeightLost(anyone, keys);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[0], 0);
    }

    function test_expired_tables_are_left_alone() public {
        vm.warp(START + WINDOW + 1);
        lose(0);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[0], 0);
    }

    function test_loss_is_announced() public {
        vm.expectEmit(address(service));
        emit ITableKeeper.WeightRevoked(Epoch.wrap(1), operators[2].account, 2);
        lose(2);
    }
}

/// @notice A service that believes its tables for as long as may be.
contract LongestWindowTest is ServiceFixture {
    bytes32 private constant ROOT = keccak256("root");

    function newService() internal override returns (ServiceManager) {
        serviceConfig.tableWindow = KEY_OVERLAP;
        return super.newService();
    }

    function changeKey(uint256 sk, bytes memory refusal) private {
        address operator = operators[0].account;
        (G1 memory g1, G2 memory g2) = (Bls.publicKey(sk), Bls.publicKeyG2(sk));
        G1 memory possession = Bls.sign(sk, registry.possessionDigest(operator, g1, g2));
        if (refusal.length != 0) vm.expectRevert(refusal);
        vm.prank(operator);
        registry.rotateKey(g1, g2, possession);
    }

    function test_no_change_of_keys_keeps_weight_in_a_table_that_is_believed() public {
        address operator = operators[0].account;
        changeKey(4711, "");
        vm.warp(START + KEY_OVERLAP);
        bytes memory certificate = certify(ROOT, Epoch.wrap(1), without(1)).pack();
        service.verifyRoot(certificate, ROOT);
        // With a third key the first would not be named any more.
        uint48 until = uint48(START + KEY_OVERLAP);
        changeKey(4712, abi.encodeWithSelector(IOperatorRegistry.RotationPending.selector, operator, until));
        vm.prank(owner);
        source.ejectOperator(address(service), operator);
        vm.assertEq(service.revokedIn(Epoch.wrap(1))[0], 1);
        vm.expectRevert(abi.encodeWithSelector(Policies.QuorumNotReached.selector, Token.Native, 205, 406, 6667));
        service.verifyRoot(certificate, ROOT);
        // When a third key is to be had, the table is past.
        vm.warp(START + KEY_OVERLAP + 1);
        vm.expectRevert(abi.encodeWithSelector(ITableKeeper.TableExpired.selector, 1, START, KEY_OVERLAP));
        service.verifyRoot(certificate, ROOT);
    }
}
