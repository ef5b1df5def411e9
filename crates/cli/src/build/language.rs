//! In which language a project is, by the file that its tools need.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use tandem_types::Determinism;

use super::{cargo, code, javascript, python};
use crate::Failure;

/// A language that projects are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    JavaScript,
    Python,
}

/// How to build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// As few bytes as the compiler manages.
    pub(super) small: bool,
    /// With lock files as they are.
    pub(super) locked: bool,
    /// The profile under which the component runs. Tools that import a whole world import that of the profile.
    pub(super) profile: Determinism,
}

impl Language {
    /// The language of the project in `root`.
    pub(super) fn of(root: &Path) -> Result<Self, Failure> {
        let known =
            [(Self::Rust, "Cargo.toml"), (Self::JavaScript, "package.json"), (Self::Python, "requirements.txt")];
        let found = known.into_iter().find(|(_, file)| root.join(file).is_file());
        found.map(|(language, _)| language).ok_or_else(|| {
            let error = anyhow!(
                "there is no Cargo.toml in {}, beside tandem.toml, and no package.json or requirements.txt either",
                root.display()
            );
            Failure::new(code::USAGE, error).hint(
                "`tandem build` builds projects in Rust, JavaScript and Python; other components are run with `tandem exec --component FILE`",
            )
        })
    }

    /// Whether `--optimize` means anything.
    pub(super) fn check_optimizes(self) -> Result<(), Failure> {
        match self {
            Self::Rust => Ok(()),
            _ => Err(Failure::new(code::USAGE, anyhow!("--optimize is for projects in Rust"))
                .hint("the size of this component is that of the language's interpreter")),
        }
    }

    /// Builds the project in `root`, and gives the component's file.
    pub(super) fn build(self, root: &Path, options: Options) -> Result<PathBuf, Failure> {
        match self {
            Self::Rust => cargo::build(root, options),
            Self::JavaScript => javascript::build(root, options.profile),
            Self::Python => python::build(root, options.profile),
        }
    }
}
