//! Manifests: what a service runs, for which trigger, and what its components may reach.
//!
//! An author writes `tandem.toml`; operators get its canonical JSON (RFC 8785), whose keccak256 the ServiceManager holds. Unknown
//! keys are refused, so that a misspelt limit is never a missing limit. Secrets appear by name only: their values belong to each
//! operator and never enter a manifest.

mod calls;
mod chain;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};

use crate::{ComponentDigest, ComponentSource, ManifestHash, WorkflowId};

pub use calls::{CALL_DEPTH_MAX, CallChain};
pub use chain::ChainGrant;

/// Most workflows that one manifest may hold.
const WORKFLOWS_MAX: usize = 64;
/// Most sources that one component may name.
const SOURCES_MAX: usize = 8;
/// Largest manifest in bytes, written either way.
const MANIFEST_BYTES_MAX: usize = 256 * 1024;

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is larger than 256 KiB.
    #[error("manifest of {0} bytes is larger than {MANIFEST_BYTES_MAX}")]
    TooLarge(usize),
    /// The text is no TOML, or a key is unknown, missing or of the wrong type.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// The text is no JSON, or a key is unknown, missing or of the wrong type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No workflow, or more than 64.
    #[error("{0} workflows in the manifest, expected 1 to {WORKFLOWS_MAX}")]
    Workflows(usize),
    /// Two workflows have one name.
    #[error("workflow `{0}` is there twice")]
    DuplicateWorkflow(WorkflowId),
    /// A component names more than 8 sources.
    #[error("workflow `{workflow}`: the component has {found} sources, expected at most {SOURCES_MAX}")]
    Sources {
        /// The workflow.
        workflow: WorkflowId,
        /// How many it names.
        found: usize,
    },
    /// A limit is zero or above what any operator may be asked for.
    #[error("workflow `{workflow}`: limit `{limit}` is {found}, expected 1 to {max}")]
    Limit {
        /// The workflow.
        workflow: WorkflowId,
        /// Key of the limit.
        limit: &'static str,
        /// What the manifest asks for.
        found: u64,
        /// The largest that is accepted.
        max: u64,
    },
    /// Only `open` components may use HTTP: what a server answers is not reproducible.
    #[error("workflow `{0}` is `strict` and lists HTTP hosts: use `determinism = \"open\"` or remove them")]
    StrictHttp(WorkflowId),
    /// Only `open` components may have secrets: every operator has its own.
    #[error(
        "workflow `{0}` is `strict` and names secrets, which differ between operators: use `determinism = \"open\"` or remove them"
    )]
    StrictSecrets(WorkflowId),
    /// Only `open` components may use the store: every operator has its own.
    #[error(
        "workflow `{0}` is `strict` and uses the store, which differs between operators: use `determinism = \"open\"` or remove it"
    )]
    StrictStore(WorkflowId),
    /// A result of a `strict` component must not rest on what cannot be reproduced.
    #[error(
        "workflow `{workflow}` is `strict` and calls `{callee}`, which is `open`: use `determinism = \"strict\"` there or `determinism = \"open\"` here"
    )]
    StrictCalls {
        /// The caller.
        workflow: WorkflowId,
        /// What it calls.
        callee: WorkflowId,
    },
    /// What is called is not there.
    #[error("workflow `{workflow}` calls `{callee}`, which is not in the manifest")]
    UnknownCallee {
        /// The caller.
        workflow: WorkflowId,
        /// What it calls.
        callee: WorkflowId,
    },
    /// A call would never end.
    #[error("workflows call each other in a circle: {0}")]
    CallCircle(CallChain),
    /// Calls within calls go too deep.
    #[error("calls go {} deep, {CALL_DEPTH_MAX} at most: {chain}", chain.0.len() - 1)]
    CallDepth {
        /// The workflows that call each other.
        chain: CallChain,
    },
    /// Callers and callees are in memory together.
    #[error("a run may take {mib} MiB of memory, {} at most: {chain} together", Limits::MAX.memory_mib)]
    CallMemory {
        /// The workflows that are in memory at a time.
        chain: CallChain,
        /// Sum of their limits, in MiB.
        mib: u64,
    },
}

