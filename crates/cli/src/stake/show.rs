//! `tandem stake show`: an account's stake, its operator and its withdrawals.

use serde_json::{Value as Json, json};
use tandem_chain::staking::{Position, QueuedWithdrawal, Staker};
use tandem_types::{Address, U256};

use crate::Failure;
use crate::report::print;
use crate::session::{Names, Session};
use crate::table::{Table, lines};
use crate::units;

pub(super) async fn run(session: &Session, account: Address) -> Result<(), Failure> {
    let staker = session.reader.staker(account).await.map_err(|error| session.read(error))?;
    let names = &session.names;
    let text = if session.json { format!("{}\n", page(&staker, names)) } else { text(&staker, names) };
    Ok(print(&text)?)
}

fn text(staker: &Staker, names: &Names) -> String {
    let operator = staker.operator.map_or_else(|| "none".to_owned(), |operator| operator.to_string());
    let mut text = lines(&[("account", staker.account.to_string()), ("operator", operator)], 0);
    let mut stake = Table::new(["stake", "slashed", "strategy"]);
    for position in &staker.positions {
        let amount = names.amount(position.strategy, position.assets);
        stake.row([amount, units::part(lost(position.factor)), position.strategy.to_string()]);
    }
    text += "\n";
    text += &if stake.has_rows() { stake.text(0) } else { "no stake\n".to_owned() };
    let mut queue = Table::new(["withdrawal", "amount now", "complete from"]);
    for queued in &staker.withdrawals {
        let amount = names.amount(queued.strategy, queued.assets);
        queue.row([queued.id.to_string(), amount, names.time(queued.matures_at)]);
    }
    if queue.has_rows() {
        text += "\n";
        text += &queue.text(0);
    }
    text
}

/// What slashing took of a whole.
pub(crate) fn lost(factor: u128) -> U256 {
    U256::from(tandem_chain::staking::WHOLE.saturating_sub(factor))
}

fn page(staker: &Staker, names: &Names) -> Json {
    json!({
        "ok": true,
        "account": staker.account,
        "operator": staker.operator,
        "stake": staker.positions.iter().map(|position| position_json(position, names)).collect::<Vec<_>>(),
        "withdrawals": staker.withdrawals.iter().map(|queued| queued_json(queued, names)).collect::<Vec<_>>(),
    })
}

fn position_json(position: &Position, names: &Names) -> Json {
    json!({
        "strategy": position.strategy,
        "scaled": position.scaled.to_string(),
        "slash_factor": position.factor.to_string(),
        "shares": position.shares.to_string(),
        "assets": names.amount_json(position.strategy, position.assets),
    })
}

fn queued_json(queued: &QueuedWithdrawal, names: &Names) -> Json {
    json!({
        "id": queued.id,
        "operator": queued.operator,
        "strategy": queued.strategy,
        "scaled": queued.scaled.to_string(),
        "shares": queued.shares.to_string(),
        "assets": names.amount_json(queued.strategy, queued.assets),
        "queued_at": queued.queued_at,
        "matures_at": queued.matures_at,
        "mature": queued.matures_at <= names.now,
    })
}
