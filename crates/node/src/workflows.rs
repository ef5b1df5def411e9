//! The manifests that this operator holds, with their components compiled and granted. A task names its manifest by hash, so what runs
//! for it is never in doubt; a manifest or component that is not here, or differs from its hash, is not run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tandem_engine::{Component, Engine, Grants, HttpHosts, LoadError, Secrets};
use tandem_types::{ComponentDigest, Manifest, ManifestError, ManifestHash, Workflow, WorkflowId};
use zeroize::Zeroizing;

/// Largest component that is read, in bytes.
const COMPONENT_BYTES_MAX: u64 = 64 << 20;

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
    #[error("workflow `{workflow}`: {reason}")]
    Host {
        /// Which workflow.
        workflow: WorkflowId,
        /// Why.
        reason: String,
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

/// Looks up a secret by name; the binary hands in the environment.
pub type SecretSource<'a> = dyn Fn(&str) -> Option<Zeroizing<String>> + 'a;

/// Components by manifest and workflow.
#[derive(Default)]
pub struct Workflows {
    components: HashMap<(ManifestHash, WorkflowId), Component>,
    manifests: Vec<ManifestHash>,
}

impl Workflows {
    /// Reads every manifest in `manifests`, and compiles what they name from `components`.
    ///
    /// # Errors
    /// [`WorkflowsError`]; one manifest that cannot be served stops the start, so that it is seen.
    pub fn load(
        engine: &Engine,
        (manifests, components): (&Path, &Path),
        secrets: &SecretSource<'_>,
    ) -> Result<Self, WorkflowsError> {
        let mut loaded = Self::default();
        for path in manifest_files(manifests)? {
            let bytes = read(&path)?;
            let manifest = Manifest::from_json(&bytes)
                .map_err(|source| WorkflowsError::Manifest { path: path.clone(), source: Box::new(source) })?;
            let hash = manifest.hash();
            for workflow in &manifest.workflows {
                let component = load_component(engine, components, workflow, secrets)?;
                loaded.components.insert((hash, workflow.name.clone()), component);
            }
            loaded.manifests.push(hash);
        }
        Ok(loaded)
    }

    /// The component that runs for a workflow of a manifest.
    pub fn component(&self, manifest: ManifestHash, workflow: &WorkflowId) -> Option<&Component> {
        self.components.get(&(manifest, workflow.clone()))
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

fn load_component(
    engine: &Engine,
    directory: &Path,
    workflow: &Workflow,
    secrets: &SecretSource<'_>,
) -> Result<Component, WorkflowsError> {
    let digest = workflow.component.digest;
    let path = component_path(directory, digest);
    let bytes = read(&path)?;
    let grants = grants(workflow, secrets)?;
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

fn grants(workflow: &Workflow, secrets: &SecretSource<'_>) -> Result<Grants, WorkflowsError> {
    let mut granted = Secrets::default();
    for name in &workflow.secrets {
        let missing = || WorkflowsError::Secret { workflow: workflow.name.clone(), name: name.clone() };
        granted.insert(name, secrets(name).ok_or_else(missing)?);
    }
    let no_host = |reason: tandem_engine::HostError| WorkflowsError::Host {
        workflow: workflow.name.clone(),
        reason: reason.to_string(),
    };
    let hosts = workflow.http.hosts.iter().map(|host| host.parse()).collect::<Result<Vec<_>, _>>().map_err(no_host)?;
    Ok(Grants {
        config: workflow.config.clone(),
        secrets: granted,
        http_hosts: HttpHosts::from_iter(hosts),
        limits: workflow.limits.into(),
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
