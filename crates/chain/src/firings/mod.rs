//! What the triggers of a manifest fire: seconds of a schedule, blocks, logs. Every operator that reads the same chains finds the same firings with the same
//! anchors; no clock of its own has a say, except in what it is too late for. Reads from a cursor that the caller keeps with what it makes of the firings: after a
//! reorganisation, and after a crash, firings come again, and are the same. Does not know what is made of them.

mod anchor;
mod caller;
mod window;

use tandem_types::{
    B256, BlockFiring, BlockTag, BlockTrigger, CronFiring, CronTrigger, Finality, Firing, LogTrigger, TaskBlock,
    Trigger,
};

use crate::client::{BlockHeader, ChainClient};
use crate::endpoints::Witnessed;
use crate::log::{LogFilter, LogRecord};
use crate::range::RangeSize;
use crate::reader::ReadError;
use crate::scan::Scanner;
use crate::source::ChainSource;
use crate::stretch::{self, Stretch};
use anchor::{Home, Placed};

pub use caller::{Anchor, AnchorReader};
pub use window::ManifestWindow;
pub(crate) use window::{Announcement, windows};

/// Most firings that one read brings, unless a block holds more logs.
const PAGE: usize = 256;
/// What was missed for longer than this beyond its deadline is passed over.
const MISSED_S: u64 = 24 * 3_600;
/// Blocks of logs asked for at once to begin with, and most logs in one answer.
const RANGE: (u64, usize) = (1_000, 20_000);

/// How far a trigger's chain was read. Keep it with what the firings caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerCursor {
    /// The second of a schedule, else the block, up to which everything that fired was returned.
    pub position: u64,
    /// A block that is not before any anchor that was returned: when it is not canonical any more, they may be others.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: B256,
}

/// Something that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// What.
    pub firing: Firing,
    /// Last second at which its result may be delivered.
    pub deadline: u64,
    /// The first block of the service's chain that is not before it; none when it is too late for it.
    pub anchor: Option<TaskBlock>,
}

/// What one read brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiringSpan {
    /// The firings, in the order of their chain.
    pub fired: Vec<Fired>,
    /// Where the next read begins.
    pub cursor: TriggerCursor,
    /// Whether blocks were read again, because the stored cursor's block is not canonical.
    pub rewound: bool,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// How triggers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiringsConfig {
    /// When an anchor on the service's chain is believed.
    pub home: Depth,
    /// When what fires on the watched chain is believed, if the trigger does not say.
    pub watched: Depth,
    /// Most blocks whose logs are asked for at once.
    pub range_blocks_max: u64,
    /// The deepest reorganisation that loses nothing, in blocks: so many are read again when the cursor's block is not canonical any more.
    pub rewind_blocks: u64,
}

/// What must hold of a block before it is believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Blocks that must follow it.
    pub confirmations: u64,
    /// What the chain must call it, or one above it, besides.
    pub tag: Option<BlockTag>,
}

impl Depth {
    /// The last block that is so deep; none when there is none yet.
    async fn last<S: ChainSource>(self, source: &S) -> Result<Option<u64>, ReadError> {
        let confirmed = source.head().await?.checked_sub(self.confirmations);
        Ok(match self.tag {
            None => confirmed,
            Some(tag) => source.tagged(tag).await?.and_then(|tagged| confirmed.map(|last| last.min(tagged))),
        })
    }
}

impl From<Finality> for Depth {
    fn from(finality: Finality) -> Self {
        match finality {
            Finality::Confirmations(confirmations) => Self { confirmations, tag: None },
            Finality::Tag(tag) => Self { confirmations: 0, tag: Some(tag) },
        }
    }
}

/// Reads one trigger.
#[derive(Debug, Clone)]
pub struct FiringReader {
    home: ChainClient,
    watched: ChainClient,
    watch: Watch,
}

impl FiringReader {
    /// A reader for a trigger of a service on the chain `home`; `watched` is the chain that it names, or `home`.
    pub fn new(home: ChainClient, watched: ChainClient, trigger: Trigger, config: FiringsConfig) -> Self {
        let watch = Watch::new(trigger, (watched.chain_id(), watched.chain_id() == home.chain_id()), config);
        Self { home, watched, watch }
    }

