//! A network on this machine: an Anvil with the contracts, operators as processes of their own, and a server of boxscores. All of it ends
//! with its handle. For the demo and for tests; its keys guard nothing.

mod operator;
mod oracle;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tandem_chain::admin::{self, CreatedTask, Deployment, Score, ServiceSettings, StakingSettings, TaskRequest};
use tandem_chain::{
    AnnouncedManifest, Anvil, Cursor, EventReader, Mining, PlacedEvent, ReaderConfig, Route, ServiceReader,
    TransactionConfig, TransactionManager,
};
use tandem_node::config::{TelemetryConfig, WatchedChain};
use tandem_types::{
    Address, Bps, Component, ComponentDigest, ComponentSource, Delivery, Determinism, Epoch, HttpGrant, Limits,
    Manifest, PerToken, Policy, Requirement, Trigger, U256, Workflow,
};

pub use operator::{Operator, StatusPage, TaskPage};
pub use oracle::PRICES;

use url::Url;

use crate::boxscore::Boxscores;

/// Name of the workflow that answers with scores.
const WORKFLOW: &str = "score";
/// Name of the secret that the component needs.
const SECRET: &str = "SPORTRADAR_API_KEY";
/// One whole token, in its smallest unit.
pub const TOKEN: u128 = 1_000_000_000_000_000_000;
/// Seconds for which an operator table is believed.
pub const TABLE_WINDOW_S: u32 = 7 * 24 * 3_600;
/// Seconds after which the next one may be written.
pub const EPOCH_S: u32 = 24 * 3_600;
/// How long the operators have to be up and connected.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// What a network is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// What signed stake the service needs.
    pub policy: Policy,
    /// Stake of each operator, in the tokens' smallest units.
    pub stakes: Vec<PerToken<u128>>,
    /// The operators, by their place in `stakes`, that are told another score than the others.
    pub misled: std::ops::Range<usize>,
    /// The `tandem` binary that operators run.
    pub binary: PathBuf,
    /// Where operators find the chain, when that is not Anvil itself.
    pub rpc: Option<Url>,
    /// Where operators find the other chains that triggers watch.
    pub watched_chains: Vec<WatchedChain>,
    /// Who is told what happens to tasks.
    pub telemetry: TelemetryConfig,
    /// The Anvil binary.
    pub anvil: PathBuf,
    /// Whether the chain is kept on the disk, so that it outlives its process.
    pub keeps_chain: bool,
    /// Directory for everything that is written.
    pub directory: PathBuf,
    /// The component.
    pub component: Vec<u8>,
    /// What the service runs, if not the scores; its workflow `score` is the one that is asked.
    pub manifest: Option<Manifest>,
    /// Where operators fetch it from; when there is nothing, they find it in their directory.
    pub sources: Vec<ComponentSource>,
    /// The operators' key for the boxscores.
    pub api_key: String,
    /// What the operators log, in the form of RUST_LOG.
    pub log: String,
}

impl Options {
    /// The key for the boxscores that an operator is given.
    fn key_of(&self, index: usize) -> String {
        if self.misled.contains(&index) { self.misled_key() } else { self.api_key.clone() }
    }

    fn misled_key(&self) -> String {
        format!("{}-other", self.api_key)
    }
}

