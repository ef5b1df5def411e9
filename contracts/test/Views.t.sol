// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {RudeOracle} from "./utils/Oracles.sol";
import {Test} from "./utils/Test.sol";
import {Views} from "../src/libraries/Views.sol";

contract ViewsTest is Test {
    RudeOracle private rude = new RudeOracle();

    function plain(address target, bytes4 question, uint256 words)
        private
        view
        returns (bool answered, uint256[5] memory answer)
    {
        (bool ok, bytes memory output) = target.staticcall(bytes.concat(question));
        answered = ok && output.length >= 32 * words;
        for (uint256 i = 0; answered && i < words; i++) {
            assembly {
                mstore(add(answer, mul(i, 0x20)), mload(add(add(output, 0x20), mul(i, 0x20))))
            }
        }
    }

    function testFuzz_answer_equals_plain_solidity(bytes4 question, bytes memory answer, uint256 words, bool fails)
        public
    {
        words = bound(words, 1, 5);
        rude.set(fails ? RudeOracle.Way.Revert : RudeOracle.Way.Answer, answer);
        check(question, words);
    }

    /// @dev The word that is missing a byte, and the byte too many.
    function testFuzz_answer_of_about_the_right_length(bytes32 seed, uint256 words) public {
        words = bound(words, 1, 5);
        for (uint256 length = 32 * words - 1; length <= 32 * words + 1; length++) {
            bytes memory answer = new bytes(length);
            for (uint256 i = 0; i < length; i++) {
                answer[i] = bytes1(keccak256(abi.encode(seed, i)));
            }
            rude.set(RudeOracle.Way.Answer, answer);
            check(bytes4(seed), words);
        }
    }

    function check(bytes4 question, uint256 words) private view {
        (bool answered, uint256[5] memory got) = Views.ask(address(rude), question, gasleft(), words);
        (bool expected, uint256[5] memory plainly) = plain(address(rude), question, words);
        vm.assertEq(answered, expected);
        vm.assertEq(abi.encode(got), abi.encode(plainly));
    }

    function test_address_without_code_does_not_answer() public view {
        (bool answered,) = Views.ask(address(0xdead), 0x01020304, gasleft(), 1);
        vm.assertFalse(answered);
    }

    function test_question_costs_no_more_than_its_gas() public {
        for (uint256 way = 0; way < 4; way++) {
            rude.set(RudeOracle.Way(way), new bytes(way == 0 ? 1000 : 0));
            uint256 before = gasleft();
            Views.ask(address(rude), 0x01020304, 50_000, 5);
            vm.assertLe(before - gasleft(), 54_000);
        }
    }
}
