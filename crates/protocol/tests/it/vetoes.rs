//! Results that wait on the chain for vetoes: stopped, waved through, finalized; and every way to cheat with a veto.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tandem_crypto::KeyTable;
use tandem_protocol::{Agreement, Effect, Fault, Input, Message, OwnResult, PendingResult, Settings, Slot, Timestamp};
use tandem_types::{Batch, BatchEntry, Bps, Epoch, G1Point, Policy, Requirement};

use crate::harness::{
    Event, Network, SLOT_MS, TAKEOVER_MS, domain, entry, key_table, operator, secret, task, weighted_table,
};

/// Two thirds of the native token certify, `veto` of the external one stops.
fn policy(veto: u16) -> Policy {
    let veto = Bps::new(veto).expect("in range");
    Policy::Veto { native: Bps::TWO_THIRDS, veto, veto_seconds: 600.try_into().expect("not zero") }
}

/// Four operators that agree on result 9 of task 1, while result 8 is pending; two of them are enough for a veto.
fn disputed() -> Network {
    let mut network = agreeing();
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network
}

/// Four operators with result 9 of task 1, unable to say so: nothing is certified.
fn agreeing() -> Network {
    let mut network = Network::with(policy(3_333), key_table(1, 0..4));
    (0..4).for_each(|index| {
        network.silent = (0..4).filter(|other| *other != index).collect();
        network.execute(index, 1, 9);
    });
    network.silent.clear();
    network.messages.clear();
    network
}

fn veto(by: usize, epoch: u32, entry: BatchEntry) -> Message {
    let share = secret(by).sign_veto(&domain(), Epoch(epoch), entry.leaf).encode();
    Message::Veto { epoch: Epoch(epoch), entry, share }
}

/// A leader that has no result, knows that result 8 of task 1 is pending, and hears the vetoes of the test only.
fn alone() -> (Network, usize) {
    let mut network = Network::with(policy(3_333), key_table(1, 0..4));
    let leader = network.leader();
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.silent = (0..4).filter(|index| *index != leader).collect();
    (network, leader)
}

#[test]
fn a_pending_result_that_is_not_ours_is_vetoed_by_the_leader_at_once() {
    let network = disputed();
    let [(by, epoch, signers)] = &network.vetoes()[..] else {
        panic!("one veto is submitted: {:?}", network.events);
    };
    assert_eq!((*by, *epoch, signers.len()), (network.leader(), 1, 2));
    assert_eq!(network.faults(), []);
    assert_eq!(network.deliveries(), []);
}

#[test]
fn a_veto_that_does_not_help_is_submitted_again_by_those_who_hold_it() {
    let mut network = disputed();
    let leader = network.leader();
    network.pass(TAKEOVER_MS + 100);
    let by: Vec<_> = network.vetoes().into_iter().map(|(by, ..)| by).collect();
    assert_eq!(by[0], leader);
    assert!(by.contains(&((leader + 1) % 4)), "{by:?}");
    let before = by.len();
    (0..4).for_each(|index| network.input(index, Input::Settled(task(1))));
    network.pass(10 * TAKEOVER_MS);
    assert_eq!(network.vetoes().len(), before, "the chain has settled it");
}

#[test]
fn a_dead_leader_only_delays_a_veto() {
    let mut network = agreeing();
    let dead = network.leader();
    network.silent.insert(dead);
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    assert_eq!(network.vetoes(), []);
    network.pass(TAKEOVER_MS + 100);
    assert!(!network.vetoes().is_empty());
    assert!(network.vetoes().iter().all(|(by, _, signers)| *by != dead && !signers.contains(&dead)));
}

#[test]
fn vetoes_are_not_submitted_without_enough_of_the_external_token() {
    // Two of four hold all of the external token between them, the other two none.
    let keys = weighted_table(1, [(0, 10, 0), (1, 10, 0), (2, 10, 50), (3, 10, 1)]);
    let mut network = Network::with(policy(3_333), keys);
    network.silent.insert(2);
    network.execute_all(1, 9);
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.pass(10 * SLOT_MS);
    assert_eq!(network.vetoes(), []);
    let vetoers: Vec<_> = network
        .messages
        .iter()
        .filter(|(_, message)| matches!(message, Message::Veto { .. }))
        .map(|(by, _)| *by)
        .collect();
    assert!(vetoers.iter().all(|by| *by == 3), "who has no external stake has no veto");
    assert!(!vetoers.is_empty());
}

