//! What one run of a component may use.

use serde::{Deserialize, Serialize};

/// What one run of a component may use. Every operator enforces the same numbers, so that a breach is seen by all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// wasmtime fuel: about one unit per instruction; and what the host does for it.
    pub fuel: u64,
    /// Wall time in milliseconds, a backstop behind fuel.
    pub time_ms: u64,
    /// Linear memory in MiB.
    pub memory_mib: u64,
    /// Output in bytes.
    pub output_bytes: u64,
    /// HTTP requests.
    pub http_requests: u64,
    /// Bytes of all HTTP responses together.
    pub http_response_bytes: u64,
    /// Calls to components of other workflows, those of callees included. Not in the published form where it is the default.
    #[serde(skip_serializing_if = "is_default_component_calls")]
    pub component_calls: u64,
}

/// Calls of a run, unless the manifest says otherwise.
const COMPONENT_CALLS: u64 = 16;

fn is_default_component_calls(calls: &u64) -> bool {
    *calls == COMPONENT_CALLS
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 1_000_000_000,
            time_ms: 10_000,
            memory_mib: 64,
            output_bytes: 16 * 1024,
            http_requests: 16,
            http_response_bytes: 4 * 1024 * 1024,
            component_calls: COMPONENT_CALLS,
        }
    }
}

impl Limits {
    /// The largest values that a manifest may ask for.
    pub const MAX: Self = Self {
        fuel: 1_000_000_000_000,
        time_ms: 300_000,
        memory_mib: 1_024,
        output_bytes: crate::PAYLOAD_BYTES_MAX as u64,
        http_requests: 1_000,
        http_response_bytes: 256 * 1024 * 1024,
        component_calls: 1_000,
    };

    pub(super) fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("fuel", self.fuel),
            ("time-ms", self.time_ms),
            ("memory-mib", self.memory_mib),
            ("output-bytes", self.output_bytes),
            ("http-requests", self.http_requests),
            ("http-response-bytes", self.http_response_bytes),
            ("component-calls", self.component_calls),
        ]
    }
}
