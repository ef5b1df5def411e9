//! One endpoint of a chain: sends a request within the endpoint's limits, and remembers how it went. Tries nothing again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::U64;
use alloy::rpc::json_rpc::SerializedRequest;
use rand_core::{OsRng, RngCore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::config::EndpointConfig;
use super::fault::{Fault, FaultKind};
use super::health::{EndpointState, Health};
use super::limits::{Limits, Load};
use super::rpc;
use super::status::EndpointStatus;
use super::witness::Subject;
use crate::client::ClientConfig;
use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};
use crate::transport::{Broken, Transport};

/// An endpoint, and what is known of it.
pub(super) struct Member {
    /// Its place in the configuration.
    pub(super) place: usize,
    pub(super) endpoint: Endpoint,
    transport: Transport,
    limits: Limits,
    health: Mutex<Health>,
}

#[derive(Debug, Clone, Deserialize)]
struct Numbered {
    number: U64,
}

impl Member {
    pub(super) fn new(place: usize, config: &EndpointConfig) -> Result<Self, RpcError> {
        let endpoint = Endpoint::from(&config.url);
        let transport = Transport::new(config.url.clone());
        let transport = transport.map_err(|failure| RpcError { endpoint: endpoint.clone(), failure })?;
        let limits = Limits::new(config.requests_per_s, config.concurrency);
        Ok(Self { place, endpoint, transport, limits, health: Mutex::default() })
    }

    /// Sends a request, and waits for its answer.
    pub(super) async fn exchange(
        &self,
        request: &SerializedRequest,
        limits: ClientConfig,
    ) -> Result<Box<RawValue>, Fault> {
        let is_logs = request.method() == Subject::Logs.method();
        let load = if is_logs { Load::Bulk } else { Load::Single };
        let Some(_permit) = self.limits.admit(load, limits.request_timeout).await else {
            return Err(Fault::new(self.endpoint.clone(), RpcFailure::Throttled(limits.request_timeout)));
        };
        let began = Instant::now();
        let answer = self.post(request, limits).await;
        match &answer {
            Err(fault) if is_logs && is_logs_timeout(fault) => self.logs_timed_out(fault),
            Err(fault) if fault.is_outage() => self.failed(fault),
            _ => self.health().answered(began.elapsed()),
        }
        answer
    }

    /// The same of something about a block, once the endpoint says that it has it: many find no logs in blocks that they do not have.
    pub(super) async fn exchange_having(
        &self,
        block: Option<u64>,
        request: &SerializedRequest,
        limits: ClientConfig,
    ) -> Result<Box<RawValue>, Fault> {
        if let Some(block) = block.filter(|block| self.known_head().is_none_or(|head| head < *block))
            && self.head(limits).await? < block
        {
            return Err(Fault::new(self.endpoint.clone(), RpcFailure::Behind { block }));
        }
        self.exchange(request, limits).await
    }

    async fn post(&self, request: &SerializedRequest, limits: ClientConfig) -> Result<Box<RawValue>, Fault> {
        let broken = |Broken { failure, retry_after }| self.fault(FaultKind::Broken { failure, retry_after });
        let body = request.serialized().get().as_bytes().to_vec();
        let (status, body) = self.transport.post(body, limits).await.map_err(broken)?;
        let answer = rpc::parse(status, &body).map_err(|failure| broken(failure.into()))?;
        answer.map_err(|payload| self.fault(FaultKind::Refused(payload)))
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { endpoint: self.endpoint.clone(), kind }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: serde_json::Value,
        limits: ClientConfig,
    ) -> Result<T, Fault> {
        let malformed = |error: serde_json::Error| {
            Fault::new(self.endpoint.clone(), RpcFailure::Malformed(self.endpoint.scrub(&error.to_string())))
        };
        let request = rpc::request(method, params).map_err(malformed)?;
        let answer = self.exchange(&request, limits).await?;
        serde_json::from_str(answer.get()).map_err(malformed).inspect_err(|fault| self.failed(fault))
    }

    /// Asks which chain it serves.
    pub(super) async fn check(&self, limits: ClientConfig) -> Result<u64, Fault> {
        let chain_id: U64 = self.ask("eth_chainId", json!([]), limits).await?;
        self.health().is_checked = true;
        Ok(chain_id.to())
    }

    /// Asks for the number of its latest block.
    pub(super) async fn head(&self, limits: ClientConfig) -> Result<u64, Fault> {
        let head: U64 = self.ask("eth_blockNumber", json!([]), limits).await?;
        let head = head.to();
        self.health().head = Some((head, Instant::now()));
        Ok(head)
    }

