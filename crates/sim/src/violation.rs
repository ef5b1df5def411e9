//! What must never happen, as types: each variant is one property, and carries what it takes to understand its breach.

use tandem_protocol::Fault;
use tandem_types::{BatchRoot, Epoch, OperatorId, ResultLeaf, TaskId};

use crate::journal::Settlement;

/// A property that a run broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An honest operator signed two results of one task.
    #[error("operator {operator} signed {first} and {second} for task {task}")]
    TwoResultsSigned {
        /// Who.
        operator: OperatorId,
        /// The task.
        task: TaskId,
        /// What it signed first.
        first: ResultLeaf,
        /// What it signed then.
        second: ResultLeaf,
    },
    /// A signature of an honest operator left before its journal had it.
    #[error("operator {operator} signed {leaf} for task {task} before its journal had it")]
    UnjournaledSignature {
        /// Who.
        operator: OperatorId,
        /// The task.
        task: TaskId,
        /// What it signed.
        leaf: ResultLeaf,
    },
    /// An honest operator voted for a result and vetoed it.
    #[error("operator {operator} voted for {leaf} of task {task} and vetoed it")]
    VotedAndVetoed {
        /// Who.
        operator: OperatorId,
        /// The task.
        task: TaskId,
        /// The result.
        leaf: ResultLeaf,
    },
    /// An honest operator holds a certificate whose signers are not enough.
    #[error("operator {by} certified {root} under table {epoch} without a quorum")]
    CertificateWithoutQuorum {
        /// Who holds it.
        by: OperatorId,
        /// Table that it names.
        epoch: Epoch,
        /// What it is over.
        root: BatchRoot,
    },
    /// A certificate names an operator that never signed what it is over.
    #[error("operator {by} holds a certificate over {root} that names {signer}, who never signed it")]
    CertificateOfNonSigner {
        /// Who holds it.
        by: OperatorId,
        /// What it is over.
        root: BatchRoot,
        /// Who did not sign.
        signer: OperatorId,
    },
    /// The chain took a result without a quorum.
    #[error("task {task} was delivered in block {block} without a quorum")]
    DeliveredWithoutQuorum {
        /// The task.
        task: TaskId,
        /// The block.
        block: u64,
    },
    /// The chain delivered a task again.
    #[error("task {task} was delivered again in block {block}")]
    DeliveredTwice {
        /// The task.
        task: TaskId,
        /// The block of the second delivery.
        block: u64,
    },
    /// The chain stopped a result without enough vetoes.
    #[error("task {task} was vetoed in block {block} without enough stake")]
    VetoedWithoutQuorum {
        /// The task.
        task: TaskId,
        /// The block.
        block: u64,
    },
    /// With more than two thirds of each token honest, a result was delivered that no honest operator computed.
    #[error("task {task} was delivered with {leaf}, which no honest operator computed")]
    ResultOfNobody {
        /// The task.
        task: TaskId,
        /// The result.
        leaf: ResultLeaf,
    },
    /// With more than two thirds of each token honest, a task with time enough was not delivered.
    #[error("task {task} could be delivered and was not, {late_ms} ms after all faults ended")]
    Undelivered {
        /// The task.
        task: TaskId,
        /// How long nothing but adversaries was wrong.
        late_ms: u64,
    },
    /// A result that no honest operator computed passed its window, though honest operators alone could veto it and had the time.
    #[error("task {task} was delivered with {leaf}, and nobody vetoed it though honest operators could")]
    FalsehoodNotVetoed {
        /// The task.
        task: TaskId,
        /// The result.
        leaf: ResultLeaf,
    },
    /// An honest operator does not know a task of the chain.
    #[error("operator {operator} lost task {task}")]
    TaskLost {
        /// Who.
        operator: OperatorId,
        /// The task.
        task: TaskId,
    },
    /// An honest operator's journal and the chain disagree about a task's end.
    #[error("operator {operator} has task {task} as {found:?}, the chain has it as {expected:?}")]
    WronglySettled {
        /// Who.
        operator: OperatorId,
        /// The task.
        task: TaskId,
        /// What the journal says; none is open.
        found: Option<Settlement>,
        /// What the chain says.
        expected: Settlement,
    },
    /// An honest operator shut out another honest one.
    #[error("operator {by} blames {operator}, who is honest: it {fault}")]
    HonestBlamed {
        /// Who blames.
        by: OperatorId,
        /// Whom.
        operator: OperatorId,
        /// For what.
        fault: Fault,
    },
}

impl Violation {
    /// The name of the property, for tables.
    pub fn property(&self) -> &'static str {
        match self {
            Self::TwoResultsSigned { .. } => "one result per task and operator",
            Self::UnjournaledSignature { .. } => "journal before signature",
            Self::VotedAndVetoed { .. } => "no veto of one's own vote",
            Self::CertificateWithoutQuorum { .. } => "certificates have a quorum",
            Self::CertificateOfNonSigner { .. } => "certificates name their signers",
            Self::DeliveredWithoutQuorum { .. } | Self::VetoedWithoutQuorum { .. } => "the chain demands a quorum",
            Self::DeliveredTwice { .. } => "one delivery per task",
            Self::ResultOfNobody { .. } => "results are honest operators'",
            Self::FalsehoodNotVetoed { .. } => "falsehoods are vetoed",
            Self::Undelivered { .. } => "every task ends",
            Self::TaskLost { .. } => "no task is lost",
            Self::WronglySettled { .. } => "journals end as the chain",
            Self::HonestBlamed { .. } => "nobody honest is blamed",
        }
    }
}
