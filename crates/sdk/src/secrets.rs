//! Values that each operator supplies for itself, such as API keys. They differ between operators: no output may depend on them.

use std::fmt;

use crate::{Error, host};

/// A secret. `Debug` does not show it.
pub struct Secret(String);

impl Secret {
    /// The value. Send it where it belongs, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secret called `name`.
///
/// # Errors
/// [`ErrorKind::Failed`](crate::ErrorKind::Failed) when the manifest does not name it or the operator has not supplied it.
pub fn get(name: &str) -> Result<Secret, Error> {
    match host::secret(name) {
        Some(value) => Ok(Secret(value)),
        None => Err(Error::failed(format!("secret {name} is not supplied"))),
    }
}
