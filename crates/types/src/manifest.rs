//! Manifests: what a service runs, for which trigger, and what its components may reach.
//!
//! An author writes `tandem.toml`; operators get its canonical JSON (RFC 8785), whose keccak256 the ServiceManager holds. Unknown
//! keys are refused, so that a misspelt limit is never a missing limit. Secrets appear by name only: their values belong to each
//! operator and never enter a manifest.

mod calls;
mod chain;
mod error;
mod grants;
mod limits;
mod schedule;
mod trigger;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};

use crate::{ComponentDigest, ComponentSource, ManifestHash, WorkflowId};

pub use calls::{CALL_DEPTH_MAX, CallChain};
pub use chain::ChainGrant;
pub use error::ManifestError;
pub use grants::{HttpGrant, ScratchGrant, StoreGrant};
pub use limits::Limits;
pub use schedule::{Schedule, ScheduleError};
pub use trigger::{BlockTag, BlockTrigger, CronTrigger, Finality, HttpTrigger, LogTrigger, Trigger, TriggerError};

/// Most workflows that one manifest may hold.
const WORKFLOWS_MAX: usize = 64;
/// Most sources that one component may name.
const SOURCES_MAX: usize = 8;
/// Largest manifest in bytes, written either way.
const MANIFEST_BYTES_MAX: usize = 256 * 1024;

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
        let wrong = |error| ManifestError::Trigger { workflow: self.name.clone(), error };
        self.trigger.check().map_err(wrong)?;
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
