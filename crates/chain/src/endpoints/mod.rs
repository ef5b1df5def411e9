//! The endpoints of one chain as one: a request goes to the best of them, and to the next when that fails. Blocks and logs are believed when
//! as many endpoints as the configuration asks for say the same; when they do not, that is an error which names them, never a choice.
//!
//! An endpoint that fails is left alone for a while, longer every time, and asked in the background how it is before anything depends on it
//! again. When all of them fail, requests wait for the first pause to end, so that an outage costs few requests.

mod config;
mod fault;
mod health;
mod limits;
mod member;
mod rpc;
mod start;
mod status;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use alloy::rpc::json_rpc::SerializedRequest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub use config::{ENDPOINTS_MAX, EndpointConfig, EndpointsConfig};
pub(crate) use fault::{Fault, refused};
pub use health::EndpointState;
use member::Member;
pub use status::{EndpointStatus, EndpointsStatus};
pub use witness::Contradiction;
use witness::{Outcome, Tally};
pub(crate) use witness::{Subject, Witnesses};

use crate::client::ClientConfig;
use crate::endpoint::Endpoint;
use crate::error::{RpcError, RpcFailure};

/// How old the word of an endpoint may be that is asked for nothing else, before it is asked for its latest block.
const LOOK_AFTER: Duration = Duration::from_secs(10);

/// A chain's endpoints; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    shared: Arc<Shared>,
    limits: ClientConfig,
}

#[derive(Debug)]
struct Shared {
    members: Vec<Arc<Member>>,
    witnesses: usize,
    lag_blocks_max: u64,
    chain_id: u64,
}

/// An answer with who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Witnessed<T> {
    pub(crate) value: T,
    pub(crate) by: Witnesses,
}

impl Endpoints {
    /// Asks every endpoint for its chain once, so that a wrong URL shows at start. `expected` is the chain they must serve, or none for any, as long
    /// as it is the same.
    pub(crate) async fn connect(config: EndpointsConfig, expected: Option<u64>) -> Result<Self, RpcError> {
        let members = start::members(&config)?;
        let mut asked = JoinSet::new();
        for member in &members {
            let (member, limits) = (Arc::clone(member), config.limits);
            asked.spawn(async move { (Arc::clone(&member), member.check(limits).await) });
        }
        let mut answers: Vec<_> = asked.join_all().await;
        answers.sort_by_key(|(member, _)| member.place);
        let chain_id = start::judge(&config, expected, answers)?;
        let EndpointsConfig { witnesses, lag_blocks_max, limits, .. } = config;
        Ok(Self { shared: Arc::new(Shared { members, witnesses, lag_blocks_max, chain_id }), limits })
    }

    /// The same endpoints, with other limits of a request.
    pub(crate) fn limited(&self, limits: ClientConfig) -> Self {
        Self { shared: Arc::clone(&self.shared), limits }
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.shared.chain_id
    }

    /// The preferred one.
    pub(crate) fn first(&self) -> &Endpoint {
        &self.shared.members[0].endpoint
    }

    /// Whether so many say enough.
    pub(crate) fn suffice(&self, by: Witnesses) -> bool {
        by.count() >= self.shared.witnesses
    }

    pub(crate) fn witnesses(&self) -> usize {
        self.shared.witnesses
    }

    pub(crate) fn status(&self) -> EndpointsStatus {
        let (now, foremost) = (Instant::now(), self.foremost());
        let members = self.shared.members.iter();
        EndpointsStatus {
            chain_id: self.shared.chain_id,
            witnesses: self.shared.witnesses,
            endpoints: members.map(|member| member.status(now, foremost, self.shared.lag_blocks_max)).collect(),
        }
    }

    /// Sends a request to the best endpoint, and to the others in turn while they fail.
    pub(crate) async fn ask(&self, request: &SerializedRequest) -> Result<Box<RawValue>, Fault> {
        self.one(request, None).await.map(|answer| answer.value)
    }

    /// Sends a transaction to all endpoints that answer, and returns when one has taken it: an endpoint that keeps transactions to itself cannot hold
    /// it up.
    pub(crate) async fn tell_all(&self, request: SerializedRequest) -> Result<Box<RawValue>, Fault> {
        let request = Arc::new(request);
        let order = self.usable().await;
        let (sender, mut answers) = tokio::sync::mpsc::channel(order.len());
        for member in order {
            let (request, limits, sender) = (Arc::clone(&request), self.limits, sender.clone());
            tokio::spawn(async move {
                // Whoever has heard of a success does not listen any more.
                let _ = sender.send(member.exchange(&request, limits).await).await;
            });
        }
        drop(sender);
        let mut worst: Option<Fault> = None;
        while let Some(answer) = answers.recv().await {
            match answer {
                Ok(answer) => return Ok(answer),
                Err(fault) => worst = Some(worst.filter(|worst| !worst.is_outage()).unwrap_or(fault)),
            }
        }
        Err(worst.unwrap_or_else(|| self.too_few(0)))
    }

