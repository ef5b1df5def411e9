//! Operators that crash, lag or differ, but do not lie.

use tandem_protocol::{Fault, Input, Message, OwnResult};
use tandem_types::{PerToken, Requirement, TaskId, Weight};

use crate::harness::{Event, Network, SLOT_MS, TAKEOVER_MS, entry, key_table, operator, task};

#[test]
fn four_operators_certify_at_once_and_the_leader_delivers() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.execute_all(1, 9);
    network.pass(100);
    assert_eq!(network.deliveries(), [(leader, vec![0, 1, 2, 3], vec![task(1)])]);
    assert_eq!(network.faults(), []);
}

#[test]
fn a_result_is_attested_at_once_and_those_that_follow_together() {
    let mut network = Network::new(4);
    let follower = (network.leader() + 2) % 4;
    network.pass(50);
    (1..=3).for_each(|number| network.execute(follower, number, 9));
    network.pass(100);
    network.execute(follower, 4, 9);
    let attested = |(from, message): &(usize, Message)| match message {
        Message::Attest(entries) if *from == follower => Some(entries.len()),
        _ => None,
    };
    let counts: Vec<_> = network.messages.iter().filter_map(attested).collect();
    assert_eq!(counts, [1, 1, 2, 2, 1, 1], "to this leader and the next");
}

#[test]
fn a_silent_operator_does_not_stop_the_others() {
    let mut network = Network::new(4);
    let silent = (network.leader() + 2) % 4;
    network.silent.insert(silent);
    network.execute_all(1, 9);
    network.pass(200);
    let signers: Vec<_> = (0..4).filter(|&index| index != silent).collect();
    assert_eq!(network.deliveries(), [(network.leader(), signers, vec![task(1)])]);
}

#[test]
fn a_dead_leader_only_delays() {
    let mut network = Network::new(4);
    let dead = network.leader();
    network.execute_all(1, 9);
    network = Network::new(4);
    network.silent.insert(dead);
    network.execute_all(1, 9);
    assert_eq!(network.deliveries(), []);
    network.pass(SLOT_MS + 200);
    assert_eq!(network.deliveries().len(), 1);
    assert_eq!(network.deliveries()[0].0, (dead + 1) % 4);
}

#[test]
fn a_leader_that_dies_after_proposing_only_delays() {
    let mut network = Network::new(4);
    let leader = network.leader();
    // Its own vote never comes back, so it proposes and falls silent.
    let others: Vec<_> = (0..4).filter(|&index| index != leader).collect();
    network.execute(leader, 1, 9);
    network.execute(others[0], 1, 9);
    network.execute(others[1], 1, 9);
    assert!(
        network.messages.iter().any(|(from, message)| *from == leader && matches!(message, Message::Propose { .. }))
    );
    network.silent.insert(leader);
    network.execute(others[2], 1, 9);
    network.pass(4 * SLOT_MS);
    assert_eq!(network.deliveries().len(), 1);
    assert!(!network.deliveries()[0].1.contains(&leader));
}

#[test]
fn two_silent_of_four_are_no_quorum_and_the_task_expires() {
    let mut network = Network::new(4);
    network.silent.extend([0, 1]);
    network.execute_all(1, 9);
    network.pass(61_000);
    let half = PerToken { native: Weight::from(20), external: Weight::from(40) };
    let expired = |by| Event::Expired { by, task: task(1), attested: half };
    assert_eq!(network.events, [expired(2), expired(3)]);
}

#[test]
fn an_undelivered_certificate_passes_to_the_next_operator() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.execute_all(1, 9);
    network.pass(2 * TAKEOVER_MS + 100);
    let turns: Vec<_> = network.deliveries().into_iter().map(|(by, ..)| by).collect();
    assert_eq!(turns, [leader, (leader + 1) % 4, (leader + 2) % 4]);
}

