//! How much better than secure a network is: the certified slack, which takes one pass, and the true one, which takes a search.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::attack::{Attack, best_attack};
use super::{Network, flow};
use crate::cover::{EXHAUSTIVE_ITEMS_MAX, Effort, Progress};
use crate::number::Ratio;

/// How much of an operator's stake the prizes of its services lay claim to: `T_v`. None is without bound: a claim on stake worth nothing.
pub type Load = Option<Ratio>;

/// The certificate of a network: no coalition has less slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `γ* = 1/max T_v − 1`; none when there is nothing to steal, −1 when something is for free. The network is secure when it is not negative; when it is
    /// negative the network may still be secure.
    pub slack: Option<Ratio>,
    /// The operator with the greatest load, the binding one.
    pub binding: Option<usize>,
    /// Its load.
    pub load: Load,
}

impl Certificate {
    /// Whether it proves the network secure.
    pub fn is_secure(&self) -> bool {
        self.slack.as_ref().is_none_or(|slack| !slack.is_negative())
    }

    /// Whether it proves slack of at least `declared`.
    pub fn covers(&self, declared: &Ratio) -> bool {
        self.slack.as_ref().is_none_or(|slack| slack >= declared)
    }
}

/// Prices of one way's clauses: what the way's prize claims of a unit of each clause's weight.
struct Claim {
    clauses: Vec<(super::Clause, Ratio)>,
}

/// What a service's prize claims: nothing, something for free, or prices per clause of every way.
enum Claims {
    Free,
    Priced(Vec<Claim>),
}

/// The slack that the load of single operators proves: `γ* = 1/max_v T_v − 1` with `T_v = Σ_{s∈N(v)} π_s/(α_s·σ_{N(s)})`.
///
/// This is EigenLayer's sufficient condition with a buffer (Robust Restaking Networks, Claim 1 and Corollary 2), and the linear relaxation of the true slack:
/// `γ ≥ γ*` always (research on restaking, §2.1, derived structure 3). A policy over two tokens has several clauses; its prize is laid on them in proportion to the
/// real value that each needs, which is feasible for the dual of the relaxation and therefore proves as much.
///
/// Loads are summed in floats to find which may be the greatest, and those few exactly.
pub fn certify(network: &Network) -> Certificate {
    let claims: Vec<Claims> = (0..network.services().len()).map(|service| claims_of(network, service)).collect();
    if claims.iter().any(|claims| matches!(claims, Claims::Free)) {
        return Certificate { slack: Some(-Ratio::one()), binding: None, load: None };
    }
    let rough = rough_loads(network, &claims);
    let most = rough.iter().copied().fold(0.0, f64::max);
    let near = |operator: &usize| rough[*operator] >= most * (1.0 - 1e-9);
    let mut binding: Option<(usize, Load)> = None;
    for operator in (0..rough.len()).filter(near) {
        let load = exact_load(network, &claims, operator);
        if binding.as_ref().is_none_or(|(_, most)| is_more(&load, most)) {
            binding = Some((operator, load));
        }
    }
    match binding {
        Some((_, Some(load))) if load.is_zero() => Certificate { slack: None, binding: None, load: Some(load) },
        Some((operator, Some(load))) => {
            Certificate { slack: Some(load.recip() - Ratio::one()), binding: Some(operator), load: Some(load) }
        }
        Some((operator, None)) => Certificate { slack: Some(-Ratio::one()), binding: Some(operator), load: None },
        None => Certificate { slack: None, binding: None, load: Some(Ratio::zero()) },
    }
}

/// The exact loads of all operators, for tables; none where a load is without bound, or where a service can be robbed for free.
pub fn loads(network: &Network) -> Vec<Load> {
    let claims: Vec<Claims> = (0..network.services().len()).map(|service| claims_of(network, service)).collect();
    (0..network.values().len()).map(|operator| exact_load(network, &claims, operator)).collect()
}

