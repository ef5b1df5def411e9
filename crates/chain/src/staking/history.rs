//! What only events tell: which withdrawals a staker queued, and what an operator says of itself.

use alloy::sol_types::SolEvent;
use tandem_types::{Address, B256};

use super::Profile;
use crate::abi::harmless;
use crate::bindings::{OperatorRegistry, RestakingManager};
use crate::client::ChainClient;
use crate::error::RpcError;
use crate::event::raw;
use crate::log::{LogFilter, LogRecord};
use crate::scan::{RangeSize, Scanner};

/// Most logs in one answer.
const LOGS_MAX: usize = 50_000;
/// Longest text that an operator may register, in bytes.
const TEXT_BYTES_MAX: usize = 256;

async fn logs(client: &ChainClient, filter: LogFilter) -> Result<Vec<LogRecord>, RpcError> {
    let last = client.block_number().await?;
    if filter.first > last {
        return Ok(Vec::new());
    }
    Scanner::new(RangeSize::new(100_000, 1 << 22), LOGS_MAX).all(client, LogFilter { last, ..filter }).await
}

fn topic(account: Address) -> B256 {
    account.into_word()
}

/// Numbers of all withdrawals that `staker` queued since block `first`, oldest first.
pub(super) async fn withdrawals(
    client: &ChainClient,
    (contract, first): (Address, u64),
    staker: Address,
) -> Result<Vec<u64>, RpcError> {
    let kinds = vec![RestakingManager::WithdrawalQueued::SIGNATURE_HASH];
    let filter =
        LogFilter { contracts: vec![contract], first, kinds, objects: vec![topic(staker)], ..LogFilter::default() };
    let logs = logs(client, filter).await?;
    let queued = logs.iter().filter_map(|log| raw::<RestakingManager::WithdrawalQueued>(log).ok());
    Ok(queued.map(|event| event.id).collect())
}

/// What `operator` said of itself last, since block `first`.
pub(super) async fn profile(
    client: &ChainClient,
    (contract, first): (Address, u64),
    operator: Address,
) -> Result<Profile, RpcError> {
    let kinds = vec![
        OperatorRegistry::OperatorRegistered::SIGNATURE_HASH,
        OperatorRegistry::SocketUpdated::SIGNATURE_HASH,
        OperatorRegistry::MetadataUpdated::SIGNATURE_HASH,
    ];
    let filter =
        LogFilter { contracts: vec![contract], first, kinds, subjects: vec![topic(operator)], ..LogFilter::default() };
    let mut profile = Profile::default();
    logs(client, filter).await?.iter().for_each(|log| profile.apply(log));
    Ok(profile)
}

impl Profile {
    fn apply(&mut self, log: &LogRecord) {
        let clean = |text: &str| harmless(text, TEXT_BYTES_MAX);
        if let Ok(event) = raw::<OperatorRegistry::OperatorRegistered>(log) {
            *self = Self { socket: clean(&event.socket), metadata_uri: clean(&event.metadataUri) };
        } else if let Ok(event) = raw::<OperatorRegistry::SocketUpdated>(log) {
            self.socket = clean(&event.socket);
        } else if let Ok(event) = raw::<OperatorRegistry::MetadataUpdated>(log) {
            self.metadata_uri = clean(&event.metadataUri);
        }
    }
}
