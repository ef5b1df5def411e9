//! One recorded case: what a component is asked, what HTTP answers, and what it has to make of it. A file of `tests/recorded`, to be read and edited by
//! people. Holds no secret: where one was sent, the file has its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tandem_engine::{HttpExchange, RunError};
use tandem_types::WorkflowId;

use super::code;
use crate::Failure;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A case as its file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Case {
    /// The workflow, where the manifest has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workflow: Option<WorkflowId>,
    /// The task's input.
    pub(super) input: Blob,
    /// Settings in the place of the manifest's, or beside them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) config: BTreeMap<String, String>,
    /// What has to come out; without it, the case has yet to be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expect: Option<Outcome>,
    /// The HTTP exchanges.
    #[serde(default, rename = "exchange", skip_serializing_if = "Vec::is_empty")]
    pub(super) exchanges: Vec<Exchange>,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// With an output.
    Output(Blob),
    /// With an error, as people are told.
    Error(String),
}

/// Bytes: text as it is, all else as `0x` and hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Blob(pub(super) Vec<u8>);

impl TryFrom<String> for Blob {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        match text.strip_prefix("0x") {
            Some(digits) => hex::decode(digits).map(Self),
            None => Ok(Self(text.into_bytes())),
        }
    }
}

impl From<Blob> for String {
    fn from(blob: Blob) -> Self {
        match String::from_utf8(blob.0) {
            Ok(text) if !text.starts_with("0x") => text,
            Ok(text) => format!("0x{}", hex::encode(text)),
            Err(error) => format!("0x{}", hex::encode(error.as_bytes())),
        }
    }
}

impl Blob {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One HTTP exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Exchange {
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Blob::is_empty")]
    sent: Blob,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Blob::is_empty")]
    received: Blob,
}

impl From<HttpExchange> for Exchange {
    fn from(exchange: HttpExchange) -> Self {
        let HttpExchange { method, url, sent, status, content_type, received } = exchange;
        Self { method, url, sent: Blob(sent), status, content_type, received: Blob(received) }
    }
}

impl From<Exchange> for HttpExchange {
    fn from(exchange: Exchange) -> Self {
        let Exchange { method, url, sent, status, content_type, received } = exchange;
        Self { method, url, sent: sent.0, status, content_type, received: received.0 }
    }
}

impl Outcome {
    /// How a run ended, if the component has a say in it: the machine's failures are no outcome.
    pub(super) fn of(run: Result<Vec<u8>, RunError>) -> Result<Self, RunError> {
        match run {
            Ok(output) => Ok(Self::Output(Blob(output))),
            Err(error @ RunError::Host { .. }) => Err(error),
            Err(RunError::Guest(error)) => Ok(Self::Error(format!("{}: {}", error.kind.name(), error.message))),
            Err(error) => Ok(Self::Error(error.to_string())),
        }
    }

    /// For people, in one line.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Output(blob) => format!("output {:?}", String::from(blob.clone())),
            Self::Error(error) => format!("error {error:?}"),
        }
    }
}

/// A case with the name of its file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    path: PathBuf,
    /// Comments at the head of the file, which recording keeps.
    head: String,
    pub(super) case: Case,
}

impl File {
    /// A case that has no file yet.
    pub(super) fn new(directory: &Path, name: &str, case: Case) -> Self {
        Self { name: name.to_owned(), path: directory.join(name).with_extension("toml"), head: String::new(), case }
    }

    /// Reads a case.
    pub(super) fn read(path: PathBuf) -> Result<Self, Failure> {
        let usage = |error: anyhow::Error| {
            Failure::new(code::USAGE, error).hint("docs/guide/first-service.md shows what a case looks like")
        };
        let text = || -> Result<String, anyhow::Error> {
            let bytes = path.metadata()?.len();
            anyhow::ensure!(bytes <= FILE_BYTES_MAX, "it has {bytes} bytes, at most {FILE_BYTES_MAX} are read");
            Ok(std::fs::read_to_string(&path)?)
        };
        let text = text().with_context(|| format!("cannot read {}", path.display())).map_err(usage)?;
        let case = toml::from_str(&text).with_context(|| format!("{} is not a case", path.display())).map_err(usage)?;
        let head = text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, path, head, case })
    }

    /// Writes the case as it is now.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let text = toml::to_string_pretty(&self.case).context("the case has no form in TOML")?;
        let text = format!("{}{text}", self.head);
        let directory = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(std::fs::write(&self.path, text).with_context(|| format!("cannot write {}", self.path.display()))?)
    }
}

/// The cases in `directory`, in the order of their names. A directory that is not there holds none.
pub(super) fn read_all(directory: &Path) -> Result<Vec<File>, Failure> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(code::USAGE, error).context(format!("cannot read {}", directory.display())));
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.into_iter().map(File::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_read_as_it_is_written_and_keeps_its_head() {
        let directory = tempfile::tempdir().expect("there is room for a file");
        let received = Blob(b"{\n  \"a\": 'x'\n}\n".to_vec());
        let exchange = Exchange {
            method: "GET".to_owned(),
            url: "https://a.b/?k=[secret KEY]".to_owned(),
            sent: Blob(vec![0xff]),
            status: 200,
            content_type: None,
            received,
        };
        let case = Case {
            input: Blob(b"0x is text too".to_vec()),
            expect: Some(Outcome::Error("failed: it".to_owned())),
            exchanges: vec![exchange],
            ..Case::default()
        };
        let mut file = File::new(directory.path(), "a", case);
        file.head = "# Why this case matters.\n".to_owned();
        file.write().expect("the file can be written");
        let read = read_all(directory.path()).expect("the file can be read").remove(0);
        assert_eq!((read.case, read.head, read.name.as_str()), (file.case, file.head, "a"));
    }

    #[test]
    fn bodies_are_readable() {
        let case = Case { input: Blob(b"line\nline".to_vec()), ..Case::default() };
        assert!(toml::to_string_pretty(&case).expect("it has a form").contains("line\nline"));
    }

    #[test]
    fn faults_of_a_file_are_named() {
        let directory = tempfile::tempdir().expect("there is room for a file");
        let path = directory.path().join("a.toml");
        for (text, part) in
            [("inputt = 1", "inputt"), ("", "input"), ("input = \"0xzz\"", "0x"), ("input = 5", "string")]
        {
            std::fs::write(&path, text).expect("the file can be written");
            let failure = File::read(path.clone()).expect_err(part);
            let told = format!("{:#}", failure.error);
            assert!(told.contains("a.toml is not a case") && (told.contains(part) || part == "0x"), "{told}");
        }
    }
}
