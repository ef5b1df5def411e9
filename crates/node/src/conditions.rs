//! Reads what the policy depends on besides stake, and tells the agreement when it changes. Policies that depend on nothing else read
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use tandem_chain::ServiceReader;
use tandem_protocol::policy::Conditions;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agree::AgreeInput;
use crate::metrics::Metrics;
use crate::source::chain_of;

/// Shortest time between two looks at the oracle: prices change by the block.
const PERIOD_MIN: Duration = Duration::from_secs(1);

/// Watches the oracle of a service's policy.
pub(crate) struct Oracle {
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) agree: mpsc::Sender<AgreeInput>,
    pub(crate) metrics: Metrics,
    pub(crate) poll: Duration,
}

impl Oracle {
    /// Watches until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let policy = self.service.policy();
        if policy.needs_prices() || policy.needs_fallback() {
            stop.run_until_cancelled(self.watch()).await;
        } else {
            stop.cancelled().await;
        }
    }

    async fn watch(&self) {
        let mut told = Conditions::default();
        let mut looks = tokio::time::interval(self.poll.max(PERIOD_MIN));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let found = self.look().await;
            if found != told {
                tracing::info!(prices = ?found.prices, fallback = found.fallback, "the policy's conditions changed");
                if self.agree.send(AgreeInput::Conditions(found)).await.is_err() {
                    tracing::debug!("the agreement has ended");
                }
                told = found;
            }
        }
    }

    /// What does not answer is not known: nothing is certified on a price of the past.
    async fn look(&self) -> Conditions {
        match self.service.conditions().await {
            Ok(tandem_chain::Conditions { prices, fallback }) => Conditions { prices, fallback },
            Err(error) => {
                self.metrics.rpc_failures.inc();
                tracing::warn!(error = %chain_of(&error), "cannot read the policy's conditions");
                Conditions::default()
            }
        }
    }
}