#[test]
fn a_certificate_that_nobody_delivers_is_agreed_on_anew() {
    let mut network = Network::new(4);
    network.execute_all(1, 9);
    network.pass(5 * TAKEOVER_MS + 2 * SLOT_MS);
    let certified = network.messages.iter().filter(|(_, message)| matches!(message, Message::Propose { .. })).count();
    assert!(certified > 3, "there was a second proposal to the three others: {certified}");
}

#[test]
fn who_steps_in_passes_the_certificate_on() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let missed = (leader + 2) % 4;
    network.silent.insert(missed);
    network.execute_all(1, 9);
    network.pass(300);
    network.silent.clear();
    network.execute(missed, 1, 9);
    assert!(!network.nodes[missed].is_certified(task(1)));
    network.pass(TAKEOVER_MS);
    assert!(network.nodes[missed].is_certified(task(1)));
}

#[test]
fn large_results_go_in_batches_that_a_transaction_can_carry() {
    let mut network = Network::new(1);
    network.execute_all(1, 9);
    let deadline = network.now.plus_ms(60_000);
    let result = |number| OwnResult {
        entry: entry(number, 9),
        requirement: Requirement::NONE,
        deadline,
        payload_bytes: 16 * 1024,
    };
    let now = network.now;
    let mut sizes = Vec::new();
    for number in 2..=20 {
        network.nodes[0].step(now, Input::Executed(result(number)));
    }
    // Its own votes come back now, one batch at a time.
    network.pass(30 * SLOT_MS);
    for (.., tasks) in network.deliveries() {
        sizes.push(tasks.len());
    }
    assert!(sizes.iter().all(|size| *size <= 6), "{sizes:?}");
    assert!(sizes.len() > 1, "{sizes:?}");
}

#[test]
fn a_settled_task_is_delivered_no_more() {
    let mut network = Network::new(4);
    network.execute_all(1, 9);
    (0..4).for_each(|index| network.input(index, Input::Settled(task(1))));
    network.pass(10 * TAKEOVER_MS);
    assert_eq!(network.deliveries().len(), 1);
    assert_eq!(network.events.len(), 1);
}

#[test]
fn a_task_whose_delivery_was_taken_back_is_delivered_again() {
    let mut network = Network::new(4);
    network.execute_all(1, 9);
    network.execute_all(2, 9);
    (0..4).for_each(|index| network.input(index, Input::Settled(task(1))));
    network.pass(TAKEOVER_MS);
    let before = network.deliveries().len();
    (0..4).for_each(|index| network.input(index, Input::Reopened(task(1))));
    network.execute_all(1, 9);
    network.pass(4 * SLOT_MS);
    let delivered = network.deliveries();
    assert!(delivered[before..].iter().any(|(.., tasks)| tasks.contains(&task(1))), "{delivered:?}");
}

#[test]
fn one_other_result_is_refused_and_left_out() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let odd = (leader + 1) % 4;
    (0..4).filter(|&index| index != odd).for_each(|index| network.execute(index, 1, 9));
    network.execute(odd, 1, 8);
    network.pass(200);
    let signers: Vec<_> = (0..4).filter(|&index| index != odd).collect();
    assert_eq!(network.deliveries(), [(leader, signers, vec![task(1)])]);
    assert!(
        network
            .faults()
            .iter()
            .all(|(by, of, fault)| (*by, *of, *fault) == (odd, operator(leader), Fault::OtherResult))
    );
}

#[test]
fn a_leader_with_the_odd_result_does_not_stop_the_task() {
    let mut network = Network::new(4);
    let odd = network.leader();
    (0..4).for_each(|index| network.execute(index, 1, if index == odd { 8 } else { 9 }));
    network.pass(2 * SLOT_MS);
    assert_eq!(network.deliveries().len(), 1);
    assert!(!network.deliveries()[0].1.contains(&odd));
}

#[test]
fn half_and_half_is_never_certified() {
    let mut network = Network::new(4);
    (0..4).for_each(|index| network.execute(index, 1, u8::try_from(index % 2).expect("small")));
    network.pass(20 * SLOT_MS);
    assert_eq!(network.deliveries(), []);
}

