//! What goes into the agreement and what comes out of it: the daemon's side of [`Agreement`](super::Agreement).

use std::sync::Arc;

use tandem_crypto::{CertifiedBatch, CertifiedVeto, KeyTable};
use tandem_types::{Batch, BatchEntry, Epoch, OperatorId, PerToken, Requirement, TaskId, Weight};

use crate::message::Message;
use crate::policy::Conditions;
use crate::schedule::Timestamp;

/// Times of the agreement, in milliseconds. All operators of a service use the same slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long one operator leads. Clocks may differ by as much.
    pub slot_ms: u64,
    /// How long a leader waits for late votes once there are enough: more signers make a cheaper certificate.
    pub vote_grace_ms: u64,
    /// How long each operator has to deliver a certified batch before the next one does.
    pub takeover_ms: u64,
    /// How long a sender of forged shares is not listened to.
    pub shut_out_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { slot_ms: 2_000, vote_grace_ms: 200, takeover_ms: 30_000, shut_out_ms: 600_000 }
    }
}

/// This operator's result for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnResult {
    /// The task and the hash of the result.
    pub entry: BatchEntry,
    /// What the task demands beside the service's policy.
    pub requirement: Requirement,
    /// When the task expires.
    pub deadline: Timestamp,
    /// Size of the result, which a delivery has to carry.
    pub payload_bytes: usize,
}

/// A result that was certified on the chain, and is stopped if enough of the external token vetoes it in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingResult {
    /// The task and the hash of the result.
    pub entry: BatchEntry,
    /// From when on it can not be vetoed any more.
    pub until: Timestamp,
}

/// What happens to the agreement.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "inputs are handed over one at a time and never kept")]
pub enum Input {
    /// A new operator table is in force.
    Table(Arc<KeyTable>),
    /// What the policy depends on besides stake has been read from the chain.
    Conditions(Conditions),
    /// This operator has a result, and its journal has it too.
    Executed(OwnResult),
    /// A peer, or this operator itself, says something.
    Received {
        /// Who, as authenticated by the transport.
        from: OperatorId,
        /// What.
        message: Message,
    },
    /// The chain says that a result was certified and waits for vetoes. Comes again after a restart.
    Pending(PendingResult),
    /// The chain says that a task was delivered or vetoed, or will never be delivered.
    Settled(TaskId),
    /// A reorganisation has taken back what the chain said of a task: it is open again, and nothing of it is pending. What the chain says of it
    /// now, and this operator's result if there is one, come after this.
    Reopened(TaskId),
    /// Time has passed. Comes several times a slot.
    Tick,
}

/// What the daemon is to do, in order.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send a message to one operator.
    Send {
        /// Receiver, never this operator.
        to: OperatorId,
        /// The message.
        message: Message,
    },
    /// Send a message to every other operator of the table.
    Broadcast(Message),
    /// Record in the journal that this batch is signed, then sign it and send the vote. When `to` is this operator, the vote comes
    /// back as [`Input::Received`].
    Vote {
        /// The proposer.
        to: OperatorId,
        /// Table to sign under.
        epoch: Epoch,
        /// The batch; all its results are this operator's own.
        batch: Batch,
    },
    /// Submit a certified batch to the chain.
    Deliver {
        /// The certificate, checked, and accepted by the policy: final, or pending on the chain until nobody can veto it.
        certified: CertifiedBatch,
        /// Its results.
        batch: Batch,
        /// The table that it was certified under.
        keys: Arc<KeyTable>,
    },
    /// Record in the journal that this operator vetoes the result, unless it has voted for it or has it itself, then sign the veto and
    /// send the share to each receiver. For this operator itself the share comes back as [`Input::Received`]. Asked for again every
    /// slot, while the result is pending.
    SignVeto {
        /// Who gathers vetoes now, and who will next.
        to: Vec<OperatorId>,
        /// Table to sign under.
        epoch: Epoch,
        /// The task, and the result that is not this operator's.
        entry: BatchEntry,
    },
    /// Submit a veto to the chain.
    Veto {
        /// The task whose result is vetoed.
        task: TaskId,
        /// The certificate, checked, with enough of the external token to stop the result.
        certified: CertifiedVeto,
        /// The table that it was certified under.
        keys: Arc<KeyTable>,
    },
    /// Have the chain deliver these pending results: their time for vetoes is over, and they are this operator's own.
    Finalize(Vec<BatchEntry>),
    /// A task passed its deadline without a certificate.
    Expired {
        /// The task.
        task: TaskId,
        /// The most weight that attested this operator's result while it led.
        attested: PerToken<Weight>,
    },
    /// Another operator did something that an honest one does not.
    Report {
        /// Who.
        operator: OperatorId,
        /// What.
        fault: Fault,
    },
}

/// What an operator did wrong, or seems to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// It sent a share that is not its signature.
    #[error("sent a share that is not its signature")]
    ForgedShare,
    /// It sent a certificate that does not verify or that the policy never accepts.
    #[error("sent a void certificate")]
    VoidCertificate,
    /// It proposed in a slot that it does not lead.
    #[error("proposed out of turn")]
    OutOfTurn,
    /// It proposed or certified a result that is not this operator's. One of the two is wrong.
    #[error("has another result than ours")]
    OtherResult,
    /// It attests or proposes more than anyone may.
    #[error("attested or proposed too much")]
    Flood,
}
