//! What a shock sets off: stake is lost, which makes attacks pay, which cost stake, and so on (Robust Restaking Networks, §2: `R_ψ`).

use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Attack, Network, best_attack, loads};
use crate::cover::{Effort, Program, Progress};
use crate::number::{Fraction, Ratio, least};
use crate::random::Dice;

/// Most operators for which the worst cascade is found by trying all shocks.
pub const CASCADE_OPERATORS_MAX: usize = 12;

/// The bound of Theorem 1 of Robust Restaking Networks: with slack `γ > 0`, a shock of `ψ` of the stake loses less than `(1 + 1/γ)·ψ` of it, and never more than all.
/// None for slack of zero or less, where there is no bound.
pub fn cascade_bound(slack: &Ratio, shock: &Ratio) -> Option<Ratio> {
    slack.is_positive().then(|| least(Ratio::one(), (Ratio::one() + slack.recip()) * shock))
}

/// The same bound in basis points, rounded down: `⌊ψ·(1 + γ)/γ⌋`, at most 10,000.
pub fn cascade_bound_bps(slack: &Ratio, shock_bps: u16) -> Option<u16> {
    if !slack.is_positive() {
        return None;
    }
    let bound = (Ratio::one() + slack) / slack * Ratio::from_integer(shock_bps.into());
    Some(bound.numer().div_floor(bound.denom()).to_u16().map_or(10_000, |bps| bps.min(10_000)))
}

/// The worst shock and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCascade {
    /// Operators that the shock takes.
    pub shock: Vec<usize>,
    /// All that is corrupted after it, as one attack on what the shock left: a cascade's union is one (Corollary 1). None when nothing follows.
    pub attack: Option<Attack>,
    /// `R_ψ = ψ + max σ_B/σ_V`, and at most 1: a shock that takes less than `ψ` can leave more than `1 − ψ` to lose.
    pub loss: Ratio,
}

/// `R_ψ(G)` by trying every shock of at most `ψ` of the stake and every coalition after it; none above [`CASCADE_OPERATORS_MAX`] operators, or
/// without stake.
pub fn worst_cascade(network: &Network, shock: &Fraction) -> Option<WorstCascade> {
    let (count, total) = (network.values().len(), network.total_value());
    if count > CASCADE_OPERATORS_MAX || total.is_zero() {
        return None;
    }
    let most = shock.get() * &total;
    let mut worst = WorstCascade { shock: Vec::new(), attack: None, loss: shock.get().clone() };
    for set in 0u32..1 << count {
        let gone: Vec<usize> = (0..count).filter(|operator| set >> operator & 1 == 1).collect();
        if gone.iter().map(|operator| &network.values()[*operator]).sum::<Ratio>() > most {
            continue;
        }
        let Some(attack) = dearest_attack(network, &gone) else { continue };
        let loss = least(Ratio::one(), shock.get() + &attack.cost / &total);
        if loss > worst.loss {
            worst = WorstCascade { shock: gone, attack: Some(attack), loss };
        }
    }
    Some(worst)
}

/// The attack that costs most stake once `gone` is gone.
fn dearest_attack(network: &Network, gone: &[usize]) -> Option<Attack> {
    let left = network.without(gone);
    let there: Vec<usize> = (0..left.values().len()).filter(|operator| !gone.contains(operator)).collect();
    let place = |operator: usize| there.binary_search(&operator).unwrap_or_default();
    let values: Vec<Ratio> = there.iter().map(|operator| left.values()[*operator].clone()).collect();
    let mut program = Program::new(&values, left.services().iter().map(|service| &service.prize));
    for (position, service) in left.services().iter().enumerate() {
        let mut ways = Vec::new();
        for way in left.ways(position) {
            let members = || {
                left.members(position).iter().map(|operator| (place(*operator), &left.operators().list()[*operator]))
            };
            ways.push(way.iter().map(|clause| program.clause(clause, members())).collect());
        }
        program.goal(&service.prize, ways);
    }
    let items = program.exhaust()?.dearest?;
    let operators: Vec<usize> = items.into_iter().map(|item| there[item]).collect();
    Some(Attack::of(&left, &operators))
}

/// One attack of a cascade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The attack, on what the rounds before left.
    pub attack: Attack,
    /// The value of stake that is left after it.
    pub stake_left: Ratio,
    /// Whether no attack of this round was more profitable.
    pub is_best: bool,
}

/// A shock, and the attacks that follow one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascade {
    /// Operators that the shock took.
    pub shock: Vec<usize>,
    /// The attacks, the most profitable first found each time; every service falls once.
    pub rounds: Vec<Round>,
    /// Lost stake over all stake, the shock's included; none without stake.
    pub loss: Option<Ratio>,
}

/// Plays a cascade: the operators of `shock` are gone, then attackers take the most profitable attack found, again and again, each service once.
///
/// A price shock of one token is a shock of no operators on [`Network::at_prices`].
pub fn simulate(
    network: &Network,
    shock: &[usize],
    effort: &Effort,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Cascade {
    let total = network.total_value();
    let mut left = network.without(shock);
    let mut rounds: Vec<Round> = Vec::new();
    // Each round but those without operators takes stake away, and each takes a prize.
    for _ in 0..network.services().len() {
        let found = best_attack(&left, effort, watch);
        if !found.attack.profit().is_positive() {
            break;
        }
        left = left.without(&found.attack.operators);
        found.attack.services.iter().for_each(|service| left.services[*service].prize = Ratio::zero());
        let is_best = found.is_exact();
        rounds.push(Round { stake_left: left.total_value(), attack: found.attack, is_best });
    }
    let lost = &total - left.total_value();
    Cascade { shock: shock.to_vec(), rounds, loss: (!total.is_zero()).then(|| lost / total) }
}

/// A shock of at most `share` of the stake by greed: the operators with the greatest load first, as far as they fit.
pub fn greedy_shock(network: &Network, share: &Fraction) -> Vec<usize> {
    let loads = loads(network);
    let mut order: Vec<usize> = (0..loads.len()).filter(|operator| network.values()[*operator].is_positive()).collect();
    let load = |operator: &usize| (loads[*operator].is_none(), loads[*operator].clone());
    order.sort_by(|a, b| load(b).cmp(&load(a)).then(a.cmp(b)));
    fit(network, order, share)
}

/// A shock of at most `share` of the stake, in an order that `seed` draws.
pub fn random_shock(network: &Network, share: &Fraction, seed: u64) -> Vec<usize> {
    let mut dice = Dice::new(seed, 0);
    let mut order: Vec<usize> =
        (0..network.values().len()).filter(|operator| network.values()[*operator].is_positive()).collect();
    for place in (1..order.len()).rev() {
        order.swap(place, dice.below(place as u64 + 1) as usize);
    }
    fit(network, order, share)
}

fn fit(network: &Network, order: Vec<usize>, share: &Fraction) -> Vec<usize> {
    let mut room = share.get() * network.total_value();
    let mut shock = Vec::new();
    for operator in order {
        let value = &network.values()[operator];
        if *value <= room {
            room -= value;
            shock.push(operator);
        }
    }
    shock.sort_unstable();
    shock
}