/// A service's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Name of the service, for people.
    pub name: String,
    /// Its workflows.
    #[serde(rename = "workflow")]
    pub workflows: Vec<Workflow>,
}

/// One trigger → component → delivery of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workflow {
    /// Name, unique in the service.
    pub name: WorkflowId,
    /// What starts it.
    pub trigger: Trigger,
    /// What runs.
    pub component: Component,
    /// Where its results go.
    #[serde(default)]
    pub delivery: Delivery,
    /// How reproducible its runs are.
    #[serde(default)]
    pub determinism: Determinism,
    /// Values that the component reads by name.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Names of secrets that each operator supplies.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
    /// Hosts that the component may call.
    #[serde(default)]
    pub http: HttpGrant,
    /// The service's store, if the component may use that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreGrant>,
    /// The service's chain, if the component may read that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainGrant>,
    /// Workflows whose components this one may call.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub calls: BTreeSet<WorkflowId>,
    /// A private directory for each run, if the component may have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchGrant>,
    /// What one run may use.
    #[serde(default)]
    pub limits: Limits,
}

/// What starts a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// `createTask` on the ServiceManager.
    Request,
    /// A component of another workflow. Nothing is delivered.
    Call,
}

/// A component by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Component {
    /// SHA-256 of its bytes. Operators keep components by digest, so that where they came from is no matter of trust.
    pub digest: ComponentDigest,
    /// Where operators can have it from, in the order in which they ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<ComponentSource>,
}

impl From<ComponentDigest> for Component {
    /// A component that operators get in some other way.
    fn from(digest: ComponentDigest) -> Self {
        Self { digest, sources: Vec::new() }
    }
}

/// Where results go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// To the handler contract that the ServiceManager names for the workflow.
    #[default]
    Handler,
}

/// How reproducible a component's runs are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Determinism {
    /// Any honest re-execution gives the same bytes, so that a wrong result is provable: clocks stand at the time of the task's block, randomness is
    /// a function of the task's id, and there is no network, no secret and no stored state.
    Strict,
    /// The component sees the world, and operators agree only when what they see is the same.
    #[default]
    Open,
}

impl Determinism {
    /// The word in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Determinism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The HTTP hosts that a component may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpGrant {
    /// `host` or `host:port`. Private and loopback addresses are reached only when they are listed as such.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
}

/// What a component may make of its service's store, which all workflows of the service share. `store = {}` grants it with the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StoreGrant {
    /// Keys that one run may name, over all of its commands.
    pub calls: u64,
    /// Keys that the store may hold after a write of this workflow.
    pub keys: u64,
    /// Bytes of one key.
    pub key_bytes: u64,
    /// Bytes of one value.
    pub value_bytes: u64,
    /// Bytes of keys and values that the store may hold after a write of this workflow.
    pub bytes: u64,
}

impl Default for StoreGrant {
    fn default() -> Self {
        Self { calls: 1_000, keys: 10_000, key_bytes: 256, value_bytes: 64 * 1024, bytes: 16 * 1024 * 1024 }
    }
}

impl StoreGrant {
    /// The largest values that a manifest may ask for.
    pub const MAX: Self =
        Self { calls: 100_000, keys: 1_000_000, key_bytes: 1_024, value_bytes: 1024 * 1024, bytes: 1024 * 1024 * 1024 };

    fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("store.calls", self.calls),
            ("store.keys", self.keys),
            ("store.key-bytes", self.key_bytes),
            ("store.value-bytes", self.value_bytes),
            ("store.bytes", self.bytes),
        ]
    }
}

/// What a component may keep in `/scratch` while it runs. `scratch = {}` grants it with the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScratchGrant {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and directories.
    pub files: u64,
}

impl Default for ScratchGrant {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, files: 1_000 }
    }
}

impl ScratchGrant {
    /// The largest values that a manifest may ask for.
    pub const MAX: Self = Self { bytes: 256 * 1024 * 1024, files: 10_000 };

    fn named(&self) -> [(&'static str, u64); 2] {
        [("scratch.bytes", self.bytes), ("scratch.files", self.files)]
    }
}

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

