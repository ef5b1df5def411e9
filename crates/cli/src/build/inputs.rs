//! What goes into a component in JavaScript or Python: everything under the directories that its tools are given, and what looks like source elsewhere. Too
//! much only makes a component anew; too little would hand out one that is not what the sources say. So nothing is passed over that might count.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tandem_types::ComponentDigest;

use crate::Failure;

/// Most files and directories that are looked at.
pub(super) const FILES_MAX: usize = 10_000;
/// Directories of which every file is an input.
const WHOLE: [&str; 3] = ["src", "vendor", "wit"];
/// Directories of tools elsewhere, beside the hidden ones; what is installed is what the lock file says.
const PASSED_OVER: [&str; 2] = ["target", "node_modules"];
/// What Python writes beside sources, from them.
const CACHE: &str = "__pycache__";
/// Endings of sources, of configuration and of lock files.
const ENDINGS: [&str; 7] = ["js", "mjs", "cjs", "json", "py", "txt", "wit"];

/// A digest of the names and contents of all inputs of the project in `root`; none if they are too many to look at.
pub(super) fn digest(root: &Path) -> Result<Option<ComponentDigest>, Failure> {
    let Some(paths) = inputs(root, FILES_MAX)? else {
        return Ok(None);
    };
    let mut all = Vec::new();
    for path in paths {
        let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_encoded_bytes();
        all.extend_from_slice(&(name.len() as u64).to_be_bytes());
        all.extend_from_slice(name);
        all.extend_from_slice(ComponentDigest::of(&content).0.as_slice());
    }
    Ok(Some(ComponentDigest::of(&all)))
}

/// The inputs below `root`; none if more than `most` files and directories are looked at.
fn inputs(root: &Path, most: usize) -> Result<Option<BTreeSet<PathBuf>>, Failure> {
    let mut found = BTreeSet::new();
    let mut looked_at = 0;
    let mut waiting = vec![(root.to_owned(), false)];
    while let Some((directory, is_whole)) = waiting.pop() {
        let unreadable = || format!("cannot read {}", directory.display());
        for entry in std::fs::read_dir(&directory).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            // A link counts as what it leads to. One that leads nowhere, such as an editor's lock, is in no component.
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_dir() {
                let is_whole = is_whole || directory == root && WHOLE.iter().any(|name| path.ends_with(name));
                if is_looked_into(&path, is_whole) {
                    looked_at += 1;
                    waiting.push((path, is_whole));
                }
            } else if metadata.is_file() && (is_whole || is_source(&path)) {
                looked_at += 1;
                found.insert(path);
            }
            if looked_at > most {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}

fn is_looked_into(directory: &Path, is_whole: bool) -> bool {
    let name = directory.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name != CACHE && (is_whole || !name.starts_with('.') && !PASSED_OVER.contains(&name))
}

fn is_source(file: &Path) -> bool {
    file.extension().and_then(OsStr::to_str).is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn project(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("there is room for a project");
        for file in files {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().expect("it is joined")).expect("directories can be made");
            std::fs::write(path, file).expect("files can be written");
        }
        directory
    }

    fn names(root: &Path, most: usize) -> Option<Vec<String>> {
        let paths = inputs(root, most).expect("it is readable")?;
        let name = |path: &PathBuf| path.strip_prefix(root).expect("it is below").display().to_string();
        Some(paths.iter().map(name).collect())
    }

    #[test]
    fn everything_under_the_tools_directories_is_an_input_whatever_its_ending() {
        let inputs = [
            "lib/x.js",
            "package-lock.json",
            "package.json",
            "requirements.txt",
            "src/.hidden/x",
            "src/data.csv",
            "src/node_modules/x/page.html",
            "src/target/x.py",
            "vendor/sdk/table.bin",
            "wit/x",
        ];
        let others =
            [".git/x.json", ".venv/x.py", "README.md", "lib/x.csv", "node_modules/x.js", "src/__pycache__/x.pyc"];
        let project = project(&[&inputs[..], &others].concat());
        assert_eq!(names(project.path(), 100).as_deref(), Some(inputs.map(str::to_owned).as_slice()));
    }

    #[test]
    fn links_are_followed_and_do_not_lead_on_for_ever() {
        let project = project(&["src/a", "shared/b"]);
        let source = project.path().join("src");
        symlink("nowhere", source.join(".#a")).expect("links can be made");
        symlink("../shared", source.join("shared")).expect("links can be made");
        assert_eq!(names(project.path(), 100), Some(vec!["src/a".to_owned(), "src/shared/b".to_owned()]));
        symlink(".", source.join("again")).expect("links can be made");
        symlink(".", source.join("and-again")).expect("links can be made");
        assert_eq!(names(project.path(), 100), None);
    }

    #[test]
    fn too_many_are_told_from_enough() {
        let project = project(&["src/a", "src/b"]);
        assert_eq!(names(project.path(), 3).map(|names| names.len()), Some(2));
        assert_eq!(names(project.path(), 2), None);
    }
}
