//! Forged, replayed, late, duplicate, oversized, out of turn, of the wrong epoch or from a stranger: one test each.

use alloy_primitives::B256;
use tandem_protocol::{Effect, Fault, Input, Message, Slot};
use tandem_types::{Batch, BatchRoot, Epoch, G1Point, Requirement, SignerBitmap};

use crate::harness::{Event, Network, SLOT_MS, domain, entry, key_table, operator, secret, task};

fn batch(number: u64, result: u8) -> Batch {
    Batch::new(vec![entry(number, result)]).expect("one entry is a batch")
}

/// Messages that `index` sent, other than attestations.
fn answers(network: &Network, index: usize) -> Vec<Message> {
    let sent =
        network.messages.iter().filter(|(from, message)| *from == index && !matches!(message, Message::Attest(_)));
    sent.map(|(_, message)| message.clone()).collect()
}

#[test]
fn a_forged_share_is_found_and_its_sender_shut_out() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let forger = (leader + 1) % 4;
    network.forgers.insert(forger);
    network.execute_all(1, 9);
    network.pass(300);
    let honest: Vec<_> = (0..4).filter(|&index| index != forger).collect();
    assert_eq!(network.deliveries(), [(leader, honest, vec![task(1)])]);
    assert_eq!(network.faults(), [(leader, operator(forger), Fault::ForgedShare)]);
    // Nothing of it is heard any more.
    network.receive(leader, forger, Message::Attest(vec![entry(2, 9)]));
    network.execute(leader, 2, 9);
    assert_eq!(network.nodes[leader].attested(task(2)).map(|weight| weight.native.units()), Some(10));
}

#[test]
fn a_share_that_is_no_point_is_a_forged_share() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let forger = (leader + 1) % 4;
    network.silent.insert(forger);
    let slow = (leader + 2) % 4;
    network.execute(leader, 1, 9);
    network.execute((leader + 3) % 4, 1, 9);
    network.receive(leader, slow, Message::Attest(vec![entry(1, 9)]));
    let root = batch(1, 9).root();
    network.receive(leader, forger, Message::Vote { epoch: Epoch(1), root, share: G1Point([1; 64]) });
    assert_eq!(network.faults(), [(leader, operator(forger), Fault::ForgedShare)]);
}

#[test]
fn a_proposal_out_of_turn_is_reported_and_not_answered() {
    let mut network = Network::new(4);
    let outsider = (network.leader() + 2) % 4;
    let victim = (network.leader() + 1) % 4;
    network.execute(victim, 1, 9);
    network.receive(victim, outsider, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    assert_eq!(answers(&network, victim), []);
    assert_eq!(network.faults(), [(victim, operator(outsider), Fault::OutOfTurn)]);
}

#[test]
fn a_proposal_of_another_result_is_refused() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let victim = (leader + 1) % 4;
    network.execute(victim, 1, 9);
    network.receive(victim, leader, Message::Propose { epoch: Epoch(1), batch: batch(1, 8) });
    let refusal = Message::Refuse { epoch: Epoch(1), root: batch(1, 8).root(), tasks: vec![task(1)] };
    assert_eq!(answers(&network, victim), [refusal]);
}

#[test]
fn a_proposal_of_a_settled_task_is_refused_without_blame() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let victim = (leader + 1) % 4;
    network.input(victim, Input::Settled(task(1)));
    network.receive(victim, leader, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    let refusal = Message::Refuse { epoch: Epoch(1), root: batch(1, 9).root(), tasks: vec![task(1)] };
    assert_eq!(answers(&network, victim), [refusal]);
    assert_eq!(network.faults(), []);
}

#[test]
fn a_proposal_of_an_unknown_task_waits_for_the_result() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let victim = (leader + 1) % 4;
    network.receive(victim, leader, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    assert_eq!(answers(&network, victim), []);
    network.execute(victim, 1, 9);
    assert!(matches!(answers(&network, victim)[..], [Message::Vote { .. }]));
}

#[test]
fn a_proposal_under_a_newer_table_waits_for_the_table() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let victim = (leader + 1) % 4;
    network.execute(victim, 1, 9);
    network.receive(victim, leader, Message::Propose { epoch: Epoch(2), batch: batch(1, 9) });
    assert_eq!(answers(&network, victim), []);
    network.input(victim, Input::Table(key_table(2, 0..4)));
    assert!(matches!(answers(&network, victim)[..], [Message::Vote { epoch: Epoch(2), .. }]));
}

#[test]
fn late_duplicate_and_misdirected_votes_change_nothing() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.execute_all(1, 9);
    network.pass(100);
    let before = network.events.clone();
    let root = batch(1, 9).root();
    let share = secret(1).sign_batch(&domain(), Epoch(1), root).encode();
    for (epoch, root) in [(Epoch(1), root), (Epoch(2), root), (Epoch(1), BatchRoot(B256::ZERO))] {
        network.receive(leader, 1, Message::Vote { epoch, root, share });
        network.receive((leader + 1) % 4, 1, Message::Vote { epoch, root, share });
    }
    network.pass(100);
    assert_eq!(network.events, before);
}

#[test]
fn a_stranger_is_not_heard() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.execute(leader, 1, 9);
    for stranger in [4, 5, 6] {
        network.receive(leader, stranger, Message::Attest(vec![entry(1, 9)]));
        network.receive(leader, stranger, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    }
    assert_eq!(answers(&network, leader), []);
    assert_eq!(network.nodes[leader].attested(task(1)).map(|weight| weight.native.units()), Some(10));
}