/// What has just been done, for who watches.
#[derive(Clone, Copy)]
pub enum Progress<'a> {
    /// The chain runs.
    Chain(&'a Anvil),
    /// The contracts are there.
    Deployed(&'a Deployment, u64),
    /// An operator is registered and staked.
    Staked(&'a Operator),
    /// The operator table is written.
    Table(Epoch, u64),
    /// All operators are connected.
    Connected,
}

/// A running network.
pub struct Network {
    /// The operators, in the order of their stakes.
    pub operators: Vec<Operator>,
    /// Where the contracts are.
    pub deployment: Deployment,
    /// The account that owns the contracts and asks for tasks.
    pub owner: TransactionManager,
    /// Serves boxscores while it lives.
    pub boxscores: Boxscores,
    anvil: Anvil,
}

impl Network {
    /// Starts everything and waits until all operators are connected to each other.
    ///
    /// # Errors
    /// What failed. Everything that was started ends.
    pub async fn start(options: &Options, watch: &mut (dyn FnMut(Progress<'_>) + Send)) -> anyhow::Result<Self> {
        let anvil = if options.keeps_chain {
            Anvil::start_keeping(&options.anvil, &options.directory.join("chain.json")).await?
        } else {
            Anvil::start(&options.anvil, Mining::Auto).await?
        };
        watch(Progress::Chain(&anvil));
        let boxscores = Boxscores::start_misleading(&options.api_key, options.misled_key())
            .await
            .context("cannot serve boxscores")?;
        let account = anvil.accounts().first().context("Anvil has no accounts")?.clone();
        let owner = manager(&anvil, account).await?;
        let settings = ServiceSettings {
            policy: options.policy,
            oracle: oracle::settings(&options.stakes),
            table_window_s: TABLE_WINDOW_S,
            epoch_s: EPOCH_S,
            move_bps: Bps::new(500).expect("the literal is in range"),
            handler_gas: 1_000_000,
        };
        let deployed = admin::deploy(&owner, &settings, &StakingSettings::default())
            .await
            .context("cannot deploy the contracts")?;
        watch(Progress::Deployed(&deployed.value, deployed.gas_used));
        let mut network = Self { operators: Vec::new(), deployment: deployed.value, owner, boxscores, anvil };
        network.publish(options).await?;
        for index in 0..options.stakes.len() {
            let rpc = options.rpc.as_ref().unwrap_or(network.anvil.url());
            network.operators.push(Operator::start(options, &network.deployment, (index, rpc))?);
        }
        for index in 0..options.stakes.len() {
            network.enlist(index).await?;
            watch(Progress::Staked(&network.operators[index]));
        }
        let (table, gas) = network.write_table().await?;
        watch(Progress::Table(table, gas));
        network.wait_until_connected().await?;
        watch(Progress::Connected);
        Ok(network)
    }

    /// Asks for the score of a game, to be delivered within `seconds`.
    ///
    /// # Errors
    /// When the contract refuses.
    pub async fn ask(&self, game: &str, seconds: u64) -> anyhow::Result<CreatedTask> {
        let now = self.owner.client().latest_block().await?.timestamp.max(unix_seconds());
        let request = TaskRequest {
            workflow: WORKFLOW.parse().expect("the name is valid"),
            input: game.as_bytes().to_vec(),
            requirement: Requirement::NONE,
            deadline: now + seconds,
        };
        Ok(admin::create_task(&self.owner, self.deployment.service_manager, &request).await?.value)
    }

    /// The chain.
    pub fn anvil(&self) -> &Anvil {
        &self.anvil
    }

    /// The chain, to be ended and started again.
    pub fn anvil_mut(&mut self) -> &mut Anvil {
        &mut self.anvil
    }

    /// Lets that many seconds pass on the chain, at once.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        self.anvil.increase_time(seconds).await?;
        Ok(self.anvil.mine(1).await?)
    }

    /// The score of a game as the contract has it.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn score(&self, game: &str) -> anyhow::Result<Option<Score>> {
        Ok(admin::score_of(self.owner.client(), self.deployment.score_board, game).await?)
    }

    /// The service's events since `cursor`.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn events(&self, cursor: &mut Option<Cursor>) -> anyhow::Result<Vec<PlacedEvent>> {
        let config = ReaderConfig { confirmations: 0, ..ReaderConfig::default() };
        let (client, first) = (self.owner.client().clone(), self.deployment.first_block);
        let mut reader = EventReader::new(client, self.deployment.service(), first, config);
        let Some(span) = reader.read(cursor.as_ref()).await? else {
            return Ok(Vec::new());
        };
        *cursor = Some(span.cursor);
        Ok(span.events)
    }

    /// Writes manifest and component where the operators look, and announces the manifest.
    async fn publish(&self, options: &Options) -> anyhow::Result<()> {
        let digest = ComponentDigest::of(&options.component);
        let component = Component { digest, sources: options.sources.clone() };
        let manifest = options.manifest.clone().unwrap_or_else(|| scores(component, &self.boxscores));
        let (manifests, components) = (options.directory.join("manifests"), options.directory.join("components"));
        for directory in [&manifests, &components] {
            std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        if options.sources.is_empty() {
            std::fs::write(tandem_node::workflows::component_path(&components, digest), &options.component)?;
        }
        let path = manifests.join("sports-scores.json");
        std::fs::write(&path, manifest.to_canonical_json())?;
        let announced =
            AnnouncedManifest { hash: manifest.hash(), uri: format!("file://{}", path.display()), activation_block: 0 };
        let routes = routes(&manifest, self.deployment.score_board);
        admin::announce_manifest(&self.owner, self.deployment.service_manager, &announced, &routes).await?;
        Ok(())
    }

    /// Gives an operator its stake and lets it register, deposit and opt in.
    async fn enlist(&mut self, index: usize) -> anyhow::Result<()> {
        let Self { operators, deployment, owner, .. } = self;
        let operator = &mut operators[index];
        let address = operator.id.0;
        admin::fund(owner, address, U256::from(100 * TOKEN)).await?;
        admin::mint(owner, deployment.native_token, address, U256::from(operator.stake.native)).await?;
        admin::mint(owner, deployment.external_token, address, U256::from(operator.stake.external)).await?;
        operator.enlist(owner.client(), deployment).await
    }

    /// Writes the first operator table, and says what it cost; nothing, when an operator was faster.
    async fn write_table(&self) -> anyhow::Result<(Epoch, u64)> {
        let refused = match admin::refresh_table(&self.owner, self.deployment.service_manager).await {
            Ok(table) => return Ok((table.value, table.gas_used)),
            Err(error) => error,
        };
        let service = ServiceReader::open(self.owner.client().clone(), self.deployment.service_manager).await?;
        match service.current_epoch().await? {
            Some(epoch) => Ok((epoch, 0)),
            None => Err(refused.into()),
        }
    }

    async fn wait_until_connected(&mut self) -> anyhow::Result<()> {
        let others = self.operators.len() - 1;
        for operator in &mut self.operators {
            let up = tokio::time::timeout(START_TIMEOUT, operator.wait_until_connected(others)).await;
            up.with_context(|| format!("operator {} is not connected after {START_TIMEOUT:?}", operator.number()))??;
        }
        Ok(())
    }
}

async fn manager(anvil: &Anvil, account: tandem_chain::Account) -> anyhow::Result<TransactionManager> {
    let config = TransactionConfig { poll_interval: LOOK, ..TransactionConfig::default() };
    Ok(TransactionManager::start(anvil.client().clone(), account, config).await?)
}

/// All workflows of a manifest that deliver, for one handler.
pub fn routes(manifest: &Manifest, handler: Address) -> Vec<Route> {
    let delivering = manifest.workflows.iter().filter(|workflow| workflow.trigger != Trigger::Call);
    let route =
        |workflow: &Workflow| Route { workflow: workflow.name.clone(), handler, fires: workflow.trigger.fires() };
    delivering.map(route).collect()
}

fn scores(component: Component, boxscores: &Boxscores) -> Manifest {
    let workflow = Workflow {
        name: WORKFLOW.parse().expect("the name is valid"),
        trigger: Trigger::Request,
        component,
        delivery: Delivery::Handler,
        determinism: Determinism::Open,
        config: [("base_url".to_owned(), boxscores.url())].into(),
        secrets: [SECRET.to_owned()].into(),
        http: HttpGrant { hosts: [boxscores.host()].into() },
        store: None,
        chain: None,
        calls: Default::default(),
        scratch: None,
        limits: Limits::default(),
    };
    Manifest { name: "sports-scores".to_owned(), workflows: vec![workflow] }
}

/// Seconds of Unix time.
pub fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// An address as people recognise it: its first and last digits.
pub fn short(address: Address) -> String {
    let text = address.to_string();
    format!("{}…{}", &text[..8], &text[38..])
}
