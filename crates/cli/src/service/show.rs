//! `tandem service show`: how a service believes results, what stands behind it, and under which terms.

use anyhow::anyhow;
use serde_json::{Value as Json, json};
use tandem_chain::staking::{Delays, ServiceStake, SlashRequest};
use tandem_chain::{ChainClient, ServiceError, ServiceReader, TableInfo, TableTerms};
use tandem_types::{Address, PerToken, U256, Weight};

use super::policy::Judgement;
use crate::Failure;
use crate::operator::weights_json;
use crate::report::print;
use crate::session::{Names, Session, code};
use crate::table::{Table, lines};
use crate::units;

/// Operators that a page shows unless all are asked for.
const OPERATORS_SHOWN: usize = 20;

/// All that a page tells.
struct Page {
    stake: ServiceStake,
    delays: Delays,
    judgement: Judgement,
    terms: TableTerms,
    table: Option<(TableInfo, PerToken<Weight>)>,
}

pub(super) async fn run(mut session: Session, all: bool) -> Result<(), Failure> {
    let service = session.service().await?;
    let stake = session.reader.service(service).await.map_err(|error| session.read(error))?;
    let stake = stake.ok_or_else(|| {
        Failure::new(code::USAGE, anyhow!("service {service} is not registered with the AllocationManager"))
            .hint("its owner registers it with `tandem service register`")
    })?;
    let delays = session.reader.delays().await.map_err(|error| session.read(error))?;
    let page = read(session.client.clone(), stake, delays).await.map_err(|error| failed(&session, error))?;
    let names = &session.names;
    let text = if session.json { format!("{}\n", page.json(names)) } else { page.text(names, all) };
    Ok(print(&text)?)
}

async fn read(client: ChainClient, stake: ServiceStake, delays: Delays) -> Result<Page, ServiceError> {
    let reader = ServiceReader::open(client, stake.service).await?;
    let table = match reader.current_epoch().await? {
        Some(epoch) => Some((reader.table_info(epoch).await?, reader.table_total(epoch).await?)),
        None => None,
    };
    let (policy, conditions, oracle) = (reader.policy(), reader.conditions().await?, reader.oracle().await?);
    let judgement = Judgement { policy, conditions, oracle };
    Ok(Page { stake, delays, judgement, terms: reader.table_terms().await?, table })
}

fn failed(session: &Session, error: ServiceError) -> Failure {
    match error {
        ServiceError::Rpc(error) => session.read(error),
        error => {
            let hint = error.hint();
            let failure = Failure::new(1, error);
            hint.into_iter().fold(failure, Failure::hint)
        }
    }
}

impl Page {
    fn text(&self, names: &Names, all: bool) -> String {
        let stake = &self.stake;
        let mut text = lines(&self.head(names), 0);
        text += "\n";
        text += &lines(&self.tables(names), 0);
        text += "\n";
        text += &lines(&self.agreement(names), 0);
        text += "\n";
        text += &operators(stake, names, if all { usize::MAX } else { OPERATORS_SHOWN });
        for request in &stake.pending_slashes {
            text += "\n";
            text += &slash_text(request, names);
        }
        text
    }

    fn head(&self, names: &Names) -> Vec<(&'static str, String)> {
        let strategies = self.stake.strategies;
        let mut pairs = vec![
            ("service", self.stake.service.to_string()),
            ("native", described(strategies.native, names)),
            ("external", described(strategies.external, names)),
        ];
        pairs.extend(self.judgement.lines(strategies, names));
        pairs
    }

    fn tables(&self, names: &Names) -> Vec<(&'static str, String)> {
        let TableTerms { window_s, epoch_s, move_bps } = self.terms;
        let rule = format!(
            "after {}, or when an operator comes, goes or loses its weight; corrected when one moves by {} of the total",
            units::duration(epoch_s.into()),
            units::percent(move_bps.into())
        );
        let Some((table, total)) = self.table else {
            let none = "none yet: no result can be certified; `tandem service refresh` writes one";
            return vec![("table", none.to_owned()), ("renewed", rule)];
        };
        let believed = if table.valid_until < names.now { "expired" } else { "believed until" };
        let total = self.stake.strategies.zip_with(units_of(total), |strategy, total| names.amount(strategy, total));
        vec![
            (
                "table",
                format!(
                    "epoch {} with {} operators, total weight {} and {}",
                    table.epoch, table.operators, total.native, total.external
                ),
            ),
            ("taken", names.time(table.taken_at)),
            ("window", format!("{}, {believed} {}", units::duration(window_s.into()), names.time(table.valid_until))),
            ("renewed", rule),
        ]
    }

    fn json(&self, names: &Names) -> Json {
        let stake = &self.stake;
        let operator = |(operator, weight): &(Address, PerToken<Weight>)| json!({ "operator": operator, "weight": weights_json(stake.strategies, *weight, names) });
        let shown: Vec<_> = stake.operators.iter().collect();
        json!({
            "ok": true,
            "service": stake.service,
            "strategies": stake.strategies,
            "policy": self.judgement.json(),
            "table": self.table.map(|(table, total)| json!({
                "epoch": table.epoch,
                "operators": table.operators,
                "total_weight": weights_json(stake.strategies, total, names),
                "taken_at": table.taken_at,
                "age_seconds": names.now.saturating_sub(table.taken_at),
                "valid_until": table.valid_until,
            })),
            "table_terms": {
                "window_seconds": self.terms.window_s,
                "epoch_seconds": self.terms.epoch_s,
                "move_bps": self.terms.move_bps,
            },
            "terms": {
                "slasher": stake.terms.slasher,
                "resolver": stake.terms.resolver,
                "recipient": stake.terms.recipient,
                "veto_seconds": stake.terms.veto_seconds,
                "slash_bps_max": stake.terms.slash_bps_max,
            },
            "delays": {
                "withdrawal_seconds": self.delays.withdrawal_s,
                "allocation_seconds": self.delays.allocation_s,
            },
            "rules": {
                "approval_required": stake.rules.approval_required,
                "operators_max": stake.rules.operators_max,
                "least": stake.strategies.zip_with(stake.rules.least, |strategy, least| names.amount_json(strategy, U256::from(least))),
            },
            "operators": stake.operators.iter().map(operator).collect::<Vec<_>>(),
            "total_weight": stake.strategies.zip_with(sum(&shown), |strategy, total| names.amount_json(strategy, total)),
            "pending_slashes": stake.pending_slashes.iter().map(slash_json).collect::<Vec<_>>(),
        })
    }

