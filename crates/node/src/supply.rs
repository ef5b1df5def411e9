//! Fetches the components that workflows wait for, keeps them, and ends the wait. A registry that is down stops nothing but the workflows that need it: it is
//! said so, and asked again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tandem_engine::{Engine, Fault};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::components::{ComponentStore, Fetcher};
use crate::metrics::Metrics;
use crate::status::Status;
use crate::workflows::{Awaited, Supplied, Unusable, Workflows};

/// Components that are fetched and compiled at a time; each may be held in memory whole.
const FETCHES_MAX: usize = 4;
/// Longest pause before everybody is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(120);

/// Supplies the workflows of one node.
#[derive(Clone)]
pub(crate) struct Supply {
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) engine: Engine,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) store: ComponentStore,
    pub(crate) metrics: Metrics,
    pub(crate) status: Status,
}

impl Supply {
    /// Fetches whatever is awaited, and goes on until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(FETCHES_MAX));
        let mut fetches = JoinSet::new();
        for awaited in self.workflows.awaited() {
            let (supply, awaited, places) = (self.clone(), awaited.clone(), Arc::clone(&places));
            fetches.spawn(async move { supply.until_settled(&awaited, &places).await });
        }
        self.report(fetches.len());
        while let Some(Some(_)) = stop.run_until_cancelled(fetches.join_next()).await {
            self.report(fetches.len());
        }
        stop.cancelled().await;
    }

    fn report(&self, awaited: usize) {
        let unusable = self.workflows.unusable();
        self.metrics.components_awaited.set(awaited as u64);
        self.metrics.components_unusable.set(unusable as u64);
        self.status.set_awaited(awaited);
        self.status.set_unusable(unusable);
    }

    /// Ends once the workflow has its component, or that component can never run here.
    async fn until_settled(&self, awaited: &Awaited, places: &Semaphore) {
        let mut pauses = pauses();
        loop {
            let settled = self.workflows.settled();
            match self.attempt(awaited, places).await {
                Some(Supplied::Ready | Supplied::Unusable) => return,
                Some(Supplied::Waits) => settled.await,
                None => tokio::time::sleep(pauses.next().unwrap_or(PAUSE_MAX)).await,
            }
        }
    }

    /// Asks for the component once, and compiles it; none when it cannot be fetched. Its place is free again when its bytes are gone.
    async fn attempt(&self, awaited: &Awaited, places: &Semaphore) -> Option<Supplied> {
        let _place = places.acquire().await.expect("the semaphore is never closed");
        let bytes = self.component(awaited).await?;
        Some(self.supply(awaited, bytes).await)
    }

    /// From the store, which another workflow or process may have filled in the meantime, else from its sources.
    async fn component(&self, awaited: &Awaited) -> Option<Vec<u8>> {
        let Awaited { workflow, digest, sources, .. } = awaited;
        if let Ok(Some(bytes)) = self.store.read(*digest) {
            return Some(bytes);
        }
        match self.fetcher.component(*digest, sources).await {
            Ok(bytes) => {
                tracing::info!(%workflow, %digest, bytes = bytes.len(), "component fetched");
                if let Err(error) = self.store.write(*digest, &bytes) {
                    tracing::warn!(%workflow, %error, "the component cannot be kept and is fetched again at the next start");
                }
                Some(bytes)
            }
            Err(error) => {
                tracing::warn!(%workflow, %error, "the component cannot be fetched; the workflow waits, and it is tried again");
                self.workflows.explain(awaited, error.to_string());
                None
            }
        }
    }

    /// Compiles for seconds, so not on this thread.
    async fn supply(&self, awaited: &Awaited, bytes: Vec<u8>) -> Supplied {
        let (supply, compiled) = (self.clone(), awaited.clone());
        let compiling = tokio::task::spawn_blocking(move || supply.workflows.supply(&supply.engine, &compiled, &bytes));
        match compiling.await {
            Ok(Ok(supplied)) => {
                if supplied == Supplied::Ready {
                    tracing::info!(workflow = %awaited.workflow, digest = %awaited.digest, "the workflow has its component");
                }
                supplied
            }
            Ok(Err(error)) => self.workflows.give_up(awaited, (&error).into()),
            Err(error) => {
                let unusable = Unusable { reason: format!("compiling it ended: {error}"), fault: Fault::Host };
                self.workflows.give_up(awaited, unusable)
            }
        }
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
#[path = "supply_tests.rs"]
mod tests;
