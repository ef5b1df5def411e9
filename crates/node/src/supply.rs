//! Fetches the components that workflows wait for, keeps them, and ends the wait. A registry that is down stops nothing but the workflows that need it: it is
//! said so, and asked again.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tandem_engine::Engine;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::components::{ComponentStore, Fetcher};
use crate::metrics::Metrics;
use crate::status::Status;
use crate::workflows::{Awaited, Workflows};

/// Components that are fetched at a time; each may be held in memory whole.
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
            fetches.spawn(async move { supply.until_ready(&awaited, &places).await });
        }
        let mut left = fetches.len();
        self.report(left);
        while let Some(Some(done)) = stop.run_until_cancelled(fetches.join_next()).await {
            if let Ok(true) = done {
                left -= 1;
                self.report(left);
            }
        }
        stop.cancelled().await;
    }

    fn report(&self, awaited: usize) {
        self.metrics.components_awaited.set(awaited as u64);
        self.status.set_awaited(awaited);
    }

    /// True once the workflow has its component; false when that component can never run here.
    async fn until_ready(&self, awaited: &Awaited, places: &Semaphore) -> bool {
        let mut pauses = pauses();
        loop {
            let supplied = self.workflows.supplied();
            let place = places.acquire().await.expect("the semaphore is never closed");
            let component = self.component(awaited).await;
            drop(place);
            match component {
                Some(bytes) => match self.supply(awaited.clone(), bytes).await {
                    Some(true) => return true,
                    Some(false) => supplied.await,
                    None => return false,
                },
                None => tokio::time::sleep(pauses.next().unwrap_or(PAUSE_MAX)).await,
            }
        }
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

    /// Whether the workflow could be given its component, or has to wait for those that it calls; none when the component can never run here. Compiles for
    /// seconds, so not on this thread.
    async fn supply(&self, awaited: Awaited, bytes: Vec<u8>) -> Option<bool> {
        let supply = self.clone();
        let supplied = tokio::task::spawn_blocking(move || {
            let workflow = awaited.workflow.clone();
            match supply.workflows.supply(&supply.engine, &awaited, &bytes) {
                Ok(is_ready) => {
                    if is_ready {
                        tracing::info!(%workflow, digest = %awaited.digest, "the workflow has its component");
                    }
                    Some(is_ready)
                }
                Err(error) => {
                    let reason =
                        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                    tracing::error!(%workflow, %reason, "the component that was fetched cannot run here");
                    supply.workflows.explain(&awaited, reason);
                    None
                }
            }
        });
        supplied.await.ok().flatten()
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
