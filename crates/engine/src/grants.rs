//! What one workflow's component may use. Nothing is granted by default but time and randomness.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_types::{Determinism, ServiceId, WorkflowId};

use crate::chain::ChainState;
use crate::store::ServiceStore;
use crate::{Component, HttpHosts, HttpTape, Limits, Secrets};

/// Grants of one workflow on this operator.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Whose component it is: services share the engine evenly. Without one it is nobody's, which counts as one more service.
    pub service: Option<ServiceId>,
    /// Which time and randomness it sees, and what it may import at all.
    pub determinism: Determinism,
    /// Settings from the manifest.
    pub config: BTreeMap<String, String>,
    /// Values from the operator.
    pub secrets: Secrets,
    /// The service's store, if it may use that. Not for `strict` components.
    pub store: Option<Arc<dyn ServiceStore>>,
    /// The service's chain, if it may read that.
    pub chain: Option<Arc<dyn ChainState>>,
    /// Components of other workflows that it may call, by the same engine.
    pub calls: BTreeMap<WorkflowId, Component>,
    /// Where HTTP requests may go.
    pub http_hosts: HttpHosts,
    /// For authors' tests: records the HTTP exchanges, or answers from a recording. Operators have none.
    pub http_tape: Option<HttpTape>,
    /// What one execution may use.
    pub limits: Limits,
}