#[test]
fn who_has_no_result_vetoes_nothing_until_it_has_one() {
    let mut network = Network::with(policy(3_333), key_table(1, 0..4));
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.pass(3 * SLOT_MS);
    assert_eq!(network.messages, []);
    network.execute(0, 1, 9);
    network.execute(1, 1, 8);
    network.execute(2, 1, 9);
    assert_eq!(network.vetoes().len(), 1);
    assert_eq!(network.vetoes()[0].2, [0, 2]);
}

#[test]
fn vetoes_go_on_under_a_new_table() {
    let mut network = agreeing();
    network.silent.extend([1, 2, 3]);
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.pass(SLOT_MS);
    network.silent.clear();
    network.silent.extend([2, 3]);
    let keys = weighted_table(2, [(0, 10, 20), (1, 10, 20), (2, 10, 1), (3, 10, 1)]);
    (0..4).for_each(|index| network.input(index, Input::Table(keys.clone())));
    network.pending(entry(1, 8), until);
    network.pass(6 * SLOT_MS);
    assert!(!network.vetoes().is_empty(), "one of the two is enough now");
    assert!(network.vetoes().iter().all(|(_, epoch, signers)| *epoch == 2 && signers.iter().all(|at| *at < 2)));
}

#[test]
fn vetoes_under_two_tables_are_not_mixed() {
    let (mut network, leader) = alone();
    network.input(leader, Input::Table(key_table(2, 0..4)));
    network.receive(leader, 0, veto(0, 1, entry(1, 8)));
    network.receive(leader, 1, veto(1, 2, entry(1, 8)));
    assert_eq!(network.vetoes(), []);
    network.receive(leader, 2, veto(2, 1, entry(1, 8)));
    let by_old_table: Vec<_> = network.vetoes().into_iter().map(|(_, epoch, signers)| (epoch, signers)).collect();
    assert_eq!(by_old_table, [(1, vec![0, 2])]);
}

#[test]
fn policies_without_vetoes_know_nothing_of_them() {
    let mut network = Network::new(4);
    network.silent.extend([0, 1]);
    network.execute_all(1, 9);
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 8), until);
    network.pass(3 * SLOT_MS);
    assert!(network.messages.iter().all(|(_, message)| matches!(message, Message::Attest(_))));
}

// Wave-through and finalization

/// A network where all of the external token has to approve for a result to be final, and one operator is silent.
fn waiting() -> (Network, usize) {
    let mut network = Network::with(policy(2_500), key_table(1, 0..4));
    let silent = (network.leader() + 2) % 4;
    network.silent.insert(silent);
    network.execute_all(1, 9);
    network.pass(200);
    (network, silent)
}

#[test]
fn a_certificate_that_may_be_vetoed_is_delivered_and_waits() {
    let (mut network, _) = waiting();
    assert_eq!(network.deliveries().len(), 1);
    assert_eq!(network.deliveries()[0].1.len(), 3);
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 9), until);
    network.pass(60_000);
    assert_eq!(network.deliveries().len(), 1, "there is nothing to deliver while it waits");
    assert_eq!(network.vetoes(), []);
    assert!(network.events.iter().all(|event| !matches!(event, Event::Expired { .. })), "pending tasks do not expire");
}

#[test]
fn late_approval_waves_a_pending_result_through() {
    let (mut network, silent) = waiting();
    let until = network.now.plus_ms(600_000);
    network.silent.clear();
    network.pending(entry(1, 9), until);
    network.execute(silent, 1, 9);
    network.pass(2 * SLOT_MS);
    let signers: Vec<_> = network.deliveries().into_iter().map(|(_, signers, _)| signers.len()).collect();
    assert_eq!(signers, [3, 4]);
}

