// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

/// @notice Weights per token: of those who signed, and of all.
struct SchemeWeights {
    uint96 signedNative;
    uint96 signedExternal;
    uint96 totalNative;
    uint96 totalExternal;
}

/// @title ISignatureScheme
/// @notice Whether operators of a table signed a digest together, whatever curve their keys are on. One stateless
/// contract per scheme and chain serves every service.
///
/// An operator table is one or more **chunks**. A chunk is the code of a contract that holds up to `maxOperators` rows:
///
/// | bytes | content |
/// |---|---|
/// | 0 | STOP, so that the code can never run |
/// | then rows | key (`keyBytes`), native weight (12), external weight (12), big-endian; row 0 sums up the others |
///
/// The key of row 0 is the sum of the keys where the scheme has sums, else zeros. Operator i of a chunk is row i + 1.
///
/// @dev Trust: a scheme judges signatures against the chunks it is given. Which chunks make up a service's table, in
/// which order, at which epoch, and whether the weights are true is the caller's to know: it must take them from its own
/// storage. It must also have called `verifyPossession` for every key in them; without that, whoever chooses a key
/// last can sign for everyone. Digests are signed as they are given: they must be EIP-712 digests of a purpose of
/// their own, in the domain of the contract that asks.
interface ISignatureScheme {
    /// @notice The rows do not fill up a whole number of rows, or there are none.
    error MalformedRows(uint256 length, uint256 rowBytes);
    /// @notice More operators than a chunk can hold.
    error TooManyOperators(uint256 count, uint256 limit);
    /// @notice The weights of all operators together exceed 96 bits.
    error WeightOverflow(uint256 totalNative, uint256 totalExternal);
    /// @notice The chunk could not be deployed, for lack of gas.
    error TableNotWritten();
    /// @notice The code at this address has not the length of a chunk of this scheme.
    error NotAChunk(address chunk);
    /// @notice There is not one bitmap word per chunk, or a bit beyond the last operator of a chunk.
    error MalformedBitmap(uint256 words, uint256 chunks);
    /// @notice Nobody signed.
    error NoSigners();
    /// @notice The key has another length than the scheme's keys.
    error MalformedKey(uint256 length);
    /// @notice The proof has a length that none of this scheme, with these signers, can have.
    error MalformedProof(uint256 length);
    /// @notice A coordinate is out of range, or a point not on the curve or outside its subgroup.
    error InvalidPoint();
    /// @notice A key or signature is the point at infinity, or the zero address.
    error PointAtInfinity();
    /// @notice The signature is not the signers' over this digest.
    error InvalidSignature(bytes32 digest);

    /// @notice The scheme's name in ASCII, left-aligned.
    function name() external view returns (bytes32);

    /// @notice Bytes of a key in a row. A key as it is registered begins with them.
    function keyBytes() external view returns (uint256);

    /// @notice How many operators a chunk holds at most: 256 or fewer, so that one bitmap word covers a chunk.
    function maxOperators() external view returns (uint256);

    /// @notice Demands that `signature` proves possession of the secret behind `key`.
    /// @param digest Of a struct that names both the operator and the key; see `Possessions`.
    /// @param key As it is registered; its first `keyBytes` bytes belong in a row.
    /// @dev Also demands that the key is a point of the right group, and not the one at infinity.
    function verifyPossession(bytes32 digest, bytes calldata key, bytes calldata signature) external view;

    /// @notice Stores `rows` behind their sum as a chunk. Anyone may; a chunk means nothing until somebody believes it.
    /// @param rows Rows without row 0, in the order of their positions.
    /// @return chunk Follows from the scheme and `rows` alone: rows that were written before cost no new chunk.
    function writeChunk(bytes calldata rows) external returns (address chunk);

    /// @notice Demands that `proof` is the signature over `digest` of the operators whose bits are set, and sums their
    /// weights. Whether they are enough is the caller's to say.
    /// @param chunks The whole table, each chunk once.
    /// @param signers One word per chunk: bit i stands for operator i of that chunk.
    /// @param proof As the scheme has it; see docs/reference/formats.md.
    /// @dev Warning: a proof is not an identifier. There may be several for the same signers and digest.
    /// @dev Warning: a precompile that refuses a point burns the gas it was given, 63/64 of what is left. Who goes on
    /// after a revert must set a limit.
    function verify(bytes32 digest, address[] calldata chunks, uint256[] calldata signers, bytes calldata proof)
        external
        view
        returns (SchemeWeights memory weights);
}
