//! What a seed stands for: who takes part with how much, what is asked for, and what goes wrong when. All of it is drawn before the run.

use std::collections::BTreeSet;

use tandem_protocol::Settings;
use tandem_types::{BothOrFallback, Bps, PerToken, Policy, Requirement};

use crate::chain::TaskRequest;
use crate::faults::Fault;
use crate::identity::Stakes;
use crate::quorum::{self, Conditions, Ruling, Stake};
use crate::random::Random;
use crate::workload;

/// Unix time at which runs begin, in milliseconds.
const BEGAN: u64 = 1_800_000_000_000;

/// How strong the adversaries are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// There are none.
    None,
    /// Less than a third of each token: every task must end.
    Minority,
    /// More than that: only the safety of honest journals and of certificates must hold.
    Beyond,
}

impl Power {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minority => "minority",
            Self::Beyond => "beyond",
        }
    }
}

/// How much happens in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Tasks asked for, at most.
    pub tasks: u64,
    /// Seconds of faults, at most.
    pub seconds: u64,
}

impl Scale {
    /// What `make sim` runs.
    pub const USUAL: Self = Self { tasks: 16, seconds: 50 };
    /// For a night.
    pub const NIGHTLY: Self = Self { tasks: 60, seconds: 240 };
}

/// A whole run, before it begins.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) began: u64,
    pub(crate) operators: usize,
    pub(crate) adversaries: BTreeSet<usize>,
    /// An honest operator that may lose its weight, for the others suffice.
    pub(crate) spare: Option<usize>,
    pub(crate) power: Power,
    pub(crate) policy: Policy,
    pub(crate) conditions: Conditions,
    /// The first table.
    pub(crate) stakes: Stakes,
    pub(crate) settings: Settings,
    pub(crate) tick_ms: u64,
    pub(crate) block_ms: u64,
    pub(crate) mempool_ms: u64,
    pub(crate) poll_ms: u64,
    pub(crate) confirmations: u64,
    pub(crate) window_s: u64,
    pub(crate) skews: Vec<i64>,
    /// When faults end.
    pub(crate) calm_from: u64,
    /// When the run ends at the latest.
    pub(crate) ends: u64,
    pub(crate) requests: Vec<(u64, TaskRequest)>,
    pub(crate) faults: Vec<(u64, Fault)>,
    /// Whether blocks are taken back that operators have read.
    pub(crate) reorgs_deeply: bool,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random, scale: Scale) -> Self {
        let operators = random.below(4) + 4;
        let power = match random.below(20) {
            0..3 => Power::None,
            3..16 => Power::Minority,
            _ => Power::Beyond,
        };
        let policy = policy(random);
        let (stakes, adversaries) = sides(random, operators, power, &policy);
        let slot_ms = random.within(4..=12) * 100;
        let faults_ms = random.within(scale.seconds * 400..=scale.seconds * 1_000);
        let patience_ms = 150_000;
        let settings = Settings {
            slot_ms,
            vote_grace_ms: random.within(20..=150),
            takeover_ms: random.within(1_000..=4_000),
            shut_out_ms: random.within(5_000..=40_000),
        };
        let half = i64::try_from(slot_ms / 2).expect("slots are short");
        let skew = |random: &mut Random| i64::try_from(random.within(0..=slot_ms)).expect("slots are short") - half;
        let mut plan = Self {
            began: BEGAN + random.within(0..=100_000),
            operators,
            adversaries,
            spare: None,
            power,
            policy,
            conditions: CONDITIONS,
            stakes,
            settings,
            tick_ms: (slot_ms / random.within(4..=8)).max(50),
            block_ms: random.within(3..=20) * 100,
            mempool_ms: random.within(0..=2_000),
            poll_ms: random.within(1..=6) * 100,
            confirmations: random.within(0..=3),
            window_s: random.within(15..=200),
            skews: (0..operators).map(|_| skew(random)).collect(),
            calm_from: faults_ms,
            ends: faults_ms + patience_ms,
            requests: Vec::new(),
            faults: Vec::new(),
            reorgs_deeply: random.per_mille(300),
        };
        plan.spare = plan.draw_spare(random);
        plan.requests = plan.draw_requests(random, scale);
        plan.faults = crate::faults::draw(&plan, random);
        plan
    }

    fn draw_spare(&mut self, random: &mut Random) -> Option<usize> {
        self.spare = Some(random.below(self.operators)).filter(|place| !self.adversaries.contains(place));
        self.spare.filter(|_| self.power != Power::Beyond && self.suffices(&self.stakes, Requirement::NONE))
    }

    fn draw_requests(&self, random: &mut Random, scale: Scale) -> Vec<(u64, TaskRequest)> {
        let count = random.within(scale.tasks / 2..=scale.tasks);
        let burst = random.per_mille(250).then(|| random.within(0..=self.calm_from));
        let request = |input| {
            let at = burst.filter(|_| random.per_mille(600)).unwrap_or_else(|| random.within(0..=self.calm_from));
            let workflow = match random.below(20) {
                0..10 => workload::STEADY,
                10..13 => workload::BLOCK,
                13..16 => workload::FLAKY,
                16..19 => workload::LIVE,
                _ => workload::BROKEN,
            };
            let may_wait = workload::agrees(workflow) && random.per_mille(700);
            // Seconds from the beginning of the run on; what may wait, waits until long after its end.
            let deadline_ms = if may_wait { self.ends + 60_000 } else { at + random.within(4_000..=25_000) };
            let requirement = self.draw_requirement(random, may_wait);
            (at, TaskRequest { workflow, input, deadline: (self.began + deadline_ms) / 1_000, requirement })
        };
        let mut requests: Vec<_> = (0..count).map(request).collect();
        requests.sort_by_key(|(at, _)| *at);
        requests
    }

    /// Now and then more than the policy; what honest operators have together, when it must be delivered.
    fn draw_requirement(&self, random: &mut Random, must_be_met: bool) -> Requirement {
        if random.per_mille(750) {
            return Requirement::NONE;
        }
        let [native, external] = [random.within(5_000..=10_000), random.within(5_000..=10_000)];
        let bps = |bps: u64| u16::try_from(bps).expect("it is below 10 001");
        let demanded = Requirement::new(bps(native), bps(external), 0).expect("it is below 10 001");
        let suffices = self.suffices(&self.stakes, demanded);
        if must_be_met && !suffices { Requirement::NONE } else { demanded }
    }

    /// Whether honest operators are enough by themselves, and somewhat more than that when more is demanded than the policy does, so that
    /// changes of tables do not matter.
    pub(crate) fn suffices(&self, stakes: &Stakes, requirement: Requirement) -> bool {
        let stake = stake_of(stakes, |place| !self.adversaries.contains(&place) && self.spare != Some(place));
        let bps = |demand: tandem_types::Demand| demand.get() + if demand.get() == 0 { 0 } else { 500 };
        let (native, external) = (bps(requirement.native).min(10_000), bps(requirement.external).min(10_000));
        let requirement = Requirement::new(native, external, 0).unwrap_or(requirement);
        quorum::ruling(&self.policy, requirement, self.conditions, &stake) != Ruling::Refused
    }

    /// Whether honest operators can veto by themselves.
    pub(crate) fn can_veto(&self, stakes: &Stakes) -> bool {
        quorum::vetoes(&self.policy, &stake_of(stakes, |place| !self.adversaries.contains(&place)))
    }

    /// Whether a table keeps the promise of the run: without adversaries' help there is a quorum, and a third of no token is theirs.
    pub(crate) fn keeps_its_promise(&self, stakes: &Stakes) -> bool {
        match self.power {
            Power::Beyond => self.can_veto(stakes) || !self.can_veto(&self.stakes),
            _ => is_minority(stakes, &self.adversaries, &self.policy) && has_quorum(self, stakes),
        }
    }
}