#[test]
fn void_certificates_are_reported_and_not_delivered() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let root = batch(1, 9).root();
    let keys = key_table(1, 0..4);
    let share =
        |position| tandem_crypto::Share { position, signature: secret(position).sign_batch(&domain(), Epoch(1), root) };
    let two = keys.aggregate(root, &[share(0), share(1)]).expect("honest shares verify").certificate().clone();
    let mut more_signers = two.clone();
    more_signers.signers = SignerBitmap::from_positions(4, [0, 1, 2]).expect("inside the table");
    let mut no_point = two.clone();
    no_point.sigma = G1Point([1; 64]);
    for certificate in [two, more_signers, no_point] {
        network = Network::new(4);
        let victim = (leader + 1) % 4;
        network.execute(victim, 1, 9);
        network.receive(victim, leader, Message::Certified { batch: batch(1, 9), certificate });
        assert_eq!(network.faults(), [(victim, operator(leader), Fault::VoidCertificate)]);
        assert!(!network.nodes[victim].is_certified(task(1)));
        assert_eq!(network.deliveries(), []);
    }
}

#[test]
fn a_replayed_certificate_is_delivered_once_per_turn() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.execute_all(1, 9);
    network.pass(100);
    let certified = |(_, message): &(usize, Message)| match message {
        Message::Certified { .. } => Some(message.clone()),
        _ => None,
    };
    let message = network.messages.iter().find_map(certified).expect("a certificate was broadcast");
    for _ in 0..5 {
        network.receive((leader + 1) % 4, leader, message.clone());
        network.receive(leader, (leader + 1) % 4, message.clone());
    }
    assert_eq!(network.deliveries().len(), 1);
}

#[test]
fn an_attestation_flood_is_bounded_and_reported() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let flooder = (leader + 1) % 4;
    for first in (0..20_000).step_by(500) {
        let entries = (first..first + 500).map(|number| entry(number, 1)).collect();
        network.receive(leader, flooder, Message::Attest(entries));
    }
    assert!(network.faults().contains(&(leader, operator(flooder), Fault::Flood)));
    network.execute_all(99_999, 9);
    network.pass(300);
    assert_eq!(network.deliveries().len(), 1, "the others are not held up");
}

#[test]
fn a_task_that_waits_for_an_abstainer_does_not_hold_up_others() {
    let mut network = Network::new(4);
    let all = Requirement::new(10_000, 0, 0).expect("in range");
    network.abstainers.insert((network.leader() + 1) % 4);
    (0..4).for_each(|index| network.execute_with(index, entry(1, 9), all));
    network.pass(SLOT_MS / 4);
    (0..4).for_each(|index| network.execute(index, 2, 9));
    network.pass(SLOT_MS);
    let delivered: Vec<_> = network.deliveries().into_iter().flat_map(|(.., tasks)| tasks).collect();
    assert_eq!(delivered, [task(2)]);
}

#[test]
fn tasks_that_are_never_agreed_on_do_not_crowd_out_others() {
    let mut network = Network::new(4);
    let all = Requirement::new(10_000, 0, 0).expect("in range");
    network.silent.insert((network.leader() + 3) % 4);
    for number in 0..9_000 {
        (0..4).for_each(|index| network.execute_with(index, entry(number, 9), all));
    }
    network.pass(4 * SLOT_MS);
    network.execute_all(10_000, 9);
    network.pass(2 * SLOT_MS);
    let delivered: Vec<_> = network.deliveries().into_iter().flat_map(|(.., tasks)| tasks).collect();
    assert_eq!(delivered, [task(10_000)]);
}

#[test]
fn a_flood_of_proposals_is_cut_off() {
    let mut network = Network::new(4);
    let (leader, victim) = (network.leader(), (network.leader() + 1) % 4);
    network.execute(victim, 1, 9);
    for _ in 0..300 {
        network.receive(victim, leader, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    }
    assert_eq!(answers(&network, victim).len(), 256);
    assert!(network.faults().contains(&(victim, operator(leader), Fault::Flood)));
}

#[test]
fn a_proposal_that_waits_for_a_result_is_no_flood_however_many_others_come() {
    let mut network = Network::new(4);
    let (leader, waiter) = (network.leader(), (network.leader() + 1) % 4);
    network.receive(waiter, leader, Message::Propose { epoch: Epoch(1), batch: batch(1, 9) });
    (2..=400).chain([1]).for_each(|number| network.execute(waiter, number, 9));
    assert_eq!(answers(&network, waiter).len(), 1);
    assert_eq!(network.faults(), []);
}

#[test]
fn no_vote_is_asked_for_twice_with_different_results() {
    let mut network = Network::new(4);
    let victim = (network.leader() + 1) % 4;
    let mut voted = Vec::new();
    network.execute(victim, 1, 9);
    for result in [9, 8, 9, 7] {
        let leader = Slot::at(network.now, SLOT_MS).leader(network.keys.table());
        let message = Message::Propose { epoch: Epoch(1), batch: batch(1, result) };
        let effects = network.nodes[victim].step(network.now, Input::Received { from: leader, message });
        voted.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Vote { batch, .. } => Some(batch.entries()[0].leaf),
            _ => None,
        }));
    }
    assert_eq!(voted, [entry(1, 9).leaf; 2]);
    assert!(network.events.iter().all(|event| !matches!(event, Event::Delivered { .. })));
}
