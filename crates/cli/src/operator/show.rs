//! `tandem operator show`: keys, commission, stake and allocations of an operator.

use serde_json::{Value as Json, json};
use tandem_chain::staking::{Allocation, KeyInfo, Operator, OperatorStake, ServiceAllocation};
use tandem_types::{Address, PerToken, U256, Weight};

use crate::Failure;
use crate::report::print;
use crate::session::{Names, Session};
use crate::stake::lost;
use crate::table::{Table, lines};
use crate::units;

pub(super) async fn run(session: Session, args: &super::Show) -> Result<(), Failure> {
    let operator = session.subject(args.operator, &args.common.sender)?;
    let operator = session.reader.operator(operator).await.map_err(|error| session.read(error))?;
    let names = &session.names;
    let text = if session.json { format!("{}\n", page(&operator, names)) } else { text(&operator, names) };
    Ok(print(&text)?)
}

fn text(operator: &Operator, names: &Names) -> String {
    let mut text = lines(&profile(operator, names), 0);
    text += "\n";
    text += &stakes(operator, names);
    for service in &operator.services {
        text += "\n";
        text += &service_text(service, operator, names);
    }
    text
}

fn profile(operator: &Operator, names: &Names) -> Vec<(&'static str, String)> {
    let mut pairs = vec![("operator", operator.account.to_string())];
    if !operator.registered {
        pairs.push(("registered", "no".to_owned()));
        return pairs;
    }
    let KeyInfo { bls, previous_bls, transport, previous_transport } = &operator.keys;
    let honoured = |until: u64| format!("honoured until {}", names.time(until));
    pairs.push(("BLS (G1)", abridged(&format!("{bls:?}"))));
    if previous_bls.1 != 0 {
        pairs.push(("  before", honoured(previous_bls.1)));
    }
    pairs.push(("transport", transport.to_string()));
    if previous_transport.1 != 0 {
        pairs.push(("  before", honoured(previous_transport.1)));
    }
    let said = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    pairs.push(("socket", said(&operator.profile.socket)));
    pairs.push(("metadata", said(&operator.profile.metadata_uri)));
    pairs.push(("commission", commission(operator, names)));
    pairs.push(("services", operator.services.len().to_string()));
    pairs
}

/// A key is too long for a line; machines get all of it.
fn abridged(key: &str) -> String {
    match (key.get(..18), key.get(key.len().saturating_sub(16)..)) {
        (Some(start), Some(end)) if key.len() > 66 => format!("{start}…{end}"),
        _ => key.to_owned(),
    }
}

fn commission(operator: &Operator, names: &Names) -> String {
    let now = units::percent(operator.commission.bps.into());
    match operator.commission.announced {
        None => now,
        Some((bps, from)) => format!("{now}, {} from {}", units::percent(bps.into()), names.time(from)),
    }
}

/// Stake behind the operator; what is queued stays slashable, and is no part of it.
fn stakes(operator: &Operator, names: &Names) -> String {
    let mut table = Table::new(["stake", "slashed", "allocated", "cap", "strategy"]);
    for stake in &operator.stakes {
        let cap = names.strategy(stake.strategy).map_or(0, |strategy| strategy.leverage_cap_bps);
        table.row([
            names.brief(stake.strategy, stake.assets),
            units::part(lost(stake.factor)),
            units::part(of_present(stake.allocated, stake.factor)),
            units::percent(cap.into()),
            stake.strategy.to_string(),
        ]);
    }
    let queued = operator.stakes.iter().filter_map(|stake| queued(stake, names));
    if table.has_rows() { table.text(0) + &queued.collect::<String>() } else { "no stake\n".to_owned() }
}

/// What is on its way out, by the price of a share.
fn queued(stake: &OperatorStake, names: &Names) -> Option<String> {
    let strategy = names.strategy(stake.strategy).filter(|_| !stake.queued_scaled.is_zero())?;
    let shares = stake.queued_scaled.checked_mul(U256::from(stake.factor))? / U256::from(tandem_chain::staking::WHOLE);
    let worth = units::about(strategy.assets(shares)?, &strategy.token);
    Some(format!("on its way out, and slashable until it is mature: {worth}\n"))
}

/// Allocations are parts of the stake before slashing; people think of the present one.
fn of_present(magnitude: U256, factor: u128) -> U256 {
    let whole = U256::from(tandem_chain::staking::WHOLE);
    magnitude.checked_mul(whole).and_then(|scaled| scaled.checked_div(U256::from(factor))).unwrap_or_default()
}

