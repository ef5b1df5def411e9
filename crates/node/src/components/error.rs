//! Why a component could not be had. Messages name hosts and never whole addresses, whose paths and queries may hold an operator's key.

use std::fmt;
use std::net::IpAddr;

use tandem_types::ComponentDigest;

/// Why one source did not give a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL has no plain host, or is of another scheme.
    #[error("`{host}` is not a plain host or host:port that can be asked over HTTP")]
    Destination {
        /// What stands for the host.
        host: String,
    },
    /// The operator restricts which hosts are asked, and this one is not among them.
    #[error("{host} is not among the hosts that may be asked")]
    Host {
        /// The host.
        host: String,
    },
    /// The host is, or resolves to, an address inside the operator's network.
    #[error("{host} leads to {address}, which is not a public address and not listed by itself")]
    Address {
        /// The host.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// HTTP without TLS, to a host that is neither this machine nor listed for it.
    #[error("{host} would be asked without encryption, which is for this machine and listed hosts only")]
    Plain {
        /// The host.
        host: String,
    },
    /// A redirect from https to http.
    #[error("{host} redirects from https to http")]
    Downgrade {
        /// The host.
        host: String,
    },
    /// Too many redirects in a row, or one that leads nowhere.
    #[error("{host} redirects without end")]
    Redirects {
        /// The last host.
        host: String,
    },
    /// No connection, a certificate that nobody vouches for, or one that broke.
    #[error("{host} cannot be read: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What failed.
        reason: String,
    },
    /// No answer in time.
    #[error("{host} did not answer in time")]
    Late {
        /// The host.
        host: String,
    },
    /// The registry wants credentials, or others.
    #[error("{host} refuses access")]
    Unauthorized {
        /// The host.
        host: String,
    },
    /// An answer that is neither success nor any of the above.
    #[error("{host} answered with status {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// A body above its limit; no more of it was read.
    #[error("{host} sends more than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// Other bytes than the digest says.
    #[error("{host} has {found} in the place of {expected}")]
    Digest {
        /// The host.
        host: String,
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// An OCI manifest that is not a component's.
    #[error("{host} has no component there: {fault}")]
    Manifest {
        /// The host.
        host: String,
        /// What is wrong with it.
        fault: ManifestFault,
    },
    /// An answer that the OCI distribution specification does not have.
    #[error("{host} does not answer as registries do: {what}")]
    Protocol {
        /// The host.
        host: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl FetchError {
    /// Whether asking again may help soon.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Late { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }
}

/// What is wrong with an OCI manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// Not JSON, or not an image manifest.
    #[error("its manifest is not an OCI image manifest")]
    Form,
    /// Not one layer.
    #[error("its manifest has {0} layers, a component's has one")]
    Layers(usize),
    /// Something other than WebAssembly.
    #[error("its manifest has media type `{found}`, expected `{expected}`")]
    MediaType {
        /// What it has.
        found: String,
        /// What a component has.
        expected: &'static str,
    },
    /// The layer has another size than the manifest says.
    #[error("its layer has {found} bytes, the manifest says {expected}")]
    Size {
        /// What came.
        found: u64,
        /// What the manifest says.
        expected: u64,
    },
}

/// None of the sources gave a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFetched {
    /// Which component.
    pub digest: ComponentDigest,
    /// Why, for each source that was asked.
    pub reasons: Vec<FetchError>,
}

impl std::error::Error for NotFetched {}

impl fmt::Display for NotFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reasons.is_empty() {
            return write!(f, "{} is not here, and there is nobody to ask for it", self.digest);
        }
        write!(f, "nobody gives {}", self.digest)?;
        self.reasons.iter().try_for_each(|reason| write!(f, "; {reason}"))
    }
}
