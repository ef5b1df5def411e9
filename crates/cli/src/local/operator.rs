//! One operator of a local network: its keys, its files, its process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tandem_chain::admin::{self, Deployment};
use tandem_chain::staking::Registration;
use tandem_chain::{Account, ChainClient, Password, TransactionConfig, TransactionManager};
use tandem_crypto::Strength;
use tandem_node::chains::AccessConfig;
use tandem_node::components::SourcesConfig;
use tandem_node::config::{
    AgreementConfig, ChainConfig, ComponentsConfig, Config, KeysConfig, NetworkConfig, ServiceConfig, StorageConfig,
};
use tandem_node::keys::OperatorKeys;
use tandem_node::node::Addresses;
use tandem_types::{OperatorId, PerToken, TaskId, U256, Weight};
use tokio::process::{Child, Command};
use url::Url;

use super::{LOOK, Options, SECRET};

/// Times of a local network: everything is near.
const AGREEMENT: AgreementConfig = AgreementConfig { slot_ms: 1_000, vote_grace_ms: 150, takeover_ms: 2_000 };
/// How long a process has to come up.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// An operator of a local network. Its process ends with it.
pub struct Operator {
    /// Its identity.
    pub id: OperatorId,
    /// Its stake, in the tokens' smallest units.
    pub stake: PerToken<u128>,
    /// Its directory: configuration, keys, journal and log.
    pub directory: PathBuf,
    index: usize,
    config: Config,
    account: Account,
    /// What it registers, once it knows where it listens.
    registration: Registration,
    process: Option<Child>,
    http: reqwest::Client,
}

/// What `/v1/status` answers, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct StatusPage {
    /// Whether the node serves.
    pub healthy: bool,
    /// Who leads at the moment.
    pub leader: Option<OperatorId>,
    /// Operators that it is connected to.
    pub connected: usize,
}

/// What `/v1/tasks/{id}` answers, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct TaskPage {
    /// Where the task stands.
    pub state: String,
    /// Each token's stake that attested the operator's result, as far as it knows.
    pub attested: PerToken<Weight>,
    /// All stake of each token.
    pub total: PerToken<Weight>,
    /// Why there is no result.
    pub error: Option<String>,
}

