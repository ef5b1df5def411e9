use alloy::primitives::LogData;
use tandem_types::{B256, CronTrigger, ManifestHash};

use super::*;
use crate::source::fake::{CONTRACT, FakeChain};

/// Blocks of the fake chain are 12 seconds apart; the last is number 40, at second 480.
const HEAD_TIME: u64 = 480;

fn cron(schedule: &str) -> Trigger {
    let schedule = schedule.parse().expect("it is a schedule");
    Trigger::Cron(CronTrigger { schedule, start: None, end: None, deadline_s: 600 })
}

fn every(every: u64) -> BlockTrigger {
    BlockTrigger { every, chain: None, start: None, end: None, confirmations: None, tag: None, deadline_s: 600 }
}

fn logs() -> LogTrigger {
    let addresses = vec![CONTRACT];
    LogTrigger { chain: None, addresses, topics: vec![], confirmations: None, tag: None, deadline_s: 600 }
}

fn window(first: u64, end: Option<u64>) -> ManifestWindow {
    ManifestWindow { manifest: ManifestHash(B256::ZERO), first, end, routes: Vec::new() }
}

fn config() -> FiringsConfig {
    let depth = Depth { confirmations: 1, tag: None };
    FiringsConfig { home: depth, watched: depth, range_blocks_max: 8_000, rewind_blocks: 64 }
}

fn watch(trigger: Trigger, is_home: bool) -> Watch {
    Watch::new(trigger, (7, is_home), config())
}

/// What fires on a chain that is the service's own.
async fn read(
    watch: &mut Watch,
    chain: &FakeChain,
    window: &ManifestWindow,
    (cursor, now): (Option<&TriggerCursor>, u64),
) -> Option<FiringSpan> {
    watch.step((chain, chain), window, (cursor, now)).await.expect("the fake chain answers")
}

fn positions(span: &Option<FiringSpan>) -> Vec<u64> {
    let fired = span.iter().flat_map(|span| &span.fired);
    fired
        .map(|fired| match &fired.firing {
            Firing::Cron(cron) => cron.instant,
            Firing::Block(block) => block.number,
            Firing::Log(log) => log.position,
            Firing::Http(http) => panic!("no chain fires {http:?}"),
        })
        .collect()
}

fn anchors(span: &Option<FiringSpan>) -> Vec<Option<u64>> {
    span.iter().flat_map(|span| &span.fired).map(|fired| fired.anchor.map(|block| block.number)).collect()
}

