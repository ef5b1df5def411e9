//! What `tandem service show` tells of a policy and of what it depends on, through the binary, as oracles on a real chain say it.

use serde_json::Value;
use tandem_types::{Address, BothOrFallback, Bps, Policy};

use crate::world::World;

fn bps(bps: u16) -> Bps {
    Bps::new(bps).expect("in range")
}

async fn registered(world: &World, policy: Policy) -> Address {
    let service = world.service_under(policy).await;
    let register = "service register --veto-window 0s --largest-slash 0% --operators-max 1000 --json";
    world.run(&world.owner(), service, register).done();
    service
}

/// The page in one line, and for machines.
fn show(world: &World, service: Address) -> (String, Value) {
    let text = world.run(&world.owner(), service, "service show");
    let text = text.done_text();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let page = world.run(&world.owner(), service, "service show --json").done();
    (text.split_whitespace().collect::<Vec<_>>().join(" "), page["policy"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_shown_with_their_age_until_they_are_too_old() {
    let world = World::start().await;
    let service = registered(&world, Policy::Combined { threshold: bps(6_667), native_cap: bps(2_500) }).await;
    let (text, policy) = show(&world, service);
    assert!(text.contains("worth at least 66.67 % of all must sign"), "{text}");
    assert!(text.contains("counts for at most 25 %") && text.contains("prices both known"), "{text}");
    assert!(text.contains("native price 2 per TDM,") && text.contains("external price 3450 per stETH,"), "{text}");
    assert!(text.contains("old, believed for 1 h from 0x"), "{text}");
    assert_eq!((&policy["prices_known"], &policy["thresholds_bps"]["native-cap"]), (&true.into(), &2_500.into()));
    assert_eq!(policy["feeds"]["external"]["price_per_whole_token"], "3450");

    world.wait(2 * 3_600).await;
    let (text, policy) = show(&world, service);
    assert!(text.contains("prices not known: until both are, no result can be certified"), "{text}");
    assert!(text.contains("too old: 2 h, believed for 1 h"), "{text}");
    assert_eq!(policy["prices_known"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn fallback_is_shown_with_what_begins_it() {
    let world = World::start().await;
    let thresholds = BothOrFallback::new(bps(6_667), bps(6_000), bps(8_500)).expect("above");
    let service = registered(&world, Policy::BothOrFallback(thresholds)).await;
    let (text, policy) = show(&world, service);
    assert!(text.contains("60 % of the external stake must sign; while the fallback is on, 85 %"), "{text}");
    assert!(text.contains("fallback off; begins when all native stake is worth less than a floor"), "{text}");
    assert!(text.contains("falls by 50 % from one window of 4 s to the next"), "{text}");
    assert!(text.contains("native price 2 per TDM"), "{text}");
    assert_eq!((&policy["fallback"], &policy["fallback_rule"]["drop_bps"]), (&false.into(), &5_000.into()));
    assert_eq!(policy["prices_known"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_without_oracle_ask_none() {
    let world = World::start().await;
    let veto_seconds = 600.try_into().expect("not zero");
    let service = registered(&world, Policy::Veto { native: bps(6_667), veto: bps(3_334), veto_seconds }).await;
    let (text, policy) = show(&world, service);
    assert!(text.contains("33.34 % of the external stake may stop the result within 10 min"), "{text}");
    assert!(text.contains("more than 66.66 % approving ends the wait") && !text.contains("oracle"), "{text}");
    assert_eq!((&policy["oracle"], &policy["thresholds_bps"]["veto-seconds"]), (&Value::Null, &600.into()));
}
