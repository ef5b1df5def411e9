//! The task that a component is asked to compute.

use serde::Serialize;
use serde::de::DeserializeOwned;

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

    /// The input as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), with the place, when it is not JSON or not that of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.input)
            .map_err(|error| Error::invalid_input(format!("the input is not the expected JSON: {error}")))
    }
}

/// `value` as JSON without white space, its fields in the order of the type: the same value gives the same bytes on every operator. Keep `HashMap` out of
/// it, whose order is another in every run.
///
/// # Errors
/// [`ErrorKind::Failed`](crate::ErrorKind::Failed) when the value has no form in JSON, such as a map whose keys are not text.
pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::failed(format!("the output has no form in JSON: {error}")))
}

impl From<bindings::Task> for Task {
    fn from(task: bindings::Task) -> Self {
        Self { id: task.id, workflow: task.workflow, input: task.input }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::testing::task;

    #[test]
    fn json_is_read_and_written() {
        let pair: (u64, String) = task(r#"[1, "x"]"#).json().expect("it is JSON");
        assert_eq!(to_json(&pair), Ok(br#"[1,"x"]"#.to_vec()));
    }

    #[test]
    fn input_that_does_not_fit_is_the_tasks_fault() {
        let error = task("[1]").json::<u64>().expect_err("a list is no number");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("line 1 column"), "{error}");
        assert_eq!(task([0xff]).text().expect_err("it is no text").kind(), ErrorKind::InvalidInput);
    }
}
