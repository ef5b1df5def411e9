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
    let operator = match staker.operator {
        None if staker.withdrawals.iter().any(|queued| queued.matures_at > names.now) => {
            "none: no service can slash this stake, but withdrawals until they are mature".to_owned()
        }
        None => "none: no service can slash this stake".to_owned(),
        Some(operator) if operator == staker.account => "itself".to_owned(),
        Some(operator) => operator.to_string(),
    };
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
        let when = if queued.matures_at <= names.now { "now".to_owned() } else { names.time(queued.matures_at) };
        queue.row([queued.id.to_string(), amount, when]);
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
        "parts_of": tandem_chain::staking::WHOLE.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::names_for_tests as names;

    fn staker() -> Staker {
        let strategies = names().service.expect("the names are of a service");
        let large = (U256::from(1) << 96) - U256::from(1);
        let whole = tandem_chain::staking::WHOLE;
        let position =
            |strategy: Address| Position { strategy, scaled: large, factor: whole / 3, shares: large, assets: large };
        let queued = |id: u64, matures_at: u64| QueuedWithdrawal {
            id,
            operator: None,
            strategy: strategies.external,
            scaled: large,
            shares: large,
            assets: large,
            queued_at: 0,
            matures_at,
        };
        Staker {
            account: Address::repeat_byte(0xee),
            operator: Some(Address::repeat_byte(0xff)),
            positions: vec![position(strategies.native), position(strategies.external)],
            withdrawals: vec![queued(1_234_567, 1_000_000), queued(1_234_568, 2_209_599)],
        }
    }

    #[test]
    fn page_is_exact_to_the_last_unit_and_fits_its_width() {
        let text = text(&staker(), &names());
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        }
        assert!(text.contains("79228162514.264337593543950335 ETH"), "{text}");
        assert!(text.contains(&Address::repeat_byte(0xff).to_string()), "{text}");
    }

    #[test]
    fn mature_withdrawals_can_be_completed_now() {
        let text = text(&staker(), &names());
        let line = |id: &str| text.lines().find(|line| line.starts_with(id)).unwrap_or_default();
        assert!(line("1234567").ends_with(" ETH  now"), "{text}");
        assert!(line("1234568").ends_with("(in 13 d 23 h)"), "{text}");
    }

    #[test]
    fn staker_behind_itself_and_behind_nobody_are_told_apart() {
        let own = Staker { operator: Some(Address::repeat_byte(0xee)), ..staker() };
        assert!(super::text(&own, &names()).contains("operator  itself\n"));
        let alone = Staker { operator: None, ..staker() };
        let warning = "operator  none: no service can slash this stake, but withdrawals until they are mature\n";
        assert!(super::text(&alone, &names()).contains(warning));
        let idle = Staker { withdrawals: Vec::new(), ..alone };
        assert!(super::text(&idle, &names()).contains("operator  none: no service can slash this stake\n"));
    }
}
