//! The most profitable attack, with a proof of how much better another could be.

use num_traits::{Signed, Zero};

use super::{Network, flow};
use crate::cover::{EXHAUSTIVE_ITEMS_MAX, Effort, Program, Progress};
use crate::number::Ratio;

/// A coalition: operators, all services that they corrupt, what it pays and what it costs. It is an attack when its profit is above zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    /// Positions of the services, ascending.
    pub services: Vec<usize>,
    /// Positions of the operators, ascending.
    pub operators: Vec<usize>,
    /// `π_A`.
    pub prize: Ratio,
    /// `σ_B`.
    pub cost: Ratio,
}

impl Attack {
    /// `π_A − σ_B`.
    pub fn profit(&self) -> Ratio {
        &self.prize - &self.cost
    }

    /// What these operators do to the network at best: corrupt every service that they can. Exact, and independent of any search: a witness is
    /// checked by it.
    pub fn of(network: &Network, operators: &[usize]) -> Self {
        let mut operators = operators.to_vec();
        operators.sort_unstable();
        operators.dedup();
        let corrupted = |service: &usize| {
            let ways = network.ways(*service);
            let part = network.members(*service).iter().filter(|member| operators.binary_search(member).is_ok());
            let signed = crate::operators::sum_of(part.map(|member| &network.operators().list()[*member].stake));
            ways.iter().any(|way| way.iter().all(|clause| clause.holds(&signed)))
        };
        let services: Vec<usize> = (0..network.services().len()).filter(corrupted).collect();
        let prize = services.iter().map(|service| &network.services()[*service].prize).sum();
        let cost = operators.iter().map(|operator| &network.values()[*operator]).sum();
        Self { services, operators, prize, cost }
    }
}

/// How the best attack was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every set of operators was tried.
    Enumeration,
    /// Every service needs all of its operators: a minimum cut says it (project selection; Picard 1976).
    MinimumCut,
    /// Branch and bound.
    BranchAndBound,
}

/// The best coalition found, and the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestAttack {
    /// The coalition with the most profit; without operators when nothing pays.
    pub attack: Attack,
    /// No coalition's profit is above this.
    pub at_most: Ratio,
    /// How it was looked for.
    pub method: Method,
    /// Nodes, or sets, that were visited.
    pub nodes: u64,
}

impl BestAttack {
    /// Whether nothing is more profitable.
    pub fn is_exact(&self) -> bool {
        self.at_most <= self.attack.profit().max(Ratio::zero())
    }

    /// How much more profitable another could be, as a share of `at_most`; 0 when exact.
    pub fn gap(&self) -> Ratio {
        let open = &self.at_most - self.attack.profit().max(Ratio::zero());
        if open.is_positive() { open / &self.at_most } else { Ratio::zero() }
    }
}

/// Looks for the most profitable attack: by enumeration for few operators, by a minimum cut where every threshold is 1, else by branch and bound.
///
/// The last two have no limit of size; the branch and bound ends by `effort`, or when `watch` returns false, with a proven bound.
pub fn best_attack(network: &Network, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> BestAttack {
    if network.is_unanimous() {
        let attack = Attack::of(network, &flow::best_coalition(network));
        return BestAttack { at_most: attack.profit(), attack, method: Method::MinimumCut, nodes: 1 };
    }
    let program = network.program();
    let every = (network.operators().list().len() <= EXHAUSTIVE_ITEMS_MAX).then(|| program.exhaust()).flatten();
    let (best, method) = match every {
        Some(every) => (every.best, Method::Enumeration),
        None => match program.solve(effort, watch) {
            Some(best) => (best, Method::BranchAndBound),
            None => return nothing(network),
        },
    };
    let attack = Attack::of(network, &best.items);
    debug_assert_eq!(program.to_ratio(best.value), attack.profit(), "the witness is checked by the definition");
    BestAttack { at_most: program.to_ratio(best.upper), attack, method, nodes: best.nodes }
}

/// Programs of networks demand nothing, so there always is a best coalition; this is the empty one.
fn nothing(network: &Network) -> BestAttack {
    let attack = Attack::of(network, &[]);
    BestAttack { at_most: attack.profit(), attack, method: Method::BranchAndBound, nodes: 0 }
}

/// Services that nobody needs stake to corrupt: a prize, and no stake behind it.
pub fn free_attacks(network: &Network) -> Vec<usize> {
    let mut free = Attack::of(network, &[]).services;
    free.retain(|service| network.services()[*service].prize.is_positive());
    free
}

/// The cheapest operators that corrupt one service, whatever else falls with it, with a proven floor of the cost; none if nobody can.
pub fn least_attack_on(
    network: &Network,
    service: usize,
    effort: &Effort,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Option<(Attack, Ratio)> {
    let clauses = network.ways(service);
    let list = network.operators().list();
    let mut best: Option<(Attack, Ratio)> = None;
    for way in &clauses {
        let mut program = Program::new(network.values(), []);
        let members = || network.members(service).iter().map(|operator| (*operator, &list[*operator]));
        let rows = way.iter().map(|clause| program.clause(clause, members())).collect();
        program.demand(rows);
        let Some(found) = program.solve(effort, watch) else { continue };
        let (attack, floor) = (Attack::of(network, &found.items), program.to_ratio(-found.upper));
        best = Some(match best {
            Some((other, least)) if other.cost <= attack.cost => (other, least.min(floor)),
            Some((_, least)) => (attack, least.min(floor)),
            None => (attack, floor),
        });
    }
    best
}
