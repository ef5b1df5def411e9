//! The workflow's settings, from the service's manifest.

use std::str::FromStr;

use crate::Error;
use crate::bindings::tandem::service::config;

/// The value of `key`, or none when the manifest does not set it.
pub fn get(key: &str) -> Option<String> {
    config::get(key)
}

/// The value of `key` as a `T`, or none when the manifest does not set it.
///
/// # Errors
/// [`ErrorKind::Failed`](crate::ErrorKind::Failed) when the value does not parse.
pub fn parse<T: FromStr>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key) else { return Ok(None) };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Error::failed(format!("config `{key}` has the value `{value}`, which does not fit"))),
    }
}
