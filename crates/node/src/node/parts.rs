//! What a node is put together from: each part as the configuration wants it, or why there is none.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tandem_chain::{
    Account, ChainClient, RpcError, ServiceError, ServiceReader, TransactionConfig, TransactionManager,
};
use tandem_engine::{CacheConfig, Engine, EngineConfig};
use tokio::net::TcpListener;

use super::NodeError;
use crate::components::ComponentStore;
use crate::config::Config;
use crate::journal::{Floor, Journal};
use crate::pinned_chain::PinnedChain;
use crate::workflows::{SecretSource, Sources, Workflows, WorkflowsError};

/// A journal that was just made knows nothing of what this operator signed before, be it with another journal: it signs what is asked for from
/// now on.
pub(super) async fn give_floor(journal: &Journal, service: &ServiceReader) -> Result<(), NodeError> {
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
pub(super) fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig {
        cache: Some(CacheConfig::new(config.storage.data.join("compiled"))),
        compute_threads: Some(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        limits_max: config.components.limits_max.limits(),
        ..EngineConfig::default()
    }
}

/// Compiles on this thread: nothing else has begun.
pub(super) fn load_workflows(
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

pub(super) async fn check_manifest(service: &ServiceReader, workflows: &Workflows) -> Result<(), NodeError> {
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
pub(super) async fn listen_for_callers(config: &Config) -> Result<Option<TcpListener>, NodeError> {
    let Some(address) = config.network.callers else { return Ok(None) };
    TcpListener::bind(address).await.map(Some).map_err(|source| NodeError::Http { address, source })
}

pub(super) async fn transactions(
    config: &Config,
    account: Account,
    client: ChainClient,
) -> Result<TransactionManager, RpcError> {
    let defaults = TransactionConfig::default();
    let transactions = TransactionConfig {
        fee_per_gas_max: u128::from(config.chain.fee_max_gwei) * 1_000_000_000,
        poll_interval: defaults.poll_interval.min(Duration::from_millis(config.chain.poll_ms)),
        ..defaults
    };
    TransactionManager::start(client, account, transactions).await
}
