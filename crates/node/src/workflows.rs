//! The manifests that this operator holds, with their components compiled and granted. A task names its manifest by hash, so what runs
//! for it is never in doubt; a manifest or component that is not here, or differs from its hash, is not run. A component that is not here and can be
//! fetched is awaited: its workflow has to wait, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_engine::{
    ChainState, Component, Engine, Grants, HostError, HttpHost, HttpHosts, LoadError, Secrets, ServiceStore,
};
use tandem_types::{
    ComponentDigest, ComponentSource, Manifest, ManifestError, ManifestHash, ServiceId, Trigger, Workflow, WorkflowId,
};
use tokio::sync::futures::Notified;
use zeroize::Zeroizing;

use crate::components::{ComponentStore, NotFetched, StoreError};
use crate::slots::{Key, Slot, Slots};

pub use crate::slots::{MissingComponent, Unusable};

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
    /// The service.
    pub service: ServiceId,
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
    /// The service's chain.
    pub chain: Arc<dyn ChainState>,
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
    /// Whose components it calls.
    calls: BTreeSet<WorkflowId>,
    grants: Grants,
}

impl Awaited {
    fn key(&self) -> Key {
        (self.manifest, self.workflow.clone())
    }
}

/// What came of a component that was handed to its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supplied {
    /// It runs from now on.
    Ready,
    /// One that it calls has to come first.
    Waits,
    /// It never runs here.
    Unusable,
}

/// Components by manifest and workflow.
#[derive(Default)]
pub struct Workflows {
    slots: Slots,
    /// Workflows that no task may name.
    only_called: HashSet<(ManifestHash, WorkflowId)>,
    /// What starts workflows without anyone asking.
    triggers: Vec<(Key, Trigger)>,
    awaited: Vec<Awaited>,
    manifests: Vec<ManifestHash>,
}

impl Workflows {
    /// Reads every manifest in `manifests`, and compiles what they name from `components`.
    ///
    /// # Errors
    /// [`WorkflowsError`]; one manifest that cannot be served stops the start, so that it is seen. A component that can be fetched stops nothing, and
    /// neither does one that was fetched and cannot run: others wrote it, and the other workflows need the node.
    pub fn load(engine: &Engine, sources: &Sources<'_>) -> Result<Self, WorkflowsError> {
        let mut loaded = Self::default();
        for path in manifest_files(sources.manifests)? {
            let bytes = read(&path)?;
            let manifest = Manifest::from_json(&bytes)
                .map_err(|source| WorkflowsError::Manifest { path: path.clone(), source: Box::new(source) })?;
            let hash = manifest.hash();
            let order = manifest.in_call_order();
            for workflow in
                order.map_err(|source| WorkflowsError::Manifest { path: path.clone(), source: Box::new(source) })?
            {
                loaded.add(hash, workflow, (engine, sources))?;
            }
            for workflow in manifest.workflows {
                let key = (hash, workflow.name);
                match workflow.trigger {
                    Trigger::Call => _ = loaded.only_called.insert(key),
                    trigger if trigger.fires() => loaded.triggers.push((key, trigger)),
                    _ => {}
                }
            }
            loaded.manifests.push(hash);
        }
        Ok(loaded)
    }