#[test]
fn an_operator_with_another_result_does_not_wave_through() {
    let (mut network, silent) = waiting();
    let until = network.now.plus_ms(600_000);
    network.silent.clear();
    network.pending(entry(1, 9), until);
    network.execute(silent, 1, 8);
    network.pass(5 * SLOT_MS);
    assert_eq!(network.deliveries().len(), 1);
    let vetoes =
        network.messages.iter().filter(|(by, message)| *by == silent && matches!(message, Message::Veto { .. }));
    assert!(vetoes.count() > 1, "it vetoes instead, every slot");
}

#[test]
fn a_replayed_certificate_of_a_pending_result_is_not_delivered_again() {
    let (mut network, silent) = waiting();
    let certified = |(_, message): &(usize, Message)| match message {
        Message::Certified { .. } => Some(message.clone()),
        _ => None,
    };
    let message = network.messages.iter().find_map(certified).expect("a certificate was broadcast");
    let until = network.now.plus_ms(600_000);
    network.pending(entry(1, 9), until);
    for to in (0..4).filter(|to| *to != silent) {
        network.receive(to, (to + 1) % 4, message.clone());
    }
    network.pass(10 * TAKEOVER_MS);
    assert_eq!(network.deliveries().len(), 1);
    assert_eq!(network.faults(), []);
}

#[test]
fn what_nobody_vetoed_is_finalized_by_turns() {
    let (mut network, silent) = waiting();
    let until = network.now.plus_ms(60_000);
    network.pending(entry(1, 9), until);
    let first = Slot::at(until, SLOT_MS).leader(network.keys.table());
    let first = network.keys.table().position(first).expect("leaders come from the table");
    network.pass(60_000);
    assert_eq!(network.finalizations(), []);
    network.pass(4 * TAKEOVER_MS);
    let turns: Vec<_> = (0..4).map(|step| (first + step) % 4).filter(|index| *index != silent).collect();
    let by: Vec<_> = network.finalizations().into_iter().map(|(by, _)| by).collect();
    assert_eq!(by, turns);
    assert!(network.finalizations().iter().all(|(_, tasks)| tasks == &[task(1)]));
    (0..4).for_each(|index| network.input(index, Input::Settled(task(1))));
    network.pass(8 * TAKEOVER_MS);
    assert_eq!(network.finalizations().len(), turns.len());
}

#[test]
fn nobody_finalizes_what_is_not_its_own() {
    let mut network = disputed();
    network.pass(600_000 + 8 * TAKEOVER_MS);
    assert_eq!(network.finalizations(), []);
}

// Adversaries

#[test]
fn a_forged_veto_is_found_and_its_sender_shut_out() {
    let mut network = agreeing();
    let leader = network.leader();
    let forger = (leader + 1) % 4;
    network.forgers.insert(forger);
    let until = network.now.plus_ms(600_000);
    network.silent.insert(leader);
    network.pending(entry(1, 8), until);
    network.silent.clear();
    network.events.clear();
    network.pending(entry(1, 8), until);
    network.pass(3 * SLOT_MS);
    assert!(network.vetoes().iter().all(|(.., signers)| !signers.contains(&forger)));
    assert!(!network.vetoes().is_empty());
    assert!(network.faults().iter().all(|(_, of, fault)| (*of, *fault) == (operator(forger), Fault::ForgedShare)));
    assert!(!network.faults().is_empty());
}

#[test]
fn the_share_of_another_is_a_forged_share() {
    let (mut network, leader) = alone();
    let [thief, honest, other] = [1, 2, 3].map(|step| (leader + step) % 4);
    network.receive(leader, thief, veto(honest, 1, entry(1, 8)));
    network.receive(leader, honest, veto(honest, 1, entry(1, 8)));
    assert_eq!(network.faults(), [(leader, operator(thief), Fault::ForgedShare)]);
    assert_eq!(network.vetoes(), []);
    network.receive(leader, other, veto(other, 1, entry(1, 8)));
    assert_eq!(network.vetoes().len(), 1, "the honest share was not lost");
}

#[test]
fn a_veto_that_is_no_point_is_a_forged_share() {
    let (mut network, leader) = alone();
    let forger = (leader + 1) % 4;
    let message = Message::Veto { epoch: Epoch(1), entry: entry(1, 8), share: G1Point([1; 64]) };
    network.receive(leader, forger, message);
    assert_eq!(network.faults(), [(leader, operator(forger), Fault::ForgedShare)]);
}