#[test]
fn a_slow_operator_votes_once_it_has_the_result() {
    let mut network = Network::new(4);
    let leader = network.leader();
    let others: Vec<_> = (1..4).map(|step| (leader + step) % 4).collect();
    network.silent.insert(others[2]);
    // Three have attested and the proposal is out, but one of them is cut off before it votes.
    for index in [leader, others[0], others[1]] {
        network.execute(index, 1, 9);
    }
    network.pass(300);
    assert_eq!(network.deliveries().len(), 1, "three of four are a quorum without the slow one");
}

#[test]
fn results_that_come_while_a_batch_is_in_flight_go_together() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.silent.insert((leader + 2) % 4);
    for number in 1..=100 {
        network.execute_all(number, 9);
    }
    network.pass(900);
    let sizes: Vec<_> = network.deliveries().into_iter().map(|(.., tasks)| tasks.len()).collect();
    assert_eq!(sizes, [1, 32, 32, 32, 3]);
}

#[test]
fn a_stricter_task_goes_in_a_batch_of_its_own() {
    let mut network = Network::new(4);
    let leader = network.leader();
    network.silent.insert((leader + 3) % 4);
    let all = Requirement::new(10_000, 0, 0).expect("in range");
    for index in 0..4 {
        network.execute_with(index, entry(1, 9), all);
        network.execute_with(index, entry(2, 9), Requirement::NONE);
        network.execute_with(index, entry(3, 9), all);
    }
    network.pass(500);
    let tasks: Vec<_> = network.deliveries().into_iter().flat_map(|(.., tasks)| tasks).collect();
    assert_eq!(tasks, [task(2)], "the stricter ones lack the silent operator");
}

#[test]
fn a_new_table_takes_over_with_tasks_under_way() {
    let mut network = Network::new(4);
    network.silent.extend([2, 3]);
    network.execute_all(1, 9);
    network.pass(3 * SLOT_MS);
    assert_eq!(network.deliveries(), []);
    let keys = key_table(2, 0..2);
    (0..2).for_each(|index| network.input(index, Input::Table(keys.clone())));
    network.pass(3 * SLOT_MS);
    let Some(Event::Delivered { certified, .. }) = network.events.first() else {
        panic!("nothing was delivered: {:?}", network.events);
    };
    assert_eq!(certified.certificate().epoch.0, 2);
}

#[test]
fn a_result_that_comes_after_the_settlement_is_not_attested() {
    let mut network = Network::new(4);
    (0..4).for_each(|index| network.input(index, Input::Settled(task(1))));
    network.execute_all(1, 9);
    network.pass(SLOT_MS);
    assert_eq!(network.messages, []);
}

/// An operator alone with eight batches that the chain does not take, and that many tasks which have gathered behind them.
fn gathered(tasks: u64) -> (Network, Vec<TaskId>) {
    let mut network = Network::new(1);
    (1..=8 + tasks).for_each(|number| network.execute_all(number, 9));
    let waiting: Vec<_> = network.deliveries().into_iter().flat_map(|(.., tasks)| tasks).collect();
    (network, waiting)
}

/// Sizes of batches in the order of their deliveries, each that follows another.
fn sizes(network: &Network) -> Vec<usize> {
    let mut sizes: Vec<_> = network.deliveries().into_iter().map(|(.., tasks)| tasks.len()).collect();
    sizes.dedup();
    sizes
}

#[test]
fn agreement_does_not_run_ahead_of_a_chain_that_takes_nothing() {
    let (mut network, waiting) = gathered(40);
    assert_eq!(waiting.len(), 8, "{waiting:?}");
    network.input(0, Input::Settled(waiting[0]));
    assert_eq!(sizes(&network), [1, 32], "what has gathered goes together");
}

#[test]
fn what_nobody_delivers_is_proposed_in_half_the_company() {
    let (mut network, waiting) = gathered(32);
    waiting.into_iter().for_each(|task| network.input(0, Input::Settled(task)));
    network.pass(40_000);
    assert_eq!(sizes(&network)[..4], [1, 32, 16, 8]);
}
