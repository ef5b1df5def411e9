// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {Rfc9380} from "./Rfc9380.sol";
import {BLS12381, PointG1, PointG2} from "../../src/libraries/BLS12381.sol";

/// @notice What operators do off chain on BLS12-381, for tests. Not safe for real keys.
library Bls381 {
    /// @notice Order of the groups.
    uint256 internal constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    function generatorG2() internal pure returns (PointG2 memory) {
        return PointG2({
            x0High: 0x024aa2b2f08f0a91260805272dc51051,
            x0Low: 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8,
            x1High: 0x13e02b6052719f607dacd3a088274f65,
            x1Low: 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
            y0High: 0x0ce5d527727d6e118cc9cdc6da2e351a,
            y0Low: 0xadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801,
            y1High: 0x0606c4a02ea734cc32acd2b02bc28b99,
            y1Low: 0xcb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be
        });
    }

    function publicKey(uint256 sk) internal view returns (PointG2 memory) {
        return abi.decode(Rfc9380.run(0x0e, abi.encode(generatorG2(), sk)), (PointG2));
    }

    function sign(uint256 sk, PointG1 memory message) internal view returns (PointG1 memory) {
        return abi.decode(Rfc9380.run(0x0c, abi.encode(message, sk)), (PointG1));
    }

    function pack(PointG1 memory a) internal pure returns (bytes memory) {
        return abi.encodePacked(uint128(a.xHigh), a.xLow, uint128(a.yHigh), a.yLow);
    }

    function pack(PointG2 memory a) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(uint128(a.x0High), a.x0Low, uint128(a.x1High), a.x1Low),
            abi.encodePacked(uint128(a.y0High), a.y0Low, uint128(a.y1High), a.y1Low)
        );
    }
}
