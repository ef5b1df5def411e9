//! The manifests that this operator holds, with their components compiled and granted. A task names its manifest by hash, so what runs
//! for it is never in doubt; a manifest or component that is not here, or differs from its hash, is not run. A component that is not here and can be
//! fetched is awaited: its workflow has to wait, and nothing else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tandem_engine::{
    Component, Engine, Grants, HostError, HttpHost, HttpHosts, Limits, LoadError, Secrets, ServiceStore,
};
use tandem_types::{ComponentDigest, ComponentSource, Manifest, ManifestError, ManifestHash, Workflow, WorkflowId};
use zeroize::Zeroizing;

use crate::components::{ComponentStore, NotFetched, StoreError};

/// Why a manifest cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowsError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no manifest.
    #[error("{path} is not a manifest")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<ManifestError>,
    },
    /// A component file is not what its name says, and there is nobody to ask for the right one.
    #[error("workflow `{workflow}`")]
    Store {
        /// Which workflow.
        workflow: WorkflowId,
        /// Why.
        source: StoreError,
    },
    /// A component is not here, and there is nobody to ask for it.
    #[error("workflow `{workflow}`")]
    Missing {
        /// Which workflow.
        workflow: WorkflowId,
        /// Which component.
        source: NotFetched,
    },
    /// A component cannot be run as its manifest asks.
    #[error("workflow `{workflow}`")]
    Load {
        /// Which workflow.
        workflow: WorkflowId,
        /// Why.
        source: Box<LoadError>,
    },
    /// A host of the manifest is none.
    #[error("workflow `{workflow}`")]
    Host {
        /// Which workflow.
        workflow: WorkflowId,
        /// Why.
        source: HostError,
    },
    /// A manifest grants a host of this machine or its private networks, and the operator does not allow that.
    #[error("workflow `{workflow}` asks for the private host `{host}`")]
    PrivateHost {
        /// Which workflow.
        workflow: WorkflowId,
        /// The host.
        host: String,
    },
    /// A secret that a workflow needs is not in the environment.
    #[error("workflow `{workflow}` needs the secret `{name}`, which is not set in the environment")]
    Secret {
        /// Which workflow.
        workflow: WorkflowId,
        /// Name of the secret.
        name: String,
    },
}

/// Where manifests and components are, and what they may have.
pub struct Sources<'a> {
    /// Directory of the manifests, `*.json`.
    pub manifests: &'a Path,
    /// The components, `<sha256>.wasm`.
    pub components: &'a ComponentStore,
    /// Whether components that are not here can be fetched: from a manifest's sources, or from mirrors, which have any.
    pub fetch: Fetch,
    /// Whether hosts of this machine and its private networks may be granted.
    pub private_hosts: bool,
    /// Looks up secrets.
    pub secrets: &'a SecretSource<'a>,
    /// The service's store.
    pub store: Arc<dyn ServiceStore>,
}

/// Looks up a secret by name; the binary hands in the environment.
pub type SecretSource<'a> = dyn Fn(&str) -> Option<Zeroizing<String>> + 'a;

/// Where components that are not here may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// From nowhere.
    Nothing,
    /// From the sources that a manifest names.
    Named,
    /// From mirrors too.
    Anything,
}

/// A workflow that has no component yet.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    /// Its manifest.
    pub(crate) manifest: ManifestHash,
    /// Its name.
    pub(crate) workflow: WorkflowId,
    /// The component that it needs.
    pub(crate) digest: ComponentDigest,
    /// Where that can be had.
    pub(crate) sources: Vec<ComponentSource>,
    grants: Grants,
}

/// Why there is no component for a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Missing {
    #[error("manifest {0} with workflow `{1}` is not among this node's manifests")]
    Unknown(ManifestHash, WorkflowId),
    #[error("the workflow waits for its component: {0}")]
    Awaited(String),
}

/// What a workflow has.
enum Slot {
    Ready(Component),
    /// Nothing yet, and why.
    Awaited(String),
}

