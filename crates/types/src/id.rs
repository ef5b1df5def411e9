//! Identifiers. Each is a type of its own, so that no two can be confused; none of them proves that what it names exists.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Why a text or word is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The name is not 1 to 32 characters of `a-z`, `0-9` and `-`.
    #[error("`{0}` is not a name: use 1 to 32 characters of a-z, 0-9 and -")]
    Name(String),
    /// The text is not `sha256:` followed by 64 hexadecimal digits.
    #[error("`{0}` is not a component digest: expected sha256: and 64 hexadecimal digits")]
    Digest(String),
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub B256);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

word!(
    /// One task: the EIP-712 digest of its [`Task`](crate::Task), or of what fired.
    TaskId
);
word!(
    /// Hash of one result, the unit that is agreed on.
    ResultLeaf
);
word!(
    /// Merkle root over the leaves of a batch; what operators sign.
    BatchRoot
);
word!(
    /// keccak256 of a manifest's canonical JSON.
    ManifestHash
);

/// SHA-256 of a component's bytes; written `sha256:<hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentDigest(pub B256);

impl ComponentDigest {
    /// The digest of a component's bytes.
    pub fn of(component: &[u8]) -> Self {
        Self(B256::from(<[u8; 32]>::from(Sha256::digest(component))))
    }
}

impl fmt::Display for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", alloy_primitives::hex::encode(self.0))
    }
}

impl fmt::Debug for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ComponentDigest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("sha256:")
            .filter(|digits| digits.len() == 64)
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| IdError::Digest(text.to_owned()))
    }
}

impl Serialize for ComponentDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ComponentDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An operator's account on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatorId(pub Address);

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A service: the chain it lives on and its ServiceManager there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceId {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The ServiceManager contract.
    pub manager: Address,
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain_id, self.manager)
    }
}

/// Number of an operator table of one service, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Name of a workflow, unique in its service: `[a-z0-9-]{1,32}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct WorkflowId(String);

impl WorkflowId {
    /// The name's ASCII bytes, left-aligned and zero-padded, as contracts hold it.
    pub fn to_word(&self) -> B256 {
        let mut word = B256::ZERO;
        word[..self.0.len()].copy_from_slice(self.0.as_bytes());
        word
    }

    /// Reads the form that [`to_word`](Self::to_word) writes.
    ///
    /// # Errors
    /// [`IdError::Name`] when the word is empty, has a character that names do not have, or is not zero after its end.
    pub fn from_word(word: B256) -> Result<Self, IdError> {
        let end = word.iter().position(|&byte| byte == 0).unwrap_or(word.len());
        let (name, padding) = word.split_at(end);
        match std::str::from_utf8(name) {
            Ok(name) if padding.iter().all(|&byte| byte == 0) => name.parse(),
            _ => Err(IdError::Name(word.to_string())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for WorkflowId {
    type Err = IdError;

    fn from_str(name: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(IdError::Name(name.to_owned()))
        }
    }
}

impl<'de> Deserialize<'de> for WorkflowId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_name_survives_its_word() {
        for name in ["a", "score", "x-1", "abcdefghijklmnopqrstuvwxyz012345"] {
            let id: WorkflowId = name.parse().expect("the name is valid");
            assert_eq!(WorkflowId::from_word(id.to_word()), Ok(id));
        }
    }

    #[test]
    fn names_outside_the_alphabet_are_refused() {
        for name in ["", "Score", "a b", "ä", "a_b", "abcdefghijklmnopqrstuvwxyz0123456"] {
            assert!(name.parse::<WorkflowId>().is_err(), "{name}");
        }
    }

    #[test]
    fn words_with_bytes_after_the_end_are_refused() {
        let mut word: B256 = "score".parse::<WorkflowId>().expect("the name is valid").to_word();
        word[31] = b'x';
        assert!(WorkflowId::from_word(word).is_err());
        assert!(WorkflowId::from_word(B256::ZERO).is_err());
    }

    #[test]
    fn component_digest_reads_what_it_prints() {
        let digest = ComponentDigest(B256::repeat_byte(0xab));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for text in ["", "sha256:", "ab", "sha256:zz", "sha512:00"] {
            assert!(text.parse::<ComponentDigest>().is_err(), "{text}");
        }
    }
}
