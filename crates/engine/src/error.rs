//! What can go wrong, with the values that matter and whose fault it was. No message carries a secret: the guest's own words are redacted before they get here.

use std::net::IpAddr;

use tandem_types::{CALL_DEPTH_MAX, ComponentDigest, Determinism, WorkflowId};

use crate::chain::ChainError;
use crate::{LimitBreach, LimitKind};

/// Why a component cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Not a WebAssembly component at all, or one that does not validate.
    #[error("{digest} is not a valid WebAssembly component: {reason}")]
    Invalid {
        /// Digest of the bytes.
        digest: ComponentDigest,
        /// What the validator says.
        reason: String,
    },
    /// More than any component may have: compiling takes time and memory that no other limit bounds.
    #[error("{digest} has {found} {what}, a component may have {most}")]
    TooLarge {
        /// Digest of the bytes.
        digest: ComponentDigest,
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        most: u64,
    },
    /// A core module where a component is needed.
    #[error("{digest} is a core WebAssembly module, not a component")]
    CoreModule {
        /// Digest of the bytes.
        digest: ComponentDigest,
    },
    /// It imports what no component is ever granted, or with types that the host does not have.
    #[error("{digest} imports `{import}`, which this node does not offer: {reason}")]
    Import {
        /// Digest of the bytes.
        digest: ComponentDigest,
        /// The first such import.
        import: String,
        /// What the linker says.
        reason: String,
    },
    /// It imports what its determinism profile forbids.
    #[error(
        "{digest} imports `{import}`, which the determinism profile `{profile}` forbids, because {reason}: \
         remove what uses it from the component, or set `determinism = \"open\"` in the manifest"
    )]
    Forbidden {
        /// Digest of the bytes.
        digest: ComponentDigest,
        /// The first such import.
        import: String,
        /// The profile.
        profile: Determinism,
        /// Why the profile forbids it.
        reason: &'static str,
    },
    /// It does not export what the world `tandem:service/service` asks for.
    #[error("{digest} does not export `{export}` as the world `tandem:service/service` has it: {reason}")]
    Export {
        /// Digest of the bytes.
        digest: ComponentDigest,
        /// The export that is missing or of another type.
        export: &'static str,
        /// What the type checker says.
        reason: String,
    },
    /// The workflow asks for more than this node lends.
    #[error("limit `{kind}` of {asked} is above this node's {lent}")]
    LimitAboveNode {
        /// Which limit.
        kind: LimitKind,
        /// What the workflow asks for.
        asked: u64,
        /// What the node lends at most.
        lent: u64,
    },
    /// A `strict` component calls one that is not.
    #[error("a `strict` component may not call `{callee}`, which is `open`")]
    StrictCalls {
        /// What it calls.
        callee: WorkflowId,
    },
    /// Calls within calls go too deep.
    #[error("calls go {depth} deep, {CALL_DEPTH_MAX} at most")]
    CallDepth {
        /// How deep.
        depth: u32,
    },
    /// A run needs an instance for each component that waits for another, and the node has fewer slots.
    #[error("calls go {depth} deep, and this node runs {slots} components at a time")]
    CallSlots {
        /// How deep.
        depth: u32,
        /// Slots of the node.
        slots: u32,
    },
    /// The component and those that it calls may take more memory together than the node lends to one run.
    #[error("the component and those that it calls may take {asked} bytes of memory, this node lends {lent}")]
    CallMemory {
        /// Sum of the limits of those that are in memory at a time.
        asked: u64,
        /// What the node lends at most.
        lent: u64,
    },
}

/// Whose fault it is that there is no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The task: it asks for what cannot be computed.
    Task,
    /// The component, or the manifest that grants too little for it.
    Component,
    /// Something outside that the component asked: down, slow, or not ready yet.
    Source,
    /// This node.
    Host,
}