#[test]
fn a_vote_is_no_veto() {
    let (mut network, leader) = alone();
    let [a, b] = [1, 2].map(|step| (leader + step) % 4);
    let root = Batch::new(vec![entry(1, 8)]).expect("one entry is a batch").root();
    for by in [a, b] {
        // The root of a single result is its leaf: only the purpose tells the two apart.
        let share = secret(by).sign_batch(&domain(), Epoch(1), root).encode();
        network.receive(leader, by, Message::Veto { epoch: Epoch(1), entry: entry(1, 8), share });
    }
    assert_eq!(network.vetoes(), []);
    assert_eq!(network.faults().len(), 2);
}

#[test]
fn duplicate_vetoes_count_once() {
    let (mut network, leader) = alone();
    let by = (leader + 1) % 4;
    for _ in 0..8 {
        network.receive(leader, by, veto(by, 1, entry(1, 8)));
    }
    assert_eq!(network.vetoes(), []);
    assert_eq!(network.faults(), []);
}

#[test]
fn vetoes_of_unknown_tasks_other_results_and_other_tables_change_nothing() {
    let (mut network, leader) = alone();
    let others: Vec<_> = (0..4).filter(|index| *index != leader).collect();
    for &by in &others {
        network.receive(leader, by, veto(by, 1, entry(2, 8)));
        network.receive(leader, by, veto(by, 1, entry(1, 7)));
        network.receive(leader, by, veto(by, 2, entry(1, 8)));
        network.receive(leader, by, veto(by, 0, entry(1, 8)));
        // The leaf of one task under the name of another.
        network.receive(leader, by, veto(by, 1, BatchEntry { task_id: task(1), leaf: entry(2, 8).leaf }));
    }
    for stranger in [4, 5, 6] {
        network.receive(leader, stranger, veto(stranger, 1, entry(1, 8)));
    }
    network.pass(TAKEOVER_MS);
    assert_eq!(network.events, []);
}

#[test]
fn late_vetoes_change_nothing() {
    let (mut network, leader) = alone();
    let others: Vec<_> = (0..4).filter(|index| *index != leader).collect();
    network.pass(600_000);
    others.iter().for_each(|&by| network.receive(leader, by, veto(by, 1, entry(1, 8))));
    let garbage = Message::Veto { epoch: Epoch(1), entry: entry(1, 8), share: G1Point([1; 64]) };
    network.receive(leader, others[0], garbage);
    network.execute(leader, 1, 9);
    assert_eq!(network.events, [], "the window has passed: shares are not even looked at");
    assert!(network.messages.iter().all(|(_, message)| !matches!(message, Message::Veto { .. })), "and none is signed");
    let (mut network, leader) = alone();
    network.input(leader, Input::Settled(task(1)));
    others.iter().for_each(|&by| network.receive(leader, by, veto(by, 1, entry(1, 8))));
    assert_eq!(network.events, [], "the chain has settled it");
    network.pending(entry(1, 8), network.now.plus_ms(600_000));
    others.iter().for_each(|&by| network.receive(leader, by, veto(by, 1, entry(1, 8))));
    assert_eq!(network.events, [], "and says nothing else afterwards");
}

#[test]
fn a_veto_from_an_operator_without_external_stake_does_not_count() {
    let keys = weighted_table(1, [(0, 10, 0), (1, 10, 30), (2, 10, 70), (3, 10, 0)]);
    let mut network = Network::with(policy(3_333), keys);
    let leader = network.leader();
    network.pending(entry(1, 8), network.now.plus_ms(600_000));
    for by in [0, 3, 1] {
        network.receive(leader, by, veto(by, 1, entry(1, 8)));
    }
    assert_eq!(network.vetoes(), []);
    network.receive(leader, 2, veto(2, 1, entry(1, 8)));
    assert_eq!(network.vetoes(), [(leader, 1, vec![1, 2])]);
}

#[test]
fn an_oversized_veto_is_refused() {
    let mut bytes = veto(0, 1, entry(1, 8)).encode();
    bytes.push(0);
    assert!(Message::decode(&bytes).is_err());
}

