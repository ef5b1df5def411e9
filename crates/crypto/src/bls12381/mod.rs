//! BLS on BLS12-381: signatures in G1, keys in G2, hashing by RFC 9380. What `Bls12381Scheme` checks on chain with EIP-2537.
//!
//! Points are packed: 48-byte big-endian coordinates, those of G2 with the real part first. As everywhere, keys sign by purpose
//! only, and a key counts for nothing until [`verify_possession`] has said that its operator holds the secret.

mod curve;
mod key;

pub use self::curve::{DST, G1_BYTES, G2_BYTES};
pub use self::key::{PublicKey, SecretKey, Signature, verify_batch, verify_possession};