    fn named(&self) -> [(&'static str, u64); 7] {
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

impl Manifest {
    /// Reads `tandem.toml`.
    ///
    /// # Errors
    /// [`ManifestError`], with line and key where the text is at fault.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        Self::checked(text.len(), || Ok(toml::from_str(text)?))
    }

    /// Reads a manifest as it is published.
    ///
    /// # Errors
    /// [`ManifestError`], with line and key where the text is at fault.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        Self::checked(bytes.len(), || Ok(serde_json::from_slice(bytes)?))
    }

    /// The form that is published and hashed.
    pub fn to_canonical_json(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("a manifest has string keys and finite numbers only")
    }

    /// The hash by which the ServiceManager and every task name this manifest.
    pub fn hash(&self) -> ManifestHash {
        ManifestHash(keccak256(self.to_canonical_json()))
    }

    /// The workflow called `name`.
    pub fn workflow(&self, name: &WorkflowId) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| &workflow.name == name)
    }

    fn checked(bytes: usize, parse: impl FnOnce() -> Result<Self, ManifestError>) -> Result<Self, ManifestError> {
        if bytes > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(bytes));
        }
        let manifest = parse()?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !(1..=WORKFLOWS_MAX).contains(&self.workflows.len()) {
            return Err(ManifestError::Workflows(self.workflows.len()));
        }
        let mut names = BTreeSet::new();
        for workflow in &self.workflows {
            if !names.insert(&workflow.name) {
                return Err(ManifestError::DuplicateWorkflow(workflow.name.clone()));
            }
            workflow.check()?;
        }
        self.check_calls()
    }
}

impl Workflow {
    fn check(&self) -> Result<(), ManifestError> {
        if self.determinism == Determinism::Strict {
            self.check_strict()?;
        }
        let found = self.component.sources.len();
        if found > SOURCES_MAX {
            return Err(ManifestError::Sources { workflow: self.name.clone(), found });
        }
        let limits = self.limits.named().into_iter().zip(Limits::MAX.named());
        let store = self.store.iter().flat_map(|store| store.named().into_iter().zip(StoreGrant::MAX.named()));
        let chain = self.chain.iter().flat_map(|chain| chain.named().into_iter().zip(ChainGrant::MAX.named()));
        let scratch =
            self.scratch.iter().flat_map(|scratch| scratch.named().into_iter().zip(ScratchGrant::MAX.named()));
        for ((limit, found), (_, max)) in limits.chain(store).chain(chain).chain(scratch) {
            if !(1..=max).contains(&found) {
                return Err(ManifestError::Limit { workflow: self.name.clone(), limit, found, max });
            }
        }
        Ok(())
    }

