//! Puts one operator's node together and runs it: opens what must be there, starts the loops, and ends all of them when one fails or it
//! is told to stop.

mod addresses;
mod error;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use tandem_chain::{AnchorReader, HeadWatch, ServiceReader, TransactionManager};
use tandem_crypto::KeyRing;
use tandem_engine::Engine;
use tandem_protocol::Agreement;
use tandem_types::{OperatorId, ServiceId, SignedFiring};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use addresses::Addresses;
pub use error::NodeError;
pub use parts::present;
use parts::{check_manifest, engine_config, give_floor, listen_for_callers, load_workflows, transactions};

use crate::agree::{Agree, AgreeInput};
use crate::alone::Alone;
use crate::api::Api;
use crate::callers::front::Front;
use crate::callers::{Callers, Desk};
use crate::components::{ComponentStore, Fetcher};
use crate::conditions::Oracle;
use crate::config::Config;
use crate::executor::{ATTEMPTS_MAX, Executor};
use crate::funds::Funds;
use crate::journal::{Identity, Journal};
use crate::keys::{NodeKeys, OperatorKeys};
use crate::metrics::Metrics;
use crate::pinned_chain::PinnedChain;
use crate::retention;
use crate::source::firings::{Firings, Starter, WatchedChains};
use crate::source::{Reopened, Source};
use crate::status::Status;
use crate::submit::Submitter;
use crate::supply::Supply;
use crate::telemetry::{Collector, Exporter};
use crate::transport::{Incoming, PeerKey, Transport, TransportLimits};
use crate::upkeep::Upkeep;
use crate::witness::Witness;
use crate::workflows::{SecretSource, Workflows};

/// Inputs of the agreement that may wait before their senders do.
const INPUTS_WAITING_MAX: usize = 4_096;
/// What may wait for the submitter; more comes again with this operator's next turn.
const DUE_WAITING_MAX: usize = 256;
/// Callers' firings from other operators that wait for the journal.
const FORWARDED_WAITING_MAX: usize = 256;
/// How long the loops have to end once they are told to.
const DRAIN: Duration = Duration::from_secs(10);

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
            reopened: Reopened::default(),
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
