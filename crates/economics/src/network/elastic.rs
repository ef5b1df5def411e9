//! Elastic networks: operators allocate stake to services, more in sum than they have, and what one service slashes is stretched over the others.
//!
//! After Bar-Zur and Eyal, "Elastic Restaking Networks" (CCS 2025, arXiv 2503.00170): operator `i` has stake `σ_i` and allocates `w_ij ≤ σ_i` to service `j`, which falls when
//! attackers use `x_ij ≤ w_ij` with `Σ_i x_ij ≥ θ_j·Σ_i w_ij` and then pays `R_j`. An operator loses `min(σ_i, Σ_j x_ij)`: what it has, once. Byzantine services
//! slash everyone on them: `σ_i′ = max(0, σ_i − Σ w_ij)`, `w_ij′ = min(w_ij, σ_i′)`.
//!
//! Ties follow the rule of the parent module for verdicts: a profit of 0 is secure. [`Elastic::robustness`] follows its source, where a loss of at most the budget is an
//! attack.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use crate::error::InputError;
use crate::number::{Fraction, Ratio, amount, at_least_zero, common_denominator, in_units, least};
use crate::operators::distinct;

/// Most operators for which every attack is tried.
pub const OPERATORS_EXACT_MAX: usize = 16;
/// Most services for which every set of Byzantine ones is tried.
pub const SERVICES_EXACT_MAX: usize = 12;

/// A service of an elastic network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElasticService {
    /// Its name, unique in the network.
    pub id: String,
    /// `R_j`.
    pub prize: Ratio,
    /// `θ_j`.
    pub threshold: Fraction,
}

/// An operator of an elastic network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElasticOperator {
    /// Its name, unique in the network.
    pub id: String,
    /// `σ_i`.
    pub stake: Ratio,
    /// `w_ij` by the service's name.
    pub allocations: Vec<(String, Ratio)>,
}

/// An elastic network whose parts fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elastic {
    services: Vec<ElasticService>,
    operators: Vec<ElasticOperator>,
    /// `allocated[i][j] = w_ij`.
    allocated: Vec<Vec<Ratio>>,
    stakes: Vec<Ratio>,
}

/// An attack with the greatest profit, or with the least loss where none pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElasticAttack {
    /// Services that fall, ascending; at least one.
    pub services: Vec<usize>,
    /// Operators who lose all of their stake and use every allocation.
    pub spent: Vec<usize>,
    /// Stake that must be used beside theirs, per fallen service, each unit of it once.
    pub beside: Vec<Ratio>,
    /// Prizes minus lost stake.
    pub profit: Ratio,
    /// No attack's profit is above this; equal to `profit` when every attack was tried.
    pub at_most: Ratio,
}

impl Elastic {
    /// # Errors
    /// [`InputError`] for nothing to analyse, bad or repeated ids, negative or too large numbers, unknown services and allocations above an operator's stake.
    pub fn new(services: Vec<ElasticService>, operators: Vec<ElasticOperator>) -> Result<Self, InputError> {
        if services.is_empty() {
            return Err(InputError::Empty { what: "service" });
        }
        if operators.is_empty() {
            return Err(InputError::Empty { what: "operator" });
        }
        for (what, count, max) in [
            ("services", services.len(), super::SERVICES_MAX),
            ("operators", operators.len(), crate::operators::OPERATORS_MAX),
            ("pairs of services and operators", services.len() * operators.len(), 16 * super::MEMBERSHIPS_MAX),
        ] {
            if count > max {
                return Err(InputError::TooMany { what, count, max });
            }
        }
        let places = distinct("service", services.iter().map(|service| service.id.as_str()))?;
        distinct("operator", operators.iter().map(|operator| operator.id.as_str()))?;
        for service in &services {
            amount(service.prize.clone()).map_err(InputError::number("prize", &service.id))?;
        }
        let mut allocated = vec![vec![Ratio::zero(); services.len()]; operators.len()];
        for (operator, row) in operators.iter().zip(&mut allocated) {
            amount(operator.stake.clone()).map_err(InputError::number("stake", &operator.id))?;
            distinct("allocation", operator.allocations.iter().map(|(service, _)| service.as_str()))?;
            for (service, of) in &operator.allocations {
                let unknown = || InputError::Unknown { what: "service", id: service.clone(), by: operator.id.clone() };
                let place = *places.get(service.as_str()).ok_or_else(unknown)?;
                row[place] = amount(of.clone()).map_err(InputError::number("allocation", &operator.id))?;
                if row[place] > operator.stake {
                    return Err(InputError::Overallocated { operator: operator.id.clone(), service: service.clone() });
                }
            }
        }
        let stakes = operators.iter().map(|operator| operator.stake.clone()).collect();
        drop(places);
        Ok(Self { services, operators, allocated, stakes })
    }