    fn check_strict(&self) -> Result<(), ManifestError> {
        if !self.http.hosts.is_empty() {
            return Err(ManifestError::StrictHttp(self.name.clone()));
        }
        if !self.secrets.is_empty() {
            return Err(ManifestError::StrictSecrets(self.name.clone()));
        }
        if self.store.is_some() {
            return Err(ManifestError::StrictStore(self.name.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
name = "sports-scores"

[[workflow]]
name = "score"
trigger = "request"
component = { digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
config = { base_url = "https://api.sportradar.com" }
secrets = ["SPORTRADAR_API_KEY"]
http = { hosts = ["api.sportradar.com"] }
limits = { fuel = 5 }
"#;

    #[test]
    fn hash_does_not_depend_on_the_notation() {
        let manifest = Manifest::from_toml(TOML).expect("the manifest is valid");
        let published = Manifest::from_json(&manifest.to_canonical_json()).expect("what it writes it reads");
        assert_eq!(published, manifest);
        assert_eq!(published.hash(), manifest.hash());
    }

    #[test]
    fn missing_limits_get_the_default() {
        let manifest = Manifest::from_toml(TOML).expect("the manifest is valid");
        let limits = manifest.workflows[0].limits;
        assert_eq!(limits, Limits { fuel: 5, ..Limits::default() });
    }

    #[test]
    fn store_is_granted_by_name_only() {
        let store = |text: &str| Manifest::from_toml(text).expect("the manifest is valid").workflows[0].store;
        assert_eq!(store(TOML), None);
        let granted = TOML.replace("secrets =", "store = { keys = 5 }\nsecrets =");
        assert_eq!(store(&granted), Some(StoreGrant { keys: 5, ..StoreGrant::default() }));
    }

    #[test]
    fn chain_is_granted_by_name_only_and_to_strict_components_too() {
        let chain = |text: &str| Manifest::from_toml(text).expect("the manifest is valid").workflows[0].chain;
        assert_eq!(chain(TOML), None);
        let strict = "determinism = \"strict\"\nchain = { gas = 5 }";
        let granted =
            TOML.replace("secrets = [\"SPORTRADAR_API_KEY\"]\nhttp = { hosts = [\"api.sportradar.com\"] }", strict);
        assert_eq!(chain(&granted), Some(ChainGrant { gas: 5, ..ChainGrant::default() }));
    }

    #[test]
    fn sources_are_part_of_the_hash_only_where_there_are_any() {
        let plain = Manifest::from_toml(TOML).expect("the manifest is valid");
        let toml = TOML.replace("aaaa\" }", "aaaa\", sources = [\"oci://ghcr.io/team/scores:1\"] }");
        let hinted = Manifest::from_toml(&toml).expect("the manifest is valid");
        assert!(!String::from_utf8_lossy(&plain.to_canonical_json()).contains("sources"));
        assert_eq!(hinted.workflows[0].component.sources[0].as_str(), "oci://ghcr.io/team/scores:1");
        assert_ne!(hinted.hash(), plain.hash());
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (TOML.replace("fuel = 5", "fuell = 5"), "fuell"),
            (TOML.replace("fuel = 5", "fuel = 0"), "limit `fuel` is 0"),
            (TOML.replace("fuel = 5", "memory-mib = 4096"), "expected 1 to 1024"),
            (TOML.replace("name = \"score\"", "name = \"Score\""), "is not a name"),
            (TOML.replace("sha256:a", "sha256:"), "is not a component digest"),
            (TOML.replace("aaaa\" }", "aaaa\", sources = [\"ftp://a/b\"] }"), "is not a source of components"),
            (
                TOML.replace("aaaa\" }", &format!("aaaa\", sources = [{}] }}", "\"https://a/b\",".repeat(9))),
                "the component has 9 sources, expected at most 8",
            ),
            (
                TOML.replace("trigger = \"request\"", "trigger = \"request\"\ndeterminism = \"strict\""),
                "is `strict` and lists HTTP hosts",
            ),
            (
                TOML.replace("http = { hosts = [\"api.sportradar.com\"] }", "determinism = \"strict\""),
                "is `strict` and names secrets",
            ),
            (
                TOML.replace("http = { hosts = [\"api.sportradar.com\"] }", "determinism = \"strict\"")
                    .replace("secrets = [\"SPORTRADAR_API_KEY\"]", "store = {}"),
                "is `strict` and uses the store",
            ),
            (TOML.replace("secrets =", "store = { keys = 0 }\nsecrets ="), "limit `store.keys` is 0"),
            (TOML.replace("secrets =", "scratch = { bytes = 0 }\nsecrets ="), "limit `scratch.bytes` is 0"),
            (TOML.replace("secrets =", "scratch = { files = 10001 }\nsecrets ="), "expected 1 to 10000"),
            (TOML.replace("secrets =", "store = { value-bytes = 9999999 }\nsecrets ="), "expected 1 to 1048576"),
            (TOML.replace("secrets =", "chain = { calls = 0 }\nsecrets ="), "limit `chain.calls` is 0"),
            (TOML.replace("secrets =", "chain = { gas = 30000000 }\nsecrets ="), "expected 1 to 16777216"),
            (format!("{TOML}{}", &TOML[TOML.find("[[").expect("it has a workflow")..]), "is there twice"),
            ("name = \"x\"\nworkflow = []".to_owned(), "0 workflows"),
            (format!("#{}", "x".repeat(MANIFEST_BYTES_MAX)), "larger than"),
        ];
        for (text, message) in cases {
            let error = Manifest::from_toml(&text).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
