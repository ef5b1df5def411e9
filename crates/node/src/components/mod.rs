//! Components by digest: the directory that keeps them, and the places where they are fetched from.
//!
//! A digest is all that is believed. Bytes that have another digest are neither kept nor compiled, wherever they come from and whatever certificate or
//! token came with them; so sources are hints, mirrors need no trust, and a registry can at worst withhold. What is refused: addresses inside the
//! operator's network and unencrypted connections that the operator did not list, redirects from https to http, bodies above the largest component, and
//! to wait without end.

mod config;
mod credentials;
mod error;
mod fetcher;
mod http;
mod oci;
mod rules;
mod store;
mod token;

pub use config::{RegistryConfig, SourcesConfig, SourcesError};
pub use credentials::{Credential, Credentials};
pub use error::{FetchError, ManifestFault, NotFetched};
pub use fetcher::{Fetcher, FetcherError, FetcherOptions, Mirror};
pub use http::FetchLimits;
pub use oci::Pulled;
pub use rules::Rules;
pub use store::{ComponentStore, StoreError};

#[cfg(test)]
mod fake_registry;
#[cfg(test)]
mod tests;
