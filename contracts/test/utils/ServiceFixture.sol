// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Fixture} from "./Fixture.sol";
import {Token} from "../../src/types/Structs.sol";
import {Certificate} from "./Packed.sol";
import {Policies} from "../../src/libraries/Policies.sol";
import {Result} from "../../src/types/Structs.sol";

/// @notice A service of four operators, two thirds of each token wanted.
abstract contract ServiceFixture is Fixture {
    function setUp() public virtual {
        setUpService(4, both(6667, 6667));
    }

    function submitAs(address sender, Result[] memory results, Certificate memory certificate) internal {
        vm.prank(sender);
        service.submit(results, certificate.pack());
    }

    function expectQuorumNotReached(Token token, uint96 signed, uint96 total, uint16 bps) internal {
        vm.expectRevert(abi.encodeWithSelector(Policies.QuorumNotReached.selector, token, signed, total, bps));
    }
}