/// Why an execution has no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The component says so itself.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// A limit was met.
    #[error("the component {0}")]
    Limit(LimitBreach),
    /// The component asked for what it was not granted, and did not get over it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The component crashed.
    #[error("the component crashed: {reason}")]
    Trap {
        /// What kind of crash.
        reason: String,
    },
    /// The node's endpoint did not answer a read of the chain as it should. The component is never told.
    #[error("cannot read the chain: {0}")]
    Chain(ChainError),
    /// A component that it called, itself or through another, ended otherwise than with an output or an error of its own.
    #[error("in workflow `{workflow}`, which is called: {error}")]
    Callee {
        /// The workflow that was called.
        workflow: WorkflowId,
        /// What ended it. Whose fault that is, is whose fault this is.
        error: Box<RunError>,
    },
    /// The node failed, not the component.
    #[error("the engine failed: {reason}")]
    Host {
        /// What failed.
        reason: String,
    },
}

// Not by `#[from]`, which would make the breach its own cause and print it twice.
impl From<LimitBreach> for RunError {
    fn from(breach: LimitBreach) -> Self {
        Self::Limit(breach)
    }
}

// As above.
impl From<ChainError> for RunError {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

impl RunError {
    /// Whose fault it was.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Guest(error) => error.kind.fault(),
            Self::Limit(breach) => breach.kind.fault(),
            // Only names are looked up, and what they lead to is not the component's doing.
            Self::Refused(Refusal::HttpAddress { .. }) => Fault::Source,
            Self::Refused(_) | Self::Trap { .. } => Fault::Component,
            Self::Callee { error, .. } => error.fault(),
            Self::Chain(_) | Self::Host { .. } => Fault::Host,
        }
    }

    /// Whether the component, or the manifest it runs under, is to blame.
    pub fn is_guest_fault(&self) -> bool {
        self.fault() == Fault::Component
    }

    /// Whether the same task may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.fault(), Fault::Source | Fault::Host)
    }
}

/// The component's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GuestError {
    /// What kind of failure it was.
    pub kind: GuestErrorKind,
    /// The component's words, redacted and bounded.
    pub message: String,
}

/// Kinds of the component's own errors, as in `wit/service.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuestErrorKind {
    /// The task can never be computed.
    InvalidInput,
    /// The answer does not exist yet.
    NotReady,
    /// A source did not answer as it should.
    Unavailable,
    /// The component, its configuration or its grants are wrong.
    Failed,
}

impl GuestErrorKind {
    /// The name in WIT and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::NotReady => "not-ready",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::InvalidInput => Fault::Task,
            Self::NotReady | Self::Unavailable => Fault::Source,
            Self::Failed => Fault::Component,
        }
    }
}

/// What the component asked for and was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A host that is not on the list.
    #[error("HTTP host `{host}` is not granted")]
    HttpHost {
        /// Host and port, as asked for.
        host: String,
    },
    /// A granted host that leads to a private, link-local, loopback or otherwise special address.
    #[error("HTTP host `{host}` resolves to {address}, which is not a public address and not granted by itself")]
    HttpAddress {
        /// Host and port, as asked for.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// A destination that cannot be compared with the list, such as one that carries a user name.
    #[error("HTTP destination `{destination}` is not a plain host or host:port")]
    HttpDestination {
        /// The destination, as asked for.
        destination: String,
    },
    /// `CONNECT`, which would open a tunnel.
    #[error("the HTTP method CONNECT is not granted to any component")]
    HttpTunnel,
    /// A method other than GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
    #[error("the HTTP method `{method}` is not granted to any component")]
    HttpMethod {
        /// The method, as asked for.
        method: String,
    },
    /// The service's store.
    #[error("the service's store is not granted")]
    Store,
    /// The service's chain.
    #[error("reads of the chain are not granted")]
    Chain,
    /// Another component of the service.
    #[error("calls to workflow `{workflow}` are not granted")]
    Component {
        /// The workflow, as asked for, redacted and cut to a bearable length.
        workflow: String,
    },
}

impl Refusal {
    /// With the component's own words as they may be shown.
    pub(crate) fn shown(self, show: impl Fn(&str) -> String) -> Self {
        match self {
            Self::HttpHost { host } => Self::HttpHost { host: show(&host) },
            Self::HttpAddress { host, address } => Self::HttpAddress { host: show(&host), address },
            Self::HttpDestination { destination } => Self::HttpDestination { destination: show(&destination) },
            Self::HttpMethod { method } => Self::HttpMethod { method: show(&method) },
            refusal => refusal,
        }
    }
}
