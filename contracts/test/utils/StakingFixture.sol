// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Bls} from "./Bls.sol";
import {Fixture, Operator} from "./Fixture.sol";
import {G1} from "../../src/libraries/BN254.sol";

/// @notice Staking with two strategies and three operators' keys, none registered yet.
abstract contract StakingFixture is Fixture {
    address internal staker = account("staker");

    function setUp() public virtual {
        setUpStaking();
        loadOperators(3);
    }

    function possessionOf(Operator memory o) internal view returns (G1 memory) {
        return Bls.sign(o.sk, manager.possessionDigest(o.account, o.g1, o.g2));
    }

    function totalStake(address operator) internal view returns (uint256 native, uint256 ext) {
        native = manager.stakeOf(operator, address(nativeStrategy));
        ext = manager.stakeOf(operator, address(externalStrategy));
    }
}
