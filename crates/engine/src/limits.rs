//! What one execution may use. Every limit is a hard stop with a typed breach; none is advisory, and none is raised while a component runs.

use std::fmt;
use std::time::Duration;

use tandem_types::{ChainGrant, Limits as ManifestLimits, ScratchGrant, StoreGrant, Workflow};

use crate::capability::components::INPUT_BYTES_MAX as CALL_INPUT_BYTES_MAX;
use crate::store::STORE_BATCH_MAX;
use crate::{ChainLimits, Fault, StoreLimits, pool};

/// Limits of one execution.
///
/// Fuel is the limit that operators agree on: the same component with the same input uses the same fuel everywhere. Time is a backstop against waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, in wasmtime's units of fuel.
    pub fuel: u64,
    /// Wall-clock time from the start of the instance to its output.
    pub time: Duration,
    /// Linear memory, summed over all memories of the component, in bytes.
    pub memory_bytes: u64,
    /// Elements, summed over all tables of the component.
    pub table_elements: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Bytes of log lines; what goes beyond is dropped, and said so in the log.
    pub log_bytes: u64,
    /// HTTP requests, redirects that the component follows included.
    pub http_requests: u64,
    /// Bytes of headers and bodies of requests, summed.
    pub http_request_bytes: u64,
    /// Bytes of headers and bodies of responses, summed.
    pub http_response_bytes: u64,
    /// Time for one HTTP request, from the name lookup to the last byte of the response.
    pub http_time: Duration,
    /// What it may make of the service's store, where that is granted.
    pub store: StoreLimits,
    /// What it may read of the service's chain, where that is granted.
    pub chain: ChainLimits,
    /// Calls to other components, those of callees included.
    pub component_calls: u64,
    /// What its scratch directory may hold.
    pub scratch: ScratchLimits,
}

/// What the scratch directory of one execution may hold. With no bytes, there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScratchLimits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
}

impl From<ScratchGrant> for ScratchLimits {
    fn from(grant: ScratchGrant) -> Self {
        Self { bytes: grant.bytes, files: grant.files }
    }
}

impl Default for Limits {
    /// What a workflow gets when its manifest says nothing.
    fn default() -> Self {
        ManifestLimits::default().into()
    }
}

/// A manifest sets what operators have to agree on; the rest is the same for all workflows.
impl From<ManifestLimits> for Limits {
    fn from(limits: ManifestLimits) -> Self {
        Self {
            fuel: limits.fuel,
            time: Duration::from_millis(limits.time_ms),
            memory_bytes: limits.memory_mib << 20,
            table_elements: 10_000,
            output_bytes: limits.output_bytes,
            log_bytes: 64 << 10,
            http_requests: limits.http_requests,
            http_request_bytes: 64 << 10,
            http_response_bytes: limits.http_response_bytes,
            http_time: Duration::from_secs(10),
            store: StoreGrant::default().into(),
            chain: ChainGrant::default().into(),
            component_calls: limits.component_calls,
            scratch: ScratchLimits::default(),
        }
    }
}

/// All that a workflow's manifest says, its grants included. What is not granted has the limits of a grant that says nothing; there is no scratch directory.
impl From<&Workflow> for Limits {
    fn from(workflow: &Workflow) -> Self {
        Self {
            store: workflow.store.unwrap_or_default().into(),
            chain: workflow.chain.unwrap_or_default().into(),
            scratch: workflow.scratch.map(Into::into).unwrap_or_default(),
            ..workflow.limits.into()
        }
    }
}

impl Limits {
    /// The most that any manifest may ask for; what a node lends unless it is configured otherwise.
    pub fn manifest_max() -> Self {
        Self {
            store: StoreGrant::MAX.into(),
            chain: ChainGrant::MAX.into(),
            scratch: ScratchGrant::MAX.into(),
            ..ManifestLimits::MAX.into()
        }
    }

    /// The first limit in which `self` asks for more than `cap` lends.
    pub(crate) fn first_above(&self, cap: &Self) -> Option<LimitKind> {
        self.amounts().zip(cap.amounts()).find(|((_, asked), (_, lent))| asked > lent).map(|((kind, _), _)| kind)
    }

    /// The value of a limit, in its own unit: milliseconds for times.
    pub fn amount(&self, kind: LimitKind) -> Option<u64> {
        self.amounts().find(|(of, _)| *of == kind).map(|(_, amount)| amount)
    }