impl Operator {
    /// Makes keys and configuration, and starts the process.
    pub(super) fn start(
        options: &Options,
        deployment: &Deployment,
        (index, rpc): (usize, &Url),
    ) -> anyhow::Result<Self> {
        let directory = options.directory.join(format!("operator-{}", index + 1));
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let password = "local";
        std::fs::write(directory.join("password"), password)?;
        let keys =
            OperatorKeys::create(&directory.join("keys"), &Password::from(password.to_owned()), Strength::Light)?;
        let registration = Registration {
            key: keys.public_key(),
            possession: keys.bls.prove_possession(&deployment.staking().registry_domain(), keys.operator()),
            transport_key: keys.transport_public(),
            socket: String::new(),
            metadata_uri: String::new(),
        };
        let mut operator = Self {
            id: keys.operator(),
            stake: options.stakes[index],
            directory,
            index,
            config: config(options, deployment, rpc),
            account: keys.account,
            registration,
            process: None,
            http: reqwest::Client::new(),
        };
        operator.write_config()?;
        operator.spawn(options)?;
        Ok(operator)
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let path = self.directory.join("operator.toml");
        let text = toml::to_string(&self.config)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Starts the process, anew after a [`kill`](Self::kill).
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn spawn(&mut self, options: &Options) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.directory.join("log"))?;
        // What an earlier process wrote is not where this one listens.
        let _ = std::fs::remove_file(self.directory.join("data/node.json"));
        let child = Command::new(&options.binary)
            .args(["operator", "run", "--config"])
            .arg(self.directory.join("operator.toml"))
            .env("RUST_LOG", &options.log)
            .env(SECRET, options.key_of(self.index))
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", options.binary.display()))?;
        self.process = Some(child);
        Ok(())
    }

    /// Its number, from 1.
    pub fn number(&self) -> usize {
        self.index + 1
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Child::id)
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Ends the process at once, as a power cut would.
    ///
    /// # Errors
    /// When the system does not let it.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await.context("cannot kill the operator")?;
        }
        Ok(())
    }

    /// Whether its process was killed.
    pub fn is_dead(&self) -> bool {
        self.process.is_none()
    }

    /// Registers where it listens, deposits its stake and opts in.
    pub(super) async fn enlist(&mut self, client: &ChainClient, deployment: &Deployment) -> anyhow::Result<()> {
        let addresses = self.wait_until_up().await?;
        let listen = addresses.listen.context("the operator does not say where it listens")?;
        // What is registered is where it listens, also when it is started again.
        self.config.network.listen = listen;
        self.write_config()?;
        let config = TransactionConfig { poll_interval: LOOK, ..TransactionConfig::default() };
        let manager = TransactionManager::start(client.clone(), self.account.clone(), config).await?;
        self.registration.socket = listen.to_string();
        admin::enlist(&manager, deployment, &self.registration, self.stake.map(U256::from)).await?;
        Ok(())
    }

    /// Waits until the node listens.
    ///
    /// # Errors
    /// When its process ends instead, or time runs out.
    pub async fn wait_until_up(&mut self) -> anyhow::Result<Addresses> {
        let (data, number) = (self.directory.join("data"), self.number());
        let up = async {
            loop {
                if let Some(addresses) = Addresses::read(&data) {
                    return Ok(addresses);
                }
                self.check_alive()?;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(START_TIMEOUT, up).await.with_context(|| format!("operator {number} does not come up"))?
    }

    /// Waits until the node serves and is connected to that many others.
    ///
    /// # Errors
    /// When its process ends instead.
    pub async fn wait_until_connected(&mut self, others: usize) -> anyhow::Result<()> {
        loop {
            if self.status().await.is_some_and(|status| status.healthy && status.connected >= others) {
                return Ok(());
            }
            self.check_alive()?;
            tokio::time::sleep(LOOK).await;
        }
    }

    fn check_alive(&mut self) -> anyhow::Result<()> {
        let Some(process) = self.process.as_mut() else {
            bail!("operator {} was killed", self.index + 1);
        };
        if let Some(status) = process.try_wait()? {
            bail!("operator {} ended with {status}:\n{}", self.index + 1, last_lines(&self.log()));
        }
        Ok(())
    }

    /// Where the node listens, if it has come up.
    pub fn addresses(&self) -> Option<Addresses> {
        Addresses::read(&self.directory.join("data"))
    }

    /// What the node says of itself; none when it does not answer.
    pub async fn status(&self) -> Option<StatusPage> {
        self.get("v1/status").await
    }

    /// What the node says of a task; none when it does not answer, or has not seen it.
    pub async fn task(&self, task: TaskId) -> Option<TaskPage> {
        self.get(&format!("v1/tasks/{task}")).await
    }

    /// A page of the node's HTTP API as text; none when it does not answer.
    pub async fn page(&self, path: &str) -> Option<String> {
        let address = self.addresses()?.http?;
        let request = self.http.get(format!("http://{address}/{path}")).timeout(Duration::from_secs(5));
        request.send().await.ok()?.text().await.ok()
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Option<T> {
        serde_json::from_str(&self.page(path).await?).ok()
    }
}

fn config(options: &Options, deployment: &Deployment, rpc: &Url) -> Config {
    let any_port = || "127.0.0.1:0".parse().expect("the literal is an address");
    Config {
        service: ServiceConfig { chain_id: deployment.chain_id, manager: deployment.service_manager },
        chain: ChainConfig {
            rpc: rpc.clone(),
            confirmations: 0,
            poll_ms: 50,
            fee_max_gwei: 500,
            balance_min_gwei: 50_000_000,
            refresh_tables: true,
            access: AccessConfig::default(),
        },
        watched_chains: options.watched_chains.clone(),
        keys: KeysConfig { directory: "keys".into(), password_file: Some("password".into()) },
        network: NetworkConfig { listen: any_port(), http: any_port(), callers: Some(any_port()) },
        storage: StorageConfig {
            data: "data".into(),
            guard: None,
            retention_days: 30,
            manifests: options.directory.join("manifests"),
            components: options.directory.join("components"),
        },
        components: ComponentsConfig {
            private_hosts: true,
            sources: SourcesConfig { private_hosts: vec!["127.0.0.1".to_owned()], ..SourcesConfig::default() },
            ..ComponentsConfig::default()
        },
        agreement: AGREEMENT,
        telemetry: options.telemetry.clone(),
    }
}

/// The end of a log, for an error message.
fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
