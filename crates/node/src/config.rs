//! `operator.toml`: how one operator runs. Unknown keys are refused, relative paths start at the file, and no secret has a place in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tandem_protocol::Settings;
use tandem_types::{Address, ServiceId};
use url::Url;

use crate::caps::Caps;
use crate::chains::{AccessConfig, SecretUrl};
use crate::components::SourcesConfig;
use crate::journal::Place;

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
        key: String,
        /// Its value.
        found: u64,
        /// The least that works.
        least: u64,
        /// The most that works.
        most: u64,
    },
    /// A URL is of a kind that cannot be used.
    #[error("{key} begins with {found}:, expected http: or https:")]
    Scheme {
        /// The key.
        key: &'static str,
        /// Its scheme.
        found: String,
    },
}

impl ConfigError {
    /// What the operator can do about it.
    pub fn hint(&self) -> String {
        const KEYS: &str = "docs/guide/operator.md and the file that `tandem operator init` writes describe every key";
        match self {
            Self::Read { .. } => {
                "`tandem operator init` writes a configuration; --config or TANDEM_CONFIG names one that is elsewhere"
                    .to_owned()
            }
            Self::Parse { source, .. } => match meant(source.message()) {
                Some(key) => format!("did you mean `{key}`? {KEYS}"),
                None => KEYS.to_owned(),
            },
            Self::Bounds { .. } | Self::Scheme { .. } => KEYS.to_owned(),
        }
    }
}

/// The known key that is most like an unknown one, from the parser's own words: the unknown one comes first, in backticks, the known ones after it.
fn meant(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field")?.split('`').skip(1).step_by(2);
    let found = quoted.next()?;
    let nearest = quoted.map(|key| (distance(found, key), key)).min()?;
    (nearest.0 <= found.len().div_ceil(3)).then_some(nearest.1)
}

/// Fewest letters to insert, drop, change or swap with their neighbours to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
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
    /// Who is told what happens to tasks.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// Who is told what happens to tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TelemetryConfig {
    /// Base URL of an OpenTelemetry collector, to which `/v1/traces` is added. Printed without user name, path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<SecretUrl>,
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
    /// What the operator's account should have at least, in gwei; below it, status and health say so.
    #[serde(default = "defaults::balance_min_gwei")]
    pub balance_min_gwei: u64,
    /// Whether this node takes its turn at writing the next operator table when that is due.
    #[serde(default = "defaults::refresh_tables")]
    pub refresh_tables: bool,
    /// More endpoints, and how all of them are used.
    #[serde(default)]
    pub access: AccessConfig,
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
    /// More endpoints, and how all of them are used.
    #[serde(default)]
    pub access: AccessConfig,
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
    /// TCP address for callers, who may start workflows whose trigger names them; without it they reach the other operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<SocketAddr>,
}

/// Where the node keeps and finds things.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StorageConfig {
    /// The journal. Belongs to this operator and this service alone.
    pub data: PathBuf,
    /// File that tells an old copy of the journal from the journal; best on another disk. Beside `data` when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<PathBuf>,
    /// Days for which settled tasks are kept.
    #[serde(default = "defaults::retention_days")]
    pub retention_days: u64,
    /// Manifests as published, `*.json`.
    pub manifests: PathBuf,
    /// Components as `<sha256>.wasm`.
    pub components: PathBuf,
}

impl StorageConfig {
    /// Where the journal and its guard are.
    pub fn place(&self) -> Place {
        let beside = Place::beside(&self.data);
        Place { guard: self.guard.clone().unwrap_or(beside.guard), data: beside.data }
    }
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

    pub(super) fn balance_min_gwei() -> u64 {
        50_000_000
    }

    pub(super) fn refresh_tables() -> bool {
        true
    }

    pub(super) fn retention_days() -> u64 {
        30
    }
}

/// What `tandem operator init` knows of a new operator.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Which service.
    pub service: ServiceConfig,
    /// JSON-RPC endpoint of its chain.
    pub rpc: Url,
    /// Directory of the keys, as the file is to name it.
    pub keys: PathBuf,
}

