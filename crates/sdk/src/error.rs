//! Why a component has no output. The kind decides whether operators try again.

use std::fmt;

use crate::bindings;
use crate::bindings::tandem::service::types as wit;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The task asks for something that can never be computed. Not tried again.
    InvalidInput,
    /// The answer does not exist yet. Tried again until the task's deadline.
    NotReady,
    /// A source did not answer as it should. Tried again until the task's deadline.
    Unavailable,
    /// The component, its configuration or its grants are wrong. Not tried again.
    Failed,
}

/// A failure, with one sentence for people. Keep secrets out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// The task asks for something that can never be computed.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidInput, message: message.into() }
    }

    /// The answer does not exist yet.
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotReady, message: message.into() }
    }

    /// A source did not answer as it should.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unavailable, message: message.into() }
    }

    /// The component, its configuration or its grants are wrong.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into() }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<bindings::Error> for Error {
    fn from(error: bindings::Error) -> Self {
        let kind = match error.kind {
            wit::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            wit::ErrorKind::NotReady => ErrorKind::NotReady,
            wit::ErrorKind::Unavailable => ErrorKind::Unavailable,
            wit::ErrorKind::Failed => ErrorKind::Failed,
        };
        Self { kind, message: error.message }
    }
}

impl From<Error> for bindings::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::InvalidInput => wit::ErrorKind::InvalidInput,
            ErrorKind::NotReady => wit::ErrorKind::NotReady,
            ErrorKind::Unavailable => wit::ErrorKind::Unavailable,
            ErrorKind::Failed => wit::ErrorKind::Failed,
        };
        Self { kind, message: error.message }
    }
}
