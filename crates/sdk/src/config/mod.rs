//! The workflow's settings, from `config` in the service's manifest. Values are text there; this module reads them as what they stand for.
//!
//! ```
//! use serde::Deserialize;
//! use tandem_sdk::{config, testing::Host};
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     base_url: String,
//!     #[serde(default)]
//!     allow_live: bool,
//!     decimals: Option<u8>,
//! }
//!
//! let host = Host::new().config("base_url", "https://api.example").config("decimals", "6");
//! let config: Config = host.run(config::read).unwrap();
//! assert_eq!((config.base_url.as_str(), config.allow_live, config.decimals), ("https://api.example", false, Some(6)));
//! ```

mod read;

use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::{Error, host};

/// The value of `key`, or none when the manifest does not set it.
pub fn get(key: &str) -> Option<String> {
    host::config(key)
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

/// The value of `key` as a `T`.
///
/// # Errors
/// [`ErrorKind::Failed`](crate::ErrorKind::Failed) when the manifest does not set it, or the value does not parse.
pub fn require<T: FromStr>(key: &str) -> Result<T, Error> {
    parse(key)?.ok_or_else(|| Error::failed(format!("config `{key}` is not set")))
}

/// All settings at once: a struct whose fields are keys. Fields of type `Option` and fields with `#[serde(default)]` may be left out of the manifest.
///
/// A field is text, a number, a `bool`, an enum without data, or any type that reads itself from text. Lists are written with commas.
///
/// # Errors
/// [`ErrorKind::Failed`](crate::ErrorKind::Failed), with the key, when one is missing or its value does not fit.
pub fn read<T: DeserializeOwned>() -> Result<T, Error> {
    T::deserialize(read::Settings).map_err(|error| Error::failed(error.to_string()))
}
