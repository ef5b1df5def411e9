//! Puts one operator's node together and runs it: opens what must be there, starts the loops, and ends all of them when one fails or it
//! is told to stop.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_chain::{
    Account, AnchorReader, ChainClient, HeadWatch, RpcError, ServiceError, ServiceReader, TransactionConfig,
    TransactionManager,
};
use tandem_crypto::KeyRing;
use tandem_engine::{CacheConfig, Engine, EngineConfig, EngineError, LoadError};
use tandem_protocol::Agreement;
use tandem_types::{ManifestHash, OperatorId, ServiceId, SignedFiring};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::agree::{Agree, AgreeInput};
use crate::alone::Alone;
use crate::api::Api;
use crate::callers::front::Front;
use crate::callers::{Callers, Desk};
use crate::components::{ComponentStore, Fetcher, SourcesError};
use crate::conditions::Oracle;
use crate::config::Config;
use crate::executor::{ATTEMPTS_MAX, Executor};
use crate::funds::Funds;
use crate::journal::{Floor, Identity, Journal, JournalError, OpenError};
use crate::keys::{NodeKeys, OperatorKeys};
use crate::metrics::Metrics;
use crate::pinned_chain::PinnedChain;
use crate::retention;
use crate::source::firings::{Firings, Starter, UnwatchedChain, WatchedChains};
use crate::source::{Source, SourceError};
use crate::status::Status;
use crate::submit::Submitter;
use crate::supply::Supply;
use crate::telemetry::{Collector, Exporter};
use crate::transport::{BindError, Incoming, PeerKey, Transport, TransportLimits};
use crate::upkeep::Upkeep;
use crate::witness::Witness;
use crate::workflows::{SecretSource, Sources, Workflows, WorkflowsError};

/// Inputs of the agreement that may wait before their senders do.
const INPUTS_WAITING_MAX: usize = 4_096;
/// What may wait for the submitter; more comes again with this operator's next turn.
const DUE_WAITING_MAX: usize = 256;
/// Callers' firings from other operators that wait for the journal.
const FORWARDED_WAITING_MAX: usize = 256;
/// How long the loops have to end once they are told to.
const DRAIN: Duration = Duration::from_secs(10);

