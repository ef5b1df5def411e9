//! What to show per service and per operator.

use num_traits::{One, Signed, Zero};

use super::{Attack, Load, Network, certify, least_attack_on, loads};
use crate::cover::{Effort, Program, Progress};
use crate::number::Ratio;

/// A service's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// Its position.
    pub service: usize,
    /// `σ_{N(s)}`: what the stake behind it is worth.
    pub stake: Ratio,
    /// The cheapest operators that corrupt it, whatever else falls; none if nobody can.
    pub attack: Option<Attack>,
    /// No operators cost less: equal to the cost of `attack` when the search ended.
    pub cost_at_least: Option<Ratio>,
    /// The cost of its own attack if stake could be divided, `α_s·σ_{N(s)}`; of a policy over two tokens the cheapest way's.
    pub divisible_cost: Option<Ratio>,
    /// `divisible_cost / π_s`: how often the stake that must be corrupted covers the prize, if it covers no other. None without a prize.
    pub cover: Option<Ratio>,
    /// The least slack of any coalition that corrupts it: cover shared with the other services. Only for few operators.
    pub slack: Option<Ratio>,
}

/// The services' rows, with searches of at most `effort` each.
pub fn service_table(network: &Network, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> Vec<ServiceRow> {
    let row = |service: usize| {
        let prize = &network.services()[service].prize;
        let found = least_attack_on(network, service, effort, watch);
        let divisible_cost = divisible_cost(network, service);
        ServiceRow {
            service,
            stake: network.members(service).iter().map(|operator| &network.values()[*operator]).sum(),
            cover: divisible_cost.as_ref().filter(|_| prize.is_positive()).map(|cost| cost / prize),
            divisible_cost,
            cost_at_least: found.as_ref().map(|(_, floor)| floor.clone()),
            attack: found.map(|(attack, _)| attack),
            slack: slack_with(network, service),
        }
    };
    (0..network.services().len()).map(row).collect()
}

/// The cheapest way's needs at real prices.
fn divisible_cost(network: &Network, service: usize) -> Option<Ratio> {
    let worth = |clause: &super::Clause| {
        let real = &network.prices().real;
        let (native, external) = (&clause.weight.native, &clause.weight.external);
        let per_unit = [(native, &real.native), (external, &real.external)];
        let cheapest =
            per_unit.iter().filter(|(weight, _)| weight.is_positive()).map(|(weight, price)| *price / *weight).min();
        cheapest.unwrap_or_default() * &clause.need
    };
    network.ways(service).iter().map(|way| way.iter().map(worth).sum()).min()
}

/// `γ_s = min over coalitions with s of σ_B/π_A − 1`, by enumeration (research on restaking, §2.5, item 4).
fn slack_with(network: &Network, service: usize) -> Option<Ratio> {
    let prizes = network.services().iter().map(|service| &service.prize);
    let mut program = Program::new(network.values(), prizes);
    for (position, of) in network.services().iter().enumerate() {
        let ways = network.built_ways(&mut program, position);
        if position == service { program.demanded_goal(&of.prize, ways) } else { program.goal(&of.prize, ways) }
    }
    program.exhaust()?.cheapest.map(|(_, ratio)| ratio - Ratio::one())
}

/// An operator's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Its position.
    pub operator: usize,
    /// `σ_v`: what its stake is worth.
    pub stake: Ratio,
    /// How many services it stands behind.
    pub services: usize,
    /// `T_v`: what their prizes claim of its stake.
    pub load: Load,
    /// `1 − T_v`, negative where the certificate fails; none where the load has no bound.
    pub headroom: Option<Ratio>,
    /// The prize that it could back alone beside the others before the certified slack falls below the declared one: `(1/(1 + γ) − T_v)·σ_v`, never below zero.
    pub spare_prize: Ratio,
    /// Whether its load is the greatest.
    pub is_binding: bool,
}

/// The operators' rows for a declared slack, which must be above −1.
pub fn operator_table(network: &Network, declared: &Ratio) -> Vec<OperatorRow> {
    let binding = certify(network).binding;
    let whole = Ratio::one() + declared;
    let most = if whole.is_positive() { whole.recip() } else { Ratio::zero() };
    let row = |(operator, load): (usize, Load)| {
        let stake = network.values()[operator].clone();
        let spare = load.as_ref().map(|load| (&most - load) * &stake).filter(Signed::is_positive);
        OperatorRow {
            operator,
            services: network.services_of(operator).len(),
            headroom: load.as_ref().map(|load| Ratio::one() - load),
            spare_prize: spare.unwrap_or_default(),
            is_binding: binding == Some(operator),
            load,
            stake,
        }
    };
    loads(network).into_iter().enumerate().map(row).collect()
}