/// Components by manifest and workflow.
#[derive(Default)]
pub struct Workflows {
    slots: RwLock<HashMap<(ManifestHash, WorkflowId), Slot>>,
    awaited: Vec<Awaited>,
    manifests: Vec<ManifestHash>,
}

impl Workflows {
    /// Reads every manifest in `manifests`, and compiles what they name from `components`.
    ///
    /// # Errors
    /// [`WorkflowsError`]; one manifest that cannot be served stops the start, so that it is seen. A component that can be fetched stops nothing.
    pub fn load(engine: &Engine, sources: &Sources<'_>) -> Result<Self, WorkflowsError> {
        let mut loaded = Self::default();
        for path in manifest_files(sources.manifests)? {
            let bytes = read(&path)?;
            let manifest = Manifest::from_json(&bytes)
                .map_err(|source| WorkflowsError::Manifest { path: path.clone(), source: Box::new(source) })?;
            let hash = manifest.hash();
            for workflow in &manifest.workflows {
                loaded.add(hash, workflow, (engine, sources))?;
            }
            loaded.manifests.push(hash);
        }
        Ok(loaded)
    }

    fn add(
        &mut self,
        manifest: ManifestHash,
        workflow: &Workflow,
        (engine, sources): (&Engine, &Sources<'_>),
    ) -> Result<(), WorkflowsError> {
        let grants = grants(workflow, sources)?;
        let name = workflow.name.clone();
        match kept(workflow, sources)? {
            Some(bytes) => {
                let component = compile(engine, &bytes, (&name, grants))?;
                self.set(manifest, name, Slot::Ready(component));
            }
            None => {
                let (digest, sources) = (workflow.component.digest, workflow.component.sources.clone());
                self.set(manifest, name.clone(), Slot::Awaited(format!("{digest} is not fetched yet")));
                self.awaited.push(Awaited { manifest, workflow: name, digest, sources, grants });
            }
        }
        Ok(())
    }

    /// The component that runs for a workflow of a manifest.
    pub(crate) fn component(&self, manifest: ManifestHash, workflow: &WorkflowId) -> Result<Component, Missing> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        match slots.get(&(manifest, workflow.clone())) {
            Some(Slot::Ready(component)) => Ok(component.clone()),
            Some(Slot::Awaited(reason)) => Err(Missing::Awaited(reason.clone())),
            None => Err(Missing::Unknown(manifest, workflow.clone())),
        }
    }

    /// The workflows that had no component when they were loaded.
    pub(crate) fn awaited(&self) -> &[Awaited] {
        &self.awaited
    }

    /// Compiles the component that a workflow waits for, and ends its wait.
    pub(crate) fn supply(&self, engine: &Engine, awaited: &Awaited, bytes: &[u8]) -> Result<(), WorkflowsError> {
        let component = compile(engine, bytes, (&awaited.workflow, awaited.grants.clone()))?;
        self.set(awaited.manifest, awaited.workflow.clone(), Slot::Ready(component));
        Ok(())
    }

    /// Says why a workflow has to wait still.
    pub(crate) fn explain(&self, awaited: &Awaited, reason: String) {
        self.set(awaited.manifest, awaited.workflow.clone(), Slot::Awaited(reason));
    }

    fn set(&self, manifest: ManifestHash, workflow: WorkflowId, slot: Slot) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.insert((manifest, workflow), slot);
    }

    /// The manifests that are served.
    pub fn manifests(&self) -> &[ManifestHash] {
        &self.manifests
    }
}

/// The manifests in a directory, in the order of their names.
fn manifest_files(directory: &Path) -> Result<Vec<PathBuf>, WorkflowsError> {
    let failed = |source| WorkflowsError::Read { path: directory.to_owned(), source };
    let entries = std::fs::read_dir(directory).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

/// A workflow's component, if it is here; none if it can be fetched instead.
fn kept(workflow: &Workflow, sources: &Sources<'_>) -> Result<Option<Vec<u8>>, WorkflowsError> {
    let name = || workflow.name.clone();
    let digest = workflow.component.digest;
    let can_be_fetched = match sources.fetch {
        Fetch::Nothing => false,
        Fetch::Named => !workflow.component.sources.is_empty(),
        Fetch::Anything => true,
    };
    match sources.components.read(digest) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) if can_be_fetched => Ok(None),
        Ok(None) => {
            let source = NotFetched { digest, reasons: Vec::new() };
            Err(WorkflowsError::Missing { workflow: name(), source })
        }
        Err(error) if error.is_corrupt() && can_be_fetched => {
            tracing::warn!(%error, "a component is corrupt and is fetched again");
            Ok(None)
        }
        Err(source) => Err(WorkflowsError::Store { workflow: name(), source }),
    }
}

