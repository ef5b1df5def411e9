//! Points of BN254 as bytes, in EigenLayer's and the EVM's encoding. Nothing here says that the bytes are on the curve.

use std::fmt;

use alloy_primitives::{U256, hex};
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize};

/// Reads a fixed number of bytes, without a length before them.
struct BytesVisitor<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for BytesVisitor<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<[u8; N], A::Error> {
        let mut point = [0; N];
        for (at, byte) in point.iter_mut().enumerate() {
            *byte = bytes.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(point)
    }
}

macro_rules! point {
    ($(#[$doc:meta])* $name:ident, $words:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $words * 32]);

        impl $name {
            /// The words of the encoding, in order.
            pub fn to_words(&self) -> [U256; $words] {
                std::array::from_fn(|i| U256::from_be_slice(&self.0[32 * i..32 * (i + 1)]))
            }

            /// The point whose encoding has these words.
            pub fn from_words(words: [U256; $words]) -> Self {
                let mut bytes = [0; $words * 32];
                for (chunk, word) in bytes.chunks_exact_mut(32).zip(words) {
                    chunk.copy_from_slice(&word.to_be_bytes::<32>());
                }
                Self(bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return hex::serialize(self.0, serializer);
                }
                let mut tuple = serializer.serialize_tuple(self.0.len())?;
                self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
                tuple.end()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return hex::deserialize(deserializer).map(Self);
                }
                deserializer.deserialize_tuple($words * 32, BytesVisitor::<{ $words * 32 }>).map(Self)
            }
        }
    };
}

point!(
    /// A point of G1: x, y; 32 bytes each, big-endian. All zeros is the point at infinity.
    G1Point,
    2
);
point!(
    /// A point of G2: x imaginary, x real, y imaginary, y real; 32 bytes each, big-endian. All zeros is the point at infinity.
    G2Point,
    4
);