    fn amounts(&self) -> impl Iterator<Item = (LimitKind, u64)> {
        let amounts = [
            (LimitKind::Fuel, self.fuel),
            (LimitKind::Time, millis(self.time)),
            (LimitKind::Memory, self.memory_bytes),
            (LimitKind::TableElements, self.table_elements),
            (LimitKind::Output, self.output_bytes),
            (LimitKind::Log, self.log_bytes),
            (LimitKind::HttpRequests, self.http_requests),
            (LimitKind::HttpRequestBytes, self.http_request_bytes),
            (LimitKind::HttpResponseBytes, self.http_response_bytes),
            (LimitKind::HttpTime, millis(self.http_time)),
            (LimitKind::ComponentCalls, self.component_calls),
            (LimitKind::ScratchBytes, self.scratch.bytes),
            (LimitKind::ScratchFiles, self.scratch.files),
        ];
        amounts.into_iter().chain(self.store.amounts()).chain(self.chain.amounts())
    }

    pub(crate) fn breach(&self, kind: LimitKind) -> LimitBreach {
        LimitBreach { kind, limit: self.amount(kind).expect("every kind that a workflow sets has an amount") }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Names of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::fuel`].
    Fuel,
    /// [`Limits::time`].
    Time,
    /// [`Limits::memory_bytes`].
    Memory,
    /// [`Limits::table_elements`].
    TableElements,
    /// Depth of calls; the same on every node.
    Stack,
    /// Things of the host that the component holds at once, such as requests and streams; the same on every node.
    Handles,
    /// Bytes that one call hands to the host; the same on every node.
    CallBytes,
    /// [`Limits::output_bytes`].
    Output,
    /// [`Limits::log_bytes`].
    Log,
    /// [`Limits::http_requests`].
    HttpRequests,
    /// [`Limits::http_request_bytes`].
    HttpRequestBytes,
    /// [`Limits::http_response_bytes`].
    HttpResponseBytes,
    /// [`Limits::http_time`].
    HttpTime,
    /// [`StoreLimits::calls`].
    StoreCalls,
    /// [`StoreLimits::keys`].
    StoreKeys,
    /// [`StoreLimits::key_bytes`].
    StoreKeyBytes,
    /// [`StoreLimits::value_bytes`].
    StoreValueBytes,
    /// [`StoreLimits::bytes`].
    StoreBytes,
    /// Keys of one command on the store; the same on every node.
    StoreBatch,
    /// [`ChainLimits::calls`].
    ChainCalls,
    /// [`ChainLimits::bytes`].
    ChainBytes,
    /// [`ChainLimits::gas`].
    ChainGas,
    /// [`Limits::component_calls`].
    ComponentCalls,
    /// Bytes of the input of a component that is called; the same on every node.
    CallInput,
    /// [`ScratchLimits::bytes`].
    ScratchBytes,
    /// [`ScratchLimits::files`].
    ScratchFiles,
}

impl LimitKind {
    /// All of them, as documented.
    pub const ALL: [Self; 26] = [
        Self::Fuel,
        Self::Time,
        Self::Memory,
        Self::TableElements,
        Self::Stack,
        Self::Handles,
        Self::CallBytes,
        Self::Output,
        Self::Log,
        Self::HttpRequests,
        Self::HttpRequestBytes,
        Self::HttpResponseBytes,
        Self::HttpTime,
        Self::StoreCalls,
        Self::StoreKeys,
        Self::StoreKeyBytes,
        Self::StoreValueBytes,
        Self::StoreBytes,
        Self::StoreBatch,
        Self::ChainCalls,
        Self::ChainBytes,
        Self::ChainGas,
        Self::ComponentCalls,
        Self::CallInput,
        Self::ScratchBytes,
        Self::ScratchFiles,
    ];

    /// The value, where it is the same on every node and no manifest sets it.
    pub fn fixed(self) -> Option<u64> {
        match self {
            Self::Stack => Some(pool::STACK_BYTES as u64),
            Self::Handles => Some(pool::HANDLES as u64),
            Self::CallBytes => Some(pool::CALL_BYTES as u64),
            Self::StoreBatch => Some(STORE_BATCH_MAX as u64),
            Self::CallInput => Some(CALL_INPUT_BYTES_MAX as u64),
            _ => None,
        }
    }

    /// Whose fault it is to meet the limit. Time passes while others are slow, so it is a source's.
    pub fn fault(self) -> Fault {
        match self {
            Self::Time | Self::HttpTime => Fault::Source,
            _ => Fault::Component,
        }
    }

    /// Whether a `strict` component meets the limit on every machine or on none. The depth of calls depends on the processor, time on everything.
    pub fn is_deterministic(self) -> bool {
        !matches!(self, Self::Time | Self::HttpTime | Self::Stack)
    }

    /// The name in configuration, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::TableElements => "table-elements",
            Self::Stack => "stack",
            Self::Handles => "handles",
            Self::CallBytes => "call-bytes",
            Self::Output => "output",
            Self::Log => "log",
            Self::HttpRequests => "http-requests",
            Self::HttpRequestBytes => "http-request-bytes",
            Self::HttpResponseBytes => "http-response-bytes",
            Self::HttpTime => "http-time",
            Self::StoreCalls => "store-calls",
            Self::StoreKeys => "store-keys",
            Self::StoreKeyBytes => "store-key-bytes",
            Self::StoreValueBytes => "store-value-bytes",
            Self::StoreBytes => "store-bytes",
            Self::StoreBatch => "store-batch",
            Self::ChainCalls => "chain-calls",
            Self::ChainBytes => "chain-bytes",
            Self::ChainGas => "chain-gas",
            Self::ComponentCalls => "component-calls",
            Self::CallInput => "call-input",
            Self::ScratchBytes => "scratch-bytes",
            Self::ScratchFiles => "scratch-files",
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct LimitBreach {
    /// Which limit.
    pub kind: LimitKind,
    /// Its value: milliseconds for times, bytes for sizes, else a count.
    pub limit: u64,
}

impl fmt::Display for LimitBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        let bytes = Bytes(limit);
        match self.kind {
            LimitKind::Fuel => write!(f, "used all of its {limit} fuel"),
            LimitKind::Time => write!(f, "ran longer than {limit} ms"),
            LimitKind::Memory => write!(f, "asked for more than {bytes} of memory"),
            LimitKind::TableElements => write!(f, "asked for more than {limit} table elements"),
            LimitKind::Stack => write!(f, "called deeper than {bytes} of stack allow"),
            LimitKind::Handles => write!(f, "held more than {limit} handles at once"),
            LimitKind::CallBytes => write!(f, "handed more than {bytes} to the host at once"),
            LimitKind::Output => write!(f, "returned more than {bytes} of output"),
            LimitKind::Log => write!(f, "logged more than {bytes}"),
            LimitKind::HttpRequests => write!(f, "made more than {limit} HTTP requests"),
            LimitKind::HttpRequestBytes => write!(f, "sent more than {bytes} in HTTP requests"),
            LimitKind::HttpResponseBytes => write!(f, "received more than {bytes} in HTTP responses"),
            LimitKind::HttpTime => write!(f, "waited longer than {limit} ms for an HTTP request"),
            LimitKind::StoreCalls => write!(f, "named more than {limit} keys of the store"),
            LimitKind::StoreKeys => write!(f, "would fill the store with more than {limit} keys"),
            LimitKind::StoreKeyBytes => write!(f, "used a key of more than {bytes}"),
            LimitKind::StoreValueBytes => write!(f, "wrote a value of more than {bytes}"),
            LimitKind::StoreBytes => write!(f, "would fill the store with more than {bytes}"),
            LimitKind::StoreBatch => write!(f, "named more than {limit} keys of the store at once"),
            LimitKind::ChainCalls => write!(f, "read the chain more than {limit} times"),
            LimitKind::ChainBytes => write!(f, "sent and received more than {bytes} in reads of the chain"),
            LimitKind::ChainGas => write!(f, "asked for more than {limit} gas"),
            LimitKind::ComponentCalls => write!(f, "called other components more than {limit} times"),
            LimitKind::CallInput => write!(f, "called a component with more than {bytes} of input"),
            LimitKind::ScratchBytes => write!(f, "filled its scratch directory with more than {bytes}"),
            LimitKind::ScratchFiles => write!(f, "made more than {limit} files and directories"),
        }
    }
}

/// A number of bytes for people: exact, in the largest unit that leaves no fraction.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes > 0 && bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_what_a_node_lends() {
        assert_eq!(Limits::default().first_above(&Limits::manifest_max()), None);
    }

    #[test]
    fn each_limit_is_compared_with_its_own_cap() {
        let asked = Limits { http_time: Duration::from_secs(3600), ..Limits::default() };
        assert_eq!(asked.first_above(&Limits::manifest_max()), Some(LimitKind::HttpTime));
        let store = StoreLimits { bytes: u64::MAX, ..Limits::default().store };
        let asked = Limits { store, ..Limits::default() };
        assert_eq!(asked.first_above(&Limits::manifest_max()), Some(LimitKind::StoreBytes));
    }
}