fn is_more(load: &Load, than: &Load) -> bool {
    match (load, than) {
        (Some(load), Some(than)) => load > than,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

/// The prize of a service laid on the clauses of each way: clause `k` pays `π·price_k/Σ need·price`, with the real price of what it needs.
fn claims_of(network: &Network, service: usize) -> Claims {
    let prize = &network.services()[service].prize;
    if prize.is_zero() {
        return Claims::Priced(Vec::new());
    }
    let mut claims = Vec::new();
    for way in network.ways(service) {
        let priced: Vec<(super::Clause, Ratio)> = way
            .into_iter()
            .filter(|clause| clause.need.is_positive())
            .map(|clause| {
                let price = unit_price(network, &clause);
                (clause, price)
            })
            .collect();
        if let [(clause, _)] = &priced[..] {
            let price = prize / &clause.need;
            claims.push(Claim { clauses: vec![(clause.clone(), price)] });
            continue;
        }
        let needed: Ratio = priced.iter().map(|(clause, price)| &clause.need * price).sum();
        if needed.is_zero() {
            return Claims::Free;
        }
        let clauses = priced.into_iter().map(|(clause, price)| (clause, prize * price / &needed)).collect();
        claims.push(Claim { clauses });
    }
    Claims::Priced(claims)
}

/// What a unit of a clause's weight is worth in real value, where it weighs one token.
fn unit_price(network: &Network, clause: &super::Clause) -> Ratio {
    let real = &network.prices().real;
    let (native, external) = (&clause.weight.native, &clause.weight.external);
    if native.is_zero() && !external.is_zero() {
        &real.external / external
    } else if !native.is_zero() {
        &real.native / native
    } else {
        Ratio::zero()
    }
}

/// `Σ` over the clauses of the operator's services of price times weighed stake, over the value of its stake.
fn exact_load(network: &Network, claims: &[Claims], operator: usize) -> Load {
    let stake = &network.operators().list()[operator].stake;
    let value = &network.values()[operator];
    let (mut numerator, mut denominator) = (BigInt::zero(), BigInt::one());
    for service in network.services_of(operator) {
        let Claims::Priced(claims) = &claims[*service] else { return None };
        for (clause, price) in claims.iter().flat_map(|claim| &claim.clauses) {
            let weight = &clause.weight.native * &stake.native + &clause.weight.external * &stake.external;
            let claim = weight * price;
            // The common divisor is taken out once, at the end.
            numerator = numerator * claim.denom() + claim.numer() * &denominator;
            denominator *= claim.denom();
        }
    }
    if numerator.is_zero() {
        return Some(Ratio::zero());
    }
    (!value.is_zero()).then(|| Ratio::new(numerator, denominator) / value)
}

fn rough_loads(network: &Network, claims: &[Claims]) -> Vec<f64> {
    let float = |ratio: &Ratio| ratio.to_f64().unwrap_or(f64::INFINITY);
    let mut loads = vec![0.0; network.values().len()];
    for (service, claims) in claims.iter().enumerate() {
        let Claims::Priced(claims) = claims else { continue };
        for (clause, price) in claims.iter().flat_map(|claim| &claim.clauses) {
            let (native, external) = (float(&clause.weight.native), float(&clause.weight.external));
            let price = float(price);
            for operator in network.members(service) {
                let stake = &network.operators().list()[*operator].stake;
                let weight = native * float(&stake.native) + external * float(&stake.external);
                if weight > 0.0 && price > 0.0 {
                    loads[*operator] += weight * price / float(&network.values()[*operator]);
                }
            }
        }
    }
    loads.into_iter().map(|load| if load.is_nan() { f64::INFINITY } else { load }).collect()
}

/// The true slack, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrueSlack {
    /// No coalition has less: the certified slack, or the true one when the search ended. None is without bound.
    pub at_least: Option<Ratio>,
    /// The coalition with the least slack found; its own is `cost/prize − 1`. None when no coalition earns anything.
    pub coalition: Option<Attack>,
    /// Whether `at_least` is the true slack.
    pub is_exact: bool,
}

/// `γ = min over coalitions of σ_B/π_A − 1` (Robust Restaking Networks, §3): by enumeration for few operators, else by Dinkelbach's method over best attacks in which prizes
/// count `cost/prize` times, the ratio of the best coalition so far, until none does better.
pub fn true_slack(network: &Network, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> TrueSlack {
    if network.operators().list().len() <= EXHAUSTIVE_ITEMS_MAX
        && let Some(every) = network.program().exhaust()
    {
        let at_least = every.cheapest.as_ref().map(|(_, ratio)| ratio - Ratio::one());
        let coalition = every.cheapest.map(|(items, _)| Attack::of(network, &items));
        return TrueSlack { at_least, coalition, is_exact: true };
    }
    by_ratios(network, effort, watch)
}

/// Rounds of Dinkelbach's method; it converges faster than linearly.
const ROUNDS_MAX: usize = 64;

fn by_ratios(network: &Network, effort: &Effort, watch: &mut dyn FnMut(&Progress) -> bool) -> TrueSlack {
    let everyone: Vec<usize> = (0..network.values().len()).collect();
    let mut least = Attack::of(network, &everyone);
    let found = best_attack(network, effort, watch).attack;
    if found.prize.is_positive() && &found.cost * &least.prize < &least.cost * &found.prize {
        least = found;
    }
    if least.prize.is_zero() {
        return TrueSlack { at_least: None, coalition: None, is_exact: true };
    }
    let program = (!network.is_unanimous()).then(|| network.program());
    for _ in 0..ROUNDS_MAX {
        let ratio = &least.cost / &least.prize;
        let (operators, proven) = match &program {
            None => (flow::best_weighed(network, ratio.numer(), ratio.denom()), true),
            Some(program) => {
                let Some(best) = program.weighed(ratio.numer(), ratio.denom()).solve(effort, watch) else { break };
                (best.items, best.upper == best.value)
            }
        };
        let next = Attack::of(network, &operators);
        if &next.cost * &least.prize < &least.cost * &next.prize {
            least = next;
        } else if proven {
            return TrueSlack { at_least: Some(ratio - Ratio::one()), coalition: Some(least), is_exact: true };
        } else {
            break;
        }
    }
    TrueSlack { at_least: certify(network).slack, coalition: Some(least), is_exact: false }
}