fn service_text(service: &ServiceAllocation, operator: &Operator, names: &Names) -> String {
    let state = if service.opted_in { "serves" } else { "left, can still be slashed" };
    let mut table = Table::new(["token", "allocated", "weight", "slashable"]);
    let mut changes = String::new();
    let per_token = service.strategies.zip_with(service.allocation, |strategy, allocation| (strategy, allocation));
    let counts = service.weight.zip_with(service.slashable, |weight, slashable| (weight, slashable));
    for ((strategy, allocation), (weight, slashable)) in
        [(per_token.native, counts.native), (per_token.external, counts.external)]
    {
        let factor = factor(operator, strategy);
        table.row([
            names.symbol(strategy),
            units::part(of_present(U256::from(allocation.current), factor)),
            names.brief(strategy, U256::from(weight.units())),
            names.brief(strategy, slashable),
        ]);
        changes += &pending(strategy, &allocation, factor, names);
    }
    format!("service {}: {state}\n{}{changes}", service.service, table.text(2))
}

fn factor(operator: &Operator, strategy: Address) -> u128 {
    let stake = operator.stakes.iter().find(|stake| stake.strategy == strategy);
    stake.map_or(tandem_chain::staking::WHOLE, |stake| stake.factor)
}

/// What an allocation is about to become.
fn pending(strategy: Address, allocation: &Allocation, factor: u128, names: &Names) -> String {
    let describe = |(magnitude, at): (u128, u64)| {
        let part = units::part(of_present(U256::from(magnitude), factor));
        format!("  {} becomes {part} at {}\n", names.symbol(strategy), names.time(at))
    };
    allocation.pending.map(describe).unwrap_or_default()
}

fn page(operator: &Operator, names: &Names) -> Json {
    json!({
        "ok": true,
        "operator": operator.account,
        "registered": operator.registered,
        "keys": keys_json(&operator.keys),
        "socket": operator.profile.socket,
        "metadata_uri": operator.profile.metadata_uri,
        "commission_bps": operator.commission.bps,
        "commission_announced": operator.commission.announced.map(|(bps, from)| json!({ "bps": bps, "effective_at": from })),
        "stake": operator.stakes.iter().map(|stake| stake_json(stake, names)).collect::<Vec<_>>(),
        "parts_of": tandem_chain::staking::WHOLE.to_string(),
        "services": operator.services.iter().map(|service| service_json(service, names)).collect::<Vec<_>>(),
    })
}

fn keys_json(keys: &KeyInfo) -> Json {
    json!({
        "bls": keys.bls,
        "previous_bls": (keys.previous_bls.1 != 0).then(|| json!({ "g1": keys.previous_bls.0, "until": keys.previous_bls.1 })),
        "transport": keys.transport,
        "previous_transport": (keys.previous_transport.1 != 0)
            .then(|| json!({ "key": keys.previous_transport.0, "until": keys.previous_transport.1 })),
    })
}

fn stake_json(stake: &OperatorStake, names: &Names) -> Json {
    json!({
        "strategy": stake.strategy,
        "slash_factor": stake.factor.to_string(),
        "shares": stake.shares.to_string(),
        "assets": names.amount_json(stake.strategy, stake.assets),
        "queued_scaled": stake.queued_scaled.to_string(),
        "allocated": stake.allocated.to_string(),
        "leverage_cap_bps": names.strategy(stake.strategy).map(|strategy| strategy.leverage_cap_bps),
    })
}

fn service_json(service: &ServiceAllocation, names: &Names) -> Json {
    let allocation = |allocation: Allocation| {
        let pending = allocation.pending;
        json!({
            "current": allocation.current.to_string(),
            "pending": pending.map(|(part, at)| json!({ "part": part.to_string(), "effective_at": at })),
        })
    };
    json!({
        "service": service.service,
        "opted_in": service.opted_in,
        "allocation": service.allocation.map(allocation),
        "weight": weights_json(service.strategies, service.weight, names),
        "slashable": service.strategies.zip_with(service.slashable, |strategy, amount| names.amount_json(strategy, amount)),
    })
}

/// Weights of both tokens for machines.
pub(crate) fn weights_json(strategies: PerToken<Address>, weight: PerToken<Weight>, names: &Names) -> PerToken<Json> {
    strategies.zip_with(weight, |strategy, weight| names.amount_json(strategy, U256::from(weight.units())))
}

#[cfg(test)]
#[path = "show_tests.rs"]
mod tests;
