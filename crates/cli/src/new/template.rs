//! What projects are made from: files with `{{name}}`, `{{lib}}` and `{{sdk}}` in them, an SDK, and the words about what to do next.

use std::collections::BTreeMap;

use super::sdk;

/// What to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Template {
    /// A service in Rust that turns a name into a greeting
    Service,
    /// A service in Rust that asks several servers for a price, and answers with the median
    Oracle,
    /// A service in JavaScript that turns a name into a greeting (needs Node.js)
    Js,
    /// A service in Python that turns a name into a greeting (needs Python)
    Python,
}

/// Paths in a project, and contents.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($directory:literal: $($path:literal from $file:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/", $directory, "/", $file)))),*]
    };
}

const SERVICE: Files = files!("service":
    ".gitignore" from "gitignore",
    "Cargo.toml" from "Cargo.toml",
    "README.md" from "README.md",
    "src/lib.rs" from "src/lib.rs",
    "tandem.toml" from "tandem.toml",
);

const ORACLE: Files = files!("oracle":
    ".gitignore" from "../service/gitignore",
    "Cargo.toml" from "../service/Cargo.toml",
    "README.md" from "README.md",
    "src/lib.rs" from "src/lib.rs",
    "tandem.toml" from "tandem.toml",
    "tests/recorded/median.toml" from "tests/recorded/median.toml",
    "tests/recorded/one-source-down.toml" from "tests/recorded/one-source-down.toml",
);

const JS: Files = files!("js":
    ".gitignore" from "gitignore",
    ".npmrc" from "npmrc",
    "README.md" from "README.md",
    "package.json" from "package.json",
    "package-lock.json" from "package-lock.json",
    "src/index.js" from "src/index.js",
    "tandem.toml" from "tandem.toml",
    "tests/index.test.js" from "tests/index.test.js",
    "tests/recorded/greeting.toml" from "tests/recorded/greeting.toml",
);

const PYTHON: Files = files!("python":
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "requirements.txt" from "requirements.txt",
    "src/app.py" from "src/app.py",
    "tandem.toml" from "tandem.toml",
    "tests/recorded/greeting.toml" from "tests/recorded/greeting.toml",
    "tests/test_app.py" from "tests/test_app.py",
);

/// Words about a template.
pub(super) struct Words {
    /// The command that runs the tests which need no component.
    pub(super) test: &'static str,
    /// An input that has a result.
    pub(super) input: &'static str,
    /// The file with the service.
    pub(super) source: &'static str,
}

impl Template {
    /// Whether the SDK is the crate.
    pub(super) fn is_rust(self) -> bool {
        matches!(self, Self::Service | Self::Oracle)
    }

    pub(super) fn words(self) -> Words {
        match self {
            Self::Service => Words { test: "cargo test", input: "World", source: "src/lib.rs" },
            Self::Oracle => Words { test: "cargo test", input: "ETH", source: "src/lib.rs" },
            Self::Js => Words { test: "npm test", input: "World", source: "src/index.js" },
            Self::Python => Words { test: "python3 -m unittest discover tests", input: "World", source: "src/app.py" },
        }
    }

    /// The template's own files, filled in by `fill`.
    pub(super) fn files(self, fill: impl Fn(&str) -> String) -> BTreeMap<String, String> {
        let files = match self {
            Self::Service => SERVICE,
            Self::Oracle => ORACLE,
            Self::Js => JS,
            Self::Python => PYTHON,
        };
        files.iter().map(|(path, text)| ((*path).to_owned(), fill(text))).collect()
    }

    /// The SDK's files, with paths from its directory.
    pub(super) fn sdk(self) -> BTreeMap<String, String> {
        match self {
            Self::Service | Self::Oracle => sdk::files(),
            Self::Js => sdk::js(),
            Self::Python => sdk::python(),
        }
    }
}