/// Why a node did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The chain's endpoint does not answer as it should.
    #[error("cannot use the chain's endpoint")]
    Rpc(#[from] RpcError),
    /// The service cannot be read.
    #[error("cannot read the service")]
    Service(#[from] ServiceError),
    /// The journal does not open.
    #[error("cannot open the journal")]
    Open(#[from] OpenError),
    /// Another node of this operator and service runs on this machine.
    #[error("another process on this machine runs as {0}")]
    Twice(Box<Identity>),
    /// The journal failed while the node ran; nothing more was signed.
    #[error("the journal failed, so nothing more is signed")]
    Journal(#[from] JournalError),
    /// A manifest or component is missing or wrong.
    #[error("cannot serve a manifest")]
    Workflows(#[from] WorkflowsError),
    /// Components cannot be fetched as the configuration says.
    #[error("cannot fetch components as configured")]
    Sources(#[from] SourcesError),
    /// The manifest in force is not among the node's.
    #[error("the manifest in force, {hash} at {uri}, is not among this node's manifests")]
    ManifestMissing {
        /// Its hash.
        hash: ManifestHash,
        /// Where it can be had.
        uri: String,
    },
    /// A trigger watches a chain that this node has no endpoint for.
    #[error(transparent)]
    Unwatched(#[from] UnwatchedChain),
    /// There is no room for components.
    #[error("cannot start the engine")]
    Engine(#[from] EngineError),
    /// The transport does not start.
    #[error("cannot listen for the other operators")]
    Transport(#[from] BindError),
    /// The HTTP port is taken.
    #[error("cannot listen on {address} for HTTP")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Traces cannot be sent.
    #[error("cannot set up the client for telemetry.otlp-endpoint")]
    Collector(#[from] reqwest::Error),
    /// The data directory is not writable.
    #[error("cannot write {path}")]
    Addresses {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The chain cannot be followed any more.
    #[error("cannot follow the chain")]
    Source(#[from] SourceError),
    /// A loop ended that must not end.
    #[error("a part of the node ended: {0}")]
    Ended(String),
}

impl NodeError {
    /// Whether starting again is of no use, or dangerous, before a person has looked: the operator may have signed what the journal does not know.
    pub fn needs_person(&self) -> bool {
        matches!(
            self,
            Self::Twice(_)
                | Self::Open(OpenError::Doubt { .. } | OpenError::OtherIdentity { .. } | OpenError::NewerSchema { .. })
                | Self::Journal(JournalError::Doubted(_))
                | Self::Source(SourceError::Journal(JournalError::Doubted(_)))
        )
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rpc(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::ManifestMissing { .. } => {
                Some("put the manifest into the directory storage.manifests and its components into storage.components")
            }
            Self::Unwatched(_) => Some(
                "add an entry [[watched-chains]] with chain-id and rpc to operator.toml, or do not serve this service",
            ),
            Self::Workflows(WorkflowsError::Secret { .. }) => {
                Some("set it in the environment of `tandem operator run`")
            }
            Self::Workflows(WorkflowsError::Missing { .. }) => Some(
                "put it into the directory storage.components, or configure a mirror under components.sources: the manifest names no source",
            ),
            Self::Sources(SourcesError::Password { .. }) => Some("set it in the environment of `tandem operator run`"),
            Self::Workflows(WorkflowsError::PrivateHost { .. }) => {
                Some("set components.private-hosts = true only if its author may reach what listens there")
            }
            Self::Workflows(WorkflowsError::Load { source, .. })
                if matches!(**source, LoadError::LimitAboveNode { .. }) =>
            {
                Some(
                    "ask the service for a lower limit in its manifest, or raise components.limits-max in operator.toml",
                )
            }
            Self::Http { .. } => Some("choose another address for network.http"),
            Self::Open(error) => Some(error.hint()),
            Self::Twice(_) => Some(
                "stop the other one: two nodes with the same keys can sign two results for one task, and lose the stake",
            ),
            Self::Journal(JournalError::Doubted(_)) | Self::Source(SourceError::Journal(JournalError::Doubted(_))) => {
                Some("make sure that no other node runs with these keys, then `tandem operator db recover`")
            }
            Self::Journal(JournalError::Storage(error))
            | Self::Source(SourceError::Journal(JournalError::Storage(error))) => Some(error.hint()),
            Self::Journal(_) => Some("check the disk, then start again: what was recorded is safe"),
            _ => None,
        }
    }
}

/// Where a node listens, with the ports that the system chose; in `node.json` beside its journal while it runs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Addresses {
    /// TCP, for people and scrapers.
    pub http: Option<SocketAddr>,
    /// UDP, for the other operators.
    pub listen: Option<SocketAddr>,
    /// TCP, for callers.
    #[serde(default)]
    pub callers: Option<SocketAddr>,
}

impl Addresses {
    const FILE: &str = "node.json";

    /// Reads what the node with this data directory wrote; none when it is not up.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(Self::FILE)).ok()?).ok()
    }

    /// Written beside and moved into place, so that nobody reads half of it.
    fn write(&self, data: &Path) -> Result<(), NodeError> {
        let (path, draft) = (data.join(Self::FILE), data.join("node.json.new"));
        let text = serde_json::to_string(self).expect("two addresses serialise");
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(|source| NodeError::Addresses { path, source })
    }
}

/// A node that is ready to run.
pub struct Node {
    config: Config,
    operator: OperatorId,
    keys: KeyRing,
    service: Arc<ServiceReader>,
    transactions: Arc<TransactionManager>,
    journal: Journal,
    engine: Engine,
    workflows: Arc<Workflows>,
    watched: WatchedChains,
    fetcher: Arc<Fetcher>,
    transport: (Transport, Incoming),
    http: TcpListener,
    /// Where callers reach it.
    calls: Option<TcpListener>,
    heads: Option<HeadWatch>,
    /// Who is told what happens to tasks.
    collector: Option<Collector>,
    alone: Alone,
}

impl Node {
    /// Opens everything that a node needs, and fails with a reason if something is missing.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn prepare(config: Config, keys: OperatorKeys, secrets: &SecretSource<'_>) -> Result<Self, NodeError> {
        let operator = keys.operator();
        let identity = Identity { service: config.service.into(), operator };
        let alone = Alone::claim(identity).ok_or_else(|| NodeError::Twice(identity.into()))?;
        let client = config.chain.connect(config.service.chain_id).await?;
        let heads = config.chain.access.heads()?;
        let service = ServiceReader::open(client.clone(), config.service.manager).await?;
        let registered = service.registration(operator).await?;
        let NodeKeys { ring, transport: transport_key, account } =
            keys.for_node(registered.map(|peer| PeerKey(peer.transport_key)));
        let journal = Journal::open(&config.storage.place(), identity)?;
        give_floor(&journal, &service).await?;
        let engine = Engine::new(engine_config(&config))?;
        let chain = PinnedChain::over(&client);
        let fetcher = Arc::new(config.components.sources.fetcher(secrets)?);
        let workflows = Arc::new(load_workflows(&engine, &config, secrets, (&journal, chain))?);
        check_manifest(&service, &workflows).await?;
        let watched = WatchedChains::connect(&config, &client).await?;
        watched.check(workflows.triggers())?;
        let transactions = Arc::new(transactions(&config, account, client).await?);
        let transport = Transport::bind(config.network.listen, transport_key, TransportLimits::default())?;
        let address = config.network.http;
        let http = TcpListener::bind(address).await.map_err(|source| NodeError::Http { address, source })?;
        let calls = listen_for_callers(&config).await?;
        let collector = config.telemetry.otlp_endpoint.as_ref().map(Collector::at).transpose()?;
        let service = Arc::new(service);
        let addresses = Addresses {
            http: http.local_addr().ok(),
            listen: transport.0.local_address().ok(),
            callers: calls.as_ref().and_then(|calls| calls.local_addr().ok()),
        };
        addresses.write(&config.storage.data)?;
        Ok(Self {
            config,
            operator,
            keys: ring,
            service,
            transactions,
            journal,
            engine,
            workflows,
            watched,
            fetcher,
            transport,
            http,
            calls,
            heads,
            collector,
            alone,
        })
    }

    /// Runs until `stop`, or until something fails that cannot be waited out.
    ///
    /// # Errors
    /// [`NodeError`]; then nothing more was signed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), NodeError> {
        let journal = self.journal.clone();
        let transport = self.transport.0.clone();
        let (mut loops, _alone) = self.start(&stop);
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = loops.join_next() => match ended {
                Some(Ok(Err(error))) => Err(error),
                Some(Ok(Ok(()))) if stop.is_cancelled() => Ok(()),
                Some(Ok(Ok(()))) => Err(NodeError::Ended("it returned".to_owned())),
                Some(Err(panic)) => Err(NodeError::Ended(panic.to_string())),
                None => Ok(()),
            },
        };
        stop.cancel();
        transport.shutdown().await;
        if tokio::time::timeout(DRAIN, async { while loops.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!("some work did not end in time and is abandoned; the journal is complete");
        }
        journal.close().await;
        ended
    }

    fn start(self, stop: &CancellationToken) -> (JoinSet<Result<(), NodeError>>, Alone) {
        let Self {
            config,
            operator,
            keys,
            service,
            transactions,
            journal,
            engine,
            workflows,
            watched,
            fetcher,
            transport: (transport, incoming),
            http,
            calls,
            heads,
            collector,
            alone,
        } = self;
        let id = ServiceId::from(config.service);
        let metrics = Metrics::default();
        let exporter = collector.map(|collector| Exporter::new(collector, (id, operator), metrics.clone()));
        let (traces, exporter) = exporter.map(|(traces, exporter)| (traces, Some(exporter))).unwrap_or_default();
        let status = Status::new((id, operator), config.agreement.slot_ms, watched.clients());
        let (agree, inputs) = mpsc::channel(INPUTS_WAITING_MAX);
        // Ids only, of tasks that the journal holds: as many as are open on the chain.
        let (executor, tasks) = mpsc::unbounded_channel();
        let (submit, due) = mpsc::channel(DUE_WAITING_MAX);
        let reader = config.chain.reader(&service, heads.clone());
        let poll = Duration::from_millis(config.chain.poll_ms);
        let oracle = Oracle { service: Arc::clone(&service), agree: agree.clone(), metrics: metrics.clone(), poll };
        let upkeep = Upkeep {
            me: operator,
            service: Arc::clone(&service),
            transactions: Arc::clone(&transactions),
            metrics: metrics.clone(),
            turn: Duration::from_millis(config.agreement.takeover_ms),
        };
        let starter = Starter {
            executor: executor.clone(),
            agree: agree.clone(),
            metrics: metrics.clone(),
            traces: traces.clone(),
        };
        let depth = config.chain.access.depth(config.chain.confirmations);
        let desk = Desk::new(
            (operator, id),
            workflows.triggers(),
            (journal.clone(), transport.clone()),
            (status.clone(), metrics.clone()),
        );
        let front = Front::new(desk.clone(), journal.clone(), agree.clone());
        let callers = Callers {
            desk,
            service: Arc::clone(&service),
            anchors: AnchorReader::new(service.client().clone(), depth),
            starter: starter.clone(),
            poll,
            heads: heads.clone(),
        };
        let (forward, forwarded) = mpsc::channel(FORWARDED_WAITING_MAX);
        let firings = Firings {
            service: Arc::clone(&service),
            journal: journal.clone(),
            starter,
            status: status.clone(),
            poll,
            heads,
        };
        let triggers = (workflows.triggers().to_vec(), watched);
        let source = Source {
            me: operator,
            reader,
            service: Arc::clone(&service),
            journal: journal.clone(),
            executor,
            manifests: workflows.manifests().to_vec(),
            agree: agree.clone(),
            transport: transport.clone(),
            metrics: metrics.clone(),
            traces: traces.clone(),
            status: status.clone(),
            poll,
            witness: Witness::new(operator, Arc::clone(&service), journal.clone()),
        };
        let funds = Funds {
            me: operator,
            service: Arc::clone(&service),
            least_gwei: config.chain.balance_min_gwei,
            status: status.clone(),
            metrics: metrics.clone(),
        };
        let supply = Supply {
            workflows: Arc::clone(&workflows),
            engine,
            fetcher,
            store: ComponentStore::new(&config.storage.components),
            metrics: metrics.clone(),
            status: status.clone(),
        };
        let execute = Executor {
            service: id,
            workflows,
            journal: journal.clone(),
            agree: agree.clone(),
            metrics: metrics.clone(),
            traces: traces.clone(),
            attempts: Semaphore::new(ATTEMPTS_MAX),
        };
        let agreement = Agree::new(
            Agreement::new(operator, service.policy(), config.agreement.into()),
            (operator, keys),
            (journal.clone(), transport.clone()),
            submit,
            (metrics.clone(), traces.clone()),
        );
        let submitter = Submitter { service, journal: journal.clone(), transactions, metrics: metrics.clone(), traces };
        let (old, days, i, j) = (journal.clone(), config.storage.retention_days, stop.clone(), stop.clone());
        let api = Api { status, journal, agree: agree.clone(), metrics: metrics.clone(), transport };
        let mut loops = JoinSet::new();
        let of = || stop.clone();
        let (a, b, c, d, e, f, g, h) = (of(), of(), of(), of(), of(), of(), of(), of());
        let stop_firings = of();
        loops.spawn(async move { Ok(firings.run(triggers, stop_firings).await?) });
        let stop_callers = of();
        loops.spawn(async move { Ok(callers.run(forwarded, stop_callers).await?) });
        if let Some(listener) = calls {
            let stop_front = of();
            loops.spawn(async move {
                front.serve(listener, stop_front).await;
                Ok(())
            });
        }
        if let Some(exporter) = exporter {
            let stop_exporter = of();
            loops.spawn(async move {
                exporter.run(stop_exporter).await;
                Ok(())
            });
        }
        loops.spawn(async move { Ok(agreement.run(inputs, a).await?) });
        loops.spawn(async move { Ok(execute.run(tasks, b).await?) });
        loops.spawn(async move { Ok(submitter.run(due, c).await?) });
        loops.spawn(async move { Ok(source.run(d).await?) });
        loops.spawn(async move { Ok(retention::run(old, days, i).await?) });
        loops.spawn(async move {
            funds.run(j).await;
            Ok(())
        });
        loops.spawn(async move {
            oracle.run(f).await;
            Ok(())
        });
        loops.spawn(async move {
            supply.run(h).await;
            Ok(())
        });
        if config.chain.refresh_tables {
            loops.spawn(async move {
                upkeep.run(g).await;
                Ok(())
            });
        }
        loops.spawn(receive(incoming, (agree, forward), metrics));
        loops.spawn(serve(http, api, e));
        tracing::info!(service = %id, %operator, "running");
        (loops, alone)
    }
}

/// A journal that was just made knows nothing of what this operator signed before, be it with another journal: it signs what is asked for from
/// now on.
async fn give_floor(journal: &Journal, service: &ServiceReader) -> Result<(), NodeError> {
    if journal.floor().await?.is_none() {
        let floor = journal.raise_floor(present(service).await?).await?;
        tracing::info!(
            tasks = floor.number,
            "the journal is new: tasks that were asked for before are left to the other operators"
        );
    }
    Ok(())
}

/// The floor below all that was asked for so far, as far as the endpoint knows.
///
/// # Errors
/// [`ServiceError::Rpc`].
pub async fn present(service: &ServiceReader) -> Result<Floor, ServiceError> {
    let before = service.client().latest_block().await?.timestamp;
    Ok(Floor { number: service.task_count().await?, before })
}

/// Compiled code stays beside the journal. Components compute on as many threads as there are cores, below journal and network.
fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig {
        cache: Some(CacheConfig::new(config.storage.data.join("compiled"))),
        compute_threads: Some(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        limits_max: config.components.limits_max.limits(),
        ..EngineConfig::default()
    }
}

/// Compiles on this thread: nothing else has begun.
fn load_workflows(
    engine: &Engine,
    config: &Config,
    secrets: &SecretSource<'_>,
    (journal, chain): (&Journal, PinnedChain),
) -> Result<Workflows, WorkflowsError> {
    let sources = Sources {
        service: config.service.into(),
        manifests: &config.storage.manifests,
        components: &ComponentStore::new(&config.storage.components),
        fetch: config.components.sources.kind(),
        private_hosts: config.components.private_hosts,
        secrets,
        store: Arc::new(journal.clone()),
        chain: Arc::new(chain),
    };
    Workflows::load(engine, &sources)
}

async fn check_manifest(service: &ServiceReader, workflows: &Workflows) -> Result<(), NodeError> {
    match service.manifest_in_force().await? {
        Some(manifest) if !workflows.manifests().contains(&manifest.hash) => {
            Err(NodeError::ManifestMissing { hash: manifest.hash, uri: manifest.uri })
        }
        Some(_) => Ok(()),
        None => {
            tracing::warn!("the service has no manifest in force yet");
            Ok(())
        }
    }
}

/// Where callers reach the node, if it is to be reached.
async fn listen_for_callers(config: &Config) -> Result<Option<TcpListener>, NodeError> {
    let Some(address) = config.network.callers else { return Ok(None) };
    TcpListener::bind(address).await.map(Some).map_err(|source| NodeError::Http { address, source })
}

async fn transactions(config: &Config, account: Account, client: ChainClient) -> Result<TransactionManager, RpcError> {
    let defaults = TransactionConfig::default();
    let transactions = TransactionConfig {
        fee_per_gas_max: u128::from(config.chain.fee_max_gwei) * 1_000_000_000,
        poll_interval: defaults.poll_interval.min(Duration::from_millis(config.chain.poll_ms)),
        ..defaults
    };
    TransactionManager::start(client, account, transactions).await
}

/// Decodes what the other operators say and hands it to the agreement. Ends with the transport.
async fn receive(
    mut incoming: Incoming,
    (agree, forward): (mpsc::Sender<AgreeInput>, mpsc::Sender<SignedFiring>),
    metrics: Metrics,
) -> Result<(), NodeError> {
    while let Some((from, bytes, place)) = incoming.recv().await {
        match tandem_protocol::Message::decode(&bytes) {
            // There is a bound to what waits for the journal; what is dropped comes again.
            Ok(tandem_protocol::Message::Forward(signed)) => _ = forward.try_send(*signed),
            Ok(message) => {
                if agree.send(AgreeInput::Received(from, message, place)).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                metrics.messages_refused.inc();
                tracing::debug!(%from, %error, "message refused");
            }
        }
    }
    Ok(())
}

async fn serve(listener: TcpListener, api: Api, stop: CancellationToken) -> Result<(), NodeError> {
    let address = listener.local_addr().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into());
    let serving = axum::serve(listener, api.router()).with_graceful_shutdown(stop.cancelled_owned());
    serving.await.map_err(|source| NodeError::Http { address, source })
}
