//! One service as its contracts tell it: policy, epochs, operator tables, manifests, peers. Reads; changes nothing, and follows no events.

use std::collections::HashMap;

use alloy::sol_types::{SolCall, SolEvent};
use tandem_types::{
    Address, B256, Bps, Domain, Epoch, G1Point, ManifestHash, OperatorId, OperatorTable, PerToken, Policy, ServiceId,
    SignerBitmap, U256, Weight,
};
use tokio::sync::Mutex;

use crate::bindings::{AllocationManager, ConversionError, OperatorRegistry, ServiceManager};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};
use crate::event::{self, ServiceEvent};
use crate::firings::{self, Announcement, ManifestWindow};
use crate::log::{LogFilter, LogRecord};
use crate::oracle::{self, OracleInfo};
use crate::policy::{Conditions, Judged};
use crate::range::RangeSize;
use crate::refresh::{RefreshError, TableRefresh};
use crate::registry::{Registration, Registry};
use crate::scan::Scanner;
use crate::table::{self, Holder, TableRowsError};

/// Most logs in one answer.
const LOGS_MAX: usize = 50_000;

/// Rows of a table that are asked for at once.
const ROWS_PER_CALL: usize = 250;

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
    /// The next table cannot be put together.
    #[error("cannot put the next operator table together: {0}")]
    Refresh(#[from] RefreshError),
    /// The table does not hold together.
    #[error("operator table of epoch {epoch}: {error}")]
    Table {
        /// Its epoch.
        epoch: Epoch,
        /// What is wrong.
        error: TableRowsError,
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
    /// The key that it had before, and the last second (Unix time) at which that is honoured.
    pub previous_transport_key: Option<(B256, u64)>,
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

/// When operator tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableTerms {
    /// Seconds for which a table is believed after it was written.
    pub window_s: u32,
    /// Seconds after which anyone may write the next one.
    pub epoch_s: u32,
    /// Share of a token's total by which an operator's weight must have moved for a correction, in basis points.
    pub move_bps: u16,
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
    judged: Judged,
    table_window_s: u32,
    move_bps: Bps,
    handler_gas: u32,
    registry: Mutex<Registry>,
}

impl ServiceReader {
    /// Reads what never changes.
    ///
    /// # Errors
    /// [`ServiceError::NotAService`] when the address does not answer like one, or its stake source names no operators' registry;
    /// [`ServiceError::Rpc`].
    pub async fn open(client: ChainClient, manager: Address) -> Result<Self, ServiceError> {
        let id = ServiceId { chain_id: client.chain_id(), manager };
        if client.code(manager).await?.is_empty() {
            return Err(ServiceError::NotAService(id));
        }
        let strange = |error: RpcError| match error.failure {
            RpcFailure::Reverted(_) | RpcFailure::Malformed(_) => ServiceError::NotAService(id),
            _ => ServiceError::Rpc(error),
        };
        let stake_source = client.call(manager, &ServiceManager::stakeSourceCall {}).await.map_err(strange)?;
        let block = client.call(manager, &ServiceManager::deploymentBlockCall {}).await.map_err(strange)?;
        let policy = client.call(manager, &ServiceManager::policyCall {}).await.map_err(strange)?;
        let table_window_s = client.call(manager, &ServiceManager::tableWindowCall {}).await.map_err(strange)?;
        let move_bps = client.call(manager, &ServiceManager::moveBpsCall {}).await.map_err(strange)?;
        let handler_gas = client.call(manager, &ServiceManager::handlerGasCall {}).await.map_err(strange)?;
        let registry = client.call(stake_source, &AllocationManager::operatorRegistryCall {}).await.map_err(strange)?;
        let first = client.call(registry, &OperatorRegistry::deploymentBlockCall {}).await.map_err(strange)?;
        Ok(Self {
            id,
            stake_source,
            deployment_block: block.saturating_to(),
            judged: Judged::try_from(policy)?,
            table_window_s,
            move_bps: Bps::new(move_bps).map_err(ConversionError::from)?,
            handler_gas,
            registry: Mutex::new(Registry::new(registry, first.saturating_to())),
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

    /// The contract that says which operators serve it, with how much stake.
    pub fn stake_source(&self) -> Address {
        self.stake_source
    }

    /// Block in which it was deployed: its events begin there.
    pub fn deployment_block(&self) -> u64 {
        self.deployment_block
    }

    /// Gas that each handler is promised.
    pub fn handler_gas(&self) -> u32 {
        self.handler_gas
    }

    /// What signed stake every result needs.
    pub fn policy(&self) -> Policy {
        self.judged.policy
    }

    /// What the policy depends on besides stake, in the latest block. An oracle that does not answer leaves it unknown.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn conditions(&self) -> Result<Conditions, ServiceError> {
        Ok(self.judged.conditions(&self.client).await?)
    }

    /// What the policy's oracle is made of; none for a policy that asks none.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn oracle(&self) -> Result<Option<OracleInfo>, ServiceError> {
        let Judged { policy, oracle } = self.judged;
        if !policy.needs_prices() && !policy.needs_fallback() {
            return Ok(None);
        }
        Ok(Some(oracle::read(&self.client, oracle, policy.needs_fallback()).await?))
    }

    /// When operator tables are written.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn table_terms(&self) -> Result<TableTerms, ServiceError> {
        let epoch_s = self.client.call(self.id.manager, &ServiceManager::epochSecondsCall {}).await?;
        let move_bps = self.client.call(self.id.manager, &ServiceManager::moveBpsCall {}).await?;
        Ok(TableTerms { window_s: self.table_window_s, epoch_s, move_bps })
    }

    /// Seconds for which an operator table is believed after it was written.
    pub fn table_window_s(&self) -> u32 {
        self.table_window_s
    }

    /// Share of a token's total by which a weight must have moved for a correction.
    pub fn move_bps(&self) -> Bps {
        self.move_bps
    }

    /// Tasks that were asked for so far: the number of the last one.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn task_count(&self) -> Result<u64, ServiceError> {
        Ok(self.client.call(self.id.manager, &ServiceManager::taskCountCall {}).await?)
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
        let info = self.raw_table_info(epoch).await?;
        let taken_at = info.takenAt.to::<u64>();
        let valid_until = taken_at.saturating_add(self.table_window_s.into());
        Ok(TableInfo { epoch, taken_at, valid_until, operators: info.count })
    }

    /// Sum of the weights in a table.
    ///
    /// # Errors
    /// [`ServiceError::UnknownEpoch`], [`ServiceError::Rpc`].
    pub async fn table_total(&self, epoch: Epoch) -> Result<PerToken<Weight>, ServiceError> {
        let total = self.table_call(epoch, &ServiceManager::tableTotalCall { epoch: epoch.0 }).await?._0;
        Ok(weights(&total))
    }

    async fn raw_table_info(&self, epoch: Epoch) -> Result<ServiceManager::TableInfo, ServiceError> {
        self.table_call(epoch, &ServiceManager::tableInfoCall { epoch: epoch.0 }).await
    }

    /// The operator table of an epoch: keys and weights from its rows, names and second halves of keys from the registrations. Operators
    /// whose weight was revoked since have none in it, and count in its total nevertheless.
    ///
    /// # Errors
    /// [`ServiceError::UnknownEpoch`], also when later tables took its place; [`ServiceError::Table`] when the parts do not fit.
    pub async fn operator_table(&self, epoch: Epoch) -> Result<OperatorTable, ServiceError> {
        let expected = usize::from(self.raw_table_info(epoch).await?.count);
        let total = self.table_call(epoch, &ServiceManager::tableTotalCall { epoch: epoch.0 }).await?._0;
        let rows = self.rows(epoch, expected).await?;
        let holder = self.holders(&rows).await?;
        let failed = |error| ServiceError::Table { epoch, error };
        let table = table::join(epoch, (&rows, weights(&total)), |key| holder.get(key).copied()).map_err(failed)?;
        let revoked = self.table_call(epoch, &ServiceManager::revokedInCall { epoch: epoch.0 }).await?;
        let revoked = SignerBitmap::from_words(revoked).positions(expected).map_err(|error| failed(error.into()))?;
        Ok(table.without(&revoked))
    }

    async fn rows(&self, epoch: Epoch, expected: usize) -> Result<Vec<table::Row>, ServiceError> {
        let mut rows = Vec::with_capacity(expected);
        while rows.len() < expected {
            let (first, count) = (U256::from(rows.len()), U256::from(ROWS_PER_CALL));
            let page = self.table_call(epoch, &ServiceManager::tableRowsCall { epoch: epoch.0, first, count }).await?;
            let found = rows.len() + page.len();
            if page.is_empty() || found > expected {
                return Err(ServiceError::Table { epoch, error: TableRowsError::Count { expected, found } });
            }
            rows.extend(page.iter().map(|row| table::Row { key: (&row.key).into(), weight: weights(row) }));
        }
        Ok(rows)
    }

    /// A call about a table; one that is not there, or not any more, is an [`ServiceError::UnknownEpoch`].
    async fn table_call<C: SolCall + Sync>(&self, epoch: Epoch, call: &C) -> Result<C::Return, ServiceError> {
        let answer = self.client.call(self.id.manager, call).await;
        answer.map_err(|error| match error.failure {
            RpcFailure::Reverted(_) => ServiceError::UnknownEpoch(epoch),
            _ => ServiceError::Rpc(error),
        })
    }

    /// Whose the keys of `rows` are, as far as anybody registered them.
    async fn holders(&self, rows: &[table::Row]) -> Result<HashMap<G1Point, Holder>, ServiceError> {
        let mut registry = self.registry.lock().await;
        if rows.iter().any(|row| registry.holder(&row.key).is_none()) {
            registry.refresh(&self.client).await?;
        }
        Ok(rows.iter().filter_map(|row| Some((row.key, registry.holder(&row.key)?))).collect())
    }

    fn filter(&self, first: u64, last: u64, subject: B256) -> LogFilter {
        LogFilter { contracts: vec![self.id.manager], first, last, subjects: vec![subject], ..LogFilter::default() }
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

    /// The manifests in force now and to come, and when that changes: others when there is a new announcement.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn manifest_schedule(&self) -> Result<(ManifestHash, ManifestHash, u64), ServiceError> {
        let known = self.client.call(self.id.manager, &ServiceManager::manifestsCall {}).await?;
        Ok((ManifestHash(known.current), ManifestHash(known.next), known.activationBlock))
    }

    /// When which manifest was, is and will be in force, as far as it was announced: ascending.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn manifest_windows(&self) -> Result<Vec<ManifestWindow>, ServiceError> {
        let head = self.client.block_number().await?;
        let filter = LogFilter {
            contracts: vec![self.id.manager],
            first: self.deployment_block,
            last: head,
            kinds: vec![ServiceManager::ManifestAnnounced::SIGNATURE_HASH],
            ..LogFilter::default()
        };
        let logs = Scanner::new(RangeSize::new(1_000, 1 << 20), LOGS_MAX).all(&self.client, filter).await?;
        let announcements = logs.iter().filter_map(|log| match event::decode(self.id, log) {
            Ok(Some(ServiceEvent::ManifestAnnounced { manifest, activation_block, workflows, .. })) => {
                let (block, activation) = (log.block_number, activation_block);
                Some(Announcement { block, activation, manifest, routes: workflows })
            }
            _ => None,
        });
        Ok(firings::windows(announcements))
    }

    async fn announcement(&self, hash: B256) -> Result<AnnouncedManifest, ServiceError> {
        let head = self.client.block_number().await?;
        let kind = ServiceManager::ManifestAnnounced::SIGNATURE_HASH;
        let filter = LogFilter { kinds: vec![kind], ..self.filter(self.deployment_block, head, hash) };
        match self.last_event(filter).await? {
            Some(ServiceEvent::ManifestAnnounced { manifest, uri, activation_block, .. }) => {
                Ok(AnnouncedManifest { hash: manifest, uri, activation_block })
            }
            _ => Err(ServiceError::MissingEvent(format!("manifest {hash}"))),
        }
    }

    /// The next operator table, of the operators that serve now with the keys that they have now.
    ///
    /// # Errors
    /// [`ServiceError::Refresh`] when an operator's registration is not found or malformed, [`ServiceError::Rpc`].
    pub async fn next_table(&self) -> Result<TableRefresh, ServiceError> {
        let operators = self.operators().await?;
        let mut registry = self.registry.lock().await;
        registry.refresh(&self.client).await?;
        let member = |operator: Address| {
            let found = registry.get(operator).and_then(|of| Some((of.key, registry.holder(&of.key)?.g2)));
            let (g1, g2) = found.ok_or(RefreshError::Unregistered(OperatorId(operator)))?;
            Ok((OperatorId(operator), g1, g2))
        };
        let members = operators.into_iter().map(member).collect::<Result<Vec<_>, RefreshError>>()?;
        Ok(TableRefresh::new(self.id.manager, &members)?)
    }

    /// The operators that serve now, ascending.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn serving(&self) -> Result<Vec<OperatorId>, ServiceError> {
        Ok(self.operators().await?.into_iter().map(OperatorId).collect())
    }

    /// What an operator has registered, whether it serves or not; none when it is no operator.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn registration(&self, operator: OperatorId) -> Result<Option<Peer>, ServiceError> {
        let mut registry = self.registry.lock().await;
        registry.refresh(&self.client).await?;
        Ok(registry.get(operator.0).map(|registered| peer(operator, registered)))
    }

    async fn operators(&self) -> Result<Vec<Address>, RpcError> {
        let call = AllocationManager::operatorsOfCall { service: self.id.manager };
        let mut operators = self.client.call(self.stake_source, &call).await?;
        operators.sort_unstable();
        Ok(operators)
    }

    /// The operators that serve now, ascending by address, and where their nodes are. Those whose registration is not found are left out.
    ///
    /// # Errors
    /// [`ServiceError::Rpc`].
    pub async fn peers(&self) -> Result<Vec<Peer>, ServiceError> {
        let operators = self.operators().await?;
        let mut registry = self.registry.lock().await;
        registry.refresh(&self.client).await?;
        let peer = |account: Address| registry.get(account).map(|registered| peer(OperatorId(account), registered));
        Ok(operators.into_iter().filter_map(peer).collect())
    }
}

fn peer(operator: OperatorId, registered: &Registration) -> Peer {
    Peer {
        operator,
        transport_key: registered.transport_key,
        previous_transport_key: registered.previous_transport,
        socket: registered.socket.clone(),
    }
}

fn weights(row: &ServiceManager::Row) -> PerToken<Weight> {
    PerToken { native: event::weight(row.nativeWeight), external: event::weight(row.externalWeight) }
}
