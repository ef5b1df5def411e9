// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {StakingDeployer} from "../../utils/StakingFixture.sol";
import {Test} from "../../utils/Test.sol";

contract LongestTableWindowTest is Test {
    /// @dev Of a table that is believed for so long every key is honoured, and stake that was withdrawn in the second in
    /// which it was taken can still be slashed in the last.
    function test_window_is_within_the_overlap_and_ends_before_the_delay() public {
        uint32[3][5] memory cases = [
            [uint32(8 days), 14 days, 8 days],
            [uint32(14 days), 14 days, 14 days - 1],
            [uint32(15 days), 14 days, 14 days - 1],
            [uint32(14 days - 1), 14 days, 14 days - 1],
            [uint32(7 days), 1, 0]
        ];
        for (uint256 i = 0; i < cases.length; i++) {
            StakingDeployer deployer = new StakingDeployer(address(this), cases[i][0], 1 days, cases[i][1]);
            vm.assertEq(deployer.source().longestTableWindow(), cases[i][2]);
        }
    }
}
