// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @title Possessions
/// @notice What an operator signs to show that it holds a key of any scheme.
library Possessions {
    bytes32 internal constant KEY_POSSESSION_TYPEHASH =
        keccak256("KeyPossession(address operator,bytes32 scheme,bytes key)");

    /// @notice The EIP-712 digest, in the domain of the contract that registers keys.
    /// @param scheme Name of the scheme, so that bytes which are a key of two schemes are proven for one.
    /// @param key As it is registered.
    function digest(bytes32 domain, address operator, bytes32 scheme, bytes memory key)
        internal
        pure
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(KEY_POSSESSION_TYPEHASH, operator, scheme, keccak256(key)));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
