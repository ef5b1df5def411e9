//! The manifests that this operator holds, with their components compiled and granted. A task names its manifest by hash, so what runs
//! for it is never in doubt; a manifest or component that is not here, or differs from its hash, is not run.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_engine::{
    COMPONENT_BYTES_MAX, ChainState, Component, Engine, Grants, HostError, HttpHost, HttpHosts, Limits, LoadError,
    Secrets, ServiceStore,
};
use tandem_types::{ComponentDigest, Manifest, ManifestError, ManifestHash, ServiceId, Trigger, Workflow, WorkflowId};
use zeroize::Zeroizing;

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
    /// A component file is larger than any component.
    #[error("{path} has {bytes} bytes, a component may have {COMPONENT_BYTES_MAX}")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A component file has other content than its name says.
    #[error("{path} holds {found}, not the component that its name says")]
    Digest {
        /// Which.
        path: PathBuf,
        /// Digest of its content.
        found: ComponentDigest,
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

/// Why a task has no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingComponent {
    /// The task's manifest came after this node started, or was never given to it.
    #[error(
        "manifest {manifest} with workflow `{workflow}` is not among this node's manifests: add it and its components, and restart"
    )]
    Manifest {
        /// The manifest.
        manifest: ManifestHash,
        /// Its workflow.
        workflow: WorkflowId,
    },
    /// The workflow has no trigger of its own.
    #[error("workflow `{0}` has the trigger `call`: it runs when another component calls it, and for no task")]
    OnlyCalled(WorkflowId),
}

/// Where manifests and components are, and what they may have.
pub struct Sources<'a> {
    /// The service.
    pub service: ServiceId,
    /// Directory of the manifests, `*.json`.
    pub manifests: &'a Path,
    /// Directory of the components, `<sha256>.wasm`.
    pub components: &'a Path,
    /// Whether hosts of this machine and its private networks may be granted.
    pub private_hosts: bool,
    /// Looks up secrets.
    pub secrets: &'a SecretSource<'a>,
    /// The service's store.
    pub store: Arc<dyn ServiceStore>,
    /// The service's chain.
    pub chain: Arc<dyn ChainState>,
}

/// Looks up a secret by name; the binary hands in the environment.
pub type SecretSource<'a> = dyn Fn(&str) -> Option<Zeroizing<String>> + 'a;

/// Components by manifest and workflow.
#[derive(Default)]
pub struct Workflows {
    components: HashMap<(ManifestHash, WorkflowId), Component>,
    /// Workflows that no task may name.
    only_called: HashSet<(ManifestHash, WorkflowId)>,
    manifests: Vec<ManifestHash>,
}

impl Workflows {
    /// Reads every manifest in `manifests`, and compiles what they name from `components`.
    ///
    /// # Errors
    /// [`WorkflowsError`]; one manifest that cannot be served stops the start, so that it is seen.
    pub fn load(engine: &Engine, sources: &Sources<'_>) -> Result<Self, WorkflowsError> {
        let mut loaded = Self::default();
        for path in manifest_files(sources.manifests)? {
            let bytes = read(&path)?;
            let manifest = Manifest::from_json(&bytes)
                .map_err(|source| WorkflowsError::Manifest { path: path.clone(), source: Box::new(source) })?;
            let hash = manifest.hash();
            for (workflow, component) in load_components(engine, sources, &manifest, &path)? {
                loaded.components.insert((hash, workflow), component);
            }
            let only_called = manifest.workflows.into_iter().filter(|workflow| workflow.trigger == Trigger::Call);
            loaded.only_called.extend(only_called.map(|workflow| (hash, workflow.name)));
            loaded.manifests.push(hash);
        }
        Ok(loaded)
    }