    /// Those that are called come before those that call them.
    fn add(
        &mut self,
        manifest: ManifestHash,
        workflow: &Workflow,
        (engine, sources): (&Engine, &Sources<'_>),
    ) -> Result<(), WorkflowsError> {
        let awaited = Awaited {
            manifest,
            workflow: workflow.name.clone(),
            digest: workflow.component.digest,
            sources: workflow.component.sources.clone(),
            calls: workflow.calls.clone(),
            grants: grants(workflow, sources)?,
        };
        let supplied = match kept(workflow, sources)? {
            Some(bytes) => match self.supply(engine, &awaited, &bytes) {
                Ok(supplied) => supplied,
                Err(error) if can_be_fetched(workflow, sources) => self.give_up(&awaited, (&error).into()),
                Err(source) => {
                    return Err(WorkflowsError::Load { workflow: awaited.workflow, source: Box::new(source) });
                }
            },
            None => {
                self.explain(&awaited, format!("{} is not fetched yet", awaited.digest));
                Supplied::Waits
            }
        };
        if supplied == Supplied::Waits {
            self.awaited.push(awaited);
        }
        Ok(())
    }

    /// The component that runs for tasks of a workflow of a manifest.
    ///
    /// # Errors
    /// [`MissingComponent`].
    pub fn component(&self, manifest: ManifestHash, workflow: &WorkflowId) -> Result<Component, MissingComponent> {
        let key = (manifest, workflow.clone());
        if self.only_called.contains(&key) {
            return Err(MissingComponent::OnlyCalled(key.1));
        }
        self.slots.component(key)
    }

    /// The workflows that had no component when they were loaded.
    pub(crate) fn awaited(&self) -> &[Awaited] {
        &self.awaited
    }

    /// Compiles the component that a workflow waits for, and ends its wait, unless it calls one that is not ready.
    ///
    /// # Errors
    /// [`LoadError`] of the component itself; the caller says whether it is given up.
    pub(crate) fn supply(&self, engine: &Engine, awaited: &Awaited, bytes: &[u8]) -> Result<Supplied, LoadError> {
        match self.slots.callees(awaited.manifest, &awaited.calls) {
            Ok(calls) => {
                let component = engine.load(bytes, Grants { calls, ..awaited.grants.clone() })?;
                self.slots.set(awaited.key(), Slot::Ready(component));
                Ok(Supplied::Ready)
            }
            Err(Slot::Unusable(unusable)) => Ok(self.give_up(awaited, unusable)),
            Err(slot) => {
                self.slots.set(awaited.key(), slot);
                Ok(Supplied::Waits)
            }
        }
    }

    /// Ends when a workflow that waited is supplied or given up after this call.
    pub(crate) fn settled(&self) -> Notified<'_> {
        self.slots.settled()
    }

    /// Says why a workflow has to wait still.
    pub(crate) fn explain(&self, awaited: &Awaited, reason: String) {
        self.slots.set(awaited.key(), Slot::Awaited(reason));
    }

    /// Ends the wait of a workflow whose component never runs here, and of nothing else.
    pub(crate) fn give_up(&self, awaited: &Awaited, unusable: Unusable) -> Supplied {
        let Awaited { workflow, digest, .. } = awaited;
        tracing::error!(%workflow, %digest, reason = %unusable, "the component cannot run here");
        self.slots.set(awaited.key(), Slot::Unusable(unusable));
        Supplied::Unusable
    }

    /// How many workflows have a component that cannot run here.
    pub(crate) fn unusable(&self) -> usize {
        self.slots.unusable()
    }

