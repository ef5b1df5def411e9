//! One service as its contracts tell it: thresholds, epochs, operator tables, manifests, peers. Reads; changes nothing, and follows no events.

use alloy::sol_types::SolEvent;
use tandem_types::{Address, B256, Domain, Epoch, ManifestHash, OperatorId, OperatorTable, Quorum, ServiceId};
use tokio::sync::Mutex;

use crate::bindings::{self, AllocationManager, ConversionError, ServiceManager};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};
use crate::event::{self, ServiceEvent};
use crate::log::{LogFilter, LogRecord};
use crate::registry::Registry;
use crate::scan::{RangeSize, Scanner};
use crate::table::{self, TableCodeError};

/// Most logs in one answer.
const LOGS_MAX: usize = 50_000;

/// Most blocks of one timestamp; chains with several blocks a second have that.
const BLOCKS_PER_SECOND_MAX: u64 = 64;

/// Why a service could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The endpoint failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// There is no ServiceManager at that address.
    #[error("there is no ServiceManager at {0}")]
    NotAService(ServiceId),
    /// The contract's own settings are none that Tandem knows.
    #[error("the service's settings are out of range: {0}")]
    Settings(#[from] ConversionError),
    /// The service has no table of that epoch.
    #[error("the service has no operator table of epoch {0}")]
    UnknownEpoch(Epoch),
    /// The event of something that the contract knows was not found: the endpoint does not keep logs that old, or is behind.
    #[error("the event of {0} was not found")]
    MissingEvent(String),
    /// The table does not hold together.
    #[error("operator table of epoch {epoch}: {error}")]
    Table {
        /// Its epoch.
        epoch: Epoch,
        /// What is wrong.
        error: TableCodeError,
    },
}

impl ServiceError {
    /// Whether the same question may be answered later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Rpc(error) => error.is_retryable(),
            Self::MissingEvent(_) => true,
            _ => false,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Rpc(error) => error.hint(),
            Self::NotAService(_) => Some("check the address of the service and the chain"),
            Self::MissingEvent(_) => Some("use an endpoint that keeps all logs since the service was deployed"),
            _ => None,
        }
    }
}

/// Where an operator's node is reached, and by which key it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The operator.
    pub operator: OperatorId,
    /// Ed25519 public key of its node.
    pub transport_key: B256,
    /// `host:port` as it registered them; not checked, and empty when it is not to be reached.
    pub socket: String,
}

/// When a table was taken, and until when it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableInfo {
    /// Its number.
    pub epoch: Epoch,
    /// Block time at which it was written, in Unix seconds.
    pub taken_at: u64,
    /// Last second at which certificates under it are accepted.
    pub valid_until: u64,
    /// Operators in it.
    pub operators: u16,
}

/// A manifest as it was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedManifest {
    /// Hash of its canonical JSON.
    pub hash: ManifestHash,
    /// Where it can be had; not checked.
    pub uri: String,
    /// First block in which it is in force.
    pub activation_block: u64,
}

/// Reads one service.
#[derive(Debug)]
pub struct ServiceReader {
    client: ChainClient,
    id: ServiceId,
    stake_source: Address,
    deployment_block: u64,
    quorum: Quorum,
    table_window_s: u32,
    registry: Mutex<Registry>,
}

impl ServiceReader {
    /// Reads what never changes. Registrations are looked for from `registry_block` on: the block in which the OperatorRegistry was
    /// deployed, or 0.
    ///
    /// # Errors
    /// [`ServiceError::NotAService`] when the address does not answer like one; [`ServiceError::Rpc`].
    pub async fn open(client: ChainClient, manager: Address, registry_block: u64) -> Result<Self, ServiceError> {
        let id = ServiceId { chain_id: client.chain_id(), manager };
        if client.code(manager).await?.is_empty() {
            return Err(ServiceError::NotAService(id));
        }
        let strange = |error: RpcError| match error.failure {
            RpcFailure::Reverted(_) | RpcFailure::Malformed(_) => ServiceError::NotAService(id),
            _ => ServiceError::Rpc(error),
        };
        let stake_source = client.call(manager, &ServiceManager::stakeSourceCall {}).await.map_err(strange)?;
        let registry = client.call(stake_source, &AllocationManager::operatorRegistryCall {}).await.map_err(strange)?;
        let block = client.call(manager, &ServiceManager::deploymentBlockCall {}).await.map_err(strange)?;
        let quorum = client.call(manager, &ServiceManager::quorumCall {}).await.map_err(strange)?;
        let table_window_s = client.call(manager, &ServiceManager::tableWindowCall {}).await.map_err(strange)?;
        Ok(Self {
            id,
            stake_source,
            deployment_block: block.saturating_to(),
            quorum: bindings::quorum(quorum.nativeBps, quorum.externalBps).map_err(ConversionError::from)?,
            table_window_s,
            registry: Mutex::new(Registry::new(registry, registry_block)),
            client,
        })
    }