    /// What operators and their stakers agree to.
    fn agreement(&self, names: &Names) -> Vec<(&'static str, String)> {
        let who =
            |address: Option<Address>, none: &str| address.map_or_else(|| none.to_owned(), |known| known.to_string());
        let (terms, rules) = (&self.stake.terms, &self.stake.rules);
        let takes = if rules.approval_required { "operators that its owner approved" } else { "any operator" };
        let mut pairs = vec![
            ("takes", format!("{takes}, {} of at most {} serve", self.stake.operators.len(), rules.operators_max)),
            ("minimum", least(&self.stake, names)),
            ("slasher", who(terms.slasher, "none, it never slashes")),
        ];
        if terms.slasher.is_some() {
            pairs.extend([
                ("resolver", who(terms.resolver, "none, no slash can be vetoed")),
                ("slashed to", who(terms.recipient, "nobody, it is burned")),
                (
                    "largest slash",
                    format!("{} of an operator's allocation", units::percent(terms.slash_bps_max.into())),
                ),
                (
                    "veto window",
                    format!("{} from the request to its execution", units::duration(terms.veto_seconds.into())),
                ),
            ]);
        }
        let leaving = units::duration(self.delays.withdrawal_s.into());
        pairs.push(match terms.slasher {
            None => ("leaving takes", leaving),
            Some(_) => ("leaving takes", format!("{leaving}, within which a slash can be executed")),
        });
        pairs.push((
            "joining takes",
            match self.delays.allocation_s {
                0 => "no time: more allocation is effective at once".to_owned(),
                delay => format!("{} until more allocation is effective", units::duration(delay.into())),
            },
        ));
        pairs
    }
}

fn described(strategy: Address, names: &Names) -> String {
    format!("{} in strategy {strategy}", names.symbol(strategy))
}

fn least(stake: &ServiceStake, names: &Names) -> String {
    let one = |strategy: Address, least: u128| match least {
        0 => format!("any {}", names.symbol(strategy)),
        least => names.amount(strategy, U256::from(least)),
    };
    let least = stake.strategies.zip_with(stake.rules.least, one);
    format!("{} and {} per operator", least.native, least.external)
}

/// Those with the most stake, if there are more than `most`.
fn operators(stake: &ServiceStake, names: &Names, most: usize) -> String {
    if stake.operators.is_empty() {
        return "no operators\n".to_owned();
    }
    let mut shown: Vec<_> = stake.operators.iter().collect();
    if shown.len() > most {
        shown.sort_by_key(|(operator, weight)| (std::cmp::Reverse((weight.native, weight.external)), *operator));
    }
    let (listed, rest) = shown.split_at(most.min(shown.len()));
    let mut table = Table::new(["operator", "native weight", "external weight"]);
    let mut row = |name: String, weight: PerToken<U256>| {
        let cells = stake.strategies.zip_with(weight, |strategy, weight| names.brief(strategy, weight));
        table.row([name, cells.native, cells.external]);
    };
    for (operator, weight) in listed {
        row(operator.to_string(), units_of(*weight));
    }
    if !rest.is_empty() {
        row(format!("{} more, listed with --all", rest.len()), sum(rest));
    }
    row(format!("all {} together", shown.len()), sum(&shown));
    table.text(0)
}

fn units_of(weight: PerToken<Weight>) -> PerToken<U256> {
    weight.map(|weight| U256::from(weight.units()))
}

fn sum(operators: &[&(Address, PerToken<Weight>)]) -> PerToken<U256> {
    let add = |sum: PerToken<U256>, (_, weight): &&(Address, PerToken<Weight>)| {
        sum.zip_with(units_of(*weight), U256::saturating_add)
    };
    operators.iter().fold(PerToken::default(), add)
}

fn slash_text(request: &SlashRequest, names: &Names) -> String {
    let proportion = request.proportion.map(|bps| units::percent(bps.into()));
    let state = if request.expires_at < names.now { "expired" } else { "waits" };
    lines(
        &[
            ("slash", format!("{}, {state}", request.id)),
            ("operator", request.operator.to_string()),
            (
                "takes",
                format!("{} of its native and {} of its external allocation", proportion.native, proportion.external),
            ),
            ("fault", names.time(request.fault_at)),
            ("executable", format!("from {}", names.time(request.executable_at))),
            ("until", names.time(request.expires_at)),
            ("evidence", request.evidence.to_string()),
        ],
        0,
    )
}

fn slash_json(request: &SlashRequest) -> Json {
    json!({
        "id": request.id,
        "operator": request.operator,
        "bps": request.proportion,
        "fault_at": request.fault_at,
        "executable_at": request.executable_at,
        "expires_at": request.expires_at,
        "evidence": request.evidence,
    })
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
