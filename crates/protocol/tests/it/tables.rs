//! Certificates and vetoes that a table was good for once: it lost weight since, or there is a newer one.

use std::sync::Arc;

use tandem_crypto::{KeyTable, Share};
use tandem_protocol::{Input, Message};
use tandem_types::{Batch, Bps, Epoch, OperatorTable, Policy};

use crate::harness::{Event, Network, SLOT_MS, TAKEOVER_MS, domain, entry, key_table, operator, secret, task};

/// The same table after these lost their weight.
fn revoked(keys: &KeyTable, positions: &[usize]) -> Arc<KeyTable> {
    let table: OperatorTable = keys.table().clone().without(positions);
    Arc::new(KeyTable::new(domain(), table).expect("the keys are points"))
}

fn batch() -> Batch {
    Batch::new(vec![entry(1, 9)]).expect("one entry is a batch")
}

/// A certificate over result 9 of task 1 by these operators.
fn certified(keys: &KeyTable, signers: &[usize]) -> Message {
    let (root, epoch) = (batch().root(), keys.table().epoch());
    let share = |&position: &usize| Share { position, signature: secret(position).sign_batch(&domain(), epoch, root) };
    let shares: Vec<_> = signers.iter().map(share).collect();
    let certificate = keys.aggregate(root, &shares).expect("honest shares verify").certificate().clone();
    Message::Certified { batch: batch(), certificate }
}

/// The tables that deliveries so far were certified under.
fn epochs(network: &Network) -> Vec<u32> {
    let epoch = |event: &Event| match event {
        Event::Delivered { certified, .. } => Some(certified.certificate().epoch.0),
        _ => None,
    };
    network.events.iter().filter_map(epoch).collect()
}

#[test]
fn a_certificate_from_before_a_revocation_helps_nobody_and_is_no_fault() {
    let mut network = Network::new(4);
    let victim = 3;
    let keys = network.keys.clone();
    network.input(victim, Input::Table(revoked(&keys, &[2])));
    network.silent.extend([0, 1, 2]);
    network.execute(victim, 1, 9);
    network.receive(victim, 0, certified(&keys, &[0, 1, 2]));
    assert_eq!(network.faults(), []);
    assert!(!network.nodes[victim].is_certified(task(1)));
    // With two signers it was never enough.
    network.receive(victim, 0, certified(&keys, &[0]));
    assert_eq!(network.faults().len(), 1);
}

#[test]
fn a_certificate_that_the_chain_does_not_take_gives_way_to_one_under_the_next_table() {
    let mut network = Network::new(4);
    network.execute_all(1, 9);
    network.pass(300);
    assert_eq!(epochs(&network), [1]);
    (0..4).for_each(|index| network.input(index, Input::Table(key_table(2, 0..4))));
    network.pass(5 * TAKEOVER_MS + 6 * SLOT_MS);
    assert_eq!(epochs(&network).last(), Some(&2), "{:?}", epochs(&network));
}

#[test]
fn a_certificate_that_was_given_up_is_not_waited_for_again() {
    let mut network = Network::new(4);
    network.execute_all(1, 9);
    network.pass(300);
    let old = certified(&network.keys.clone(), &[0, 1, 2, 3]);
    (0..4).for_each(|index| network.input(index, Input::Table(key_table(2, 0..4))));
    let victim = 2;
    // It hears nothing but an old certificate, again and again.
    network.silent.extend([0, 1, 3]);
    network.pass(5 * TAKEOVER_MS + 2 * SLOT_MS);
    assert!(!network.nodes[victim].is_certified(task(1)));
    network.receive(victim, 0, old);
    assert!(!network.nodes[victim].is_certified(task(1)));
    network.receive(victim, 0, certified(&key_table(2, 0..4), &[0, 1, 3]));
    assert!(network.nodes[victim].is_certified(task(1)));
}

/// A leader that knows that result 8 of task 1 is pending, and the vetoes that it heard.
fn gathering() -> (Network, usize) {
    let threshold = Bps::new(5_000).expect("in range");
    let policy =
        Policy::Veto { native: Bps::TWO_THIRDS, veto: threshold, veto_seconds: 600.try_into().expect("not zero") };
    let mut network = Network::with(policy, key_table(1, 0..4));
    let leader = network.leader();
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.silent = (0..4).filter(|index| *index != leader).collect();
    veto(&mut network, leader, 0, 1);
    veto(&mut network, leader, 1, 1);
    assert_eq!(network.vetoes(), [(leader, 1, vec![0, 1])]);
    (network, leader)
}

fn veto(network: &mut Network, to: usize, by: usize, epoch: u32) {
    let (entry, epoch) = (entry(1, 8), Epoch(epoch));
    let share = secret(by).sign_veto(&domain(), epoch, entry.leaf).encode();
    network.receive(to, by, Message::Veto { epoch, entry, share });
}

#[test]
fn a_veto_that_the_chain_does_not_take_gives_way_to_one_under_the_next_table() {
    let (mut network, leader) = gathering();
    network.input(leader, Input::Table(key_table(2, 0..4)));
    veto(&mut network, leader, 2, 2);
    veto(&mut network, leader, 3, 2);
    network.pass(TAKEOVER_MS + SLOT_MS);
    assert_eq!(network.vetoes().last(), Some(&(leader, 2, vec![2, 3])));
}

#[test]
fn a_veto_grows_when_a_signer_loses_its_weight() {
    let (mut network, leader) = gathering();
    let keys = revoked(&network.keys.clone(), &[1]);
    network.input(leader, Input::Table(keys));
    veto(&mut network, leader, 2, 1);
    network.pass(TAKEOVER_MS + SLOT_MS);
    assert_eq!(network.vetoes().last(), Some(&(leader, 1, vec![0, 1, 2])));
}

#[test]
fn strangers_to_a_revoked_table_are_still_strangers() {
    let mut network = Network::new(4);
    let keys = revoked(&network.keys.clone(), &[1]);
    network.input(0, Input::Table(keys));
    network.receive(0, 5, certified(&key_table(1, 0..4), &[0, 1, 2]));
    assert_eq!(network.faults(), [], "nobody blames {}", operator(5));
}