    /// The service.
    pub fn id(&self) -> ServiceId {
        self.id
    }

    /// The chain it is on.
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// The domain of its batches.
    pub fn domain(&self) -> Domain {
        self.id.into()
    }

    /// The contract that says which operators serve it, with which stake.
    pub fn stake_source(&self) -> Address {
        self.stake_source
    }

    /// Block in which it was deployed: its events begin there.
    pub fn deployment_block(&self) -> u64 {
        self.deployment_block
    }

    /// Share of each token that every result needs at least.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// Seconds for which an operator table is believed after it was written.
    pub fn table_window_s(&self) -> u32 {
        self.table_window_s
    }

    /// Number of the latest table; none before the first.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn current_epoch(&self) -> Result<Option<Epoch>, ServiceError> {
        let epoch = self.client.call(self.id.manager, &ServiceManager::currentEpochCall {}).await?;
        Ok((epoch != 0).then_some(Epoch(epoch)))
    }

    /// When a table was taken and until when it is believed.
    ///
    /// # Errors
    /// [`ServiceError::UnknownEpoch`], [`ServiceError::Rpc`].
    pub async fn table_info(&self, epoch: Epoch) -> Result<TableInfo, ServiceError> {
        self.raw_table_info(epoch).await.map(|(info, _)| info)
    }

    async fn raw_table_info(&self, epoch: Epoch) -> Result<(TableInfo, Address), ServiceError> {
        let info = self.client.call(self.id.manager, &ServiceManager::tableInfoCall { epoch: epoch.0 }).await?;
        if info.pointer.is_zero() {
            return Err(ServiceError::UnknownEpoch(epoch));
        }
        let taken_at = info.takenAt.to::<u64>();
        let valid_until = taken_at.saturating_add(self.table_window_s.into());
        Ok((TableInfo { epoch, taken_at, valid_until, operators: info.count }, info.pointer))
    }

    /// The operator table of an epoch: order and weights from the contract's code, keys from the registrations, each checked against the
    /// other.
    ///
    /// # Errors
    /// [`ServiceError::UnknownEpoch`], [`ServiceError::Table`] when the parts do not fit, [`ServiceError::MissingEvent`].
    pub async fn operator_table(&self, epoch: Epoch) -> Result<OperatorTable, ServiceError> {
        let (info, pointer) = self.raw_table_info(epoch).await?;
        let code = self.client.code(pointer).await?;
        let operators = self.table_operators(&info).await?;
        let mut registry = self.registry.lock().await;
        if operators.iter().any(|operator| registry.get(operator.0).is_none()) {
            registry.refresh(&self.client).await?;
        }
        table::join(epoch, &code, &operators, &registry.keys()).map_err(|error| ServiceError::Table { epoch, error })
    }

    /// The operators named by the event of the table's refresh, which is looked for in the blocks of its time.
    async fn table_operators(&self, info: &TableInfo) -> Result<Vec<OperatorId>, ServiceError> {
        let first = self.first_block_at(info.taken_at).await?;
        let last = self.last_block_at(first, info.taken_at).await?;
        let kind = ServiceManager::TableRefreshed::SIGNATURE_HASH;
        let subject = B256::left_padding_from(&info.epoch.0.to_be_bytes());
        let event = self.last_event(LogFilter { kinds: vec![kind], ..self.filter(first, last, subject) }).await?;
        match event {
            Some(ServiceEvent::TableRefreshed { operators, .. }) => Ok(operators),
            _ => Err(ServiceError::MissingEvent(format!("the operator table of epoch {}", info.epoch))),
        }
    }

    /// The first block whose time is not before `timestamp`, by bisection: block times never fall.
    async fn first_block_at(&self, timestamp: u64) -> Result<u64, ServiceError> {
        let (mut low, mut high) = (self.deployment_block, self.client.block_number().await?);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.client.block(middle).await? {
                Some(block) if block.timestamp < timestamp => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The last block of that time, among the blocks from `first` on.
    async fn last_block_at(&self, first: u64, timestamp: u64) -> Result<u64, ServiceError> {
        let mut last = first;
        while last < first + BLOCKS_PER_SECOND_MAX {
            match self.client.block(last + 1).await? {
                Some(block) if block.timestamp == timestamp => last += 1,
                _ => break,
            }
        }
        Ok(last)
    }

    fn filter(&self, first: u64, last: u64, subject: B256) -> LogFilter {
        LogFilter { contract: self.id.manager, first, last, subjects: vec![subject], ..LogFilter::default() }
    }

    async fn last_event(&self, filter: LogFilter) -> Result<Option<ServiceEvent>, ServiceError> {
        let logs = Scanner::new(RangeSize::new(1_000, 1 << 20), LOGS_MAX).all(&self.client, filter).await?;
        let events = logs.iter().rev().find_map(|log: &LogRecord| event::decode(self.id, log).ok().flatten());
        Ok(events)
    }

    /// The manifest in force; none before the first.
    ///
    /// # Errors
    /// [`ServiceError::MissingEvent`] when its announcement is not found, [`ServiceError::Rpc`].
    pub async fn manifest_in_force(&self) -> Result<Option<AnnouncedManifest>, ServiceError> {
        let hash = self.client.call(self.id.manager, &ServiceManager::manifestInForceCall {}).await?;
        if hash.is_zero() { Ok(None) } else { self.announcement(hash).await.map(Some) }
    }

    /// The manifest that was announced and will be in force from its activation block on, if there is one.
    ///
    /// # Errors
    /// As [`manifest_in_force`](Self::manifest_in_force).
    pub async fn manifest_to_come(&self) -> Result<Option<AnnouncedManifest>, ServiceError> {
        let known = self.client.call(self.id.manager, &ServiceManager::manifestsCall {}).await?;
        let head = self.client.block_number().await?;
        let coming = known.activationBlock > head && !known.next.is_zero();
        if coming { self.announcement(known.next).await.map(Some) } else { Ok(None) }
    }

    async fn announcement(&self, hash: B256) -> Result<AnnouncedManifest, ServiceError> {
        let head = self.client.block_number().await?;
        let kind = ServiceManager::ManifestAnnounced::SIGNATURE_HASH;
        let filter = LogFilter { kinds: vec![kind], ..self.filter(self.deployment_block, head, hash) };
        match self.last_event(filter).await? {
            Some(ServiceEvent::ManifestAnnounced { manifest, uri, activation_block }) => {
                Ok(AnnouncedManifest { hash: manifest, uri, activation_block })
            }
            _ => Err(ServiceError::MissingEvent(format!("manifest {hash}"))),
        }
    }

    /// The operators that serve now, ascending by address, and where their nodes are. Those whose registration is not found are left out.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn peers(&self) -> Result<Vec<Peer>, ServiceError> {
        let call = AllocationManager::operatorsOfCall { service: self.id.manager };
        let mut operators = self.client.call(self.stake_source, &call).await?;
        operators.sort_unstable();
        let mut registry = self.registry.lock().await;
        registry.refresh(&self.client).await?;
        let peer = |operator: Address| {
            let registered = registry.get(operator)?;
            let (transport_key, socket) = (registered.transport_key, registered.socket.clone());
            Some(Peer { operator: OperatorId(operator), transport_key, socket })
        };
        Ok(operators.into_iter().filter_map(peer).collect())
    }
}