    /// What fired after `cursor` with an anchor in `window`, one page at most; none when there is nothing to read. Without a cursor, begins with what can
    /// still be delivered. `now` is the time in Unix seconds.
    ///
    /// # Errors
    /// [`ReadError`]; the cursor stays good.
    pub async fn read(
        &mut self,
        window: &ManifestWindow,
        cursor: Option<&TriggerCursor>,
        now: u64,
    ) -> Result<Option<FiringSpan>, ReadError> {
        self.watch.step((&self.home, &self.watched), window, (cursor, now)).await
    }
}

/// The reader's logic, over any source.
#[derive(Debug, Clone)]
struct Watch {
    trigger: Trigger,
    chain_id: u64,
    is_home: bool,
    config: FiringsConfig,
    scanner: Scanner,
}

/// Part of a chain that is to be read.
struct Reach<'a, S> {
    source: &'a S,
    home: Home<'a, S>,
    /// Everything up to here was read.
    position: u64,
    /// The last block that is believed.
    end: BlockHeader,
    /// Its position.
    reached: u64,
    rewound: bool,
}

impl Watch {
    fn new(trigger: Trigger, (chain_id, is_home): (u64, bool), config: FiringsConfig) -> Self {
        let range = RangeSize::new(RANGE.0, config.range_blocks_max);
        Self { trigger, chain_id, is_home, config, scanner: Scanner::new(range, RANGE.1) }
    }

    async fn step<S: ChainSource>(
        &mut self,
        (home, watched): (&S, &S),
        window: &ManifestWindow,
        (cursor, now): (Option<&TriggerCursor>, u64),
    ) -> Result<Option<FiringSpan>, ReadError> {
        let late = now.saturating_sub(self.trigger.deadline_s());
        let Some(home) = Home::open(home, window, (self.config.home, late)).await? else {
            return Ok(None);
        };
        let source = if self.is_home { home.source } else { watched };
        let is_cron = matches!(self.trigger, Trigger::Cron(_));
        let end = if is_cron { Some(home.last) } else { self.believed(source, &home).await? };
        let Some(end) = end else { return Ok(None) };
        let Some(reach) = self.reach(source, home, (cursor, end)).await? else {
            return Ok(None);
        };
        let span = match self.trigger.clone() {
            Trigger::Request | Trigger::Call | Trigger::Http(_) => return Ok(None),
            Trigger::Cron(cron) => cron_span(&cron, &reach).await?,
            Trigger::Block(block) => self.block_span(&block, &reach).await?,
            Trigger::Log(log) => self.log_span(&log, &reach).await?,
        };
        reach.home.check().await?;
        check(source, &end).await?;
        Ok(span)
    }

    /// The last block of the watched chain that may fire now.
    async fn believed<S: ChainSource>(&self, source: &S, home: &Home<'_, S>) -> Result<Option<BlockHeader>, ReadError> {
        let usual = if self.is_home { self.config.home } else { self.config.watched };
        let number = self.trigger.finality().map_or(usual, Depth::from).last(source).await?;
        // On the service's chain an anchor is the block itself, and must be one that is believed there.
        let number = number.map(|number| if self.is_home { number.min(home.last.number) } else { number });
        match number {
            Some(number) => Ok(Some(canonical(source, number).await?)),
            None => Ok(None),
        }
    }

