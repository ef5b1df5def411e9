//! The state of a project's files, to see what has changed since. By time and size, as build tools do; it reads no content.
//!
//! Looking again every now and then is enough for the few dozen files of a project, works on every file system, and loses no change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most files that are looked at; a project that holds more holds something else.
const FILES_MAX: usize = 10_000;
/// Directories of tools, beside the hidden ones.
const PASSED_OVER: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// What is remembered of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) modified: SystemTime,
    bytes: u64,
}

/// Files and their stamps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Stamp>);

impl Snapshot {
    /// The files below `root` that `wanted` picks.
    pub(crate) fn of(root: &Path, wanted: impl Fn(&Path) -> bool) -> Self {
        let mut snapshot = Self::default();
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let (name, path) = (entry.file_name(), entry.path());
                let name = name.to_string_lossy();
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_directory && !name.starts_with('.') && !PASSED_OVER.contains(&name.as_ref()) {
                    waiting.push(path);
                } else if !is_directory && wanted(&path) && snapshot.0.len() < FILES_MAX {
                    snapshot.look_at(&path);
                }
            }
        }
        snapshot
    }

    /// Remembers `path` as it is now.
    pub(crate) fn look_at(&mut self, path: &Path) {
        let stamp =
            path.metadata().and_then(|metadata| Ok(Stamp { modified: metadata.modified()?, bytes: metadata.len() }));
        match stamp {
            Ok(stamp) => drop(self.0.insert(path.to_owned(), stamp)),
            Err(_) => drop(self.0.remove(path)),
        }
    }

    /// The files, in the order of their paths.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Stamp)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_and_tools_passed_over() {
        let directory = tempfile::tempdir().expect("there is room for files");
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().expect("it is joined")).expect("directories can be made");
            std::fs::write(path, text).expect("files can be written");
        };
        let snapshot = || Snapshot::of(directory.path(), |path| !path.ends_with("b"));
        write("src/a", "1");
        let before = snapshot();
        assert_eq!(before.iter().count(), 1);
        for path in ["target/x", ".git/x", "node_modules/x", "src/b"] {
            write(path, "x");
        }
        assert_eq!(snapshot(), before);
        write("src/a", "22");
        assert_ne!(snapshot(), before);
    }
}