    /// The services, in the order given.
    pub fn services(&self) -> &[ElasticService] {
        &self.services
    }

    /// The operators, in the order given.
    pub fn operators(&self) -> &[ElasticOperator] {
        &self.operators
    }

    /// An operator's restaking degree, `Σ_j w_ij / σ_i`; none without stake.
    pub fn degree(&self, operator: usize) -> Option<Ratio> {
        let stake = &self.stakes[operator];
        (!stake.is_zero()).then(|| self.allocated[operator].iter().sum::<Ratio>() / stake)
    }

    /// The attack with the greatest profit on the services that are not `byzantine`, which have slashed everyone already; none when all are.
    ///
    /// For a set `F` of operators who lose everything, service `j` still lacks `max(0, θ_j·Σ w_ij − Σ_{i∈F} w_ij)`, which the others lend at one unit each: it is worth taking
    /// when `R_j` exceeds that. So the profit is `Σ_j max(0, R_j − lack_j) − σ_F`, maximised over `F`: by trying all up to [`OPERATORS_EXACT_MAX`] operators,
    /// else by improving one operator at a time, with the bound that every used unit costs at least `min(1, 1/d_i)`.
    pub fn best_attack(&self, byzantine: &[usize]) -> Option<ElasticAttack> {
        let after = Remaining::of(self, byzantine);
        if after.services.is_empty() {
            return None;
        }
        let (spent, exact) = match self.operators.len() <= OPERATORS_EXACT_MAX {
            true => (after.best_of_all(), true),
            false => (after.best_by_steps(), false),
        };
        let mut attack = after.attack(&spent);
        attack.at_most = if exact { attack.profit.clone() } else { after.bound().max(attack.profit.clone()) };
        Some(attack)
    }

    /// The least share of services, weighed by `R_j/θ_j`, whose turning Byzantine lets an attack lose at most `budget`, with those services (Elastic Restaking Networks,
    /// robustness). `safe` services can not turn. One, without services, when that never happens; none above the sizes that are tried exactly.
    pub fn robustness(&self, budget: &Ratio, safe: &[usize]) -> Option<(Ratio, Vec<usize>)> {
        if self.services.len() > SERVICES_EXACT_MAX || self.operators.len() > OPERATORS_EXACT_MAX {
            return None;
        }
        let weight = |service: &usize| &self.services[*service].prize / self.services[*service].threshold.get();
        let turning: Vec<usize> = (0..self.services.len()).filter(|service| !safe.contains(service)).collect();
        let total: Ratio = turning.iter().map(weight).sum();
        let mut sets: Vec<(Ratio, Vec<usize>)> = Vec::new();
        for set in 0u32..1 << turning.len() {
            let of: Vec<usize> =
                turning.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, s)| *s).collect();
            let part: Ratio = of.iter().map(weight).sum();
            sets.push((if total.is_zero() { Ratio::zero() } else { part / &total }, of));
        }
        sets.sort();
        let falls =
            |(_, of): &(Ratio, Vec<usize>)| self.best_attack(of).is_some_and(|attack| attack.profit >= -budget.clone());
        Some(sets.into_iter().find(falls).unwrap_or((Ratio::one(), Vec::new())))
    }
}