    /// What is to be read; none when all is.
    async fn reach<'a, S: ChainSource>(
        &self,
        source: &'a S,
        home: Home<'a, S>,
        (cursor, end): (Option<&TriggerCursor>, BlockHeader),
    ) -> Result<Option<Reach<'a, S>>, ReadError> {
        let is_cron = matches!(self.trigger, Trigger::Cron(_));
        let stale = match cursor {
            Some(cursor) => {
                source.header(cursor.block_number).await?.value.is_none_or(|block| block.hash != cursor.block_hash)
            }
            None => false,
        };
        let reached = if is_cron { end.timestamp } else { end.number };
        let position = match cursor {
            Some(cursor) if !stale => cursor.position,
            Some(cursor) => {
                let to = cursor.block_number.min(end.number).saturating_sub(self.config.rewind_blocks);
                let to = if is_cron { canonical(source, to).await?.timestamp } else { to };
                tracing::warn!(
                    from = cursor.position,
                    to,
                    "the chain was reorganised below a trigger's cursor, reading again"
                );
                cursor.position.min(to)
            }
            None => self.position_at(source, home.late.saturating_sub(1), &end).await?,
        };
        if position >= reached {
            return Ok(None);
        }
        let position = self.pass_over(source, position, (&home, &end)).await?.max(self.before_window(&home));
        let done = position >= reached;
        Ok((!done).then_some(Reach { source, home, position, end, reached, rewound: stale }))
    }

    /// Where a window's own begins, less one.
    fn before_window<S: ChainSource>(&self, home: &Home<'_, S>) -> u64 {
        match self.trigger {
            Trigger::Cron(_) => home.since,
            _ if self.is_home => home.first.saturating_sub(1),
            _ => 0,
        }
    }

    /// Leaves out what nobody needs to be told that it was missed.
    async fn pass_over<S: ChainSource>(
        &self,
        source: &S,
        position: u64,
        (home, end): (&Home<'_, S>, &BlockHeader),
    ) -> Result<u64, ReadError> {
        let oldest = home.late.saturating_sub(MISSED_S);
        let time = match self.trigger {
            Trigger::Cron(_) => position,
            _ => canonical(source, position.min(end.number)).await?.timestamp,
        };
        if time >= oldest {
            return Ok(position);
        }
        let to = self.position_at(source, oldest, end).await?.max(position);
        tracing::warn!(from = position, to, "what fired so long ago is passed over");
        Ok(to)
    }

    /// The position of a time: itself for schedules, the last block before it for others.
    async fn position_at<S: ChainSource>(&self, source: &S, time: u64, end: &BlockHeader) -> Result<u64, ReadError> {
        if matches!(self.trigger, Trigger::Cron(_)) {
            return Ok(time);
        }
        if end.timestamp < time {
            return Ok(end.number);
        }
        Ok(anchor::first_at(source, time, (0, *end)).await?.number.saturating_sub(1))
    }

    async fn block_span<S: ChainSource>(
        &self,
        trigger: &BlockTrigger,
        reach: &Reach<'_, S>,
    ) -> Result<Option<FiringSpan>, ReadError> {
        let (start, last) = (trigger.start.unwrap_or(0), trigger.end.unwrap_or(u64::MAX).min(reach.end.number));
        let mut found = Found::new(reach);
        for number in multiples(trigger.every, start, reach.position).take_while(|number| *number <= last).take(PAGE) {
            let block = canonical(reach.source, number).await?;
            let firing = Firing::Block(BlockFiring { chain_id: self.chain_id, number });
            let placed = reach.home.place(block.timestamp, self.is_home.then(|| task_block(&block))).await?;
            if !found.add((firing, number), placed, block.timestamp.saturating_add(trigger.deadline_s)) {
                return Ok(Some(found.until(number - 1, false)));
            }
        }
        Ok(Some(found.finish()))
    }

    async fn log_span<S: ChainSource>(
        &mut self,
        trigger: &LogTrigger,
        reach: &Reach<'_, S>,
    ) -> Result<Option<FiringSpan>, ReadError> {
        let topic = |at: usize| trigger.topics.get(at).cloned().unwrap_or_default();
        let first = reach.position + 1;
        let filter = LogFilter {
            contracts: trigger.addresses.clone(),
            first,
            last: self.scanner.range().last(first, reach.end.number),
            kinds: topic(0),
            subjects: topic(1),
            objects: topic(2),
            details: topic(3),
            ..LogFilter::default()
        };
        let Stretch { logs, times, tip, .. } =
            Stretch::read(reach.source.clone(), self.scanner.clone(), filter, PAGE).await?;
        let mut found = Found::new(reach);
        for logs in logs.chunk_by(|a, b| a.block_number == b.block_number) {
            let LogRecord { block_number: number, block_hash: hash, .. } = logs[0];
            let time = times[&hash];
            let own = self.is_home.then_some(TaskBlock { number, hash, time });
            let placed = reach.home.place(time, own).await?;
            for firing in positioned(reach.source, self.chain_id, logs).await? {
                if !found.add((firing, number), placed, time.saturating_add(trigger.deadline_s)) {
                    return Ok(Some(found.until(number - 1, false)));
                }
            }
            if found.seen >= PAGE {
                return Ok(Some(found.until(number, true)));
            }
        }
        Ok(Some(found.until(tip.number, tip.number < reach.end.number)))
    }
}

async fn cron_span<S: ChainSource>(
    trigger: &CronTrigger,
    reach: &Reach<'_, S>,
) -> Result<Option<FiringSpan>, ReadError> {
    let last = trigger.end.unwrap_or(u64::MAX).min(reach.end.timestamp);
    let from = reach.position.max(trigger.start.unwrap_or(0).saturating_sub(1));
    let mut found = Found::new(reach);
    for instant in trigger.schedule.after(from).take_while(|instant| *instant <= last).take(PAGE) {
        let placed = reach.home.place(instant, None).await?;
        let firing = Firing::Cron(CronFiring { instant });
        found.add((firing, instant), placed, instant.saturating_add(trigger.deadline_s));
    }
    Ok(Some(found.finish()))
}

