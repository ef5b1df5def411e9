//! Every way to break what is simulated is noticed, by the property that is meant for it, within a few seeds.

use std::ops::Range;

use tandem_sim::{Report, Sabotage, Scale, run};

fn breaks(report: &Report, property: &str) -> bool {
    report.violations.iter().any(|violation| violation.property() == property)
}

/// Some seed breaks the property by sabotage, and breaks nothing without.
fn caught(sabotage: Sabotage, property: &str, seeds: Range<u64>) {
    let found = seeds.clone().find(|seed| breaks(&run(*seed, Scale::USUAL, Some(sabotage)), property));
    let seed = found.unwrap_or_else(|| panic!("no seed of {seeds:?} noticed {sabotage} by `{property}`"));
    assert_eq!(run(seed, Scale::USUAL, None).violations, [], "seed {seed} breaks nothing by itself");
}

#[test]
fn journal_that_forgets_vetoes_what_it_voted_for() {
    caught(Sabotage::JournalForgets, "no veto of one's own vote", 58..59);
}

#[test]
fn vote_before_the_write_is_seen_at_once() {
    caught(Sabotage::VoteBeforeWrite, "journal before signature", 0..5);
}

#[test]
fn vote_for_anything_is_two_results() {
    caught(Sabotage::VotesForAnything, "one result per task and operator", 3..4);
}

#[test]
fn veto_of_ones_own_vote_is_seen() {
    caught(Sabotage::VetoesOwnVotes, "no veto of one's own vote", 0..20);
}

#[test]
fn voter_counted_twice_is_no_quorum() {
    caught(Sabotage::CountsTwice, "certificates have a quorum", 0..10);
}

#[test]
fn chain_that_asks_for_no_quorum_is_seen() {
    caught(Sabotage::ChainWithoutQuorum, "the chain demands a quorum", 0..10);
    caught(Sabotage::ChainWithoutQuorum, "results are honest operators'", 0..10);
}

#[test]
fn chain_that_delivers_again_is_seen() {
    caught(Sabotage::ChainDeliversAgain, "one delivery per task", 0..10);
}

#[test]
fn cursor_before_its_tasks_loses_some() {
    caught(Sabotage::CursorFirst, "no task is lost", 46..47);
}

#[test]
fn cursor_of_a_lost_block_misses_what_came_instead() {
    caught(Sabotage::NeverRewinds, "no task is lost", 0..1);
}

#[test]
fn newest_blocks_are_not_to_be_believed() {
    caught(Sabotage::TrustsTheTip, "journals end as the chain", 6..7);
}

#[test]
fn task_that_is_not_taken_up_again_stays_open() {
    caught(Sabotage::NeverResumes, "journals end as the chain", 0..10);
}

#[test]
fn result_that_is_attested_once_is_not_delivered() {
    caught(Sabotage::AttestsOnce, "every task ends", 0..10);
}

#[test]
fn certificate_that_nobody_brings_is_not_delivered() {
    caught(Sabotage::NeverDelivers, "every task ends", 0..10);
}

#[test]
fn run_that_depends_on_others_has_another_hash() {
    let [first, second] = [4, 4].map(|seed| run(seed, Scale::USUAL, Some(Sabotage::Nondeterminism)));
    assert_ne!(first.hash, second.hash);
    let same = [4, 4].map(|seed| run(seed, Scale::USUAL, None).hash);
    assert_eq!(same[0], same[1]);
}

#[test]
fn every_sabotage_has_a_word() {
    for sabotage in Sabotage::ALL {
        assert_eq!(sabotage.as_str().parse(), Ok(sabotage));
    }
    assert!("nothing".parse::<Sabotage>().is_err());
}
