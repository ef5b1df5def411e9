//! An author's project: the directory with `tandem.toml`, and the components that were built in it. Builds and runs nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tandem_engine::{Grants, HttpHost, HttpHosts, MemoryStore, Secrets, ServiceStore};
use tandem_node::workflows::component_path;
use tandem_types::{ComponentDigest, Manifest, ManifestError, Trigger, Workflow, WorkflowId};
use zeroize::Zeroizing;

use crate::Failure;

mod snapshot;

pub(crate) use snapshot::Snapshot;

/// Exit code for a project that is not as it should be.
const USAGE: u8 = 2;
/// The manifest's file.
const MANIFEST: &str = "tandem.toml";
/// Where built components are, each under its digest, as operators keep them.
const STORE: &str = "target/tandem";

/// A component with what it gets, ready to load.
pub(crate) struct Part {
    /// The workflow that it belongs to.
    pub(crate) name: WorkflowId,
    /// The workflows that it calls.
    pub(crate) calls: BTreeSet<WorkflowId>,
    /// Whether it may be given the chain.
    pub(crate) reads_chain: bool,
    /// Its bytes.
    pub(crate) component: Vec<u8>,
    /// What it gets, but for the components that it calls.
    pub(crate) grants: Grants,
}

/// A project, as its files were when it was opened.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    text: String,
    manifest: Manifest,
}

impl Project {
    /// The project that the working directory is in.
    pub(crate) fn find() -> Result<Self, Failure> {
        let here = std::env::current_dir().context("there is no working directory")?;
        let root = here.ancestors().find(|directory| directory.join(MANIFEST).is_file()).ok_or_else(|| {
            Failure::new(USAGE, anyhow!("there is no {MANIFEST} in {} or above it", here.display()))
                .hint("`tandem new NAME` makes a project; `tandem exec --component FILE` runs a component without one")
        })?;
        Self::open(root)
    }

    fn open(root: &Path) -> Result<Self, Failure> {
        let path = root.join(MANIFEST);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))
            .map_err(|error| Failure::new(USAGE, error))?;
        let manifest = Manifest::from_toml(&text).map_err(|error| {
            let hint = hint(&error);
            Failure::new(USAGE, error).context(format!("{} is not a manifest", path.display())).hint(hint)
        })?;
        Ok(Self { root: root.to_owned(), text, manifest })
    }

    /// Its directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Its manifest's file.
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.root.join(MANIFEST)
    }

    /// A source of the component that was changed after `component` was written.
    pub(crate) fn source_after(&self, component: &Path) -> Option<PathBuf> {
        let built = component.metadata().and_then(|metadata| metadata.modified()).ok()?;
        let snapshot = Snapshot::of(&self.root, is_source);
        let newer = snapshot.iter().find(|(_, stamp)| stamp.modified > built).map(|(path, _)| path)?;
        Some(newer.strip_prefix(&self.root).unwrap_or(newer).to_owned())
    }

    /// The workflow called `name`; without a name, the only one that has a trigger of its own, or the only one.
    pub(crate) fn workflow(&self, name: Option<&WorkflowId>) -> Result<&Workflow, Failure> {
        let workflows = &self.manifest.workflows;
        let found = match name {
            Some(name) => self.manifest.workflow(name),
            None => {
                let triggered = || workflows.iter().filter(|workflow| workflow.trigger != Trigger::Call);
                triggered()
                    .next()
                    .filter(|_| triggered().count() == 1)
                    .or(workflows.first().filter(|_| workflows.len() == 1))
            }
        };
        found.ok_or_else(|| {
            let names: Vec<_> = workflows.iter().map(|workflow| workflow.name.as_str()).collect();
            let error = match name {
                Some(name) => anyhow!("{MANIFEST} has no workflow `{name}`"),
                None => anyhow!("{MANIFEST} has {} workflows", names.len()),
            };
            Failure::new(USAGE, error).hint(format!("choose with --workflow: {}", names.join(", ")))
        })
    }

    /// The component of the workflow called `name` and those of all that it calls, these before their callers, with what tandem.toml grants them. Where their bytes
    /// and secrets come from is the caller's to say.
    pub(crate) fn parts(
        &self,
        name: &WorkflowId,
        secrets: impl Fn(&Workflow) -> Result<Secrets, Failure>,
        bytes: impl Fn(ComponentDigest) -> Result<Vec<u8>, Failure>,
    ) -> Result<Vec<Part>, Failure> {
        let store: Arc<dyn ServiceStore> = Arc::new(MemoryStore::default());
        let part = |workflow: &Workflow| {
            let of = |failure: Failure| match &workflow.name {
                callee if callee != name => failure.context(format!("`{name}` calls workflow `{callee}`")),
                _ => failure,
            };
            let mut grants = grants(workflow, secrets(workflow)?)?;
            grants.store = workflow.store.map(|_| Arc::clone(&store));
            let component = bytes(workflow.component.digest).map_err(of)?;
            let (name, calls) = (workflow.name.clone(), workflow.calls.clone());
            Ok(Part { name, calls, reads_chain: workflow.chain.is_some(), component, grants })
        };
        self.callees_first(name)?.into_iter().map(part).collect()
    }

    /// The workflow called `name` and all that it calls, these before their callers.
    pub(crate) fn callees_first(&self, name: &WorkflowId) -> Result<Vec<&Workflow>, Failure> {
        self.manifest.callees_first(name).map_err(|error| Failure::new(USAGE, error))
    }

    /// The workflows that run the component `digest`.
    pub(crate) fn workflows_of(&self, digest: ComponentDigest) -> impl Iterator<Item = &Workflow> {
        self.manifest.workflows.iter().filter(move |workflow| workflow.component.digest == digest)
    }

    /// The digest that the project's own component has in the manifest: the only one there, or that of the workflow called `name`.
    pub(crate) fn digest(&self, name: Option<&WorkflowId>) -> Result<ComponentDigest, Failure> {
        let digests = || self.manifest.workflows.iter().map(|workflow| workflow.component.digest);
        match (name, digests().next()) {
            (None, Some(first)) if digests().all(|digest| digest == first) => Ok(first),
            _ => self.workflow(name).map(|workflow| workflow.component.digest),
        }
    }

    /// Keeps a built component under its digest, and gives its path.
    pub(crate) fn keep(&self, component: &[u8]) -> Result<PathBuf, Failure> {
        let store = self.root.join(STORE);
        let path = component_path(&store, ComponentDigest::of(component));
        std::fs::create_dir_all(&store).with_context(|| format!("cannot make the directory {}", store.display()))?;
        std::fs::write(&path, component).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Where the component `digest` is, once it was built.
    pub(crate) fn component_path(&self, digest: ComponentDigest) -> PathBuf {
        component_path(&self.root.join(STORE), digest)
    }

    /// Writes `new` in the place of `old` into the manifest, and leaves every other character as it is.
    pub(crate) fn replace_digest(&mut self, old: ComponentDigest, new: ComponentDigest) -> Result<(), Failure> {
        let path = self.manifest_path();
        // The author may have edited it since it was opened.
        self.text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // A digest is long and random: nothing else in the file has its text, but a comment that means it.
        let text = replace_ignoring_case(&self.text, &old.to_string(), &new.to_string());
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        *self = Self::open(&self.root)?;
        Ok(())
    }
}

