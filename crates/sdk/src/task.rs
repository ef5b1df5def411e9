//! The task that a component is asked to compute.

use crate::{Error, bindings};

/// One firing of the workflow's trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The task's identity: 32 bytes, the same for every operator and in the contract.
    pub id: Vec<u8>,
    /// Name of the workflow that fired.
    pub workflow: String,
    /// What the trigger carries.
    pub input: Vec<u8>,
}

impl Task {
    /// The input as text.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.input).map_err(|_| Error::invalid_input("the input is not UTF-8 text"))
    }
}

impl From<bindings::Task> for Task {
    fn from(task: bindings::Task) -> Self {
        Self { id: task.id, workflow: task.workflow, input: task.input }
    }
}
