//! Points in and out of their packed encodings, and hashing to G1. Every decoded point is on the curve, in the group, and not zero.

use ark_bls12_381::{Fq, Fq2, G1Affine, G1Projective, G2Affine, g1};
use ark_ec::AffineRepr;
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_ff::{BigInteger, PrimeField};
use sha2::Sha256;
use tandem_types::SigningDigest;

use crate::CurveError;

/// The domain separation tag of every hash to this curve.
pub const DST: &[u8] = b"TANDEM-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
/// A packed point of G1: x, y.
pub const G1_BYTES: usize = 2 * FIELD_BYTES;
/// A packed point of G2: x.c0, x.c1, y.c0, y.c1.
pub const G2_BYTES: usize = 4 * FIELD_BYTES;

const FIELD_BYTES: usize = 48;

type Hasher = MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256>, WBMap<g1::Config>>;

pub(super) fn hash_to_curve(digest: &SigningDigest) -> G1Affine {
    hash(DST, digest.as_word().as_slice())
}

/// RFC 9380's `BLS12381G1_XMD:SHA-256_SSWU_RO_`.
fn hash(dst: &[u8], message: &[u8]) -> G1Affine {
    Hasher::new(dst).and_then(|hasher| hasher.hash(message)).expect("every field element maps to this curve")
}

pub(super) fn encode_g1(point: &G1Affine) -> [u8; G1_BYTES] {
    let mut bytes = [0; G1_BYTES];
    if let Some((x, y)) = point.xy() {
        write(&mut bytes, &[x, y]);
    }
    bytes
}

pub(super) fn encode_g2(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut bytes = [0; G2_BYTES];
    if let Some((x, y)) = point.xy() {
        write(&mut bytes, &[x.c0, x.c1, y.c0, y.c1]);
    }
    bytes
}

pub(super) fn decode_g1(bytes: &[u8; G1_BYTES]) -> Result<G1Affine, CurveError> {
    let [x, y] = read(bytes)?;
    let point = G1Affine::new_unchecked(x, y);
    check(point.is_on_curve(), || point.is_in_correct_subgroup_assuming_on_curve())?;
    Ok(point)
}

pub(super) fn decode_g2(bytes: &[u8; G2_BYTES]) -> Result<G2Affine, CurveError> {
    let [x0, x1, y0, y1] = read(bytes)?;
    let point = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
    check(point.is_on_curve(), || point.is_in_correct_subgroup_assuming_on_curve())?;
    Ok(point)
}

fn check(on_curve: bool, in_group: impl FnOnce() -> bool) -> Result<(), CurveError> {
    if !on_curve {
        return Err(CurveError::NotOnCurve);
    }
    if in_group() { Ok(()) } else { Err(CurveError::NotInGroup) }
}

fn write(bytes: &mut [u8], coordinates: &[Fq]) {
    for (chunk, value) in bytes.chunks_exact_mut(FIELD_BYTES).zip(coordinates) {
        chunk.copy_from_slice(&value.into_bigint().to_bytes_be());
    }
}

/// The coordinates of a point that is not at infinity, which has no coordinates but all zeros.
fn read<const N: usize>(bytes: &[u8]) -> Result<[Fq; N], CurveError> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(CurveError::Infinity);
    }
    let mut coordinates = [Fq::from(0u8); N];
    for (value, chunk) in coordinates.iter_mut().zip(bytes.chunks_exact(FIELD_BYTES)) {
        *value = Fq::from_be_bytes_mod_order(chunk);
        if value.into_bigint().to_bytes_be() != chunk {
            return Err(CurveError::NotReduced);
        }
    }
    Ok(coordinates)
}