/// A network after Byzantine services have slashed.
struct Remaining<'a> {
    of: &'a Elastic,
    services: Vec<usize>,
    stakes: Vec<Ratio>,
    /// Per remaining service, per operator.
    allocated: Vec<Vec<Ratio>>,
    needs: Vec<Ratio>,
}

impl<'a> Remaining<'a> {
    fn of(network: &'a Elastic, byzantine: &[usize]) -> Self {
        let services: Vec<usize> = (0..network.services.len()).filter(|service| !byzantine.contains(service)).collect();
        let slashed = |(stake, row): (&Ratio, &Vec<Ratio>)| {
            at_least_zero(stake - byzantine.iter().filter_map(|service| row.get(*service)).sum::<Ratio>())
        };
        let stakes: Vec<Ratio> = network.stakes.iter().zip(&network.allocated).map(slashed).collect();
        let of_service = |service: &usize| {
            let left = |(row, stake): (&Vec<Ratio>, &Ratio)| least(row[*service].clone(), stake.clone());
            network.allocated.iter().zip(&stakes).map(left).collect()
        };
        let allocated: Vec<Vec<Ratio>> = services.iter().map(of_service).collect();
        let need = |(service, of): (&usize, &Vec<Ratio>)| {
            network.services[*service].threshold.get() * of.iter().sum::<Ratio>()
        };
        let needs = services.iter().zip(&allocated).map(need).collect();
        Self { of: network, services, stakes, allocated, needs }
    }

    fn prize(&self, place: usize) -> &Ratio {
        &self.of.services[self.services[place]].prize
    }

    /// The attack in which `spent` lose everything and at least one service falls.
    fn attack(&self, spent: &[bool]) -> ElasticAttack {
        let lack = |place: usize| {
            let used = self.allocated[place].iter().zip(spent).filter(|(_, spent)| **spent).map(|(of, _)| of);
            at_least_zero(&self.needs[place] - used.sum::<Ratio>())
        };
        let lacks: Vec<Ratio> = (0..self.services.len()).map(lack).collect();
        let gain = |place: &usize| self.prize(*place) - &lacks[*place];
        let mut taken: Vec<usize> = (0..lacks.len()).filter(|place| gain(place).is_positive()).collect();
        if taken.is_empty() {
            taken.extend((0..lacks.len()).max_by(|a, b| gain(a).cmp(&gain(b)).then(b.cmp(a))));
        }
        let lost: Ratio = self.stakes.iter().zip(spent).filter(|(_, spent)| **spent).map(|(stake, _)| stake).sum();
        let profit = taken.iter().map(gain).sum::<Ratio>() - lost;
        ElasticAttack {
            beside: taken.iter().map(|place| lacks[*place].clone()).collect(),
            services: taken.into_iter().map(|place| self.services[place]).collect(),
            spent: (0..spent.len()).filter(|operator| spent[*operator]).collect(),
            at_most: profit.clone(),
            profit,
        }
    }

    /// Tries every set of operators who lose everything, each one operator away from the last.
    fn best_of_all(&self) -> Vec<bool> {
        let numbers = self.stakes.iter().chain(&self.needs).chain(self.allocated.iter().flatten());
        let prizes = self.of.services.iter().map(|service| &service.prize);
        let unit = common_denominator(numbers.chain(prizes));
        let whole = |ratio: &Ratio| in_units(ratio, &unit);
        let allocated: Vec<Vec<BigInt>> = self.allocated.iter().map(|row| row.iter().map(whole).collect()).collect();
        let stakes: Vec<BigInt> = self.stakes.iter().map(whole).collect();
        let prizes: Vec<BigInt> = (0..self.services.len()).map(|place| whole(self.prize(place))).collect();
        let mut lacks: Vec<BigInt> = self.needs.iter().map(whole).collect();
        let (mut lost, mut spent) = (BigInt::zero(), vec![false; stakes.len()]);
        let mut best: Option<(BigInt, Vec<bool>)> = None;
        for step in 0u32..1 << stakes.len() {
            if step > 0 {
                let operator = step.trailing_zeros() as usize;
                spent[operator] = !spent[operator];
                let sign = BigInt::from(if spent[operator] { 1 } else { -1 });
                lost += &sign * &stakes[operator];
                lacks.iter_mut().zip(&allocated).for_each(|(lack, row)| *lack -= &sign * &row[operator]);
            }
            let profit = profit_of(&prizes, &lacks) - &lost;
            if best.as_ref().is_none_or(|(most, _)| profit > *most) {
                best = Some((profit, spent.clone()));
            }
        }
        best.map(|(_, spent)| spent).unwrap_or_default()
    }