#[tokio::test]
async fn seconds_of_a_schedule_belong_to_the_first_block_that_is_not_before_them() {
    let chain = FakeChain::with_logs_at([]);
    let mut watch = watch(cron("* * * * *"), true);
    let span = read(&mut watch, &chain, &window(0, None), (None, HEAD_TIME)).await;
    // Block 40 is not confirmed; 60 is the time of block 5.
    assert_eq!(positions(&span), [60, 120, 180, 240, 300, 360, 420]);
    assert_eq!(anchors(&span), [5, 10, 15, 20, 25, 30, 35].map(Some));
    let cursor = span.expect("it fired").cursor;
    assert_eq!((cursor.position, cursor.block_number), (468, 39));
    assert_eq!(read(&mut watch, &chain, &window(0, None), (Some(&cursor), HEAD_TIME)).await, None);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_between_pages() {
    let chain = FakeChain::with_logs_at([]);
    let mut watch = watch(cron("* * * * * *"), true);
    let (mut all, mut cursor) = (Vec::new(), None);
    while let Some(span) = read(&mut watch, &chain, &window(0, None), (cursor.as_ref(), HEAD_TIME)).await {
        assert!(span.fired.iter().all(|fired| {
            let anchor = fired.anchor.expect("none is late");
            let Firing::Cron(CronFiring { instant }) = fired.firing else { panic!("{fired:?}") };
            anchor.time >= instant && anchor.time < instant + 12 && fired.deadline == instant + 600
        }));
        assert_eq!(span.more, span.fired.len() == PAGE);
        cursor = Some(span.cursor);
        all.extend(positions(&Some(span)));
    }
    assert_eq!(all, (1..=468).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_too_late_is_said_and_has_no_anchor() {
    let chain = FakeChain::with_logs_at([]);
    let mut watch = watch(cron("* * * * *"), true);
    let begun = TriggerCursor { position: 0, block_number: 0, block_hash: hash(&chain, 0).await };
    let span = read(&mut watch, &chain, &window(0, None), (Some(&begun), 600 + 240)).await;
    assert_eq!(positions(&span), [60, 120, 180, 240, 300, 360, 420]);
    assert_eq!(anchors(&span), [None, None, None, Some(20), Some(25), Some(30), Some(35)]);
    // Without a cursor nobody was here to miss it.
    let span = read(&mut watch, &chain, &window(0, None), (None, 600 + 240)).await;
    assert_eq!(positions(&span), [240, 300, 360, 420]);
}

#[tokio::test]
async fn what_was_missed_long_ago_is_passed_over() {
    let chain = FakeChain::with_logs_at([]);
    let begun = TriggerCursor { position: 0, block_number: 0, block_hash: hash(&chain, 0).await };
    let now = MISSED_S + 600 + 300;
    let span = read(&mut watch(cron("* * * * *"), true), &chain, &window(0, None), (Some(&begun), now)).await;
    assert_eq!(positions(&span), [360, 420]);
    let mut blocks = watch(Trigger::Block(every(5)), true);
    let span = read(&mut blocks, &chain, &window(0, None), (Some(&begun), now)).await;
    assert_eq!(positions(&span), [25, 30, 35]);
}

async fn hash(chain: &FakeChain, number: u64) -> B256 {
    chain.header(number).await.expect("the fake chain answers").value.expect("the block is there").hash
}

#[tokio::test]
async fn every_firing_belongs_to_one_manifest() {
    let chain = FakeChain::with_logs_at([4, 19, 20, 30]);
    for trigger in [cron("* * * * * *"), Trigger::Block(every(1)), Trigger::Log(logs())] {
        let of = async |window| read(&mut watch(trigger.clone(), true), &chain, &window, (None, HEAD_TIME)).await;
        let (before, after) = (of(window(0, Some(20))).await, of(window(20, None)).await);
        let all = |span: Option<FiringSpan>| span.expect("it fired").fired;
        let (before, after) = (all(before), all(after));
        assert!(before.iter().all(|fired| fired.anchor.is_some_and(|block| block.number < 20)), "{trigger:?}");
        assert!(after.iter().all(|fired| fired.anchor.is_some_and(|block| block.number >= 20)), "{trigger:?}");
        if let (Trigger::Cron(_), Some(last), Some(first)) = (&trigger, before.last(), after.first()) {
            assert_eq!((&last.firing, &first.firing), (&at(228), &at(229)), "228 is the time of block 19");
        }
    }
}

fn at(instant: u64) -> Firing {
    Firing::Cron(CronFiring { instant })
}

#[tokio::test]
async fn start_and_end_bound_a_trigger() {
    let chain = FakeChain::with_logs_at([]);
    let Trigger::Cron(schedule) = cron("* * * * *") else { panic!("it is a schedule") };
    let bounded = Trigger::Cron(CronTrigger { start: Some(120), end: Some(240), ..schedule });
    let span = read(&mut watch(bounded, true), &chain, &window(0, None), (None, HEAD_TIME)).await;
    assert_eq!(positions(&span), [120, 180, 240]);
    let bounded = Trigger::Block(BlockTrigger { start: Some(7), end: Some(20), ..every(5) });
    let span = read(&mut watch(bounded, true), &chain, &window(0, None), (None, HEAD_TIME)).await;
    assert_eq!(positions(&span), [7, 12, 17]);
}

#[tokio::test]
async fn blocks_fire_when_they_are_believed() {
    let chain = FakeChain::with_logs_at([]);
    chain.finalize(24);
    for (trigger, expected) in [
        (every(10), vec![10, 20, 30]),
        (BlockTrigger { confirmations: Some(15), ..every(10) }, vec![10, 20]),
        (BlockTrigger { tag: Some(tandem_types::BlockTag::Finalized), ..every(8) }, vec![8, 16, 24]),
    ] {
        let span = read(&mut watch(Trigger::Block(trigger), true), &chain, &window(1, None), (None, HEAD_TIME)).await;
        assert_eq!(positions(&span), expected);
    }
}

#[tokio::test]
async fn firings_of_another_chain_wait_for_an_anchor_on_the_services() {
    let (home, other) = (FakeChain::with_logs_at([]), FakeChain::with_logs_at([3, 30]));
    home.reorganise(21, 0);
    let mut watch = watch(Trigger::Block(every(10)), false);
    let young = window(0, Some(15));
    let span = watch.step((&home, &other), &young, (None, HEAD_TIME)).await.expect("they answer");
    assert_eq!(positions(&span), [10]);
    let next = window(15, None);
    let span = watch.step((&home, &other), &next, (None, HEAD_TIME)).await.expect("they answer");
    assert_eq!((positions(&span), anchors(&span)), (vec![20, 30], vec![Some(20), Some(30)]));
}

#[tokio::test]
async fn log_is_known_by_its_place_in_its_transaction() {
    let chain = FakeChain::with_logs_at([]);
    // All logs of one block of the fake are of one transaction.
    let topic = B256::repeat_byte(1);
    for topics in [vec![], vec![topic], vec![], vec![topic]] {
        chain.emit(9, LogData::new_unchecked(topics, Default::default()));
    }
    let filtered = LogTrigger { topics: vec![vec![topic]], ..logs() };
    let span = read(&mut watch(Trigger::Log(filtered), true), &chain, &window(0, None), (None, HEAD_TIME)).await;
    assert_eq!((positions(&span), anchors(&span)), (vec![1, 3], vec![Some(9), Some(9)]));
    let Firing::Log(log) = &span.expect("it fired").fired[0].firing else { panic!("it is a log") };
    assert_eq!((log.chain_id, log.emitter, log.topics.as_slice()), (7, CONTRACT, &[topic][..]));
}

#[tokio::test]
async fn log_that_is_too_long_fires_nothing() {
    let chain = FakeChain::with_logs_at([]);
    for length in [16 * 1024 + 1, 16 * 1024] {
        chain.emit(9, LogData::new_unchecked(vec![], vec![0; length].into()));
    }
    let span = read(&mut watch(Trigger::Log(logs()), true), &chain, &window(0, None), (None, HEAD_TIME)).await;
    assert_eq!(positions(&span), [1]);
}

#[tokio::test]
async fn transaction_that_is_mined_again_is_the_same_firing_at_another_anchor() {
    let chain = FakeChain::with_logs_at([]);
    let emit = || chain.emit(30, LogData::new_unchecked(vec![], vec![5].into()));
    emit();
    let mut watch = watch(Trigger::Log(logs()), true);
    let first = read(&mut watch, &chain, &window(0, None), (None, HEAD_TIME)).await.expect("it fired");
    chain.reorganise(25, 0);
    emit();
    let again = read(&mut watch, &chain, &window(0, None), (Some(&first.cursor), HEAD_TIME)).await;
    let again = again.expect("it fired again");
    assert!(again.rewound && !first.rewound);
    assert_eq!(first.fired[0].firing, again.fired[0].firing);
    assert_ne!(first.fired[0].anchor, again.fired[0].anchor);
}

#[tokio::test]
async fn reorganised_anchors_come_again() {
    let chain = FakeChain::with_logs_at([]);
    let mut watch = watch(cron("* * * * *"), true);
    let first = read(&mut watch, &chain, &window(0, None), (None, HEAD_TIME)).await.expect("it fired");
    chain.reorganise(30, 1);
    let again = read(&mut watch, &chain, &window(0, None), (Some(&first.cursor), HEAD_TIME)).await;
    let again = again.expect("it fired again");
    let firings = |span: &FiringSpan| span.fired.iter().map(|fired| fired.firing.clone()).collect::<Vec<_>>();
    assert_eq!(firings(&again)[..7], firings(&first)[..]);
    assert_eq!(again.fired[4], first.fired[4], "its anchor, block 25, is the same");
    assert_ne!(again.fired[5].anchor, first.fired[5].anchor);
}

#[test]
fn multiples_are_counted_from_the_start() {
    let first = |every, start, position| multiples(every, start, position).next();
    assert_eq!(first(10, 0, 0), Some(10));
    assert_eq!(first(10, 0, 9), Some(10));
    assert_eq!(first(10, 0, 10), Some(20));
    assert_eq!(first(10, 3, 0), Some(3));
    assert_eq!(first(10, 3, 3), Some(13));
    assert_eq!(first(1, 0, 41), Some(42));
    assert_eq!(first(u64::MAX, 5, 5), None);
}