/// What to do about a text that is no manifest.
fn hint(error: &ManifestError) -> &'static str {
    match error {
        ManifestError::TooLarge(_) => "keep data out of it: components get theirs over HTTP, or from the store",
        // As serde says it when a trigger's settings are missing.
        ManifestError::Toml(error) if error.message().contains("expected newtype variant") => {
            "this trigger has settings: trigger = { cron = { schedule = \"*/5 * * * *\" } }; docs/guide/triggers.md has all kinds"
        }
        ManifestError::Toml(_) | ManifestError::Json(_) => {
            "unknown keys are refused, so that a misspelt limit is never a missing one"
        }
        ManifestError::Workflows(_) => "a service has at least one: [[workflow]] with name, trigger and component",
        ManifestError::Sources { .. } => "keep those that operators reach best",
        ManifestError::DuplicateWorkflow(_) => "give every workflow a name of its own",
        ManifestError::Trigger { .. } => "docs/guide/triggers.md has every kind of trigger with its keys",
        ManifestError::Limit { .. } => "choose a number of that range, or leave the limit out for its default",
        ManifestError::StrictHttp(_) | ManifestError::StrictSecrets(_) | ManifestError::StrictStore(_) => {
            "strict components compute what anyone can compute again; docs/reference/components.md compares both"
        }
        ManifestError::StrictCalls { .. } => "what a strict component is told by an open one cannot be computed again",
        ManifestError::UnknownCallee { .. } => {
            "add a [[workflow]] of that name, with trigger = \"call\", or mend the name under calls"
        }
        ManifestError::CallCircle(_) => "take one of these names out of the calls of the workflow before it",
        ManifestError::CallDepth { .. } => "let one component do the work of two that call each other",
        ManifestError::CallMemory { .. } => "lower limits = { memory-mib = N } of the workflows that are called",
    }
}

/// What goes into the component.
fn is_source(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["rs", "js", "mjs", "json", "py", "wit"];
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) || path.ends_with("Cargo.toml")
}

/// Digests may be written with capital letters, which `Display` does not.
fn replace_ignoring_case(text: &str, old: &str, new: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(old) {
        replaced.push_str(&rest[..at]);
        replaced.push_str(new);
        rest = &rest[at + old.len()..];
    }
    replaced + rest
}