    /// Number of the latest block that as many endpoints have as must say the same.
    pub(crate) async fn head(&self) -> Result<u64, RpcError> {
        let heads = self.several(|member, limits| async move { member.head(limits).await }).await;
        heads.map(|heads| heads.into_iter().min().unwrap_or(0)).map_err(Fault::into_error)
    }

    /// The lowest number that as many endpoints as must say the same give to a tagged block; none while one of them has no such block.
    pub(crate) async fn tagged(&self, tag: &'static str) -> Result<Option<u64>, RpcError> {
        let ask = move |member: Arc<Member>, limits| async move { member.tagged(tag, limits).await };
        let numbers = self.several(ask).await.map_err(Fault::into_error)?;
        Ok(numbers.into_iter().min().flatten())
    }

    /// An answer about a block or logs, with all who said the same. `block` is the highest one that it is about: who is not known to have it is not asked.
    pub(crate) async fn witnessed<T: DeserializeOwned>(
        &self,
        subject: Subject,
        params: impl Serialize,
        block: Option<u64>,
    ) -> Result<Witnessed<T>, RpcError> {
        let request = self.request(subject.method(), params).map_err(Fault::into_error)?;
        // One endpoint alone says by its answer whether it has the block.
        let block = block.filter(|_| self.shared.members.len() > 1);
        let answer = match self.shared.witnesses {
            1 => self.one(&request, block).await,
            _ => self.most(subject, request, block).await,
        };
        let answer = match answer {
            Err(fault) if subject == Subject::Block && fault.is_lacking() => Ok(nothing()),
            answer => answer,
        };
        let Witnessed { value, by } = answer.map_err(Fault::into_error)?;
        match serde_json::from_str(value.get()) {
            Ok(value) => Ok(Witnessed { value, by }),
            Err(error) => {
                let member = by.members().next().unwrap_or(0);
                let endpoint = self.shared.members[member].endpoint.clone();
                let failure = RpcFailure::Malformed(endpoint.scrub(&error.to_string()));
                Err(RpcError { endpoint, failure })
            }
        }
    }

    fn request(&self, method: &'static str, params: impl Serialize) -> Result<SerializedRequest, Fault> {
        rpc::request(method, params)
            .map_err(|error| Fault::new(self.first().clone(), RpcFailure::Malformed(error.to_string())))
    }