    /// Asks for the number of the block that it calls by a tag.
    pub(super) async fn tagged(&self, tag: &'static str, limits: ClientConfig) -> Result<Option<u64>, Fault> {
        let block: Option<Numbered> = self.ask("eth_getBlockByNumber", json!([tag, false]), limits).await?;
        Ok(block.map(|block| block.number.to()))
    }

    /// Asks how it is, if nobody does already: which chain it serves, if it never said, and how far it is.
    pub(super) async fn probe(self: Arc<Self>, chain_id: u64, limits: ClientConfig) {
        if std::mem::replace(&mut self.health().is_probed, true) {
            return;
        }
        let found = self.examine(chain_id, limits).await;
        self.health().is_probed = false;
        match found {
            Ok(head) => tracing::debug!(endpoint = %self.endpoint, head, "looked at an endpoint"),
            Err(fault) => tracing::debug!(error = %fault.clone_error(), "looked at an endpoint"),
        }
    }

    async fn examine(&self, chain_id: u64, limits: ClientConfig) -> Result<u64, Fault> {
        // What comes up again may be another node.
        if !self.is_checked() || self.paused_until().is_some() {
            let found = self.check(limits).await?;
            if found != chain_id {
                self.health().is_checked = false;
                let fault = Fault::new(self.endpoint.clone(), RpcFailure::WrongChain { expected: chain_id, found });
                self.failed(&fault);
                return Err(fault);
            }
        }
        self.head(limits).await
    }

    /// Whether it is time to ask how it is.
    pub(super) fn is_due(&self, now: Instant, look_after: Duration) -> bool {
        let health = self.health();
        let is_old = |seen: Instant| now.saturating_duration_since(seen) >= look_after;
        match (health.is_probed, health.paused_until()) {
            (true, _) => false,
            (false, Some(until)) => until <= now,
            (false, None) => health.head.is_none_or(|(_, seen)| is_old(seen)),
        }
    }

    /// It does not serve requests now.
    pub(super) fn failed(&self, fault: &Fault) {
        let asked_for = match fault.kind {
            FaultKind::Broken { retry_after, .. } => retry_after,
            FaultKind::Refused(_) => None,
        };
        let error = fault.clone_error();
        let mut health = self.health();
        let was_paused = health.paused_until().is_some();
        let pause = health.failed(Instant::now(), error.failure.to_string(), asked_for, chance());
        drop(health);
        if was_paused {
            tracing::debug!(%error, pause_ms = pause.as_millis(), "an endpoint fails again");
        } else {
            tracing::warn!(%error, pause_ms = pause.as_millis(), "an endpoint fails and is left alone for a while");
        }
    }

    fn logs_timed_out(&self, fault: &Fault) {
        let is_failing = self.health().logs_timed_out(Instant::now(), fault.clone_error().failure.to_string());
        if is_failing {
            self.failed(fault);
        }
    }

    /// It said something else than others, who are believed if `is_doubted`.
    pub(super) fn contradicted(&self, error: String, is_doubted: bool) {
        self.health().contradicted(Instant::now(), error, is_doubted);
    }

    pub(super) fn is_checked(&self) -> bool {
        self.health().is_checked
    }

    pub(super) fn known_head(&self) -> Option<u64> {
        self.health().head.map(|(head, _)| head)
    }

    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.health().paused_until()
    }

    pub(super) fn state(&self, foremost: u64, lag_blocks_max: u64) -> EndpointState {
        self.health().state(Instant::now(), foremost, lag_blocks_max)
    }

    pub(super) fn status(&self, now: Instant, foremost: u64, lag_blocks_max: u64) -> EndpointStatus {
        let health = self.health().clone();
        let head = health.head.map(|(head, _)| head);
        EndpointStatus {
            url: self.endpoint.to_string(),
            state: health.state(now, foremost, lag_blocks_max),
            head,
            lag_blocks: head.map(|head| foremost.saturating_sub(head)),
            latency_ms: health.latency.map(|latency| latency.as_secs_f64() * 1_000.0),
            requests: health.requests,
            failures: health.failures,
            contradictions: health.contradictions,
            last_error_age_s: health.last_error.as_ref().map(|(_, at)| now.saturating_duration_since(*at).as_secs()),
            last_error: health.last_error.map(|(error, _)| error),
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A request for logs that takes too long may be for too many: the reader then asks for fewer.
fn is_logs_timeout(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Broken { failure: RpcFailure::Timeout(_), .. })
}

/// Between 0 and 1.
fn chance() -> f64 {
    f64::from(OsRng.next_u32()) / f64::from(u32::MAX)
}
