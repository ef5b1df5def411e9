//! `operator.toml`: how one operator runs. Unknown keys are refused, relative paths start at the file, and no secret has a place in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tandem_protocol::Settings;
use tandem_types::{Address, ServiceId};
use url::Url;

use crate::caps::Caps;
use crate::components::SourcesConfig;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key is unknown, missing, or of the wrong type.
    #[error("{path} is not a valid operator configuration")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A number is out of bounds.
    #[error("{key} is {found}, expected {least} to {most}")]
    Bounds {
        /// The key.
        key: &'static str,
        /// Its value.
        found: u64,
        /// The least that works.
        least: u64,
        /// The most that works.
        most: u64,
    },
}

/// One operator of one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Which service.
    pub service: ServiceConfig,
    /// How its chain is reached.
    pub chain: ChainConfig,
    /// How the other chains are reached that its triggers watch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watched_chains: Vec<WatchedChain>,
    /// Where the keys are.
    pub keys: KeysConfig,
    /// Where the node listens.
    pub network: NetworkConfig,
    /// Where the node keeps and finds things.
    pub storage: StorageConfig,
    /// What components may do at most, whatever their manifest says.
    #[serde(default)]
    pub components: ComponentsConfig,
    /// Times of the agreement.
    #[serde(default)]
    pub agreement: AgreementConfig,
}

/// What components may do at most, whatever their manifest says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ComponentsConfig {
    /// Whether a manifest may grant hosts of this machine and its private networks. Leave it off where anything listens there that
    /// the authors of services should not reach.
    pub private_hosts: bool,
    /// Caps over the limits of every manifest.
    pub limits_max: Caps,
    /// Where they may be fetched from.
    pub sources: SourcesConfig,
}

/// Which service.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceConfig {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the ServiceManager.
    pub manager: Address,
}

impl From<ServiceConfig> for ServiceId {
    fn from(config: ServiceConfig) -> Self {
        Self { chain_id: config.chain_id, manager: config.manager }
    }
}

/// How the chain is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChainConfig {
    /// JSON-RPC endpoint. Printed without user name, path and query, which may hold a key.
    pub rpc: Url,
    /// Blocks that must follow a request before it is worked on.
    #[serde(default = "defaults::confirmations")]
    pub confirmations: u64,
    /// Milliseconds between two looks at the chain.
    #[serde(default = "defaults::poll_ms")]
    pub poll_ms: u64,
    /// Most that is paid per gas, in gwei.
    #[serde(default = "defaults::fee_max_gwei")]
    pub fee_max_gwei: u64,
    /// Whether this node takes its turn at writing the next operator table when that is due.
    #[serde(default = "defaults::refresh_tables")]
    pub refresh_tables: bool,
}

/// A chain that triggers watch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WatchedChain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// JSON-RPC endpoint. Printed without user name, path and query, which may hold a key.
    pub rpc: Url,
    /// Blocks that must follow one before it fires, when the trigger does not say.
    #[serde(default = "defaults::confirmations")]
    pub confirmations: u64,
}

/// Where the keys are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysConfig {
    /// Directory that `tandem keys new` wrote.
    pub directory: PathBuf,
    /// File with the keystores' password; asked for on the terminal when it is not set.
    pub password_file: Option<PathBuf>,
}

/// Where the node listens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkConfig {
    /// UDP address for the other operators; what is registered on chain must lead here.
    pub listen: SocketAddr,
    /// TCP address for `/metrics`, `/healthz` and `/v1`. Keep it off the internet.
    pub http: SocketAddr,
}

/// Where the node keeps and finds things.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StorageConfig {
    /// The journal. Belongs to this operator alone; a lost or copied journal can cost stake.
    pub data: PathBuf,
    /// Manifests as published, `*.json`.
    pub manifests: PathBuf,
    /// Components as `<sha256>.wasm`.
    pub components: PathBuf,
}

/// Times of the agreement, the same for all operators of a service.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AgreementConfig {
    /// Milliseconds for which one operator leads.
    pub slot_ms: u64,
    /// Milliseconds that a leader waits for late votes.
    pub vote_grace_ms: u64,
    /// Milliseconds after which the next operator delivers.
    pub takeover_ms: u64,
}