#[cfg(test)]
mod tests {
    use ark_bls12_381::{Bls12_381, Fr};
    use ark_ec::CurveGroup;
    use ark_ec::pairing::Pairing;
    use ark_ff::Zero;
    use ark_ff::field_hashers::HashToField;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../../vectors/bls12381.json")).expect("the vectors are JSON")
    }

    fn bytes(value: &Value) -> Vec<u8> {
        let text = value.as_str().expect("bytes are a string").strip_prefix("0x").expect("with a prefix");
        hex::decode(text).expect("in hexadecimal")
    }

    fn list(value: &Value, least: usize) -> &[Value] {
        let list = value.as_array().expect("cases are a list");
        assert!(list.len() >= least);
        list
    }

    /// Takes the EIP's zeros out of a point's coordinates; `None` when they are none.
    fn packed<const N: usize>(padded: &[u8]) -> Option<[u8; N]> {
        let mut result = [0; N];
        for (target, source) in result.chunks_exact_mut(FIELD_BYTES).zip(padded.chunks_exact(64)) {
            if source[..16].iter().any(|byte| *byte != 0) {
                return None;
            }
            target.copy_from_slice(&source[16..]);
        }
        Some(result)
    }

    fn unless_infinite<T: AffineRepr>(point: Result<T, CurveError>) -> Result<T, CurveError> {
        match point {
            Err(CurveError::Infinity) => Ok(T::zero()),
            other => other,
        }
    }

    fn pairs(input: &[u8]) -> Option<Result<Vec<(G1Affine, G2Affine)>, CurveError>> {
        let pair = |bytes: &[u8]| {
            let (g1, g2) = (packed(&bytes[..128])?, packed(&bytes[128..])?);
            Some(unless_infinite(decode_g1(&g1)).and_then(|p| Ok((p, unless_infinite(decode_g2(&g2))?))))
        };
        input.chunks_exact(384).map(pair).collect()
    }

    #[test]
    fn messages_hash_to_the_points_of_the_rfc() {
        let vectors = vectors();
        let dst = vectors["hash"]["dst"].as_str().expect("the tag is a string").as_bytes();
        for case in list(&vectors["hash"]["cases"], 5) {
            let message = bytes(&case["message"]);
            let hasher = <DefaultFieldHasher<Sha256> as HashToField<Fq>>::new(dst);
            let [u0, u1]: [Fq; 2] = hasher.hash_to_field(&message);
            assert_eq!(u0.into_bigint().to_bytes_be(), bytes(&case["u0"]));
            assert_eq!(u1.into_bigint().to_bytes_be(), bytes(&case["u1"]));
            assert_eq!(encode_g1(&hash(dst, &message)).to_vec(), bytes(&case["point"]));
        }
    }

    #[test]
    fn pairings_are_those_of_the_eip() {
        for case in list(&vectors()["pairing"], 15) {
            let pairs = pairs(&bytes(&case["input"])).expect("padded").expect("points");
            let (g1, g2): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let holds = Bls12_381::multi_pairing(g1, g2).is_zero();
            assert_eq!(u8::from(holds), bytes(&case["output"])[31], "{}", case["name"]);
        }
    }

    #[test]
    fn products_are_those_of_the_eip() {
        for case in list(&vectors()["g2Mul"], 11) {
            let input = bytes(&case["input"]);
            let point = unless_infinite(decode_g2(&packed(&input[..256]).expect("padded"))).expect("a point");
            let product = (point * Fr::from_be_bytes_mod_order(&input[256..])).into_affine();
            let expected = packed::<G2_BYTES>(&bytes(&case["output"])).expect("padded");
            assert_eq!(encode_g2(&product), expected, "{}", case["name"]);
        }
    }

    #[test]
    fn points_that_the_eip_refuses_are_refused() {
        let vectors = vectors();
        let whole = |input: &[u8]| !input.is_empty() && input.len().is_multiple_of(384);
        let cases = list(&vectors["fail"]["pairing"], 11).iter().filter(|case| whole(&bytes(&case["input"])));
        let cases: Vec<_> = cases.collect();
        assert_eq!(cases.len(), 9);
        for case in cases {
            // A pair whose padding is not zero has no packed form.
            let refused = pairs(&bytes(&case["input"])).is_none_or(|pairs| pairs.is_err());
            assert!(refused, "{}", case["name"]);
        }
    }

    #[test]
    fn points_survive_their_encoding() {
        let g1 = (G1Affine::generator() * Fr::from(12_345u64)).into_affine();
        let g2 = (G2Affine::generator() * Fr::from(12_345u64)).into_affine();
        assert_eq!(decode_g1(&encode_g1(&g1)), Ok(g1));
        assert_eq!(decode_g2(&encode_g2(&g2)), Ok(g2));
        assert_eq!(encode_g1(&G1Affine::zero()), [0; G1_BYTES]);
        assert_eq!(encode_g2(&G2Affine::zero()), [0; G2_BYTES]);
    }

    #[test]
    fn bytes_that_are_no_points_are_refused_for_what_is_wrong() {
        assert_eq!(decode_g1(&[0; G1_BYTES]), Err(CurveError::Infinity));
        assert_eq!(decode_g1(&[1; G1_BYTES]), Err(CurveError::NotOnCurve));
        assert_eq!(decode_g1(&[0xff; G1_BYTES]), Err(CurveError::NotReduced));
        assert_eq!(decode_g2(&[0; G2_BYTES]), Err(CurveError::Infinity));
        assert_eq!(decode_g2(&[1; G2_BYTES]), Err(CurveError::NotOnCurve));
        assert_eq!(decode_g2(&[0xff; G2_BYTES]), Err(CurveError::NotReduced));
        let stray = bytes(&vectors()["g1Add"][2]["input"]);
        assert_eq!(decode_g1(&packed(&stray[..128]).expect("padded")), Err(CurveError::NotInGroup));
        let stray = bytes(&vectors()["g2Add"][2]["input"]);
        assert_eq!(decode_g2(&packed(&stray[..256]).expect("padded")), Err(CurveError::NotInGroup));
    }
}
