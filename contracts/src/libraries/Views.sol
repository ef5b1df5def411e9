// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title Views
/// @notice Questions to contracts that must not be able to break whoever asks, whatever they answer.
/// @dev Understands words only. What they mean, and which are in range, is the caller's.
library Views {
    /// @notice Most words of an answer.
    uint256 internal constant MAX_WORDS = 5;

    /// @notice Calls a view without arguments and takes the first words of what it returns.
    /// @param gasLimit Most gas that the call is given; also 63/64 of what is left.
    /// @param words How many words the answer must have at least, 1 to `MAX_WORDS`; more are left where they are.
    /// @return answered Whether the call succeeded and returned that many. A contract without code does not answer.
    /// @return answer The words, and zeros behind them; zeros only without an answer.
    function ask(address target, bytes4 question, uint256 gasLimit, uint256 words)
        internal
        view
        returns (bool answered, uint256[MAX_WORDS] memory answer)
    {
        // (bool ok, bytes memory output) = target.staticcall{gas: gasLimit}(bytes.concat(question));
        // answered = ok && output.length >= 32 * words;
        // for (uint256 i = 0; answered && i < words; i++) answer[i] = uint256(bytes32(output[32 * i:]));
        assembly ("memory-safe") {
            let size := mul(words, 0x20)
            mstore(0x00, question)
            answered := staticcall(gasLimit, target, 0x00, 0x04, answer, size)
            answered := and(answered, iszero(lt(returndatasize(), size)))
            // Beyond the calldata lie zeros.
            if iszero(answered) { calldatacopy(answer, calldatasize(), size) }
        }
    }
}
