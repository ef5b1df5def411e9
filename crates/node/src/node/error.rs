//! Why a node does not start, or ends, and what its operator can do about it.

use std::net::SocketAddr;
use std::path::PathBuf;

use tandem_chain::{RpcError, ServiceError};
use tandem_engine::{EngineError, LoadError};
use tandem_types::ManifestHash;

use crate::components::SourcesError;
use crate::journal::{Identity, JournalError, OpenError};
use crate::source::SourceError;
use crate::source::firings::UnwatchedChain;
use crate::transport::BindError;
use crate::workflows::WorkflowsError;

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The chain's endpoint does not answer as it should.
    #[error("cannot use the chain's endpoint")]
    Rpc(#[from] RpcError),
    /// The service cannot be read.
    #[error("cannot read the service")]
    Service(#[from] ServiceError),
    /// The journal does not open.
    #[error("cannot open the journal")]
    Open(#[from] OpenError),
    /// Another node of this operator and service runs on this machine.
    #[error("another process on this machine runs as {0}")]
    Twice(Box<Identity>),
    /// The journal failed while the node ran; nothing more was signed.
    #[error("the journal failed, so nothing more is signed")]
    Journal(#[from] JournalError),
    /// A manifest or component is missing or wrong.
    #[error("cannot serve a manifest")]
    Workflows(#[from] WorkflowsError),
    /// Components cannot be fetched as the configuration says.
    #[error("cannot fetch components as configured")]
    Sources(#[from] SourcesError),
    /// The manifest in force is not among the node's.
    #[error("the manifest in force, {hash} at {uri}, is not among this node's manifests")]
    ManifestMissing {
        /// Its hash.
        hash: ManifestHash,
        /// Where it can be had.
        uri: String,
    },
    /// A trigger watches a chain that this node has no endpoint for.
    #[error(transparent)]
    Unwatched(#[from] UnwatchedChain),
    /// There is no room for components.
    #[error("cannot start the engine")]
    Engine(#[from] EngineError),
    /// The transport does not start.
    #[error("cannot listen for the other operators")]
    Transport(#[from] BindError),
    /// The HTTP port is taken.
    #[error("cannot listen on {address} for HTTP")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Traces cannot be sent.
    #[error("cannot set up the client for telemetry.otlp-endpoint")]
    Collector(#[from] reqwest::Error),
    /// The data directory is not writable.
    #[error("cannot write {path}")]
    Addresses {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The chain cannot be followed any more.
    #[error("cannot follow the chain")]
    Source(#[from] SourceError),
    /// A loop ended that must not end.
    #[error("a part of the node ended: {0}")]
    Ended(String),
}

impl NodeError {
    /// Whether starting again is of no use, or dangerous, before a person has looked: the operator may have signed what the journal does not know.
    pub fn needs_person(&self) -> bool {
        matches!(
            self,
            Self::Twice(_)
                | Self::Open(OpenError::Doubt { .. } | OpenError::OtherIdentity { .. } | OpenError::NewerSchema { .. })
                | Self::Journal(JournalError::Doubted(_))
                | Self::Source(SourceError::Journal(JournalError::Doubted(_)))
        )
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rpc(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::ManifestMissing { .. } => {
                Some("put the manifest into the directory storage.manifests and its components into storage.components")
            }
            Self::Unwatched(_) => Some(
                "add an entry [[watched-chains]] with chain-id and rpc to operator.toml, or do not serve this service",
            ),
            Self::Workflows(WorkflowsError::Secret { .. }) => {
                Some("set it in the environment of `tandem operator run`")
            }
            Self::Workflows(WorkflowsError::Missing { .. }) => Some(
                "put it into the directory storage.components, or configure a mirror under components.sources: the manifest names no source",
            ),
            Self::Sources(SourcesError::Password { .. }) => Some("set it in the environment of `tandem operator run`"),
            Self::Workflows(WorkflowsError::PrivateHost { .. }) => {
                Some("set components.private-hosts = true only if its author may reach what listens there")
            }
            Self::Workflows(WorkflowsError::Load { source, .. })
                if matches!(**source, LoadError::LimitAboveNode { .. }) =>
            {
                Some(
                    "ask the service for a lower limit in its manifest, or raise components.limits-max in operator.toml",
                )
            }
            Self::Http { .. } => Some("choose another address for network.http"),
            Self::Open(error) => Some(error.hint()),
            Self::Twice(_) => Some(
                "stop the other one: two nodes with the same keys can sign two results for one task, and lose the stake",
            ),
            Self::Journal(JournalError::Doubted(_)) | Self::Source(SourceError::Journal(JournalError::Doubted(_))) => {
                Some("make sure that no other node runs with these keys, then `tandem operator db recover`")
            }
            Self::Journal(JournalError::Storage(error))
            | Self::Source(SourceError::Journal(JournalError::Storage(error))) => Some(error.hint()),
            Self::Journal(_) => Some("check the disk, then start again: what was recorded is safe"),
            _ => None,
        }
    }
}
