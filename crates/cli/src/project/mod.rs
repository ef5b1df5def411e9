//! An author's project: the directory with `tandem.toml`, and the components that were built in it. Builds and runs nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tandem_engine::{Grants, HttpHost, HttpHosts, Limits, MemoryStore, Secrets, ServiceStore};
use tandem_node::workflows::component_path;
use tandem_types::{ComponentDigest, Manifest, Workflow, WorkflowId};
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
            Failure::new(USAGE, error)
                .context(format!("{} is not a manifest", path.display()))
                .hint("unknown keys are refused, so that a misspelt limit is never a missing one")
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

    /// The workflow called `name`; without a name, the only one.
    pub(crate) fn workflow(&self, name: Option<&WorkflowId>) -> Result<&Workflow, Failure> {
        let workflows = &self.manifest.workflows;
        let found = match name {
            Some(name) => self.manifest.workflow(name),
            None => workflows.first().filter(|_| workflows.len() == 1),
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

/// What goes into the component.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs" || extension == "wit") || path.ends_with("Cargo.toml")
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
            Failure::new(USAGE, error).context(format!("http.hosts of workflow `{}` in {MANIFEST}", workflow.name))
        })
    };
    Ok(Grants {
        determinism: workflow.determinism,
        config: workflow.config.clone(),
        secrets,
        store: workflow.store.map(|_| Arc::new(MemoryStore::default()) as Arc<dyn ServiceStore>),
        http_hosts: workflow.http.hosts.iter().map(host).collect::<Result<HttpHosts, _>>()?,
        http_tape: None,
        limits: Limits {
            store: workflow.store.unwrap_or_default().into(),
            scratch: workflow.scratch.map(Into::into).unwrap_or_default(),
            ..workflow.limits.into()
        },
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
    fn component_has_to_be_chosen_where_there_are_two() {
        let (_directory, project) = project(&[("a", OLD), ("b", &ComponentDigest::of(b"b").to_string())]);
        let failure = project.digest(None).expect_err("there are two digests");
        assert_eq!(failure.hint.as_deref(), Some("choose with --workflow: a, b"));
        let chosen = "b".parse().expect("a name");
        assert_eq!(project.digest(Some(&chosen)).expect("there is such a workflow"), ComponentDigest::of(b"b"));
        assert!(project.workflow(Some(&"c".parse().expect("a name"))).is_err());
    }
}
