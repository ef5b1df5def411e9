//! `tandem service show`: what stands behind a service, and under which terms.

use anyhow::anyhow;
use serde_json::{Value as Json, json};
use tandem_chain::staking::{ServiceStake, SlashRequest};
use tandem_chain::{ServiceError, ServiceReader, TableInfo};
use tandem_types::{Address, PerToken, U256, Weight};

use crate::Failure;
use crate::operator::weights_json;
use crate::report::print;
use crate::session::{Names, Session, code};
use crate::table::{Table, lines};
use crate::units;

pub(super) async fn run(mut session: Session) -> Result<(), Failure> {
    let service = session.service().await?;
    let stake = session.reader.service(service).await.map_err(|error| session.read(error))?;
    let stake = stake.ok_or_else(|| {
        Failure::new(code::USAGE, anyhow!("service {service} is not registered with the AllocationManager"))
            .hint("its owner registers it with `tandem service register`")
    })?;
    let table = table(&session, service).await?;
    let names = &session.names;
    let text = if session.json { format!("{}\n", page(&stake, table, names)) } else { text(&stake, table, names) };
    Ok(print(&text)?)
}

/// The latest operator table.
async fn table(session: &Session, service: Address) -> Result<Option<TableInfo>, Failure> {
    let failed = |error: ServiceError| match error {
        ServiceError::Rpc(error) => session.read(error),
        error => {
            let hint = error.hint();
            let failure = Failure::new(1, error);
            hint.into_iter().fold(failure, Failure::hint)
        }
    };
    let reader = ServiceReader::open(session.client.clone(), service).await.map_err(failed)?;
    match reader.current_epoch().await.map_err(failed)? {
        Some(epoch) => Ok(Some(reader.table_info(epoch).await.map_err(failed)?)),
        None => Ok(None),
    }
}

fn text(stake: &ServiceStake, table: Option<TableInfo>, names: &Names) -> String {
    let mut text = lines(&head(stake, table, names), 0);
    text += "\n";
    text += &operators(stake, names);
    let mut slashes = Table::new(["slash", "operator", "native", "external", "executable from", "until"]);
    for request in &stake.pending_slashes {
        slashes.row([
            request.id.to_string(),
            crate::local::short(request.operator),
            units::percent(request.proportion.native.into()),
            units::percent(request.proportion.external.into()),
            units::time(request.executable_at),
            units::time(request.expires_at),
        ]);
    }
    if slashes.has_rows() {
        text += "\n";
        text += &slashes.text(0);
    }
    text
}

fn head(stake: &ServiceStake, table: Option<TableInfo>, names: &Names) -> Vec<(&'static str, String)> {
    let who = |address: Option<Address>, none: &str| address.map_or_else(|| none.to_owned(), |known| known.to_string());
    let terms = &stake.terms;
    vec![
        ("service", stake.service.to_string()),
        ("native", described(stake.strategies.native, names)),
        ("external", described(stake.strategies.external, names)),
        ("table", table_text(table, names)),
        ("takes", takes(stake, names)),
        ("slasher", who(terms.slasher, "none, it never slashes")),
        ("resolver", who(terms.resolver, "none")),
        ("slashed to", who(terms.recipient, "burned")),
        ("largest slash", units::percent(terms.slash_bps_max.into())),
        ("veto window", units::duration(terms.veto_seconds.into())),
    ]
}

fn described(strategy: Address, names: &Names) -> String {
    format!("{} in strategy {strategy}", names.symbol(strategy))
}

fn table_text(table: Option<TableInfo>, names: &Names) -> String {
    table.map_or_else(
        || "none yet".to_owned(),
        |table| {
            let believed = if table.valid_until < names.now { "expired" } else { "believed until" };
            format!(
                "epoch {}, {} operators, {believed} {}",
                table.epoch,
                table.operators,
                names.time(table.valid_until)
            )
        },
    )
}

fn takes(stake: &ServiceStake, names: &Names) -> String {
    let rules = &stake.rules;
    let who = if rules.approval_required { "approved operators" } else { "any operator" };
    let least = stake.strategies.zip_with(rules.least, |strategy, least| names.amount(strategy, U256::from(least)));
    format!("{who} with at least {} and {}, at most {}", least.native, least.external, rules.operators_max)
}

fn operators(stake: &ServiceStake, names: &Names) -> String {
    let mut table = Table::new(["operator", "native weight", "external weight"]);
    for (operator, weight) in &stake.operators {
        let [native, external] = weights(stake.strategies, *weight, names);
        table.row([operator.to_string(), native, external]);
    }
    if table.has_rows() { table.text(0) } else { "no operators\n".to_owned() }
}

fn weights(strategies: PerToken<Address>, weight: PerToken<Weight>, names: &Names) -> [String; 2] {
    let text = strategies.zip_with(weight, |strategy, weight| names.amount(strategy, U256::from(weight.units())));
    [text.native, text.external]
}

fn page(stake: &ServiceStake, table: Option<TableInfo>, names: &Names) -> Json {
    let operator = |(operator, weight): &(Address, PerToken<Weight>)| json!({ "operator": operator, "weight": weights_json(stake.strategies, *weight, names) });
    let rules = &stake.rules;
    json!({
        "ok": true,
        "service": stake.service,
        "strategies": stake.strategies,
        "table": table.map(|table| json!({
            "epoch": table.epoch,
            "operators": table.operators,
            "taken_at": table.taken_at,
            "valid_until": table.valid_until,
        })),
        "terms": {
            "slasher": stake.terms.slasher,
            "resolver": stake.terms.resolver,
            "recipient": stake.terms.recipient,
            "veto_seconds": stake.terms.veto_seconds,
            "slash_bps_max": stake.terms.slash_bps_max,
        },
        "rules": {
            "approval_required": rules.approval_required,
            "operators_max": rules.operators_max,
            "least": stake.strategies.zip_with(rules.least, |strategy, least| names.amount_json(strategy, U256::from(least))),
        },
        "operators": stake.operators.iter().map(operator).collect::<Vec<_>>(),
        "pending_slashes": stake.pending_slashes.iter().map(slash_json).collect::<Vec<_>>(),
    })
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
