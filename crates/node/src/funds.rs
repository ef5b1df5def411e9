//! Looks from time to time at what the account has that pays for deliveries.

use std::sync::Arc;
use std::time::Duration;

use tandem_chain::ServiceReader;
use tandem_types::{OperatorId, U256};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::source::chain_of;
use crate::status::Status;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(60);
const WEI_PER_GWEI: u64 = 1_000_000_000;
const WEI_PER_ETHER: f64 = 1e18;

/// What pays for deliveries.
pub(crate) struct Funds {
    pub(crate) me: OperatorId,
    pub(crate) service: Arc<ServiceReader>,
    /// What the account should have at least.
    pub(crate) least_gwei: u64,
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
}

impl Funds {
    /// Looks until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.watch()).await;
    }

    async fn watch(&self) {
        let least = U256::from(self.least_gwei) * U256::from(WEI_PER_GWEI);
        let mut looks = tokio::time::interval(LOOK);
        let mut was_low = false;
        loop {
            looks.tick().await;
            match self.service.client().balance(self.me.0).await {
                Ok(balance) => {
                    self.status.set_balance(balance, least);
                    self.metrics.balance_ether.set(ether(balance));
                    let is_low = balance < least;
                    if is_low && !was_low {
                        tracing::warn!(account = %self.me, ether = ether(balance), "the account that pays for deliveries is low");
                    }
                    was_low = is_low;
                }
                Err(error) => {
                    self.metrics.rpc_failures.inc();
                    tracing::debug!(error = %chain_of(&error), "cannot look up the account's balance");
                }
            }
        }
    }
}

/// For people and graphs; nothing is decided by it.
fn ether(wei: U256) -> f64 {
    wei.saturating_to::<u128>() as f64 / WEI_PER_ETHER
}
