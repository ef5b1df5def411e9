//! Arguments that all commands on the staking contracts share: which chain, which contracts, which account. What an option or its environment variable
//! does not say is taken from an operator's configuration, if one is named. Keys and passwords are no arguments.

use std::path::PathBuf;

use anyhow::anyhow;
use tandem_node::config::Config;
use tandem_types::Address;
use url::Url;

use super::code;
use crate::{Failure, units};

/// Which network, and how to answer.
#[derive(Debug, clap::Args)]
pub(crate) struct NetworkArgs {
    /// Configuration of an operator (operator.toml), for chain, service and keys that no option names
    #[arg(long, value_name = "FILE", env = "TANDEM_CONFIG", help_heading = "Network")]
    config: Option<PathBuf>,
    /// JSON-RPC endpoint of the chain
    #[arg(long, value_name = "URL", env = "TANDEM_RPC", hide_env_values = true, help_heading = "Network")]
    rpc: Option<Url>,
    /// EIP-155 id that the chain must have
    #[arg(long, value_name = "ID", allow_hyphen_values = true, env = "TANDEM_CHAIN_ID", help_heading = "Network")]
    chain_id: Option<u64>,
    /// The service: its ServiceManager
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, env = "TANDEM_SERVICE", help_heading = "Network")]
    service: Option<Address>,
    /// Where stake is kept; without it, where the service's stake is kept
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, env = "TANDEM_RESTAKING_MANAGER", help_heading = "Network")]
    restaking_manager: Option<Address>,
    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every command takes that sends transactions.
#[derive(Debug, clap::Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) sender: SenderArgs,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// Which account acts, and whether it does.
#[derive(Debug, clap::Args)]
pub(crate) struct SenderArgs {
    /// Keystore of the account: a Web3 keystore file, or a directory that `tandem keys new` wrote
    #[arg(long, value_name = "PATH", env = "TANDEM_KEYS", help_heading = "Account")]
    keys: Option<PathBuf>,
    /// File whose first line is the keystores' password. Without it, TANDEM_PASSWORD; without that, the terminal is asked
    #[arg(long, value_name = "FILE", env = "TANDEM_PASSWORD_FILE", help_heading = "Account")]
    password_file: Option<PathBuf>,
    /// Most that is paid per gas, in gwei [default: 500]
    #[arg(long, value_name = "GWEI", allow_hyphen_values = true, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Account")]
    fee_max: Option<u64>,
    /// Blocks that must hold or follow a transaction until it counts
    #[arg(long, value_name = "N", default_value_t = 1, allow_hyphen_values = true, value_parser = clap::value_parser!(u64).range(1..=1_000), help_heading = "Account")]
    pub(super) confirmations: u64,
    /// Show the calls and the gas they need, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Account to show the calls for, instead of opening a keystore
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, requires = "dry_run", help_heading = "Account")]
    pub(super) from: Option<Address>,
}

/// Which network is meant, all sources considered.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) rpc: Url,
    pub(super) chain_id: u64,
    pub(super) service: Option<Address>,
    pub(super) restaking_manager: Option<Address>,
    pub(super) config: Option<Config>,
}

impl NetworkArgs {
    pub(super) fn resolve(&self) -> Result<Network, Failure> {
        let config = self.config.as_deref().map(Config::read).transpose();
        let config = config.map_err(|error| Failure::new(code::USAGE, error))?;
        let missing = |option: &str| {
            Failure::new(code::USAGE, anyhow!("{option} is not given"))
                .hint("give it, its environment variable (see --help), or --config with an operator's configuration")
        };
        let from_config = config.as_ref();
        let rpc = self.rpc.clone().or_else(|| from_config.map(|config| config.chain.rpc.clone()));
        let chain_id = self.chain_id.or_else(|| from_config.map(|config| config.service.chain_id));
        let configured = from_config.map(|config| config.service.manager);
        Ok(Network {
            rpc: rpc.ok_or_else(|| missing("--rpc"))?,
            chain_id: chain_id.ok_or_else(|| missing("--chain-id"))?,
            service: self.service.or(configured),
            restaking_manager: self.restaking_manager,
            config,
        })
    }
}

impl SenderArgs {
    /// Where the account's keystore is.
    pub(super) fn keys(&self, config: Option<&Config>) -> Result<PathBuf, Failure> {
        let keys = self.keys.clone().or_else(|| config.map(|config| config.keys.directory.clone()));
        keys.ok_or_else(|| {
            Failure::new(code::USAGE, anyhow!("no account is named"))
                .hint("give --keys with a keystore; with --dry-run, --from with an address is enough")
        })
    }

    /// Whether an account is named at all.
    pub(super) fn names_account(&self, config: Option<&Config>) -> bool {
        self.from.is_some() || self.keys.is_some() || config.is_some()
    }

    pub(super) fn password_file(&self, config: Option<&Config>) -> Option<PathBuf> {
        self.password_file.clone().or_else(|| config.and_then(|config| config.keys.password_file.clone()))
    }

    /// Highest fee per gas, in wei.
    pub(super) fn fee_per_gas_max(&self, config: Option<&Config>) -> u128 {
        let gwei = self.fee_max.or_else(|| config.map(|config| config.chain.fee_max_gwei)).unwrap_or(500);
        u128::from(gwei) * 1_000_000_000
    }
}