impl Beginning {
    /// The text of `operator.toml`: every key with a comment, what has a default commented out.
    pub fn to_toml(&self) -> String {
        let text = include_str!("config_template.toml");
        let keys = self.keys.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        text.replace("@CHAIN_ID@", &self.service.chain_id.to_string())
            .replace("@MANAGER@", &self.service.manager.to_string())
            .replace("@RPC@", self.rpc.as_str())
            .replace("@KEYS@", &keys)
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
            ("storage.retention-days", self.storage.retention_days, 1, 36_500),
            ("agreement.slot-ms", self.agreement.slot_ms, 100, 600_000),
            ("agreement.vote-grace-ms", self.agreement.vote_grace_ms, 0, 600_000),
            ("agreement.takeover-ms", self.agreement.takeover_ms, 100, 3_600_000),
        ];
        let caps = self.components.limits_max.bounds().into_iter().map(|(key, found, most)| (key, found, 1, most));
        let bounds =
            bounds.into_iter().chain(caps).map(|(key, found, least, most)| (key.to_owned(), found, least, most));
        let watched = self.watched_chains.iter().flat_map(WatchedChain::bounds);
        for (key, found, least, most) in bounds.chain(self.chain.access.bounds("chain")).chain(watched) {
            if !(least..=most).contains(&found) {
                return Err(ConfigError::Bounds { key, found, least, most });
            }
        }
        let collector = self.telemetry.otlp_endpoint.as_ref().map(|url| url.0.scheme());
        if let Some(found) = collector.filter(|scheme| !matches!(*scheme, "http" | "https")) {
            return Err(ConfigError::Scheme { key: "telemetry.otlp-endpoint", found: found.to_owned() });
        }
        Ok(())
    }

    fn resolve(&mut self, base: &Path) {
        let StorageConfig { data, guard, manifests, components, retention_days: _ } = &mut self.storage;
        for path in [data, manifests, components, &mut self.keys.directory].into_iter().chain(guard) {
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

    fn beginning() -> String {
        let service = ServiceConfig { chain_id: 31_337, manager: Address::repeat_byte(0x5e) };
        let rpc = "http://127.0.0.1:8545".parse().expect("a URL");
        Beginning { service, rpc, keys: "my \"keys\"".into() }.to_toml()
    }

    /// Every key of a table and its tables, with the tables' names.
    fn keys_of(table: &toml::Table, prefix: &str) -> Vec<String> {
        let inside = |(key, value): (&String, &toml::Value)| match value {
            toml::Value::Table(table) => keys_of(table, &format!("{prefix}{key}.")),
            toml::Value::Array(list) if list.first().is_some_and(toml::Value::is_table) => {
                keys_of(list[0].as_table().expect("a table"), &format!("{prefix}{key}."))
            }
            _ => vec![format!("{prefix}{key}")],
        };
        table.iter().flat_map(inside).collect()
    }

    /// The file with every key that is commented out.
    fn uncommented(text: &str) -> String {
        let is_example = |line: &str| {
            line.starts_with("# [") || line.split_once(" = ").is_some_and(|(key, _)| !key[2..].contains(' '))
        };
        let bare = |line: &str| match line.strip_prefix("# ") {
            Some(rest) if is_example(line) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(bare).collect()
    }

    #[test]
    fn file_of_init_is_valid_and_has_the_defaults() {
        let config = read(&beginning()).expect("valid");
        assert_eq!(config.keys.directory, Path::new("my \"keys\""));
        let bare = read(TOML).expect("valid");
        let shown = |config: &Config| toml::to_string(&config.chain).expect("serialises");
        assert_eq!(shown(&config), shown(&bare));
        assert_eq!(config.agreement.slot_ms, bare.agreement.slot_ms);
        assert_eq!(config.storage.retention_days, bare.storage.retention_days);
    }

    #[test]
    fn file_of_init_shows_every_key_and_what_it_is_without() {
        let whole = read(&uncommented(&beginning())).expect("every example is valid");
        let bare = read(TOML).expect("valid");
        assert_eq!(whole.components.limits_max.limits(), bare.components.limits_max.limits());
        assert_eq!(whole.agreement.takeover_ms, bare.agreement.takeover_ms);
        let chain = |config: &Config| toml::to_string(&config.chain).expect("serialises");
        assert_eq!(chain(&whole), chain(&bare));
        let shown: toml::Table = uncommented(&beginning()).parse().expect("valid");
        let shown = keys_of(&shown, "");
        // What is serialised of a configuration that has everything is every key that is known.
        let known = toml::Table::try_from(&whole).expect("serialises");
        for key in keys_of(&known, "") {
            assert!(shown.contains(&key), "the file does not show {key}");
        }
        let guide = include_str!("../../../docs/guide/operator.md");
        for key in shown.iter().filter(|key| !key.contains("limits-max")) {
            let name = key.rsplit('.').next().expect("a name");
            assert!(guide.contains(name), "the guide does not have {key}");
        }
    }

    #[test]
    fn unknown_keys_are_answered_with_what_was_meant() {
        let cases = [
            (TOML.replace("rpc =", "rcp ="), Some("rpc")),
            (TOML.replace("chain-id =", "chain_id ="), Some("chain-id")),
            (TOML.replace("[network]", "[netwrok]"), Some("network")),
            (TOML.replace("listen =", "listne ="), Some("listen")),
            (format!("{TOML}\n[agreement]\nslots-ms = 500"), Some("slot-ms")),
            (format!("{TOML}\nretention-dais = 5"), Some("retention-days")),
            (format!("{TOML}\n[components.limits-max]\nmemory = 1"), None),
            (format!("{TOML}\nxyzzy = 5"), None),
        ];
        for (text, expected) in cases {
            let hint = read(&text).expect_err("an unknown key").hint();
            assert_eq!(hint.split('`').nth(1).filter(|_| hint.starts_with("did you mean")), expected, "{hint}");
        }
    }

    #[test]
    fn distance_counts_letters() {
        for (a, b, expected) in [("", "ab", 2), ("rpc", "rcp", 1), ("listen", "listen", 0), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn guard_stands_beside_the_journal_unless_it_is_set() {
        let config = read(TOML).expect("valid");
        assert_eq!(config.storage.place().guard.file_name().and_then(|name| name.to_str()), Some("data.guard"));
        let set = read(&TOML.replace("data = \"data\"", "data = \"data\"\nguard = \"/mnt/guard\"")).expect("valid");
        assert_eq!(set.storage.place().guard, Path::new("/mnt/guard"));
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
            (
                format!("{TOML}\n[telemetry]\notlp-endpoint = \"grpc://a\""),
                "telemetry.otlp-endpoint begins with grpc:, expected http: or https:",
            ),
        ];
        for (text, message) in cases {
            let error = read(&text).expect_err(message);
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(format!("{error} {source}").contains(message), "{error} {source}");
        }
    }
}
