// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Digests} from "../libraries/Digests.sol";

/// @title Domain
/// @notice The EIP-712 domain of the contract that inherits this: computed once, and again when the chain has forked
/// away.
abstract contract Domain {
    uint256 private immutable _chainId = block.chainid;
    bytes32 private immutable _separator = Digests.domainSeparator(block.chainid, address(this));

    /// @notice Separator of the contract's EIP-712 domain (name "Tandem", version "1").
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == _chainId ? _separator : Digests.domainSeparator(block.chainid, address(this));
    }
}