    async fn one(&self, request: &SerializedRequest, block: Option<u64>) -> Result<Witnessed<Box<RawValue>>, Fault> {
        let mut last = None;
        for member in self.usable().await {
            match member.exchange_having(block, request, self.limits).await {
                Ok(value) => return Ok(Witnessed { value, by: Witnesses::default().with(member.place) }),
                Err(fault) if fault.is_elsewhere() => last = Some(worse(last, fault)),
                Err(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or_else(|| self.too_few(0)))
    }

    /// Asks as many as must say the same; others in place of those that fail; and all of them once two say different things.
    async fn most(
        &self,
        subject: Subject,
        request: SerializedRequest,
        block: Option<u64>,
    ) -> Result<Witnessed<Box<RawValue>>, Fault> {
        let (request, limits) = (Arc::new(request), self.limits);
        let mut waiting = self.usable().await.into_iter();
        let mut running = JoinSet::new();
        let ask = |running: &mut JoinSet<_>, member: Arc<Member>| {
            let request = Arc::clone(&request);
            running.spawn(async move { (member.place, member.exchange_having(block, &request, limits).await) });
        };
        waiting.by_ref().take(self.shared.witnesses).for_each(|member| ask(&mut running, member));
        let (mut tally, mut last) = (Tally::new(subject, self.shared.witnesses), None);
        while let Some(done) = running.join_next().await {
            match done {
                Ok((place, Ok(answer))) => self.count(&mut tally, place, answer),
                Ok((_, Err(fault))) if !fault.is_elsewhere() => return Err(fault),
                Ok((_, Err(fault))) => last = Some(worse(last, fault)),
                Err(_) => {}
            }
            let needed = self.shared.witnesses.saturating_sub(tally.answers() + running.len());
            let more = if tally.is_split() { usize::MAX } else { needed };
            waiting.by_ref().take(more).for_each(|member| ask(&mut running, member));
        }
        match last {
            Some(fault) if tally.answers() == 0 => Err(fault),
            _ => self.conclude(subject, tally),
        }
    }

    fn count(&self, tally: &mut Tally, place: usize, answer: Box<RawValue>) {
        let member = &self.shared.members[place];
        if let Err(error) = tally.add(place, answer) {
            member.failed(&Fault::new(member.endpoint.clone(), RpcFailure::Malformed(error.to_string())));
        }
    }

    fn conclude(&self, subject: Subject, tally: Tally) -> Result<Witnessed<Box<RawValue>>, Fault> {
        let split = tally.split();
        let outcome = tally.outcome();
        let believed = match &outcome {
            Outcome::Believed(_, by) => Some(*by),
            _ => None,
        };
        let contradiction = (!split.is_empty()).then(|| self.report(subject, &split, believed));
        match (outcome, contradiction) {
            (Outcome::Believed(value, by), _) => Ok(Witnessed { value, by }),
            (_, Some(contradiction)) => Err(Fault::new(self.first().clone(), RpcFailure::Contradiction(contradiction))),
            (Outcome::TooFew(found), None) => Err(self.too_few(found)),
            (Outcome::Undecided, None) => Err(self.too_few(0)),
        }
    }

    /// Says who contradicts whom, whatever comes of it. Who contradicts those that are believed is asked after the others for a while.
    fn report(&self, subject: Subject, split: &[Witnesses], believed: Option<Witnesses>) -> Contradiction {
        let name = |place: usize| self.shared.members[place].endpoint.clone();
        let groups = split.iter().map(|group| group.members().map(name).collect()).collect();
        let contradiction = Contradiction { what: subject.method(), groups };
        tracing::warn!(chain = self.shared.chain_id, "{contradiction}");
        for group in split {
            let is_doubted = believed.is_some_and(|believed| believed != *group);
            for place in group.members() {
                self.shared.members[place].contradicted(contradiction.to_string(), is_doubted);
            }
        }
        contradiction
    }

    fn too_few(&self, found: usize) -> Fault {
        let needed = self.shared.witnesses;
        Fault::new(self.first().clone(), RpcFailure::TooFewWitnesses { found, needed })
    }

    /// The same question to as many endpoints as must say the same, whose answers may differ.
    async fn several<T, F>(&self, ask: impl Fn(Arc<Member>, ClientConfig) -> F) -> Result<Vec<T>, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let mut waiting = self.usable().await.into_iter();
        let (mut running, mut answers, mut last) = (JoinSet::new(), Vec::new(), None);
        loop {
            let missing = self.shared.witnesses.saturating_sub(answers.len() + running.len());
            for member in waiting.by_ref().take(missing) {
                running.spawn(ask(member, self.limits));
            }
            match running.join_next().await {
                Some(Ok(Ok(answer))) => answers.push(answer),
                Some(Ok(Err(fault))) if !fault.is_elsewhere() => return Err(fault),
                Some(Ok(Err(fault))) => last = Some(fault),
                Some(Err(_)) => {}
                None if answers.len() >= self.shared.witnesses => return Ok(answers),
                None => return Err(last.filter(|_| answers.is_empty()).unwrap_or_else(|| self.too_few(answers.len()))),
            }
        }
    }

    fn foremost(&self) -> u64 {
        self.shared.members.iter().filter_map(|member| member.known_head()).max().unwrap_or(0)
    }

    /// The endpoints to ask, the best first. While all of them are paused, it is the one whose pause ends first, and then; at once, when that is later
    /// than a request may take.
    async fn usable(&self) -> Vec<Arc<Member>> {
        self.look_around();
        let ranked = self.ranked();
        let answering = ranked.iter().filter(|(state, _)| *state != EndpointState::Paused);
        let members: Vec<_> = answering.map(|(_, member)| Arc::clone(member)).collect();
        if !members.is_empty() {
            return members;
        }
        let first_end = ranked.first().and_then(|(_, member)| member.paused_until());
        if let Some(until) = first_end.filter(|until| *until <= Instant::now() + self.limits.request_timeout) {
            sleep_until(until).await;
        }
        ranked.into_iter().map(|(_, member)| member).collect()
    }

    /// All endpoints that are known to serve the chain, the best first, and those whose pause ends first before others that are paused.
    fn ranked(&self) -> Vec<(EndpointState, Arc<Member>)> {
        let foremost = self.foremost();
        let state = |member: &Arc<Member>| (member.state(foremost, self.shared.lag_blocks_max), Arc::clone(member));
        let mut ranked: Vec<_> = self.shared.members.iter().filter(|member| member.is_checked()).map(state).collect();
        ranked.sort_by_key(|(state, member)| (*state, member.paused_until(), member.place));
        ranked
    }

    /// Asks, in the background, the endpoints of which nothing was heard for a while, so that it is known how they are before they are needed.
    fn look_around(&self) {
        if self.shared.members.len() == 1 {
            return;
        }
        let now = Instant::now();
        for member in self.shared.members.iter().filter(|member| member.is_due(now, LOOK_AFTER)) {
            let (member, limits) = (Arc::clone(member), self.limits);
            let chain_id = self.shared.chain_id;
            tokio::spawn(async move { member.probe(chain_id, limits).await });
        }
    }
}

/// What is said of a block that no endpoint has.
fn nothing() -> Witnessed<Box<RawValue>> {
    let value = RawValue::from_string("null".to_owned()).expect("the literal is JSON");
    Witnessed { value, by: Witnesses::default() }
}

/// Of two failures the one that says more: that a block is not there yet says least.
fn worse(before: Option<Fault>, fault: Fault) -> Fault {
    before.filter(|before| fault.is_lacking() || !before.is_lacking()).unwrap_or(fault)
}
