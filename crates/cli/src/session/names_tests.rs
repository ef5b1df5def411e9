//! Tests of showing values in their units, on two strategies: TDM with 6 decimals, ETH with 18.

use super::*;

pub(crate) const NATIVE: Address = Address::repeat_byte(0xa1);
pub(crate) const EXTERNAL: Address = Address::repeat_byte(0xa2);

pub(crate) fn names() -> Names {
    let strategy = |address: Address, symbol: &str, decimals: u8| {
        let token = TokenInfo { address: address.create(0), symbol: symbol.to_owned(), decimals: Some(decimals) };
        StrategyInfo {
            address,
            token,
            is_ether: symbol == "ETH",
            leverage_cap_bps: 15_000,
            total_assets: U256::ZERO,
            total_shares: U256::ZERO,
            price: U256::from(10).pow(U256::from(24)),
        }
    };
    Names {
        strategies: vec![strategy(NATIVE, "TDM", 6), strategy(EXTERNAL, "ETH", 18)],
        service: Some(PerToken { native: NATIVE, external: EXTERNAL }),
        focus: None,
        now: 1_000_000,
    }
}

fn field(name: &str, kind: &str, value: Value) -> Field {
    Field { name: name.to_owned(), kind: kind.to_owned(), value }
}

fn number(name: &str, kind: &str, value: u64) -> Field {
    field(name, kind, Value::Number(U256::from(value)))
}

fn strategy(address: Address) -> Field {
    field("strategy", "contract IStrategy", Value::Address(address))
}

#[test]
fn amount_has_the_unit_of_the_strategy_beside_it() {
    let fields = [strategy(NATIVE), number("amount", "uint256", 12_500_000)];
    assert_eq!(names().text(&fields[1], &fields), "12.5 TDM");
    assert_eq!(names().text(&fields[0], &fields), format!("TDM ({NATIVE})"));
    let focused = Names { focus: Some(NATIVE), ..names() };
    assert_eq!(focused.text(&fields[1], &fields[1..]), "12.5 TDM");
    assert_eq!(names().text(&fields[1], &fields[1..]), "12500000");
}

#[test]
fn what_a_recipient_refused_was_ether() {
    let fields =
        [field("recipient", "address", Value::Address(NATIVE.create(7))), number("amount", "uint256", 1 << 60)];
    assert_eq!(names().text(&fields[1], &fields), "1.152921504606846976 ETH");
}

#[test]
fn everything_is_no_number() {
    let all = field("shares", "uint256", Value::Number(U256::MAX));
    assert_eq!(names().text(&all, &[strategy(NATIVE), all.clone()]), "everything");
}

#[test]
fn struct_shows_its_fields_in_their_units() {
    let rules = field(
        "rules",
        "struct MembershipRules",
        Value::Fields(vec![number("maxOperators", "uint16", 5), number("minNative", "uint96", 1_000_000)]),
    );
    assert_eq!(names().text(&rules, &[]), "maxOperators 5, minNative 1 TDM");
    let allocation = field(
        "allocation",
        "struct AllocationBps",
        Value::Fields(vec![number("native", "uint16", 5_000), number("ext", "uint16", 10_000)]),
    );
    assert_eq!(names().text(&allocation, &[]), "native 50 %, ext 100 %");
}

#[test]
fn times_and_durations_are_told_apart_by_type() {
    assert_eq!(names().text(&number("effectiveAt", "uint48", 0), &[]), "never");
    assert_eq!(names().text(&number("vetoSeconds", "uint32", 90), &[]), "1 min 30 s");
    let limit = [number("bps", "uint16", 1), number("limit", "uint16", 10_000)];
    assert_eq!(names().text(&limit[1], &limit), "100 %");
}

#[test]
fn strategy_is_found_by_symbol_and_address_but_never_guessed() {
    let mut names = names();
    assert_eq!(names.find("eth").map(|found| found.address), Ok(EXTERNAL));
    assert_eq!(names.find(&NATIVE.to_string()).map(|found| found.address), Ok(NATIVE));
    assert_eq!(names.find(&NATIVE.create(0).to_string()).map(|found| found.address), Ok(NATIVE));
    assert!(names.find("DAI").is_err_and(|words| words.contains("TDM")));
    names.strategies[0].token.symbol = "ETH".to_owned();
    assert!(names.find("ETH").is_err_and(|words| words.starts_with("several")));
}

#[test]
fn small_numbers_are_json_numbers_and_large_ones_text() {
    let json = names().json(&number("bps", "uint16", 5), &[]);
    assert_eq!((&json["value"], &json["text"]), (&json!(5), &json!("0.05 %")));
    assert_eq!(names().json(&number("id", "uint64", 5), &[])["value"], json!("5"));
}
