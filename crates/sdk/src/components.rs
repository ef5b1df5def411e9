//! Other components of the same service, called as functions. The manifest lists the workflows that may be called: `calls = ["price"]`.
//!
//! A callee runs with its own grants and settings, and uses the caller's fuel, time and calls. If it returns an error, that is returned here; if it crashes, meets
//! a limit, or something fails that is not its own, the whole execution ends.
//!
//! ```
//! use tandem_sdk::testing::{Host, task};
//! use tandem_sdk::{Error, Task, components};
//!
//! fn price(task: Task) -> Result<Vec<u8>, Error> {
//!     Ok(format!("{} costs 5", task.text()?).into_bytes())
//! }
//!
//! fn run(_: Task) -> Result<Vec<u8>, Error> {
//!     Ok(components::call("price", b"bread")?)
//! }
//!
//! let host = Host::new().component("price", price);
//! assert_eq!(host.run(|| run(task(""))), Ok(b"bread costs 5".to_vec()));
//! ```

use std::fmt;

use crate::bindings::tandem::service::components::CallError as Refused;
use crate::{Error, host};

pub use crate::bindings::tandem::service::components::Limit;

/// Why a callee has no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The manifest does not list the workflow.
    NotGranted,
    /// A limit was met.
    Limit(Limit),
    /// The callee says so itself.
    Failed(Error),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted => f.write_str("the component is not granted"),
            Self::Limit(limit) => write!(f, "the limit {limit:?} of calls to components was met"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}

impl From<Refused> for CallError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::NotGranted => Self::NotGranted,
            Refused::Limit(limit) => Self::Limit(limit),
            Refused::Failed(error) => Self::Failed(error.into()),
        }
    }
}

impl From<CallError> for Error {
    /// A callee's own error stays what it is.
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(error) => error,
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Runs the component of `workflow` for the same task, with `input`, and gives what it returns.
///
/// # Errors
/// [`CallError`].
pub fn call(workflow: &str, input: &[u8]) -> Result<Vec<u8>, CallError> {
    Ok(host::call(workflow, input)?.payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;
    use crate::{Task, config};

    fn refuse(task: Task) -> Result<Vec<u8>, Error> {
        Err(Error::not_ready(format!("{} {} {:?}", task.workflow, task.text()?, config::get("a"))))
    }

    #[test]
    fn error_of_a_callee_stays_what_it_is() {
        let host = Host::new().config("a", "1").component("refuse", refuse);
        let error: Error = host.run(|| call("refuse", b"x")).expect_err("it refuses").into();
        assert_eq!(error, Error::not_ready("refuse x Some(\"1\")"));
    }

    #[test]
    fn nothing_is_granted_by_default() {
        assert_eq!(Host::new().run(|| call("refuse", b"")), Err(CallError::NotGranted));
    }
}
