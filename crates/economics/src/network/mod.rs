//! Restaking networks: services that an attack on would pay, operators whose stake stands behind several of them, and whether that is enough.
//!
//! The model is that of Durvasula and Roughgarden, "Robust Restaking Networks" (ITCS 2025, arXiv 2407.21785): a service `s` has a prize `π_s` and a threshold `α_s`,
//! an operator `v` stake `σ_v`; `N(s)` are the operators of a service. Operators `B` and services `A` are an **attacking coalition** when
//! `σ_{B∩N(s)} ≥ α_s·σ_{N(s)}` for every `s` of `A`; they are an **attack** when also `π_A > σ_B`, strictly. A network without an attack is **secure**; it has
//! **slack** `γ` when `(1 + γ)·π_A ≤ σ_B` for every coalition. A service may have a dual-stake policy in place of the threshold: then `B` must satisfy what forges
//! a certificate under it.
//!
//! A verdict "insecure" never stands without a witness, and "secure" never without a proof: the certificate of [`certify`], or a search that has ended.

mod attack;
mod cascade;
pub mod elastic;
mod flow;
mod slack;
mod tables;
mod verdict;

use num_traits::Zero;
use tandem_types::PerToken;

use crate::cover::{Built, Program};
use crate::error::InputError;
use crate::number::{Fraction, Ratio, amount};
use crate::operators::{Operators, Prices, distinct};
use crate::policy::{Clause, Policy, Whole, forgery_ways};

pub use attack::{Attack, BestAttack, Method, best_attack, free_attacks, least_attack_on};
pub use cascade::{
    CASCADE_OPERATORS_MAX, Cascade, Round, WorstCascade, cascade_bound, cascade_bound_bps, greedy_shock, random_shock,
    simulate, worst_cascade,
};
pub use slack::{Certificate, Load, TrueSlack, certify, loads, true_slack};
pub use tables::{OperatorRow, ServiceRow, operator_table, service_table};
pub use verdict::{Analysis, Basis, Verdict, analyse};

/// Most services of a network.
pub const SERVICES_MAX: usize = 4_096;
/// Most pairs of a service and an operator of it.
pub const MEMBERSHIPS_MAX: usize = 524_288;

/// What operators must satisfy to corrupt a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A share of the value of its stake, of both tokens together.
    Fraction(Fraction),
    /// What forges a certificate under a policy over both tokens.
    Policy(Policy),
}

/// A service: what corrupting it pays, and who would have to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, unique in the network.
    pub id: String,
    /// What corrupting it pays, in the unit of stake's value.
    pub prize: Ratio,
    /// What corrupts it.
    pub rule: Rule,
    /// Ids of its operators.
    pub operators: Vec<String>,
}

/// A network whose parts fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    operators: Operators,
    services: Vec<Service>,
    prices: Prices,
    /// Positions of each service's operators, ascending.
    members: Vec<Vec<usize>>,
    /// Positions of each operator's services, ascending.
    services_of: Vec<Vec<usize>>,
    values: Vec<Ratio>,
}

impl Network {
    /// # Errors
    /// [`InputError`] for no services or too many, bad or repeated ids, prizes that are negative or too large, operators that do not exist or are named twice.
    pub fn new(operators: Operators, services: Vec<Service>, prices: Prices) -> Result<Self, InputError> {
        if services.is_empty() {
            return Err(InputError::Empty { what: "service" });
        }
        if services.len() > SERVICES_MAX {
            return Err(InputError::TooMany { what: "services", count: services.len(), max: SERVICES_MAX });
        }
        distinct("service", services.iter().map(|service| service.id.as_str()))?;
        let positions = distinct("operator", operators.list().iter().map(|operator| operator.id.as_str()))?;
        let mut members = Vec::with_capacity(services.len());
        for service in &services {
            amount(service.prize.clone()).map_err(InputError::number("prize", &service.id))?;
            distinct("operator", service.operators.iter().map(String::as_str))?;
            let position = |id: &String| positions.get(id.as_str()).copied().ok_or_else(|| unknown(id, &service.id));
            let mut of = service.operators.iter().map(position).collect::<Result<Vec<_>, _>>()?;
            of.sort_unstable();
            members.push(of);
        }
        let count = members.iter().map(Vec::len).sum();
        if count > MEMBERSHIPS_MAX {
            return Err(InputError::TooMany { what: "memberships", count, max: MEMBERSHIPS_MAX });
        }
        Ok(Self::of_parts(operators, services, prices, members))
    }

