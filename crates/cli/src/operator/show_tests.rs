//! Tests of an operator's page: 32 services, long texts, amounts with 18 decimals, changes that wait.

use tandem_chain::staking::{Commission, Profile, WHOLE};
use tandem_types::{B256, G1Point};

use super::*;
use crate::session::names_for_tests as names;

fn operator(services: u8) -> Operator {
    let names = names();
    let strategies = names.service.expect("the names are of a service");
    let key = G1Point::from_words([U256::MAX >> 3, U256::MAX >> 4]);
    let large = U256::from(123_456_789_123_456_789_012_345_678u128);
    let stake = |strategy: Address| OperatorStake {
        strategy,
        factor: WHOLE / 10 * 7,
        shares: large,
        assets: large,
        queued_scaled: U256::from(10_000_000),
        allocated: U256::from(WHOLE),
    };
    let allocation = Allocation { current: WHOLE / 3, pending: Some((WHOLE / 7, 1_600_000)) };
    let weight = Weight::new(large.to()).expect("below 2^96");
    let service = |number: u8| ServiceAllocation {
        service: Address::repeat_byte(number),
        strategies,
        opted_in: number.is_multiple_of(2),
        allocation: PerToken { native: allocation, external: allocation },
        weight: PerToken { native: weight, external: weight },
        slashable: PerToken { native: large, external: large },
    };
    Operator {
        account: Address::repeat_byte(0xee),
        registered: true,
        keys: KeyInfo {
            bls: key,
            previous_bls: (key, 1_086_400),
            transport: B256::ZERO,
            previous_transport: (B256::ZERO, 0),
        },
        profile: Profile {
            socket: format!("{}:9000", "s".repeat(251)),
            metadata_uri: format!("https://example.org/{}", "x".repeat(236)),
        },
        commission: Commission { bps: 500, announced: Some((750, 1_604_800)) },
        stakes: vec![stake(strategies.native), stake(strategies.external)],
        services: (0..services).map(service).collect(),
    }
}

#[test]
fn page_with_many_services_and_long_texts_fits_its_width() {
    let (operator, names) = (operator(32), names());
    let text = text(&operator, &names);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    let together: String = text.split_whitespace().collect();
    assert!(together.contains(&operator.profile.metadata_uri) && together.contains(&operator.profile.socket), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("service 0x")).count(), 32);
}

#[test]
fn allocations_are_parts_of_the_present_stake_with_what_they_become() {
    let text = text(&operator(2), &names());
    assert!(text.contains("service 0x0000000000000000000000000000000000000000: serves\n"), "{text}");
    assert!(text.contains(": left, can still be slashed\n"), "{text}");
    assert!(text.contains("  ETH becomes 20.4081 % at 1970-01-19 12:26:40 UTC (in 6 d 22 h)\n"), "{text}");
    assert!(text.contains("5 %, 7.5 % from 1970-01-19 13:46:40 UTC"), "{text}");
    assert!(text.contains("on its way out, and slashable until it is mature: ≈ 0.007 TDM\n"), "{text}");
}
