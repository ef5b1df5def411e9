//! BLS signatures on BN254 for Tandem: keys, proof of possession, signing by purpose, aggregation, and encrypted keystores.
//!
//! Signatures and hashing to the curve are compatible with EigenLayer's middleware; the formulas are in
//! `docs/reference/formats.md`. A key signs only what one of its methods names: there is no way to sign bytes.
//!
//! The crate is pure: randomness is handed in, and nothing here touches a file. Signing is not constant time in the curve
//! arithmetic that it builds on; the message is public and the key is used by its own operator only.

mod curve;
mod key;
mod keystore;
mod table;

pub use curve::{CurveError, HashedPoint, hash_to_curve};
pub use key::{PublicKey, SecretKey, SecretKeyError, Signature, verify_possession};
pub use keystore::{Entropy, Keystore, KeystoreError, Strength};
pub use table::{CertificateError, CertifiedBatch, KeyTable, Share, SharesError};