#[test]
fn vetoes_of_many_results_are_bounded_per_slot() {
    let mut network = Network::with(policy(3_333), key_table(1, 0..4));
    let until = network.now.plus_ms(600_000);
    network.silent.extend([1, 2, 3]);
    for number in 0..600 {
        network.execute(0, number, 9);
        network.input(0, Input::Pending(PendingResult { entry: entry(number, 8), until }));
    }
    network.pass(SLOT_MS);
    let before = network.messages.len();
    network.pass(SLOT_MS);
    let vetoes = network.messages[before..].iter().filter(|(_, message)| matches!(message, Message::Veto { .. }));
    assert!(vetoes.count() <= 2 * 256);
}

// Safety

/// Made once for all cases, which would spend their time on keys.
static KEYS: LazyLock<Arc<KeyTable>> = LazyLock::new(|| key_table(1, 0..4));

#[derive(Debug, Clone)]
enum Happening {
    Executed(u64, u8),
    Pending(u64, u8),
    Settled(u64),
    Reopened(u64),
    Proposed(u64, u8),
    Vetoed(usize, u64, u8),
    Pass,
}

fn event() -> impl Strategy<Value = Happening> {
    let (task, result) = (0..3u64, 0..3u8);
    prop_oneof![
        (task.clone(), result.clone()).prop_map(|(task, result)| Happening::Executed(task, result)),
        (task.clone(), result.clone()).prop_map(|(task, result)| Happening::Pending(task, result)),
        task.clone().prop_map(Happening::Settled),
        task.clone().prop_map(Happening::Reopened),
        (task.clone(), result.clone()).prop_map(|(task, result)| Happening::Proposed(task, result)),
        (0..4usize, task, result).prop_map(|(by, task, result)| Happening::Vetoed(by, task, result)),
        Just(Happening::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happens: one result per task is voted for, and what is voted for is never vetoed.
    #[test]
    fn nobody_vetoes_what_it_votes_for(events in prop::collection::vec(event(), 0..60)) {
        let keys = KEYS.clone();
        let mut agreement = Agreement::new(operator(0), policy(3_333), Settings { slot_ms: SLOT_MS, ..Settings::default() });
        let mut now = Timestamp(1_000_000_000);
        let _ = agreement.step(now, Input::Table(keys.clone()));
        let (mut voted, mut vetoed) = (Vec::new(), Vec::new());
        let (mut first, mut reopened) = (BTreeMap::new(), BTreeSet::new());
        for event in events {
            let leader = Slot::at(now, SLOT_MS).leader(keys.table());
            let input = match event {
                Happening::Executed(number, result) => {
                    let journaled = *first.entry(number).or_insert(result);
                    Input::Executed(OwnResult {
                        // The agreement keeps to the first result while it has it, the journal for good.
                        entry: entry(number, if reopened.contains(&number) { journaled } else { result }),
                        requirement: Requirement::NONE,
                        deadline: Timestamp(u64::MAX),
                        payload_bytes: 10,
                    })
                }
                Happening::Pending(number, result) => {
                    Input::Pending(PendingResult { entry: entry(number, result), until: now.plus_ms(5_000) })
                }
                Happening::Settled(number) => Input::Settled(task(number)),
                Happening::Reopened(number) => {
                    reopened.insert(number);
                    Input::Reopened(task(number))
                }
                Happening::Proposed(number, result) => {
                    let batch = Batch::new(vec![entry(number, result)]).expect("one entry is a batch");
                    Input::Received { from: leader, message: Message::Propose { epoch: Epoch(1), batch } }
                }
                Happening::Vetoed(by, number, result) => {
                    Input::Received { from: operator(by), message: veto(by, 1, entry(number, result)) }
                }
                Happening::Pass => {
                    now = now.plus_ms(SLOT_MS);
                    Input::Tick
                }
            };
            for effect in agreement.step(now, input) {
                match effect {
                    Effect::Vote { batch, .. } => voted.extend(batch.entries().to_vec()),
                    Effect::SignVeto { entry, .. } => vetoed.push(entry),
                    _ => {}
                }
            }
        }
        for vote in &voted {
            prop_assert!(!vetoed.contains(vote));
            prop_assert!(voted.iter().all(|other| other.task_id != vote.task_id || other.leaf == vote.leaf));
        }
    }
}
