//! Tests of the page of a large service: 200 operators, amounts with 18 decimals, every role and condition there is.

use tandem_chain::staking::{MembershipRules, SlashStatus, SlashingTerms};
use tandem_chain::{Conditions, FallbackInfo, FeedInfo, OracleInfo};
use tandem_types::{B256, BothOrFallback, Bps, Epoch, Policy};

use super::*;
use crate::session::names_for_tests as names;

fn address(number: u16) -> Address {
    Address::from_word(B256::from(U256::from(number) + (U256::from(0xabcdef) << 128)))
}

fn weight(number: u16) -> PerToken<Weight> {
    let units = 123_456_789_123_456_789_012_345_678 + u128::from(number);
    let weight = Weight::new(units).expect("below 2^96");
    PerToken { native: weight, external: weight }
}

fn request() -> SlashRequest {
    SlashRequest {
        id: 12_345,
        service: address(0),
        operator: address(7),
        status: SlashStatus::Requested,
        proportion: PerToken { native: 3_333, external: 10_000 },
        fault_at: 999_000,
        executable_at: 1_000_090,
        expires_at: 2_000_000,
        evidence: B256::repeat_byte(0xfa),
    }
}

fn judgement() -> Judgement {
    let bps = |bps: u16| Bps::new(bps).expect("in range");
    let fallback = BothOrFallback::new(bps(6_667), bps(6_667), bps(8_500)).expect("above");
    let feed = FeedInfo {
        feed: address(900),
        answer: Some(U256::from(345_678_912_345_678u64)),
        decimals: 8,
        updated_at: 999_820,
        age_max_s: 86_399,
    };
    let rule = FallbackInfo {
        calm_since: Some(999_000),
        drop_bps: 5_000,
        window_s: 43_199,
        hysteresis_bps: 1_000,
        leave_s: 86_399,
    };
    Judgement {
        policy: Policy::BothOrFallback(fallback),
        conditions: Conditions { prices: None, fallback: true },
        oracle: Some(OracleInfo {
            address: address(901),
            price_source: Some(address(902)),
            feeds: Some(PerToken { native: feed, external: feed }),
            fallback: Some(rule),
        }),
    }
}

fn page(operators: u16) -> Page {
    let names = names();
    let strategies = names.service.expect("the names are of a service");
    let who = |number: u16| Some(address(number));
    let terms = SlashingTerms {
        slasher: who(1),
        resolver: who(2),
        recipient: who(3),
        veto_seconds: 172_800,
        slash_bps_max: 3_333,
    };
    let least = PerToken { native: 123_456_789_123_456_789, external: 32_123_456_789_123_456_789 };
    let rules = MembershipRules { approval_required: true, operators_max: 1_000, least };
    let table = TableInfo { epoch: Epoch(123_456), taken_at: 990_000, valid_until: 1_076_400, operators };
    Page {
        stake: ServiceStake {
            service: address(0),
            strategies,
            terms,
            rules,
            operators: (0..operators).map(|number| (address(number), weight(number))).collect(),
            pending_slashes: vec![request()],
        },
        delays: Delays {
            withdrawal_s: 1_209_600,
            allocation_s: 1_209_600,
            commission_s: 604_800,
            key_overlap_s: 86_400,
        },
        judgement: judgement(),
        terms: TableTerms { window_s: 86_400, epoch_s: 3_600, move_bps: 500 },
        table: Some((table, weight(0))),
    }
}

#[test]
fn page_of_a_large_service_fits_its_width() {
    for all in [false, true] {
        let text = page(200).text(&names(), all);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn the_largest_operators_are_shown_and_the_others_summed() {
    let text = page(200).text(&names(), false);
    let rows = |text: &str| text.lines().filter(|line| line.starts_with("0x")).count();
    assert_eq!(rows(&text), OPERATORS_SHOWN);
    assert!(text.contains(&address(199).to_string()) && text.contains(&address(180).to_string()), "{text}");
    assert!(!text.contains(&address(179).to_string()), "{text}");
    assert!(text.contains("180 more, listed with --all") && text.contains("all 200 together"), "{text}");
    let all = page(200).text(&names(), true);
    assert_eq!(rows(&all), 200);
    assert!(!all.contains("more, listed") && all.contains("all 200 together"), "{all}");
    let few = page(3).text(&names(), false);
    assert_eq!(rows(&few), 3);
}

#[test]
fn page_says_what_a_result_needs_and_what_the_chain_says_now() {
    let text = page(2).text(&names(), false).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "66.67 % of the native stake and 66.67 % of the external stake must sign",
        "85 % of the external stake alone",
        "fallback on: the native token is said to have failed; ends when the stake's value is 10 % above the floor",
        "native price 3456789.12345678 per TDM, 3 min old, believed for 23 h 59 min",
        "epoch 123456 with 2 operators",
        "operators that its owner approved, 2 of at most 1000 serve",
        "veto window 2 d from the request",
        "33.33 % of its native and 100 % of its external allocation",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn machines_get_every_operator_and_exact_sums() {
    let page = page(200).json(&names());
    assert_eq!(page["operators"].as_array().map(Vec::len), Some(200));
    let total = (0..200u16).map(|number| U256::from(weight(number).native.units())).sum::<U256>();
    assert_eq!(page["total_weight"]["native"]["units"], total.to_string());
    assert_eq!(page["policy"]["thresholds_bps"]["kind"], "both-or-fallback");
    assert_eq!(
        (&page["policy"]["fallback"], &page["policy"]["feeds"]["native"]["updated_at"]),
        (&json!(true), &json!(999_820))
    );
    assert_eq!(page["table"]["age_seconds"], 10_000);
}