/// What a workflow grants on this machine, with secrets from the environment. Private hosts may be granted: it is the author's own network.
pub(crate) fn grants(workflow: &Workflow, secrets: Secrets) -> Result<Grants, Failure> {
    let host = |text: &String| {
        text.parse::<HttpHost>().map_err(|error| {
            Failure::new(USAGE, error)
                .context(format!("http.hosts of workflow `{}` in {MANIFEST}", workflow.name))
                .hint("write api.example.com or api.example.com:8443, without a scheme and without a path")
        })
    };
    Ok(Grants {
        service: None,
        determinism: workflow.determinism,
        config: workflow.config.clone(),
        secrets,
        // Shared by all that run together.
        store: None,
        // Whoever runs it says which chain.
        chain: None,
        // Loaded by themselves.
        calls: Default::default(),
        http_hosts: workflow.http.hosts.iter().map(host).collect::<Result<HttpHosts, _>>()?,
        http_tape: None,
        limits: workflow.into(),
    })
}

/// The secrets that a workflow names, from the environment.
pub(crate) fn secrets(workflow: &Workflow) -> Result<Secrets, Failure> {
    let named = |name: &String| {
        secret(name)
            .map_err(|failure| failure.context(format!("workflow `{}` in {MANIFEST} names a secret", workflow.name)))
    };
    workflow.secrets.iter().map(named).collect()
}

/// The secret `name` from the environment.
pub(crate) fn secret(name: &str) -> Result<(String, Zeroizing<String>), Failure> {
    let usage = |error| Failure::new(USAGE, error).hint(format!("set it in the shell: export {name}=..."));
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok((name.to_owned(), Zeroizing::new(value))),
        Ok(_) => Err(usage(anyhow!("environment variable {name} is empty"))),
        // The error of the other case would carry the value.
        Err(_) => Err(usage(anyhow!("environment variable {name} is not set, or not UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "sha256:ABababababababababababababababababababababababababababababababab";

    fn project(workflows: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let directory = tempfile::tempdir().expect("there is room for a file");
        let mut text = "# a comment\nname = \"x\"\n".to_owned();
        for (name, digest) in workflows {
            text += &format!(
                "[[workflow]]\nname = \"{name}\"\ntrigger = \"request\"\ncomponent = {{ digest = \"{digest}\" }} # why\n"
            );
        }
        std::fs::write(directory.path().join(MANIFEST), text).expect("the file can be written");
        let project = Project::open(directory.path()).expect("the manifest is valid");
        (directory, project)
    }

    #[test]
    fn only_the_digest_changes() {
        let (directory, mut project) = project(&[("a", OLD), ("b", OLD)]);
        let (old, new) = (project.digest(None).expect("there is one digest"), ComponentDigest::of(b"new"));
        let before = project.text.clone();
        project.replace_digest(old, new).expect("the file can be written");
        let after = std::fs::read_to_string(directory.path().join(MANIFEST)).expect("the file can be read");
        assert_eq!(after, before.replace(OLD, &new.to_string()));
        assert_eq!(project.workflows_of(new).count(), 2);
    }

    #[test]
    fn workflow_with_a_trigger_is_meant_before_those_that_are_called() {
        let (directory, mut project) = project(&[("a", OLD), ("b", OLD)]);
        let path = directory.path().join(MANIFEST);
        let text = project.text.replacen("trigger = \"request\"", "trigger = \"call\"", 1);
        std::fs::write(path, text.replace("name = \"b\"", "name = \"b\"\ncalls = [\"a\"]"))
            .expect("the file can be written");
        project = Project::open(directory.path()).expect("the manifest is valid");
        assert_eq!(project.workflow(None).expect("there is one").name.as_str(), "b");
        let bytes = |_| Ok(b"bytes".to_vec());
        let name = "b".parse().expect("a name");
        let parts = project.parts(&name, |_| Ok(Secrets::default()), bytes).expect("all is there");
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let missing = |_| Err(Failure::new(USAGE, anyhow!("it is not built")));
        let failure = project.parts(&name, |_| Ok(Secrets::default()), missing).err().expect("nothing is there");
        assert_eq!(format!("{:#}", failure.error), "`b` calls workflow `a`: it is not built");
    }

    #[test]
    fn component_has_to_be_chosen_where_there_are_two() {
        let (_directory, project) = project(&[("a", OLD), ("b", &ComponentDigest::of(b"b").to_string())]);
        let failure = project.digest(None).expect_err("there are two digests");
        assert_eq!(failure.hint.as_deref(), Some("choose with --workflow: a, b"));
        let chosen = "b".parse().expect("a name");
        assert_eq!(project.digest(Some(&chosen)).expect("there is such a workflow"), ComponentDigest::of(b"b"));
        assert!(project.workflow(Some(&"c".parse().expect("a name"))).is_err());
    }
}