    /// Turns one operator at a time as long as that helps.
    fn best_by_steps(&self) -> Vec<bool> {
        let mut spent = vec![false; self.stakes.len()];
        let mut profit = self.attack(&spent).profit;
        loop {
            let before = profit.clone();
            for operator in 0..spent.len() {
                spent[operator] = !spent[operator];
                let turned = self.attack(&spent).profit;
                if turned > profit {
                    profit = turned;
                } else {
                    spent[operator] = !spent[operator];
                }
            }
            if profit <= before {
                return spent;
            }
        }
    }

    /// No profit is above it: a used unit of operator `i` costs at least `min(1, σ_i/Σ_j w_ij)`, so each service costs at least its cheapest units.
    fn bound(&self) -> Ratio {
        let total = |operator: usize| self.allocated.iter().map(|row| &row[operator]).sum::<Ratio>();
        let price = |operator: usize| {
            let allocated = total(operator);
            if allocated.is_zero() { Ratio::one() } else { least(Ratio::one(), &self.stakes[operator] / allocated) }
        };
        let mut order: Vec<(Ratio, usize)> =
            (0..self.stakes.len()).map(|operator| (price(operator), operator)).collect();
        order.sort();
        let gain = |place: usize| {
            let mut missing = self.needs[place].clone();
            let mut cost = Ratio::zero();
            for (price, operator) in &order {
                let used = least(missing.clone(), self.allocated[place][*operator].clone());
                cost += price * &used;
                missing -= used;
            }
            self.prize(place) - cost
        };
        (0..self.services.len()).map(|place| at_least_zero(gain(place))).sum()
    }
}

/// `Σ max(0, prize − max(0, lack))`, or the greatest term where none is above zero.
fn profit_of(prizes: &[BigInt], lacks: &[BigInt]) -> BigInt {
    let mut sum = BigInt::zero();
    let mut most: Option<BigInt> = None;
    for (prize, lack) in prizes.iter().zip(lacks) {
        let gain = if lack.is_positive() { prize - lack } else { prize.clone() };
        if gain.is_positive() {
            sum += &gain;
        }
        most = Some(most.map_or(gain.clone(), |most| most.max(gain)));
    }
    if sum.is_zero() { most.unwrap_or_default() } else { sum }
}

/// A network in which all operators, services and allocations are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symmetric {
    /// `n` operators.
    pub operators: u32,
    /// `m` services.
    pub services: u32,
    /// `σ` of each operator.
    pub stake: Ratio,
    /// `w` of each operator to each service.
    pub allocation: Ratio,
    /// `θ`.
    pub threshold: Fraction,
    /// `R`.
    pub prize: Ratio,
}

impl Symmetric {
    /// The greatest profit of attacking `k = 1, …, m` services: `k·R − ⌊n·θ⌋·min(σ, k·w) − min(frac(n·θ)·k·w, σ)`, and that `k` (Elastic Restaking Networks, symmetric
    /// case); none without services.
    pub fn best_attack(&self) -> Option<(Ratio, u32)> {
        let attackers = Ratio::from_integer(self.operators.into()) * self.threshold.get();
        let profit = |k: u32| {
            let k = Ratio::from_integer(k.into());
            let used = &k * &self.allocation;
            let cost = attackers.floor() * least(self.stake.clone(), used.clone());
            let part = least((&attackers - attackers.floor()) * used, self.stake.clone());
            &k * &self.prize - cost - part
        };
        (1..=self.services).map(|k| (profit(k), k)).max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
    }
}