fn policy(random: &mut Random) -> Policy {
    let bps = |bps| Bps::new(bps).expect("it is a threshold");
    let thirds = Bps::TWO_THIRDS;
    match random.below(20) {
        0..9 => Policy::Both { native: thirds, external: thirds },
        9..15 => {
            let seconds = if random.per_mille(500) { random.within(4..=20) } else { random.within(45..=70) };
            let veto_seconds =
                u32::try_from(seconds).ok().and_then(|seconds| seconds.try_into().ok()).expect("it is small");
            Policy::Veto { native: thirds, veto: bps(3_334), veto_seconds }
        }
        15..17 => Policy::Combined { threshold: thirds, native_cap: bps(5_000) },
        17..19 => {
            let fallback = BothOrFallback::new(thirds, thirds, bps(6_800)).expect("the fallback is dearer");
            Policy::BothOrFallback(fallback)
        }
        _ => Policy::Single { token: tandem_types::Token::External, threshold: thirds },
    }
}

/// The stake of some of the operators, of all.
fn stake_of(stakes: &Stakes, counts: impl Fn(usize) -> bool) -> Stake {
    let sum = |counts: &dyn Fn(usize) -> bool| {
        let counted = stakes.iter().enumerate().filter(|(place, _)| counts(*place)).filter_map(|(_, stake)| *stake);
        counted.fold(PerToken::default(), |sum: PerToken<u128>, stake| sum.zip_with(stake, |a, b| a + u128::from(b)))
    };
    Stake { signed: sum(&counts), total: sum(&|_| true) }
}

