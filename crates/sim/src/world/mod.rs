//! A run: takes what happens next from the agenda until all is done or time is over.

mod judge;

use std::rc::Rc;

use crate::adversary::Adversary;
use crate::audit::Audit;
use crate::chain::{Call, Chain, Contract, Event, Status, Terms};
use crate::env::{Agenda, Env, Happening};
use crate::faults::Fault;
use crate::identity;
use crate::log::{Listener, Log, short};
use crate::network::Network;
use crate::operator::{Operator, Rpc};
use crate::plan::{Plan, Power, Scale};
use crate::random::Random;
use crate::report::{Report, Totals};
use crate::sabotage::Sabotage;

/// Time between two looks whether all is done.
const LOOK_MS: u64 = 1_000;

/// What takes part.
#[derive(Debug)]
enum Member {
    Honest(Box<Operator>),
    Adversary(Box<Adversary>),
}

#[derive(Debug)]
pub(crate) struct World {
    seed: u64,
    env: Env,
    members: Vec<Member>,
    stalled_until: u64,
    totals: Totals,
}

impl World {
    pub(crate) fn new(seed: u64, scale: Scale, sabotage: Option<Sabotage>, listener: Option<Listener>) -> Self {
        let mut random = Random::new(seed);
        let plan = Rc::new(Plan::draw(&mut random, scale));
        let honest = (0..plan.operators).filter(|place| !plan.adversaries.contains(place)).map(identity::operator);
        let terms = Terms {
            policy: plan.policy,
            window_s: plan.window_s,
            accepts_any_stake: sabotage == Some(Sabotage::ChainWithoutQuorum),
            delivers_again: sabotage == Some(Sabotage::ChainDeliversAgain),
        };
        let mut env = Env {
            now: plan.began,
            network: Network::calm(plan.operators),
            chain: Chain::new(Contract::new(terms, plan.conditions), plan.began),
            audit: Audit::new(plan.policy, honest.collect(), plan.power != Power::Beyond),
            is_calm: false,
            messages: 0,
            log: Log::new(listener),
            sabotage,
            agenda: Agenda::default(),
            random,
            plan,
        };
        env.describe(seed);
        env.schedule();
        let members = (0..env.plan.operators).map(|place| Member::new(place, &mut env)).collect();
        Self { seed, env, members, stalled_until: 0, totals: Totals::default() }
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Report {
        let ends = self.env.plan.began + self.env.plan.ends;
        while let Some((at, what)) = self.env.agenda.take().filter(|(at, _)| *at <= ends) {
            self.env.now = at;
            if matches!(what, Happening::Look) && self.is_done() {
                break;
            }
            self.happen(what);
        }
        self.judge();
        self.report()
    }

    fn happen(&mut self, what: Happening) {
        let Self { env, members, .. } = self;
        match what {
            Happening::Wake { place, life, wake } => match &mut members[place] {
                Member::Honest(operator) => operator.wake(env, life, wake),
                Member::Adversary(adversary) => adversary.wake(env),
            },
            Happening::Arrival { from, to, bytes } => match &mut members[to] {
                Member::Honest(operator) => operator.receive(env, from, &bytes),
                Member::Adversary(adversary) => adversary.receive(env, from, &bytes),
            },
            Happening::Restart(place) => self.with(place, Operator::start),
            Happening::Request(index) => {
                let (_, request) = env.plan.requests[index].clone();
                env.chain.send(Call::Create(request), env.now);
            }
            Happening::Mine => self.mine(),
            Happening::Fault(index) => self.fail(index),
            Happening::Relief(index) => self.relieve(index),
            Happening::Calm => self.calm(),
            Happening::Look => env.agenda.put(env.now + LOOK_MS, Happening::Look),
        }
    }

    /// Does something to the operator at a place, if it is an honest one.
    fn with(&mut self, place: usize, act: impl FnOnce(&mut Operator, &mut Env)) {
        if let Member::Honest(operator) = &mut self.members[place] {
            act(operator, &mut self.env);
        }
    }

    fn honest(&self) -> impl Iterator<Item = &Operator> {
        self.members.iter().filter_map(|member| match member {
            Member::Honest(operator) => Some(&**operator),
            Member::Adversary(_) => None,
        })
    }

    fn mine(&mut self) {
        let env = &mut self.env;
        let wait_ms = env.random.within(env.plan.block_ms / 2..=env.plan.block_ms * 3 / 2);
        env.agenda.put(env.now + wait_ms, Happening::Mine);
        if env.now >= self.stalled_until {
            self.mine_one();
        }
    }

    fn mine_one(&mut self) {
        let env = &mut self.env;
        let block = env.chain.mine(env.now, &mut env.random);
        env.log(format_args!("block {} {}: {:?}", block.number, short(&block.hash), words(&block.events)));
        if block.events.iter().any(|event| matches!(event, Event::TableChanged))
            && let Some(keys) = block.state.whole_table(&mut env.chain.memory)
        {
            env.audit.table(keys);
        }
        env.audit.mined(&block);
        for member in &mut self.members {
            if let Member::Adversary(adversary) = member {
                adversary.learn(&mut self.env, &block);
            }
        }
    }

    fn fail(&mut self, index: usize) {
        let (_, fault) = self.env.plan.faults[index].clone();
        if self.env.is_calm && !matches!(fault, Fault::Table { .. }) {
            return;
        }
        self.env.log(format_args!("fault: {fault:?}"));
        if let Some(ms) = fault.lasts_ms() {
            self.env.agenda.put(self.env.now + ms, Happening::Relief(index));
        }
        let now = self.env.now;
        match fault {
            Fault::Doom { place, effects, down_ms } => self.with(place, |it, _| it.doom = Some((effects, down_ms))),
            Fault::PowerCut { down_ms } => {
                (0..self.members.len()).for_each(|place| self.with(place, |it, env| it.crash(env, down_ms)));
            }
            Fault::Partition { sides, .. } => self.env.network.sides = sides,
            Fault::Weather { loss, doubles, latest_ms, .. } => {
                let sides = self.env.network.sides.clone();
                self.env.network = Network { latency_ms: 1..=latest_ms, loss, doubles, sides };
            }
            Fault::Skew { place, skew_ms } => self.with(place, |it, _| it.skew_ms = skew_ms),
            Fault::Reorg { depth } => {
                self.totals.reorgs += 1;
                self.env.chain.take_back(depth, now, &mut self.env.random);
                (0..=depth).for_each(|_| self.mine_one());
            }
            Fault::Endpoint { place, rpc, .. } => self.with(place, |it, _| it.rpc = rpc),
            Fault::SlowDisk { place, .. } => self.with(place, |it, _| it.disk_ms = 50..=600),
            Fault::Stall { ms } => self.stalled_until = now + ms,
            Fault::Table { stakes } => _ = self.env.chain.send(Call::Refresh(stakes), now),
            Fault::Revocation { place } => _ = self.env.chain.send(Call::Revoke(identity::operator(place)), now),
            Fault::Conditions { conditions } => _ = self.env.chain.send(Call::Condition(conditions), now),
        }
    }

    fn relieve(&mut self, index: usize) {
        let plan = self.env.plan.clone();
        match &plan.faults[index].1 {
            Fault::Partition { .. } => self.env.network.sides.fill(0),
            Fault::Weather { .. } => {
                let sides = self.env.network.sides.clone();
                self.env.network = Network { sides, ..Network::calm(plan.operators) };
            }
            Fault::Endpoint { place, .. } => self.with(*place, |it, _| it.rpc = Rpc::Good),
            Fault::SlowDisk { place, .. } => self.with(*place, |it, _| it.disk_ms = 1..=8),
            _ => {}
        }
    }

    fn calm(&mut self) {
        self.env.log(format_args!("all faults end"));
        self.env.is_calm = true;
        self.env.network = Network::calm(self.env.plan.operators);
        self.stalled_until = 0;
        for place in 0..self.members.len() {
            self.with(place, |operator, env| {
                operator.doom = None;
                operator.rpc = Rpc::Good;
                operator.disk_ms = 1..=8;
                operator.start(env);
            });
        }
    }

    fn is_done(&self) -> bool {
        self.env.is_calm && self.unsettled().is_empty() && self.env.chain.is_idle()
    }

    fn report(mut self) -> Report {
        let state = &self.env.chain.head().state;
        for entry in state.entries.values() {
            self.totals.tasks += 1;
            match entry.status {
                Status::Delivered => self.totals.delivered += 1,
                Status::Vetoed => self.totals.vetoed += 1,
                Status::Open | Status::Pending { .. } => self.totals.expired += 1,
            }
        }
        self.totals.crashes = self.honest().map(|operator| u64::from(operator.crashes)).sum();
        self.totals.messages = self.env.messages;
        self.totals.signatures = self.env.audit.signed;
        self.totals.certificates = self.env.audit.certificates;
        self.totals.blocks = self.env.chain.head().number;
        let plan = &self.env.plan;
        let calm_ms = self.env.now.saturating_sub(plan.began + plan.calm_from);
        Report {
            seed: self.seed,
            hash: self.env.log.hash(),
            lines: self.env.log.lines(),
            power: plan.power,
            operators: plan.operators,
            simulated_ms: self.env.now - plan.began,
            calm_ms,
            totals: self.totals,
            violations: std::mem::take(&mut self.env.audit.violations),
        }
    }
}

impl Member {
    fn new(place: usize, env: &mut Env) -> Self {
        if env.plan.adversaries.contains(&place) {
            return Self::Adversary(Box::new(Adversary::new(place, env)));
        }
        let mut operator = Operator::new(place, env);
        operator.skew_ms = env.plan.skews[place];
        Self::Honest(Box::new(operator))
    }
}

impl Env {
    fn describe(&mut self, seed: u64) {
        let plan = self.plan.clone();
        self.log(format_args!("seed {seed}, {} operators, adversaries {:?}", plan.operators, plan.adversaries));
        self.log(format_args!("policy {:?}, {:?}", plan.policy, plan.settings));
        self.log(format_args!(
            "skews {:?}, {} confirmations, blocks of {} ms",
            plan.skews, plan.confirmations, plan.block_ms
        ));
        if self.is_broken(Sabotage::Nondeterminism) {
            let runs = crate::run::count();
            self.log(format_args!("run {runs}"));
        }
    }

    fn schedule(&mut self) {
        let plan = self.plan.clone();
        self.chain.send(Call::Refresh(plan.stakes.clone()), self.now);
        self.agenda.put(self.now, Happening::Mine);
        for (index, (at, _)) in plan.requests.iter().enumerate() {
            self.agenda.put(plan.began + at, Happening::Request(index));
        }
        for (index, (at, _)) in plan.faults.iter().enumerate() {
            self.agenda.put(plan.began + at, Happening::Fault(index));
        }
        self.agenda.put(plan.began + plan.calm_from, Happening::Calm);
        self.agenda.put(plan.began + plan.calm_from + LOOK_MS, Happening::Look);
    }
}

fn words(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::Created { task_id, task } => format!("asked {} {}", short(&task_id.0), task.workflow),
        Event::Pending { entry, .. } => format!("pending {}", short(&entry.task_id.0)),
        Event::Delivered { entry, .. } => format!("delivered {}", short(&entry.task_id.0)),
        Event::Vetoed { entry, .. } => format!("vetoed {}", short(&entry.task_id.0)),
        Event::Expired { task_id } => format!("expired {}", short(&task_id.0)),
        Event::TableChanged => "table".to_owned(),
    };
    events.iter().map(word).collect()
}
