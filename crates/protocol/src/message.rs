//! What operators say to each other, and its encoding. Decoding bounds every length before anything is done with the content.

use serde::{Deserialize, Serialize};
use tandem_types::{
    Batch, BatchEntry, BatchError, BatchRoot, Certificate, Epoch, G1Point, INPUT_BYTES_MAX, OPERATORS_PER_TABLE_MAX,
    SignedFiring, TaskId,
};

/// Largest encoded message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Most attestations in one message.
pub(crate) const ATTESTATIONS_PER_MESSAGE_MAX: usize = 512;
/// Most results that one message is about.
pub(crate) const RESULTS_PER_MESSAGE_MAX: usize = 64;
/// Bytes of a caller's signature.
const SIGNATURE_BYTES: usize = 65;
/// First byte of every message.
const VERSION: u8 = 1;

/// A message between two operators of a service. Who sent it is known from the transport, not from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// "These are my results": to the leader of the slot and the next.
    Attest(Vec<BatchEntry>),
    /// "Vote on these results": from the leader to all.
    Propose {
        /// Table under which votes are asked for.
        epoch: Epoch,
        /// The results.
        batch: Batch,
    },
    /// "I sign this batch": to its proposer.
    Vote {
        /// Table of the proposal.
        epoch: Epoch,
        /// The batch.
        root: BatchRoot,
        /// The sender's signature over epoch and root.
        share: G1Point,
    },
    /// "I do not sign this batch, because of these tasks": to its proposer.
    Refuse {
        /// Table of the proposal.
        epoch: Epoch,
        /// The batch.
        root: BatchRoot,
        /// Tasks on which the sender disagrees or has nothing more to say.
        tasks: Vec<TaskId>,
    },
    /// "This is agreed": from the proposer to all.
    Certified {
        /// The results.
        batch: Batch,
        /// The certificate over them.
        certificate: Certificate,
    },
    /// "This pending result is not mine": to the leader of the slot and the next.
    Veto {
        /// Table that the veto is signed under.
        epoch: Epoch,
        /// The task and the result that is vetoed.
        entry: BatchEntry,
        /// The sender's signature over epoch and leaf.
        share: G1Point,
    },
    /// "A caller signed this": from whom it reached to all. The agreement has no use for it.
    Forward(Box<SignedFiring>),
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("message of {0} bytes is larger than {MESSAGE_BYTES_MAX}")]
    TooLarge(usize),
    /// Empty, or of a version that this program does not speak.
    #[error("message version {0:?}, this program speaks {VERSION}")]
    Version(Option<u8>),
    /// The bytes do not decode.
    #[error("malformed message: {0}")]
    Malformed(#[from] postcard::Error),
    /// Bytes after the end.
    #[error("{0} bytes after the end of the message")]
    TrailingBytes(usize),
    /// A list is longer than allowed.
    #[error("{found} entries, {max} are allowed")]
    TooMany {
        /// Entries in the message.
        found: usize,
        /// Entries that are allowed.
        max: usize,
    },
    /// The input is too long, or the signature has not 65 bytes.
    #[error("a caller's firing has at most {INPUT_BYTES_MAX} bytes of input and {SIGNATURE_BYTES} of signature")]
    Firing,
    /// The entries are no batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

/// The encoded form: lists are plain until they are checked.
#[derive(Serialize, Deserialize)]
enum Wire {
    Attest(Vec<BatchEntry>),
    Propose { epoch: Epoch, entries: Vec<BatchEntry> },
    Vote { epoch: Epoch, root: BatchRoot, share: G1Point },
    Refuse { epoch: Epoch, root: BatchRoot, tasks: Vec<TaskId> },
    Certified { entries: Vec<BatchEntry>, certificate: Certificate },
    Veto { epoch: Epoch, entry: BatchEntry, share: G1Point },
    Forward(Box<SignedFiring>),
}

impl Message {
    /// The bytes that travel.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(&self.to_wire(), vec![VERSION]).expect("messages serialise into memory")
    }

    /// Reads what [`encode`](Self::encode) writes.
    ///
    /// # Errors
    /// [`MessageError`] for anything else; never panics.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge(bytes.len()));
        }
        let Some((&VERSION, body)) = bytes.split_first() else {
            return Err(MessageError::Version(bytes.first().copied()));
        };
        let (wire, rest) = postcard::take_from_bytes::<Wire>(body)?;
        if !rest.is_empty() {
            return Err(MessageError::TrailingBytes(rest.len()));
        }
        Self::from_wire(wire)
    }

    fn to_wire(&self) -> Wire {
        match self.clone() {
            Self::Attest(entries) => Wire::Attest(entries),
            Self::Propose { epoch, batch } => Wire::Propose { epoch, entries: batch.entries().to_vec() },
            Self::Vote { epoch, root, share } => Wire::Vote { epoch, root, share },
            Self::Refuse { epoch, root, tasks } => Wire::Refuse { epoch, root, tasks },
            Self::Certified { batch, certificate } => {
                Wire::Certified { entries: batch.entries().to_vec(), certificate }
            }
            Self::Veto { epoch, entry, share } => Wire::Veto { epoch, entry, share },
            Self::Forward(signed) => Wire::Forward(signed),
        }
    }

    fn from_wire(wire: Wire) -> Result<Self, MessageError> {
        Ok(match wire {
            Wire::Attest(entries) => Self::Attest(bounded(entries, ATTESTATIONS_PER_MESSAGE_MAX)?),
            Wire::Propose { epoch, entries } => Self::Propose { epoch, batch: batch_of(entries)? },
            Wire::Vote { epoch, root, share } => Self::Vote { epoch, root, share },
            Wire::Refuse { epoch, root, tasks } => {
                Self::Refuse { epoch, root, tasks: bounded(tasks, RESULTS_PER_MESSAGE_MAX)? }
            }
            Wire::Certified { entries, certificate } => {
                let words = certificate.signers.words().len();
                let max = OPERATORS_PER_TABLE_MAX.div_ceil(256);
                if words > max {
                    return Err(MessageError::TooMany { found: words, max });
                }
                Self::Certified { batch: batch_of(entries)?, certificate }
            }
            Wire::Veto { epoch, entry, share } => Self::Veto { epoch, entry, share },
            Wire::Forward(signed) => match signed.firing.input.len() {
                0..=INPUT_BYTES_MAX if signed.signature.len() == SIGNATURE_BYTES => Self::Forward(signed),
                _ => return Err(MessageError::Firing),
            },
        })
    }
}

