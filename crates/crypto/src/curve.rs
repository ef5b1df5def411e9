//! Points in and out of their encodings, and hashing to the curve. Every decoded point is on the curve, in the group, and not zero.

use alloy_primitives::U256;
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, Field, PrimeField};
use tandem_types::{G1Point, G2Point, SigningDigest};

/// Why bytes are not a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// A coordinate is not below the field's modulus.
    #[error("a coordinate is not below the field's modulus")]
    NotReduced,
    /// The coordinates do not satisfy the curve's equation.
    #[error("the point is not on the curve")]
    NotOnCurve,
    /// The point is on the curve but not in the prime-order group.
    #[error("the point is not in the prime-order group")]
    NotInGroup,
    /// The point at infinity, which is neither key nor signature.
    #[error("the point is at infinity")]
    Infinity,
}

/// A digest's point, and the hint that spares a contract the exponentiation: how far it is, and its ordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedPoint {
    pub(crate) point: G1Affine,
    /// Abscissas that were passed over.
    pub passed: u8,
}

impl HashedPoint {
    /// The point.
    pub fn point(&self) -> G1Point {
        encode_g1(&self.point)
    }
}

/// Hashes by try-and-increment: the first `x ≥ digest` (mod p) with `x³ + 3` a square, and its principal root.
pub fn hash_to_curve(digest: &SigningDigest) -> HashedPoint {
    hash_word(&digest.as_word().0)
}

pub(crate) fn hash_word(digest: &[u8; 32]) -> HashedPoint {
    let mut x = Fq::from_be_bytes_mod_order(digest);
    for passed in 0..=u8::MAX {
        let beta = x.square() * x + Fq::from(3u8);
        let y = principal_root(beta);
        if y.square() == beta {
            return HashedPoint { point: G1Affine::new_unchecked(x, y), passed };
        }
        x += Fq::ONE;
    }
    unreachable!("half of all abscissas are on the curve, so 256 in a row that are not have a chance of 2^-256")
}

/// `value^((p+1)/4)`: the root of a square, since p ≡ 3 (mod 4).
fn principal_root(value: Fq) -> Fq {
    const EXPONENT: [u64; 4] = {
        // (p + 1) / 4, from the modulus: adding one does not carry, for its lowest limb is odd and below 2^64 - 1.
        let p = Fq::MODULUS.0;
        let low = p[0] + 1;
        [(low >> 2) | (p[1] << 62), (p[1] >> 2) | (p[2] << 62), (p[2] >> 2) | (p[3] << 62), p[3] >> 2]
    };
    value.pow(EXPONENT)
}

pub(crate) fn to_word<F: PrimeField>(value: F) -> U256 {
    U256::from_be_slice(&value.into_bigint().to_bytes_be())
}