fn compile(
    engine: &Engine,
    bytes: &[u8],
    (workflow, grants): (&WorkflowId, Grants),
) -> Result<Component, WorkflowsError> {
    engine
        .load(bytes, grants)
        .map_err(|source| WorkflowsError::Load { workflow: workflow.clone(), source: Box::new(source) })
}

/// Where a component is kept: under its digest.
pub fn component_path(directory: &Path, digest: ComponentDigest) -> PathBuf {
    ComponentStore::new(directory).path(digest)
}

fn grants(workflow: &Workflow, sources: &Sources<'_>) -> Result<Grants, WorkflowsError> {
    let name = || workflow.name.clone();
    let mut secrets = Secrets::default();
    for secret in &workflow.secrets {
        let value = (sources.secrets)(secret);
        let missing = || WorkflowsError::Secret { workflow: name(), name: secret.clone() };
        secrets.insert(secret, value.ok_or_else(missing)?);
    }
    let mut hosts = Vec::new();
    for text in &workflow.http.hosts {
        let host: HttpHost = text.parse().map_err(|source| WorkflowsError::Host { workflow: name(), source })?;
        if host.is_private() && !sources.private_hosts {
            return Err(WorkflowsError::PrivateHost { workflow: name(), host: text.clone() });
        }
        hosts.push(host);
    }
    Ok(Grants {
        determinism: workflow.determinism,
        config: workflow.config.clone(),
        secrets,
        store: workflow.store.map(|_| Arc::clone(&sources.store)),
        http_hosts: HttpHosts::from_iter(hosts),
        http_tape: None,
        limits: Limits {
            store: workflow.store.unwrap_or_default().into(),
            scratch: workflow.scratch.map(Into::into).unwrap_or_default(),
            ..workflow.limits.into()
        },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, WorkflowsError> {
    std::fs::read(path).map_err(|source| WorkflowsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use tandem_engine::EngineConfig;

    use super::*;

    /// Loads a manifest for a component that need not be there, with the given line in its workflow.
    fn load(line: &str, private_hosts: bool) -> String {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let component = b"no component";
        let digest = ComponentDigest::of(component);
        let text = format!(
            "name = \"x\"\n[[workflow]]\nname = \"w\"\ntrigger = \"request\"\ncomponent = {{ digest = \"{digest}\" }}\n{line}"
        );
        let manifest = Manifest::from_toml(&text).expect("the manifest is valid");
        std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
        std::fs::write(component_path(directory.path(), digest), component).expect("it is writable");
        let secrets = |_: &str| None;
        let sources = Sources {
            manifests: directory.path(),
            components: &ComponentStore::new(directory.path()),
            fetch: Fetch::Nothing,
            private_hosts,
            secrets: &secrets,
            store: Arc::new(tandem_engine::MemoryStore::default()),
        };
        let engine = Engine::new(EngineConfig { concurrent_max: 1, ..EngineConfig::default() });
        match Workflows::load(&engine.expect("there is address space"), &sources) {
            Ok(_) => "loaded".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn private_hosts_need_the_operators_consent() {
        let line = "http = { hosts = [\"127.0.0.1:8545\"] }";
        assert!(load(line, false).contains("private host `127.0.0.1:8545`"));
        assert!(!load(line, true).contains("private host"));
    }

    #[test]
    fn missing_secrets_are_named() {
        assert!(load("secrets = [\"API_KEY\"]", false).contains("needs the secret `API_KEY`"));
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert_eq!(load("", false), "workflow `w`");
    }
}