    /// The component that runs for tasks of a workflow of a manifest.
    ///
    /// # Errors
    /// [`MissingComponent`].
    pub fn component(&self, manifest: ManifestHash, workflow: &WorkflowId) -> Result<&Component, MissingComponent> {
        let key = (manifest, workflow.clone());
        if self.only_called.contains(&key) {
            return Err(MissingComponent::OnlyCalled(key.1));
        }
        self.components.get(&key).ok_or(MissingComponent::Manifest { manifest, workflow: key.1 })
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

/// All components of a manifest, those that are called before those that call them.
fn load_components(
    engine: &Engine,
    sources: &Sources<'_>,
    manifest: &Manifest,
    path: &Path,
) -> Result<BTreeMap<WorkflowId, Component>, WorkflowsError> {
    let mut loaded: BTreeMap<WorkflowId, Component> = BTreeMap::new();
    let order = manifest.in_call_order();
    for workflow in
        order.map_err(|source| WorkflowsError::Manifest { path: path.to_owned(), source: Box::new(source) })?
    {
        let callee = |name: &WorkflowId| loaded.get(name).map(|component| (name.clone(), component.clone()));
        let calls = workflow.calls.iter().filter_map(callee).collect();
        let component = load_component(engine, sources, workflow, calls)?;
        loaded.insert(workflow.name.clone(), component);
    }
    Ok(loaded)
}

fn load_component(
    engine: &Engine,
    sources: &Sources<'_>,
    workflow: &Workflow,
    calls: BTreeMap<WorkflowId, Component>,
) -> Result<Component, WorkflowsError> {
    let digest = workflow.component.digest;
    let path = component_path(sources.components, digest);
    let bytes = read(&path)?;
    let grants = Grants { calls, ..grants(workflow, sources)? };
    let component = engine
        .load(&bytes, grants)
        .map_err(|source| WorkflowsError::Load { workflow: workflow.name.clone(), source: Box::new(source) })?;
    if component.digest() == digest {
        Ok(component)
    } else {
        Err(WorkflowsError::Digest { path, found: component.digest() })
    }
}

/// Where a component is kept: under its digest.
pub fn component_path(directory: &Path, digest: ComponentDigest) -> PathBuf {
    directory.join(format!("{:x}.wasm", digest.0))
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
        service: Some(sources.service),
        determinism: workflow.determinism,
        config: workflow.config.clone(),
        secrets,
        store: workflow.store.map(|_| Arc::clone(&sources.store)),
        chain: workflow.chain.map(|_| Arc::clone(&sources.chain)),
        calls: BTreeMap::new(),
        http_hosts: HttpHosts::from_iter(hosts),
        http_tape: None,
        limits: Limits {
            store: workflow.store.unwrap_or_default().into(),
            chain: workflow.chain.unwrap_or_default().into(),
            ..workflow.limits.into()
        },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, WorkflowsError> {
    let failed = |source| WorkflowsError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > COMPONENT_BYTES_MAX {
        return Err(WorkflowsError::TooLarge { path: path.to_owned(), bytes });
    }
    std::fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use tandem_engine::EngineConfig;

    use super::*;
    use crate::caps::Caps;

    /// Loads a manifest for a component that need not be there, with the given line in its workflow.
    fn load(line: &str, private_hosts: bool) -> String {
        let outcome = load_capped(line, private_hosts, &Caps::default());
        outcome.map_or_else(|error| error.to_string(), |_| "loaded".to_owned())
    }

    fn load_capped(line: &str, private_hosts: bool, caps: &Caps) -> Result<Workflows, WorkflowsError> {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let component = b"no component";
        let digest = ComponentDigest::of(component);
        let text = format!(
            "name = \"x\"\n[[workflow]]\nname = \"w\"\ntrigger = \"request\"\ncomponent = {{ digest = \"{digest}\" }}\n{line}"
        );
        let manifest = Manifest::from_toml(&text).expect("the manifest is valid");
        std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
        std::fs::write(component_path(directory.path(), digest), component).expect("it is writable");
        load_all(directory.path(), private_hosts, caps)
    }

    fn load_all(directory: &Path, private_hosts: bool, caps: &Caps) -> Result<Workflows, WorkflowsError> {
        let secrets = |_: &str| None;
        let sources = Sources {
            service: ServiceId { chain_id: 1, manager: tandem_types::Address::ZERO },
            manifests: directory,
            components: directory,
            private_hosts,
            secrets: &secrets,
            store: Arc::new(tandem_engine::MemoryStore::default()),
            chain: Arc::new(tandem_engine::MemoryChain::default()),
        };
        let config = EngineConfig { concurrent_max: 2, limits_max: caps.limits(), ..EngineConfig::default() };
        Workflows::load(&Engine::new(config).expect("there is address space"), &sources)
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
    fn manifest_that_asks_for_more_than_the_node_lends_is_refused() {
        let caps = Caps { memory_mib: Some(32), ..Caps::default() };
        let error = load_capped("limits = { memory-mib = 33 }", false, &caps).err().expect("it asks for more");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("limit `memory` of 34603008 is above this node's 33554432"));
        let lower = load_capped("limits = { memory-mib = 32 }", false, &caps).err().expect("it is no component");
        assert!(
            !matches!(lower, WorkflowsError::Load { source, .. } if matches!(*source, LoadError::LimitAboveNode { .. }))
        );
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert_eq!(load("", false), "workflow `w`");
    }

    #[test]
    fn workflow_that_is_only_called_runs_for_no_task() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/target/wasm32-wasip2/release/errand.wasm");
        let component = std::fs::read(path).expect("run `make components` first");
        let digest = ComponentDigest::of(&component);
        let text = format!(
            "name = \"x\"\n[[workflow]]\nname = \"asked\"\ntrigger = \"request\"\ncalls = [\"called\"]\n\
             component = {{ digest = \"{digest}\" }}\n[[workflow]]\nname = \"called\"\ntrigger = \"call\"\n\
             component = {{ digest = \"{digest}\" }}\n"
        );
        let manifest = Manifest::from_toml(&text).expect("the manifest is valid");
        let directory = tempfile::tempdir().expect("there is room for a directory");
        std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
        std::fs::write(component_path(directory.path(), digest), component).expect("it is writable");
        let loaded = load_all(directory.path(), false, &Caps::default()).expect("it can be served");
        let component = |name: &str| loaded.component(manifest.hash(), &name.parse().expect("a name"));
        assert_eq!(component("asked").map(|component| component.grants().calls.len()), Ok(1));
        let called = "called".parse().expect("a name");
        assert_eq!(component("called").map(|_| ()), Err(MissingComponent::OnlyCalled(called)));
        assert!(matches!(component("other").map(|_| ()), Err(MissingComponent::Manifest { .. })));
    }
}