/// Prices at the beginning.
const CONDITIONS: Conditions = Conditions { prices: Some(PerToken { native: 3, external: 7 }), fallback: false };

fn is_minority(stakes: &Stakes, adversaries: &BTreeSet<usize>, policy: &Policy) -> bool {
    let theirs = stake_of(stakes, |place| adversaries.contains(&place));
    let below = |part: u128, whole: u128| part * 3 < whole;
    let honest = stake_of(stakes, |place| !adversaries.contains(&place));
    below(theirs.signed.native, theirs.total.native)
        && below(theirs.signed.external, theirs.total.external)
        && quorum::ruling(policy, Requirement::NONE, CONDITIONS, &honest) != Ruling::Refused
}

/// Whether honest operators suffice without the one that they can spare.
fn has_quorum(plan: &Plan, stakes: &Stakes) -> bool {
    plan.spare.is_none() || plan.suffices(stakes, Requirement::NONE)
}

/// Stakes, and which operators are adversaries.
fn sides(random: &mut Random, operators: usize, power: Power, policy: &Policy) -> (Stakes, BTreeSet<usize>) {
    loop {
        let weight = |random: &mut Random| random.within(1..=20) * random.within(1..=5);
        let mut stakes: Stakes =
            (0..operators).map(|_| Some(PerToken { native: weight(random), external: weight(random) })).collect();
        let count = match power {
            Power::None => 0,
            Power::Minority => 1 + random.below((operators - 1) / 2),
            Power::Beyond => 1 + random.below(operators - 1),
        };
        let mut places: Vec<_> = (0..operators).collect();
        random.shuffle(&mut places);
        let adversaries: BTreeSet<_> = places.into_iter().take(count).collect();
        if power == Power::Beyond && policy.veto_threshold().is_some() && random.per_mille(600) {
            // The network's own token is theirs: what they certify, the external token can still veto.
            for (place, stake) in stakes.iter_mut().enumerate() {
                let factor = if adversaries.contains(&place) { 20 } else { 1 };
                stake.iter_mut().for_each(|stake| stake.native *= factor);
            }
        }
        if is_minority(&stakes, &adversaries, policy) != (power == Power::Beyond) {
            return (stakes, adversaries);
        }
    }
}