pub(crate) fn scalar_mod_order(bytes: &[u8]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

fn from_word(word: U256) -> Result<Fq, CurveError> {
    let value = Fq::from_be_bytes_mod_order(&word.to_be_bytes::<32>());
    if to_word(value) == word { Ok(value) } else { Err(CurveError::NotReduced) }
}

pub(crate) fn encode_g1(point: &G1Affine) -> G1Point {
    G1Point::from_words(point.xy().map_or([U256::ZERO; 2], |(x, y)| [to_word(x), to_word(y)]))
}

pub(crate) fn encode_g2(point: &G2Affine) -> G2Point {
    G2Point::from_words(point.xy().map_or([U256::ZERO; 4], |(x, y)| [x.c1, x.c0, y.c1, y.c0].map(to_word)))
}

pub(crate) fn decode_g1(bytes: &G1Point) -> Result<G1Affine, CurveError> {
    let [x, y] = bytes.to_words();
    if x.is_zero() && y.is_zero() {
        return Err(CurveError::Infinity);
    }
    let point = G1Affine::new_unchecked(from_word(x)?, from_word(y)?);
    if point.is_on_curve() { Ok(point) } else { Err(CurveError::NotOnCurve) }
}

pub(crate) fn decode_g2(bytes: &G2Point) -> Result<G2Affine, CurveError> {
    let words = bytes.to_words();
    if words.iter().all(U256::is_zero) {
        return Err(CurveError::Infinity);
    }
    let [x1, x0, y1, y0] = words;
    let x = Fq2::new(from_word(x0)?, from_word(x1)?);
    let y = Fq2::new(from_word(y0)?, from_word(y1)?);
    let point = G2Affine::new_unchecked(x, y);
    if !point.is_on_curve() {
        return Err(CurveError::NotOnCurve);
    }
    if point.is_in_correct_subgroup_assuming_on_curve() { Ok(point) } else { Err(CurveError::NotInGroup) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;
    use ark_ec::CurveGroup;
    use ark_ff::AdditiveGroup;

    use super::*;

    fn hashed(digest: [u8; 32]) -> (U256, U256, u8) {
        let hashed = hash_word(&digest);
        let [x, y] = hashed.point().to_words();
        (x, y, hashed.passed)
    }

    fn word(hex: &str) -> U256 {
        hex.parse().expect("the literal is a word")
    }

    #[test]
    fn published_digests_hash_to_their_points() {
        let mut one = [0; 32];
        one[31] = 1;
        let small = |x: u64, y: u64| (U256::from(x), U256::from(y));
        let table = [
            ([0; 32], small(1, 2), 1),
            (one, small(1, 2), 0),
            (to_word(-Fq::ONE).wrapping_add(U256::from(1)).to_be_bytes(), small(1, 2), 1),
            (
                [0xff; 32],
                (
                    word("0x0e0a77c19a07df2f666ea36f7879462c0a78eb28f5c70b3dd35d438dc58f0d9c"),
                    word("0x14be43b98e05db3bee1459f626263fc7bccd58e77b8182329f8ac7453c92c0ca"),
                ),
                0,
            ),
            (
                keccak256("abc").0,
                (
                    word("0x1d9f1708091409260f8435f1a5477e0a29507c51d1f2d5a9b0246978c8b06efe"),
                    word("0x04fc97f7d6ed51fdf2920eea84eb1be09aa77322c1111593cde486d72188402f"),
                ),
                0,
            ),
            (
                keccak256(U256::from(10).to_be_bytes::<32>()).0,
                (
                    word("0x04c941ed516e9b7615cb7ec910c7091c2596ee20e112618e6f135eed2205dd8f"),
                    word("0x2528dd00139d8c3ffbe18a2014948b2f8c333417e85e06ff31fb139725f5db55"),
                ),
                3,
            ),
        ];
        for (digest, (x, y), increments) in table {
            assert_eq!(hashed(digest), (x, y, increments));
        }
    }

    #[test]
    fn no_abscissa_is_passed_over_that_is_on_the_curve() {
        for seed in 0u64..64 {
            let digest = keccak256(seed.to_be_bytes());
            let hashed = hash_word(&digest.0);
            let mut x = Fq::from_be_bytes_mod_order(&digest.0);
            for _ in 0..hashed.passed {
                let minus_beta = -(x.square() * x + Fq::from(3u8));
                // -1 is no square, so of a number and its negative exactly one is.
                assert_eq!(principal_root(minus_beta).square(), minus_beta);
                x += Fq::ONE;
            }
            assert_eq!(hashed.point.x, x);
            assert!(hashed.point.is_on_curve());
        }
    }

    #[test]
    fn points_survive_their_encoding() {
        let g1 = (G1Affine::generator() * Fr::from(12_345u64)).into_affine();
        let g2 = (G2Affine::generator() * Fr::from(12_345u64)).into_affine();
        assert_eq!(decode_g1(&encode_g1(&g1)), Ok(g1));
        assert_eq!(decode_g2(&encode_g2(&g2)), Ok(g2));
    }

    #[test]
    fn bytes_that_are_no_points_are_refused() {
        let words = |x: U256, y: u64| G1Point::from_words([x, U256::from(y)]);
        let modulus = to_word(-Fq::ONE) + U256::from(1);
        assert_eq!(decode_g1(&G1Point([0; 64])), Err(CurveError::Infinity));
        assert_eq!(decode_g1(&words(U256::from(1), 3)), Err(CurveError::NotOnCurve));
        assert_eq!(decode_g1(&words(modulus + U256::from(1), 2)), Err(CurveError::NotReduced));
        assert_eq!(decode_g2(&G2Point([0; 128])), Err(CurveError::Infinity));
        assert_eq!(decode_g2(&G2Point([1; 128])), Err(CurveError::NotOnCurve));
        assert_eq!(decode_g2(&outside_the_group()), Err(CurveError::NotInGroup));
    }

    /// A point of the twist that is not in the prime-order group: the first small abscissa that has an ordinate.
    fn outside_the_group() -> G2Point {
        let twist = G2Affine::generator();
        let (gx, gy) = twist.xy().expect("the generator is not at infinity");
        let b = gy.square() - gx.square() * gx;
        (1u64..)
            .map(|x| Fq2::new(Fq::from(x), Fq::ZERO))
            .find_map(|x| (x.square() * x + b).sqrt().map(|y| encode_g2(&G2Affine::new_unchecked(x, y))))
            .expect("half of all abscissas have an ordinate")
    }
}
