//! Tests of what people read when a contract refuses.

use std::collections::BTreeSet;

use tandem_chain::Value;
use tandem_chain::error_names;
use tandem_types::{Address, PerToken, U256};

use super::super::names::tests::{NATIVE, names};
use super::*;

fn field(name: &str, kind: &str, value: Value) -> Field {
    Field { name: name.to_owned(), kind: kind.to_owned(), value }
}

fn number(name: &str, kind: &str, value: u128) -> Field {
    field(name, kind, Value::Number(U256::from(value)))
}

fn address(name: &str, byte: u8) -> Field {
    field(name, "address", Value::Address(Address::repeat_byte(byte)))
}

fn explained(name: &str, values: Vec<Field>) -> String {
    Refused::new(&Revert { name: name.to_owned(), values }, &names()).to_string()
}

const OPERATOR: &str = "0x0909090909090909090909090909090909090909";

#[test]
fn stake_below_the_minimum_is_told_in_the_tokens_unit() {
    let values = |token: u128| {
        vec![
            address("operator", 9),
            number("token", "enum Token", token),
            number("weight", "uint96", 12_500_000_000_000_000_000),
            number("least", "uint96", 32_000_000_000_000_000_000),
        ]
    };
    let external = format!("StakeTooLow: operator {OPERATOR} has 12.5 ETH, the service needs 32 ETH");
    assert_eq!(explained("StakeTooLow", values(1)), external);
    let native =
        format!("StakeTooLow: operator {OPERATOR} has 12500000000000 TDM, the service needs 32000000000000 TDM");
    assert_eq!(explained("StakeTooLow", values(0)), native);
}

#[test]
fn caps_are_told_in_percent_and_waits_in_time() {
    let strategy = field("strategy", "contract IStrategy", Value::Address(NATIVE));
    let sum = number("sum", "uint256", tandem_chain::staking::WHOLE / 10 * 17);
    let cap = number("cap", "uint256", tandem_chain::staking::WHOLE / 10 * 15);
    let text = explained("LeverageCapExceeded", vec![address("operator", 9), strategy, sum, cap]);
    assert!(text.contains("170 % of its stake in TDM") && text.ends_with("the leverage cap allows 150 %"), "{text}");
    let text = explained("NotMature", vec![number("id", "uint64", 7), number("maturesAt", "uint48", 1_000_090)]);
    assert_eq!(text, "NotMature: withdrawal 7 can be completed from 1970-01-12 13:48:10 UTC (in 1 min 30 s)");
}

#[test]
fn error_without_a_sentence_shows_its_values() {
    let text = explained("QuorumNotReached", vec![number("token", "enum Token", 1), number("bps", "uint16", 6_667)]);
    assert_eq!(text, "QuorumNotReached: token external, bps 66.67 %");
    assert_eq!(explained("", Vec::new()), "Reverted: the contract gave no values");
}

#[test]
fn every_sentence_belongs_to_an_error_and_is_written_once() {
    let known: BTreeSet<_> = error_names().chain(["Error"]).collect();
    let mut seen = BTreeSet::new();
    for (name, ..) in SENTENCES {
        assert!(known.contains(name), "no contract has the error {name}");
        assert!(seen.insert(name), "{name} has two sentences");
    }
}

#[test]
fn machines_get_exact_values_beside_the_text() {
    let revert = Revert { name: "ZeroAmount".to_owned(), values: vec![number("amount", "uint256", u128::MAX)] };
    let page = Refused::new(&revert, &Names { service: None::<PerToken<Address>>, ..names() }).json();
    assert_eq!(page["name"], "ZeroAmount");
    assert_eq!(page["values"][0]["value"], u128::MAX.to_string());
}
