//! `[components.sources]` of `operator.toml`: where components may be fetched from. Names passwords and never holds one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tandem_engine::{HostError, HttpHosts};
use tandem_types::SourceError;
use zeroize::Zeroizing;

use super::{Credential, Fetcher, FetcherError, FetcherOptions, Rules};
use crate::workflows::{Fetch, SecretSource};

/// Where components may be fetched from that the directory of components does not have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SourcesConfig {
    /// Whether anything is fetched.
    pub fetch: bool,
    /// Asked before a manifest's sources; `{digest}` stands for the 64 digits of the component's digest.
    pub mirrors: Vec<String>,
    /// When there is a list, no other host is asked: registries, token servers and where redirects lead.
    pub only_hosts: Option<Vec<String>>,
    /// Hosts and addresses inside the operator's network that are asked nevertheless.
    pub private_hosts: Vec<String>,
    /// Hosts that are asked without TLS, besides this machine.
    pub plain_http: Vec<String>,
    /// Certificates, in PEM form, that are trusted besides the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Who the operator is at its registries.
    #[serde(rename = "registry")]
    pub registries: Vec<RegistryConfig>,
}

impl Default for SourcesConfig {
    fn default() -> Self {
        Self {
            fetch: true,
            mirrors: Vec::new(),
            only_hosts: None,
            private_hosts: Vec::new(),
            plain_http: Vec::new(),
            ca_file: None,
            registries: Vec::new(),
        }
    }
}

/// Who the operator is at one registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistryConfig {
    /// Host of the registry, with its port if it has one.
    pub host: String,
    /// The name there.
    pub username: String,
    /// Environment variable with the password, or with a token that serves as one.
    pub password_env: String,
}

/// Why the configuration of sources cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A host that is none.
    #[error("components.sources.{key}")]
    Host {
        /// The key.
        key: &'static str,
        /// Why.
        source: HostError,
    },
    /// A mirror that is no source.
    #[error("components.sources.mirrors: entry {number}")]
    Mirror {
        /// Its place in the list, from 1.
        number: usize,
        /// Why.
        source: SourceError,
    },
    /// A password that is not in the environment.
    #[error("the password of registry `{registry}` is not set in the environment: {variable}")]
    Password {
        /// The registry.
        registry: String,
        /// The variable.
        variable: String,
    },
    /// Certificates that cannot be used.
    #[error("components.sources.ca-file")]
    Fetcher(#[from] FetcherError),
}

impl SourcesConfig {
    /// What the node can fetch.
    pub fn kind(&self) -> Fetch {
        match (self.fetch, self.mirrors.is_empty()) {
            (false, _) => Fetch::Nothing,
            (true, true) => Fetch::Named,
            (true, false) => Fetch::Anything,
        }
    }

    /// A fetcher as configured, with passwords from `secrets`.
    ///
    /// # Errors
    /// [`SourcesError`], which names the key.
    pub fn fetcher(&self, secrets: &SecretSource<'_>) -> Result<Fetcher, SourcesError> {
        let credential = |registry: &RegistryConfig| self.credential(registry, secrets(&registry.password_env));
        let mirror = |(index, text): (usize, &String)| {
            text.parse().map_err(|source| SourcesError::Mirror { number: index + 1, source })
        };
        Ok(Fetcher::new(FetcherOptions {
            rules: self.rules()?,
            mirrors: self.mirrors.iter().enumerate().map(mirror).collect::<Result<_, _>>()?,
            credentials: self.registries.iter().map(credential).collect::<Result<_, _>>()?,
            ca_file: self.ca_file.clone(),
            ..FetcherOptions::default()
        })?)
    }

    fn rules(&self) -> Result<Rules, SourcesError> {
        let only = self.only_hosts.as_ref().map(|list| hosts("only-hosts", list)).transpose()?;
        let private = hosts("private-hosts", &self.private_hosts)?;
        Ok(Rules { only, private, plain: hosts("plain-http", &self.plain_http)? })
    }

    fn credential(
        &self,
        registry: &RegistryConfig,
        password: Option<Zeroizing<String>>,
    ) -> Result<Credential, SourcesError> {
        let RegistryConfig { host, username, password_env } = registry.clone();
        match password {
            Some(password) => Ok(Credential { registry: host, username, password }),
            None => Err(SourcesError::Password { registry: host, variable: password_env }),
        }
    }

    /// Makes relative paths start at `base`.
    pub(crate) fn resolve(&mut self, base: &Path) {
        self.ca_file = self.ca_file.take().map(|path| base.join(path));
    }
}

fn hosts(key: &'static str, list: &[String]) -> Result<HttpHosts, SourcesError> {
    list.iter().map(|text| text.parse().map_err(|source| SourcesError::Host { key, source })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(config: SourcesConfig) -> String {
        match config.fetcher(&|name| (name == "SET").then(|| Zeroizing::new("hunter2".to_owned()))) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn faults_are_named_by_their_key() {
        let list = |text: &str| vec![text.to_owned()];
        let registry = |variable: &str| {
            let (host, username) = ("a.example".to_owned(), "me".to_owned());
            vec![RegistryConfig { host, username, password_env: variable.to_owned() }]
        };
        let base = SourcesConfig::default;
        let cases = [
            (base(), "none"),
            (SourcesConfig { registries: registry("SET"), ..base() }, "none"),
            (
                SourcesConfig { registries: registry("NOT_SET"), ..base() },
                "`a.example` is not set in the environment: NOT_SET",
            ),
            (SourcesConfig { private_hosts: list("http://x"), ..base() }, "components.sources.private-hosts"),
            (SourcesConfig { only_hosts: Some(list("")), ..base() }, "components.sources.only-hosts"),
            (SourcesConfig { plain_http: list("*"), ..base() }, "none"),
            (SourcesConfig { mirrors: list("https://m.example/x"), ..base() }, "mirrors: entry 1"),
            (SourcesConfig { mirrors: list("https://m.example/{digest}.wasm"), ..base() }, "none"),
            (SourcesConfig { mirrors: list("oci://m.example/components:{digest}"), ..base() }, "none"),
            (SourcesConfig { ca_file: Some("nowhere.pem".into()), ..base() }, "components.sources.ca-file"),
        ];
        for (config, message) in cases {
            let found = error(config.clone());
            assert!(found.contains(message), "{config:?}: {found}");
        }
    }

    #[test]
    fn mirrors_can_have_components_that_no_manifest_has_a_source_for() {
        let mirrors = vec!["https://m.example/{digest}".to_owned()];
        assert_eq!(SourcesConfig::default().kind(), Fetch::Named);
        assert_eq!(SourcesConfig { mirrors: mirrors.clone(), ..SourcesConfig::default() }.kind(), Fetch::Anything);
        assert_eq!(SourcesConfig { mirrors, fetch: false, ..SourcesConfig::default() }.kind(), Fetch::Nothing);
    }
}