fn batch_of(entries: Vec<BatchEntry>) -> Result<Batch, MessageError> {
    Ok(Batch::new(bounded(entries, RESULTS_PER_MESSAGE_MAX)?)?)
}

fn bounded<T>(list: Vec<T>, max: usize) -> Result<Vec<T>, MessageError> {
    if list.len() <= max { Ok(list) } else { Err(MessageError::TooMany { found: list.len(), max }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tandem_types::{Address, B256, G2Point, HttpFiring, ResultLeaf, SignerBitmap};

    use super::*;

    fn entry(task: u8) -> BatchEntry {
        BatchEntry { task_id: TaskId(B256::repeat_byte(task)), leaf: ResultLeaf(B256::repeat_byte(9)) }
    }

    fn batch() -> Batch {
        Batch::new(vec![entry(1), entry(2)]).expect("ascending")
    }

    fn messages() -> Vec<Message> {
        let (epoch, root) = (Epoch(3), batch().root());
        let certificate = Certificate {
            epoch,
            signers: SignerBitmap::from_positions(278, [0, 277]).expect("inside the table"),
            sigma: G1Point([7; 64]),
            apk: G2Point([8; 128]),
        };
        vec![
            Message::Attest(vec![entry(2), entry(1)]),
            Message::Propose { epoch, batch: batch() },
            Message::Vote { epoch, root, share: G1Point([5; 64]) },
            Message::Refuse { epoch, root, tasks: vec![TaskId(B256::ZERO)] },
            Message::Certified { batch: batch(), certificate },
            Message::Veto { epoch, entry: entry(1), share: G1Point([6; 64]) },
            Message::Forward(Box::new(signed(INPUT_BYTES_MAX, SIGNATURE_BYTES))),
        ]
    }

    fn signed(input: usize, signature: usize) -> SignedFiring {
        let firing = HttpFiring {
            workflow: "score".parse().expect("a name"),
            caller: Address::repeat_byte(1),
            key: B256::repeat_byte(2),
            instant: 1_900_000_000,
            input: vec![3; input].into(),
        };
        SignedFiring { firing, signature: vec![4; signature].into() }
    }

    #[test]
    fn messages_survive_their_encoding() {
        for message in messages() {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn tags_are_those_of_the_reference() {
        let tags: Vec<_> = messages().iter().map(|message| message.encode()[1]).collect();
        assert_eq!(tags, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_vote_fits_a_datagram() {
        let vote = &messages()[2];
        assert!(vote.encode().len() < 128, "{}", vote.encode().len());
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let encode = |wire: Wire| postcard::to_extend(&wire, vec![VERSION]).expect("serialises");
        let mut other_version = messages()[0].encode();
        other_version[0] = 2;
        let mut trailing = messages()[0].encode();
        trailing.push(0);
        let too_many = MessageError::TooMany { found: 513, max: 512 };
        let cases = [
            (vec![], MessageError::Version(None)),
            (other_version, MessageError::Version(Some(2))),
            (trailing, MessageError::TrailingBytes(1)),
            (vec![VERSION; MESSAGE_BYTES_MAX + 1], MessageError::TooLarge(MESSAGE_BYTES_MAX + 1)),
            (encode(Wire::Attest(vec![entry(1); 513])), too_many),
            (
                encode(Wire::Propose { epoch: Epoch(1), entries: vec![entry(1); 65] }),
                MessageError::TooMany { found: 65, max: 64 },
            ),
            (encode(Wire::Propose { epoch: Epoch(1), entries: vec![] }), BatchError::Empty.into()),
            (
                encode(Wire::Propose { epoch: Epoch(1), entries: vec![entry(2), entry(1)] }),
                BatchError::NotAscending(1).into(),
            ),
            (encode(Wire::Forward(Box::new(signed(INPUT_BYTES_MAX + 1, 65)))), MessageError::Firing),
            (encode(Wire::Forward(Box::new(signed(1, 64)))), MessageError::Firing),
        ];
        for (bytes, error) in cases {
            assert_eq!(Message::decode(&bytes), Err(error));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            if let Ok(message) = Message::decode(&versioned) {
                prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
            }
        }
    }
}