    fn of_parts(operators: Operators, services: Vec<Service>, prices: Prices, members: Vec<Vec<usize>>) -> Self {
        let mut services_of = vec![Vec::new(); operators.list().len()];
        for (service, of) in members.iter().enumerate() {
            of.iter().for_each(|operator| services_of[*operator].push(service));
        }
        let values = operators.list().iter().map(|operator| operator.value(&prices.real)).collect();
        Self { operators, services, prices, members, services_of, values }
    }

    /// The operators.
    pub fn operators(&self) -> &Operators {
        &self.operators
    }

    /// The services, in the order given.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The prices.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Positions of a service's operators.
    pub fn members(&self, service: usize) -> &[usize] {
        &self.members[service]
    }

    /// Positions of an operator's services.
    pub fn services_of(&self, operator: usize) -> &[usize] {
        &self.services_of[operator]
    }

    /// What each operator's stake is worth.
    pub fn values(&self) -> &[Ratio] {
        &self.values
    }

    /// What all stake is worth.
    pub fn total_value(&self) -> Ratio {
        self.values.iter().sum()
    }

    /// The network at other prices: a price shock.
    pub fn at_prices(&self, prices: Prices) -> Self {
        Self::of_parts(self.operators.clone(), self.services.clone(), prices, self.members.clone())
    }

    /// The network with these operators' stake gone; they keep their places, so positions stay.
    pub fn without(&self, gone: &[usize]) -> Self {
        let mut left = self.clone();
        let is_gone = |operator: &usize| gone.contains(operator);
        for members in &mut left.members {
            members.retain(|operator| !is_gone(operator));
        }
        for operator in gone {
            left.services_of[*operator].clear();
            left.values[*operator] = Ratio::zero();
        }
        left
    }

    /// The network with one service less.
    pub fn without_service(&self, service: usize) -> Result<Self, InputError> {
        let services = self.services.iter().enumerate().filter(|(position, _)| *position != service);
        Self::new(self.operators.clone(), services.map(|(_, service)| service.clone()).collect(), self.prices.clone())
    }

    /// Ways to corrupt a service, as clauses over its operators.
    fn ways(&self, service: usize) -> Vec<Vec<Clause>> {
        match &self.services[service].rule {
            Rule::Fraction(share) => {
                let stake: Ratio = self.members[service].iter().map(|operator| &self.values[*operator]).sum();
                vec![vec![Clause { weight: self.prices.real.clone(), need: stake * share.get(), more: false }]]
            }
            Rule::Policy(policy) => {
                let stakes = self.members[service].iter().map(|operator| &self.operators.list()[*operator].stake);
                let total: PerToken<Ratio> = crate::operators::sum_of(stakes);
                forgery_ways(&policy.in_ratios(), &Whole { total: &total, counted: &self.prices.counted })
            }
        }
    }

    /// The covering problem of all attacks: operators are items, services goals, at the same positions.
    fn program(&self) -> Program {
        let mut program = Program::new(&self.values, self.services.iter().map(|service| &service.prize));
        for (position, service) in self.services.iter().enumerate() {
            let ways = self.built_ways(&mut program, position);
            program.goal(&service.prize, ways);
        }
        program
    }

    fn built_ways(&self, program: &mut Program, service: usize) -> Vec<Vec<Built>> {
        let list = self.operators.list();
        let ways = self.ways(service);
        let mut built = Vec::with_capacity(ways.len());
        for way in &ways {
            let members = || self.members[service].iter().map(|operator| (*operator, &list[*operator]));
            built.push(way.iter().map(|clause| program.clause(clause, members())).collect());
        }
        built
    }

    /// Whether every service is corrupted only by all of its operators together: then the best attack is a minimum cut.
    fn is_unanimous(&self) -> bool {
        self.services.iter().all(|service| service.rule == Rule::Fraction(Fraction::whole()))
    }
}

fn unknown(id: &str, by: &str) -> InputError {
    InputError::Unknown { what: "operator", id: id.chars().take(64).collect(), by: by.to_owned() }
}
