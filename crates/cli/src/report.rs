//! How a command ends when it fails: the chain of causes, what can be done about it, and an exit code of its own per kind.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Error};

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// Exit code, 1 to 255.
    pub code: u8,
    /// What happened, outermost first.
    pub error: Error,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Whether the command has told the user already, such as in JSON.
    pub reported: bool,
}

impl Failure {
    /// A failure with `code`.
    pub fn new(code: u8, error: impl Into<Error>) -> Self {
        Self { code, error: error.into(), hint: None, reported: false }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what was being done when it happened.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.error = self.error.context(doing.into());
        self
    }

    /// Tells the user on standard error, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.reported {
            eprint!("{}", self.text());
        }
        ExitCode::from(self.code)
    }

    fn text(&self) -> String {
        let mut text = format!("error: {}\n", self.error);
        for cause in self.error.chain().skip(1) {
            writeln!(text, "  caused by: {cause}").expect("a String takes all text");
        }
        if let Some(hint) = &self.hint {
            write!(text, "\nhint: {hint}\n").expect("a String takes all text");
        }
        text
    }
}

/// Writes to standard output, which belongs to results.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// What is not foreseen ends with 1.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(1, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_and_the_hint_stands_apart() {
        let error = anyhow::anyhow!("no such file").context("cannot read x");
        let failure = Failure::new(2, error).hint("build it");
        assert_eq!(failure.text(), "error: cannot read x\n  caused by: no such file\n\nhint: build it\n");
    }
}
