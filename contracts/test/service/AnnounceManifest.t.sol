// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Fixture, RecordingHandler} from "../utils/Fixture.sol";
import {ServiceManager} from "../../src/ServiceManager.sol";
import {IServiceManager, Workflow} from "../../src/interfaces/IServiceManager.sol";

contract AnnounceManifestTest is Fixture {
    bytes32 private constant SECOND = keccak256("second manifest");
    bytes32 private constant THIRD = keccak256("third manifest");

    function setUp() public {
        setUpStaking();
        service = new ServiceManager(config(both(6667, 6667)));
        handler = new RecordingHandler();
    }

    function one(bytes32 name, address handler_) private pure returns (Workflow[] memory workflows) {
        workflows = new Workflow[](1);
        workflows[0] = Workflow(name, handler_, false);
    }

    function announceAt(bytes32 manifest, uint256 activation) private {
        vm.prank(owner);
        service.announceManifest(manifest, "uri", uint64(activation), one(WORKFLOW, address(handler)));
    }

    function tryAnnounce(bytes32 manifest, uint256 activation, Workflow[] memory workflows, bytes memory reason)
        private
    {
        vm.prank(owner);
        vm.expectRevert(reason);
        service.announceManifest(manifest, "uri", uint64(activation), workflows);
    }

    function test_only_the_owner_may() public {
        vm.prank(anyone);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, anyone));
        service.announceManifest(MANIFEST, "uri", 1, one(WORKFLOW, address(handler)));
    }

    function test_zero_is_no_manifest() public {
        tryAnnounce(
            0, 1, one(WORKFLOW, address(handler)), abi.encodeWithSelector(IServiceManager.ZeroManifest.selector)
        );
    }

    function test_zero_is_no_workflow() public {
        tryAnnounce(
            MANIFEST, 1, one(0, address(handler)), abi.encodeWithSelector(IServiceManager.ZeroWorkflow.selector)
        );
    }

    function test_handler_must_have_code() public {
        bytes memory reason = abi.encodeWithSelector(IServiceManager.HandlerWithoutCode.selector, WORKFLOW, anyone);
        tryAnnounce(MANIFEST, 1, one(WORKFLOW, anyone), reason);
    }

    function test_first_manifest_may_be_in_force_at_once() public {
        vm.expectEmit(address(service));
        emit IServiceManager.ManifestAnnounced(MANIFEST, "uri", uint64(block.number), one(WORKFLOW, address(handler)));
        announceAt(MANIFEST, 0);
        vm.assertEq(service.manifestInForce(), MANIFEST);
        vm.assertEq(service.handlerOf(MANIFEST, WORKFLOW), address(handler));
    }

    function test_first_manifest_may_wait() public {
        announceAt(MANIFEST, block.number + 2);
        vm.roll(block.number + 1);
        vm.assertEq(service.manifestInForce(), bytes32(0));
        vm.roll(block.number + 1);
        vm.assertEq(service.manifestInForce(), MANIFEST);
    }

    function test_next_manifest_must_wait() public {
        announceAt(MANIFEST, 0);
        for (uint256 back = 0; back < 2; back++) {
            uint256 activation = block.number - back;
            tryAnnounce(
                SECOND,
                activation,
                one(WORKFLOW, address(handler)),
                abi.encodeWithSelector(IServiceManager.ActivationNotInFuture.selector, activation, block.number)
            );
        }
    }

    function test_next_manifest_takes_over_at_its_block() public {
        announceAt(MANIFEST, 0);
        uint256 activation = block.number + 10;
        announceAt(SECOND, activation);
        vm.roll(activation - 1);
        vm.assertEq(service.manifestInForce(), MANIFEST);
        vm.roll(activation);
        vm.assertEq(service.manifestInForce(), SECOND);
        (bytes32 current, bytes32 next, uint64 at_) = service.manifests();
        vm.assertEq(current, MANIFEST);
        vm.assertEq(next, SECOND);
        vm.assertEq(at_, activation);
    }

    function test_manifest_that_is_not_active_yet_gives_way() public {
        announceAt(MANIFEST, 0);
        announceAt(SECOND, block.number + 10);
        announceAt(THIRD, block.number + 20);
        vm.roll(block.number + 15);
        vm.assertEq(service.manifestInForce(), MANIFEST);
        vm.roll(block.number + 5);
        vm.assertEq(service.manifestInForce(), THIRD);
    }

    function test_first_manifest_that_gives_way_leaves_none_in_force() public {
        announceAt(MANIFEST, block.number + 10);
        tryAnnounce(
            SECOND,
            block.number,
            one(WORKFLOW, address(handler)),
            abi.encodeWithSelector(IServiceManager.ActivationNotInFuture.selector, block.number, block.number)
        );
        announceAt(SECOND, block.number + 20);
        vm.roll(block.number + 10);
        vm.assertEq(service.manifestInForce(), bytes32(0));
    }

    function test_handler_of_a_manifest_never_changes() public {
        announceAt(MANIFEST, 0);
        address other = address(new RecordingHandler());
        tryAnnounce(
            MANIFEST,
            block.number + 1,
            one(WORKFLOW, other),
            abi.encodeWithSelector(IServiceManager.HandlerConflict.selector, MANIFEST, WORKFLOW, address(handler))
        );
    }

    function test_workflow_keeps_its_kind_of_trigger() public {
        announceAt(MANIFEST, 0);
        Workflow[] memory workflows = one(WORKFLOW, address(handler));
        workflows[0].fires = true;
        tryAnnounce(
            MANIFEST,
            block.number + 1,
            workflows,
            abi.encodeWithSelector(IServiceManager.HandlerConflict.selector, MANIFEST, WORKFLOW, address(handler))
        );
    }

    function test_earlier_manifest_may_return() public {
        announceAt(MANIFEST, 0);
        announceAt(SECOND, block.number + 1);
        vm.roll(block.number + 1);
        announceAt(MANIFEST, block.number + 1);
        vm.roll(block.number + 1);
        vm.assertEq(service.manifestInForce(), MANIFEST);
    }
}
