//! BLS signatures on BN254 for Tandem: keys, proof of possession, signing by purpose, aggregation, and encrypted keystores.
//!
//! Signatures and hashing to the curve are compatible with EigenLayer's middleware; the formulas are in
//! `docs/reference/formats.md`. A key signs only what one of its methods names: there is no way to sign bytes.
//!
//! Operators sign two kinds of [`Statement`] together, batches and vetoes; a [`KeyTable`] sums their shares into certificates and checks
//! certificates, and a [`KeyRing`] signs with the key that stands in the table.
//!
//! That is the default scheme. [`bls12381`] and [`secp256k1`] are the two others that `ISignatureScheme` has contracts for.
//!
//! The crate is pure: randomness is handed in, and nothing here touches a file. Signing is not constant time in the curve
//! arithmetic that it builds on; the message is public and the key is used by its own operator only.

pub mod bls12381;
mod curve;
mod key;
mod keyring;
mod keystore;
pub mod secp256k1;
mod statement;
mod table;

pub use curve::{CurveError, HashedPoint, hash_to_curve};
pub use key::{PublicKey, SecretKey, SecretKeyError, Signature, aggregate_keys, verify_possession};
pub use keyring::{ForeignKey, KeyRing};
pub use keystore::{Entropy, Keystore, KeystoreError, Strength};
pub use statement::Statement;
pub use table::{CertificateError, Certified, CertifiedBatch, CertifiedVeto, KeyTable, Share, SharesError};
