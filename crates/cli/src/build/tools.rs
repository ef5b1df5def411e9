//! What the builds of JavaScript and Python share: tools of a version, installed into the project from its lock file, and components that are made anew
//! only when what goes into them has changed, for these tools give other bytes each time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow};
use tandem_types::Determinism;

use super::{code, inputs};
use crate::Failure;

/// The component, until it is kept under its digest.
const COMPONENT: &str = "target/component.wasm";
/// What went into it: a stamp.
const INPUTS: &str = "target/component.inputs";

/// A program that has to be there.
pub(super) struct Tool {
    /// What is run.
    pub(super) program: &'static str,
    /// Arguments that make it print its version, after whatever letters.
    pub(super) version: &'static [&'static str],
    /// The oldest that is good enough.
    pub(super) oldest: (u32, u32),
    /// Where it comes from.
    pub(super) hint: &'static str,
}

impl Tool {
    /// Fails unless the tool is there, and new enough.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let program = self.program;
        let output = Command::new(program).args(self.version).output().map_err(|error| self.missing(error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (major, minor) = self.oldest;
        match version(&text) {
            Some(found) if output.status.success() && found >= self.oldest => Ok(()),
            Some((found, and)) => {
                Err(self.usage(anyhow!("{program} {found}.{and} is too old: {major}.{minor} or newer is needed")))
            }
            None => Err(self.usage(anyhow!("{program} does not say its version, but `{}`", text.trim()))),
        }
    }

    fn missing(&self, error: std::io::Error) -> Failure {
        self.usage(error.into()).context(format!("cannot run {}", self.program))
    }

    fn usage(&self, error: anyhow::Error) -> Failure {
        Failure::new(code::USAGE, error).hint(self.hint)
    }
}

/// The first number with a point in a text such as `v20.1.0` or `Python 3.11.7`.
fn version(text: &str) -> Option<(u32, u32)> {
    let from = text.find(|character: char| character.is_ascii_digit())?;
    let mut parts = text[from..].split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The file that says exactly what a project needs.
pub(super) struct Lock {
    /// Its name.
    pub(super) file: &'static str,
    /// Where the tools are installed to.
    pub(super) directory: &'static str,
    /// What makes the file, for hints.
    pub(super) hint: &'static str,
}

impl Lock {
    /// Runs `install` unless the project has what the lock file says. A copy of the file, beside what was installed, tells.
    pub(super) fn install(&self, root: &Path, install: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let Self { file, directory, hint } = self;
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"));
        let text = text.map_err(|error| Failure::new(code::USAGE, error).hint(*hint))?;
        let installed = root.join(directory).join(".tandem-lock");
        if std::fs::read_to_string(&installed).is_ok_and(|before| before == text) {
            return Ok(());
        }
        eprintln!("Installing what {file} names into {directory}; it needs the network, and is done once ...");
        install()?;
        Ok(std::fs::write(&installed, text).with_context(|| format!("cannot write {}", installed.display()))?)
    }
}

/// A step of a tool that failed.
pub(super) fn failed(what: &str, hint: &str) -> Failure {
    Failure::new(code::BUILD, anyhow!("{what}")).hint(hint)
}

/// Runs `command` and lets it talk on standard error.
pub(super) fn run(command: &mut Command) -> Result<bool, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    for stream in [&output.stdout, &output.stderr] {
        eprint!("{}", told(&String::from_utf8_lossy(stream)));
    }
    Ok(output.status.success())
}

/// What a tool says, without where in its own code it was when it said so.
fn told(text: &str) -> String {
    let end = text.find("Stack backtrace:").unwrap_or(text.len());
    let is_inner = |line: &&str| line.trim_start().starts_with("at ") && line.contains("node_modules/");
    text[..end].lines().filter(|line| !is_inner(line)).map(|line| format!("{line}\n")).collect()
}

/// The name of the world of `profile`.
pub(super) fn world(profile: Determinism) -> &'static str {
    match profile {
        Determinism::Open => "service",
        Determinism::Strict => "strict",
    }
}

/// The project's component: as it is there, if it was made of the same files for the same profile; else as `make` makes it.
pub(super) fn component(
    root: &Path,
    profile: Determinism,
    make: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let (component, stamp) = (root.join(COMPONENT), root.join(INPUTS));
    let inputs = inputs::digest(root)?.map(|digest| format!("{digest} {profile}\n"));
    if component.is_file() && inputs.is_some() && std::fs::read_to_string(&stamp).ok() == inputs {
        return Ok(component);
    }
    std::fs::create_dir_all(root.join("target")).context("cannot make the directory target")?;
    // A half-made component must not pass for a whole one.
    let _ = std::fs::remove_file(&stamp);
    make(&component)?;
    if let Some(inputs) = inputs {
        std::fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_say() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("Python 3.11.7\n"), Some((3, 11)));
        assert_eq!(version("none"), None);
    }

    #[test]
    fn inner_workings_of_tools_are_left_out() {
        let text =
            "Error: x\n    at f (/p/node_modules/a.js:1)\n    at run (src/index.js:2)\nStack backtrace:\n 0: y\n";
        assert_eq!(told(text), "Error: x\n    at run (src/index.js:2)\n");
    }

    #[test]
    fn component_is_made_anew_only_after_a_change() {
        let directory = tempfile::tempdir().expect("there is room for a project");
        let root = directory.path();
        std::fs::write(root.join("a.js"), "1").expect("files can be written");
        let made = |profile| {
            let mut made = false;
            component(root, profile, |path| {
                made = true;
                Ok(std::fs::write(path, "x").context("files can be written")?)
            })
            .expect("it is made");
            made
        };
        assert_eq!([made(Determinism::Open), made(Determinism::Open)], [true, false]);
        assert_eq!([made(Determinism::Strict), made(Determinism::Strict)], [true, false]);
        std::fs::write(root.join("a.js"), "2").expect("files can be written");
        assert_eq!([made(Determinism::Strict), made(Determinism::Strict)], [true, false]);
        std::fs::write(root.join("tandem.toml"), "").expect("files can be written");
        assert!(!made(Determinism::Strict));
        // Whatever a module reads when the component is made.
        std::fs::create_dir(root.join("src")).expect("directories can be made");
        for text in ["<a>", "<b>"] {
            std::fs::write(root.join("src/page.html"), text).expect("files can be written");
            assert_eq!([made(Determinism::Strict), made(Determinism::Strict)], [true, false]);
        }
    }

    #[test]
    fn component_of_too_many_files_to_look_at_is_made_anew_each_time() {
        let directory = tempfile::tempdir().expect("there is room for a project");
        let root = directory.path();
        std::fs::create_dir(root.join("src")).expect("directories can be made");
        for number in 0..=inputs::FILES_MAX {
            std::fs::write(root.join(format!("src/{number}")), "").expect("files can be written");
        }
        for _ in 0..2 {
            let mut made = false;
            let make = |path: &Path| {
                made = true;
                Ok(std::fs::write(path, "x").context("files can be written")?)
            };
            component(root, Determinism::Open, make).expect("it is made");
            assert!(made);
        }
    }
}