/// The multiples of `every`, counted from `start`, after `position`.
fn multiples(every: u64, start: u64, position: u64) -> impl Iterator<Item = u64> {
    let passed = (position + 1).saturating_sub(start).div_ceil(every);
    let first = passed.checked_mul(every).and_then(|blocks| start.checked_add(blocks));
    std::iter::successors(first, move |number| number.checked_add(every))
}

/// The logs of one block as firings, each by its place among all logs of its transaction. Those with too much data fire nothing.
async fn positioned<S: ChainSource>(source: &S, chain_id: u64, logs: &[LogRecord]) -> Result<Vec<Firing>, ReadError> {
    let LogRecord { block_number: number, block_hash: hash, .. } = logs[0];
    let whole = LogFilter { first: number, last: number, block_hash: Some(hash), ..LogFilter::default() };
    let Witnessed { value: all, by } = source.logs(&whole).await?;
    if !source.suffice(by) || all.iter().any(|log| log.block_hash != hash) {
        return Err(ReadError::Moving(number));
    }
    let fits = |log: &&LogRecord| {
        let fits = log.data().data.len() <= tandem_types::LOG_DATA_BYTES_MAX;
        if !fits {
            tracing::warn!(tx = %log.tx_hash, block = log.block_number, "a log has too much data to fire anything");
        }
        fits
    };
    let firing = |log: &LogRecord| {
        let before = |other: &&LogRecord| other.tx_hash == log.tx_hash && other.log_index < log.log_index;
        Firing::Log(tandem_types::LogFiring {
            chain_id,
            tx_hash: log.tx_hash,
            position: all.iter().filter(before).count() as u64,
            emitter: log.log.address,
            topics: log.data().topics().to_vec(),
            data: log.data().data.clone(),
        })
    };
    Ok(logs.iter().filter(fits).map(firing).collect())
}

/// Collects what fired in a stretch.
struct Found<'a, S> {
    reach: &'a Reach<'a, S>,
    fired: Vec<Fired>,
    /// How many were looked at, and the position of the last.
    seen: usize,
    last: u64,
}

impl<'a, S: ChainSource> Found<'a, S> {
    fn new(reach: &'a Reach<'a, S>) -> Self {
        Self { reach, fired: Vec::new(), seen: 0, last: reach.position }
    }

    /// Takes a firing; false when it has to wait, because its anchor is not there yet.
    fn add(&mut self, (firing, position): (Firing, u64), placed: Placed, deadline: u64) -> bool {
        if placed == Placed::NotYet {
            return false;
        }
        self.seen += 1;
        self.last = position;
        match placed {
            Placed::Anchored(block) => self.fired.push(Fired { firing, deadline, anchor: Some(block) }),
            Placed::TooLate => self.fired.push(Fired { firing, deadline, anchor: None }),
            Placed::Elsewhere | Placed::NotYet => {}
        }
        true
    }

    /// A full page ends with its last firing, another with the stretch.
    fn finish(self) -> FiringSpan {
        let full = self.seen >= PAGE;
        let position = if full { self.last } else { self.reach.reached };
        self.until(position, full)
    }

    fn until(self, position: u64, more: bool) -> FiringSpan {
        let Reach { end, rewound, .. } = *self.reach;
        let cursor = TriggerCursor { position, block_number: end.number, block_hash: end.hash };
        FiringSpan { fired: self.fired, cursor, rewound, more }
    }
}

fn task_block(block: &BlockHeader) -> TaskBlock {
    TaskBlock { number: block.number, hash: block.hash, time: block.timestamp }
}

/// The block, which the chain reached a moment ago.
async fn canonical<S: ChainSource>(source: &S, number: u64) -> Result<BlockHeader, ReadError> {
    stretch::canonical(source, number).await.map(|block| block.value)
}

/// That the block is still canonical: then all that was read before it is of one chain.
async fn check<S: ChainSource>(source: &S, block: &BlockHeader) -> Result<(), ReadError> {
    if source.header(block.number).await?.value == Some(*block) { Ok(()) } else { Err(ReadError::Moving(block.number)) }
}

#[cfg(test)]
mod tests;