impl Default for AgreementConfig {
    fn default() -> Self {
        let Settings { slot_ms, vote_grace_ms, takeover_ms, .. } = Settings::default();
        Self { slot_ms, vote_grace_ms, takeover_ms }
    }
}

impl From<AgreementConfig> for Settings {
    fn from(config: AgreementConfig) -> Self {
        let AgreementConfig { slot_ms, vote_grace_ms, takeover_ms } = config;
        Self { slot_ms, vote_grace_ms, takeover_ms, ..Self::default() }
    }
}

mod defaults {
    pub(super) fn confirmations() -> u64 {
        2
    }

    pub(super) fn poll_ms() -> u64 {
        1_000
    }

    pub(super) fn fee_max_gwei() -> u64 {
        500
    }

    pub(super) fn refresh_tables() -> bool {
        true
    }
}

impl Config {
    /// Reads `operator.toml`.
    ///
    /// # Errors
    /// [`ConfigError`], with line and key where the file is at fault.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        config.check()?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("chain.confirmations", self.chain.confirmations, 0, 10_000),
            ("chain.poll-ms", self.chain.poll_ms, 10, 600_000),
            ("chain.fee-max-gwei", self.chain.fee_max_gwei, 1, 1_000_000),
            ("agreement.slot-ms", self.agreement.slot_ms, 100, 600_000),
            ("agreement.vote-grace-ms", self.agreement.vote_grace_ms, 0, 600_000),
            ("agreement.takeover-ms", self.agreement.takeover_ms, 100, 3_600_000),
        ];
        let caps = self.components.limits_max.bounds().into_iter().map(|(key, found, most)| (key, found, 1, most));
        let watched =
            self.watched_chains.iter().map(|chain| ("watched-chains.confirmations", chain.confirmations, 0, 10_000));
        for (key, found, least, most) in bounds.into_iter().chain(caps).chain(watched) {
            if !(least..=most).contains(&found) {
                return Err(ConfigError::Bounds { key, found, least, most });
            }
        }
        Ok(())
    }

    fn resolve(&mut self, base: &Path) {
        let StorageConfig { data, manifests, components } = &mut self.storage;
        for path in [data, manifests, components, &mut self.keys.directory] {
            *path = base.join(&*path);
        }
        self.components.sources.resolve(base);
        self.keys.password_file = self.keys.password_file.take().map(|path| base.join(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[service]
chain-id = 31337
manager = "0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"
[chain]
rpc = "http://127.0.0.1:8545"
[keys]
directory = "keys"
[network]
listen = "0.0.0.0:7700"
http = "127.0.0.1:7701"
[storage]
data = "data"
manifests = "/srv/manifests"
components = "components"
"#;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().expect("there is room for a file");
        let path = directory.path().join("operator.toml");
        std::fs::write(&path, text).expect("the directory is writable");
        let mut config = Config::read(&path)?;
        config.keys.directory =
            config.keys.directory.strip_prefix(directory.path()).expect("relative to the file").to_owned();
        Ok(config)
    }

    #[test]
    fn paths_start_at_the_file_and_the_rest_has_defaults() {
        let config = read(TOML).expect("the configuration is valid");
        assert_eq!(config.keys.directory, Path::new("keys"));
        assert_eq!(config.storage.manifests, Path::new("/srv/manifests"));
        assert_eq!(config.agreement.slot_ms, Settings::default().slot_ms);
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (TOML.replace("rpc =", "rcp ="), "rcp"),
            (TOML.replace("chain-id = 31337", "chain-id = \"x\""), "chain-id"),
            (format!("{TOML}\n[agreement]\nslot-ms = 1"), "agreement.slot-ms is 1"),
            (format!("{TOML}\n[components.limits-max]\nmemory = 1"), "memory"),
            (format!("{TOML}\n[components.limits-max]\nfuel = 0"), "components.limits-max.fuel is 0"),
            (format!("{TOML}\n[components.limits-max]\nmemory-mib = 4096"), "expected 1 to 1024"),
        ];
        for (text, message) in cases {
            let error = read(&text).expect_err(message);
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(format!("{error} {source}").contains(message), "{error} {source}");
        }
    }
}
