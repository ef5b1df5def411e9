//! Policies that depend on prices or the fallback flag: what operators agree on changes with them, and nobody is blamed for it.

use tandem_protocol::policy::Conditions;
use tandem_protocol::{Fault, Input, Message};
use tandem_types::{Batch, BothOrFallback, Bps, Epoch, PerToken, Policy, Requirement};

use crate::harness::{Network, SLOT_MS, TAKEOVER_MS, domain, entry, key_table, operator, secret, task, weighted_table};

fn combined() -> Policy {
    Policy::Combined { threshold: Bps::TWO_THIRDS, native_cap: Bps::new(5_000).expect("in range") }
}

fn fallback() -> Policy {
    let of = BothOrFallback::new(Bps::TWO_THIRDS, Bps::TWO_THIRDS, Bps::new(8_500).expect("in range"));
    Policy::BothOrFallback(of.expect("above the external threshold"))
}

fn prices(native: u128, external: u128) -> Conditions {
    Conditions { prices: Some(PerToken { native, external }), fallback: false }
}

/// Everybody hears of the conditions, the leader last: what it proposes at once the others can judge.
fn tell_all(network: &mut Network, conditions: Conditions) {
    let (leader, count) = (network.leader(), network.nodes.len());
    (1..=count).for_each(|step| network.input((leader + step) % count, Input::Conditions(conditions)));
}

fn proposals(network: &Network) -> usize {
    network.messages.iter().filter(|(_, message)| matches!(message, Message::Propose { .. })).count()
}

#[test]
fn nothing_is_proposed_before_the_prices_are_known() {
    let mut network = Network::with(combined(), key_table(1, 0..4));
    network.execute_all(1, 9);
    network.pass(2 * SLOT_MS);
    tell_all(&mut network, prices(0, 1));
    network.pass(2 * SLOT_MS);
    assert_eq!(proposals(&network), 0);
    tell_all(&mut network, prices(2, 1));
    network.pass(2 * SLOT_MS);
    assert_eq!(network.deliveries().len(), 1);
}

#[test]
fn a_task_becomes_ready_when_the_price_of_those_who_agree_rises() {
    // One operator holds most of the native token, the other two the external one; the external ones are silent.
    let keys = weighted_table(1, [(0, 90, 5), (1, 5, 50), (2, 5, 45)]);
    let policy = Policy::Combined { threshold: Bps::TWO_THIRDS, native_cap: Bps::new(10_000).expect("in range") };
    let mut network = Network::with(policy, keys);
    tell_all(&mut network, prices(1, 1));
    network.silent.extend([1, 2]);
    network.execute_all(1, 9);
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries(), []);
    tell_all(&mut network, prices(10, 1));
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries().len(), 1);
    assert_eq!(network.deliveries()[0].1, [0]);
}

#[test]
fn a_flight_ends_when_prices_leave_it_without_hope() {
    let keys = weighted_table(1, [(0, 90, 5), (1, 5, 50), (2, 5, 45)]);
    let policy = Policy::Combined { threshold: Bps::TWO_THIRDS, native_cap: Bps::new(10_000).expect("in range") };
    let mut network = Network::with(policy, keys);
    tell_all(&mut network, prices(10, 1));
    network.abstainers.insert(0);
    network.execute_all(1, 9);
    network.pass(50);
    assert!(proposals(&network) > 0);
    tell_all(&mut network, prices(1, 10));
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries()[0].1, [1, 2], "the external ones are enough now");
}

#[test]
fn the_external_token_alone_is_enough_in_fallback_only() {
    // The native token is one operator's, and that one is gone.
    let keys = weighted_table(1, [(0, 100, 0), (1, 0, 10), (2, 0, 10)]);
    let mut network = Network::with(fallback(), keys);
    network.silent.insert(0);
    network.execute_all(1, 9);
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries(), []);
    tell_all(&mut network, Conditions { fallback: true, ..Conditions::default() });
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries()[0].1, [1, 2]);
}

#[test]
fn who_sees_other_conditions_neither_delivers_nor_blames() {
    let keys = key_table(1, 0..4);
    let batch = Batch::new(vec![entry(1, 9)]).expect("one entry is a batch");
    let share = |position| tandem_crypto::Share {
        position,
        signature: secret(position).sign_batch(&domain(), Epoch(1), batch.root()),
    };
    let certify = |signers: usize| {
        let shares: Vec<_> = (0..signers).map(share).collect();
        keys.aggregate(batch.root(), &shares).expect("honest shares verify").certificate().clone()
    };
    let judge = |signers| {
        let mut network = Network::with(combined(), keys.clone());
        let (leader, follower) = (network.leader(), (network.leader() + 1) % 4);
        network.execute(follower, 1, 9);
        let message = Message::Certified { batch: batch.clone(), certificate: certify(signers) };
        network.receive(follower, leader, message);
        network.pass(TAKEOVER_MS + 100);
        assert_eq!(network.deliveries(), []);
        assert!(!network.nodes[follower].is_certified(task(1)));
        network.faults().first().map(|(_, operator, fault)| (*operator, *fault))
            == Some((operator(leader), Fault::VoidCertificate))
    };
    assert!(!judge(3), "some prices let it pass");
    assert!(judge(2), "no prices let it pass");
}

#[test]
fn a_combined_requirement_is_agreed_on_by_value() {
    let mut network = Network::with(combined(), key_table(1, 0..4));
    tell_all(&mut network, prices(1, 1));
    network.silent.insert((network.leader() + 2) % 4);
    let demands = Requirement::new(0, 0, 7_501).expect("in range");
    for index in 0..4 {
        network.execute_with(index, entry(1, 9), demands);
        network.execute_with(index, entry(2, 9), Requirement::new(0, 0, 7_500).expect("in range"));
    }
    network.pass(SLOT_MS / 2);
    let delivered: Vec<_> = network.deliveries().into_iter().flat_map(|(.., tasks)| tasks).collect();
    assert_eq!(delivered, [task(2)], "three of four are three quarters");
}