    /// The triggers that fire by themselves, with their manifests and workflows.
    pub(crate) fn triggers(&self) -> &[(Key, Trigger)] {
        &self.triggers
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

/// Whether there is anybody to ask for a workflow's component.
fn can_be_fetched(workflow: &Workflow, sources: &Sources<'_>) -> bool {
    match sources.fetch {
        Fetch::Nothing => false,
        Fetch::Named => !workflow.component.sources.is_empty(),
        Fetch::Anything => true,
    }
}

/// A workflow's component, if it is here; none if it can be fetched instead.
fn kept(workflow: &Workflow, sources: &Sources<'_>) -> Result<Option<Vec<u8>>, WorkflowsError> {
    let name = || workflow.name.clone();
    let digest = workflow.component.digest;
    let can_be_fetched = can_be_fetched(workflow, sources);
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
        service: Some(sources.service),
        determinism: workflow.determinism,
        config: workflow.config.clone(),
        secrets,
        store: workflow.store.map(|_| Arc::clone(&sources.store)),
        chain: workflow.chain.map(|_| Arc::clone(&sources.chain)),
        calls: BTreeMap::new(),
        http_hosts: HttpHosts::from_iter(hosts),
        http_tape: None,
        limits: workflow.into(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, WorkflowsError> {
    std::fs::read(path).map_err(|source| WorkflowsError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use tandem_engine::{EngineConfig, Fault};

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
        let components = ComponentStore::new(directory);
        let sources = Sources { private_hosts, ..sources(directory, &components, Fetch::Nothing) };
        let config = EngineConfig { concurrent_max: 2, limits_max: caps.limits(), ..EngineConfig::default() };
        Workflows::load(&Engine::new(config).expect("there is address space"), &sources)
    }

    fn sources<'a>(directory: &'a Path, components: &'a ComponentStore, fetch: Fetch) -> Sources<'a> {
        Sources {
            service: ServiceId { chain_id: 1, manager: tandem_types::Address::ZERO },
            manifests: directory,
            components,
            fetch,
            private_hosts: false,
            secrets: &|_| None,
            store: Arc::new(tandem_engine::MemoryStore::default()),
            chain: Arc::new(tandem_engine::MemoryChain::default()),
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

    fn errand() -> (Vec<u8>, ComponentDigest) {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/target/wasm32-wasip2/release/errand.wasm");
        let component = std::fs::read(path).expect("run `make components` first");
        let digest = ComponentDigest::of(&component);
        (component, digest)
    }

    fn caller_and_callee(caller: ComponentDigest, callee: &str) -> Manifest {
        let text = format!(
            "name = \"x\"\n[[workflow]]\nname = \"asked\"\ntrigger = \"request\"\ncalls = [\"called\"]\n\
             component = {{ digest = \"{caller}\" }}\n[[workflow]]\nname = \"called\"\ntrigger = \"call\"\n\
             component = {{ {callee} }}\n"
        );
        Manifest::from_toml(&text).expect("the manifest is valid")
    }

    #[test]
    fn caller_waits_for_what_it_calls() {
        let (component, digest) = errand();
        let missing = ComponentDigest::of(b"elsewhere");
        let manifest =
            caller_and_callee(digest, &format!("digest = \"{missing}\", sources = [\"https://a.example/b\"]"));
        let directory = tempfile::tempdir().expect("there is room for a directory");
        std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
        std::fs::write(component_path(directory.path(), digest), &component).expect("it is writable");
        let engine = Engine::new(EngineConfig { concurrent_max: 2, ..EngineConfig::default() }).expect("it starts");
        let components = ComponentStore::new(directory.path());
        let workflows = Workflows::load(&engine, &sources(directory.path(), &components, Fetch::Named));
        let workflows = workflows.expect("what is not here can be fetched");
        let asked = "asked".parse().expect("a name");
        let why = |workflows: &Workflows| workflows.component(manifest.hash(), &asked).map(|_| ());
        let reason = "it calls `called`, which has no component yet".to_owned();
        assert_eq!(why(&workflows), Err(MissingComponent::Awaited(reason)));
        let [called, caller] = workflows.awaited() else { panic!("both wait: {:?}", workflows.awaited()) };
        assert_eq!(workflows.supply(&engine, caller, &component), Ok(Supplied::Waits));
        // Whoever fetched it has compared it with the digest.
        assert_eq!(workflows.supply(&engine, called, &component), Ok(Supplied::Ready));
        assert_eq!(workflows.supply(&engine, caller, &component), Ok(Supplied::Ready));
        assert_eq!(why(&workflows), Ok(()));
    }

    #[test]
    fn component_that_was_fetched_and_cannot_run_does_not_stop_the_start() {
        let (component, digest) = errand();
        let bad = b"no component";
        let bad_digest = ComponentDigest::of(bad);
        let directory = tempfile::tempdir().expect("there is room for a directory");
        std::fs::write(component_path(directory.path(), digest), component).expect("it is writable");
        std::fs::write(component_path(directory.path(), bad_digest), bad).expect("it is writable");
        let engine = Engine::new(EngineConfig { concurrent_max: 2, ..EngineConfig::default() }).expect("it starts");
        let components = ComponentStore::new(directory.path());
        let load = |sources_of_callee: &str, fetch| {
            let manifest = caller_and_callee(digest, &format!("digest = \"{bad_digest}\"{sources_of_callee}"));
            std::fs::write(directory.path().join("m.json"), manifest.to_canonical_json()).expect("it is writable");
            (manifest.hash(), Workflows::load(&engine, &sources(directory.path(), &components, fetch)))
        };
        let fetched = ", sources = [\"https://a.example/b\"]";
        for (sources_of_callee, fetch) in [(fetched, Fetch::Named), ("", Fetch::Anything)] {
            let (manifest, workflows) = load(sources_of_callee, fetch);
            let workflows = workflows.expect("the other workflows run");
            let asked = workflows.component(manifest, &"asked".parse().expect("a name"));
            let Err(MissingComponent::Unusable(Unusable { reason, fault })) = asked.map(|_| ()) else {
                panic!("its callee cannot run")
            };
            assert!(reason.starts_with("it calls `called`, which cannot run here: sha256:"), "{reason}");
            assert_eq!((fault, workflows.unusable(), workflows.awaited().len()), (Fault::Component, 2, 0));
        }
        for (sources_of_callee, fetch) in [("", Fetch::Named), (fetched, Fetch::Nothing)] {
            let (_, workflows) = load(sources_of_callee, fetch);
            assert!(matches!(workflows, Err(WorkflowsError::Load { workflow, .. }) if workflow.as_str() == "called"));
        }
    }

    #[test]
    fn workflow_that_is_only_called_runs_for_no_task() {
        let (component, digest) = errand();
        let manifest = caller_and_callee(digest, &format!("digest = \"{digest}\""));
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
