//! What goes wrong in a run, and when. Faults that last are relieved later; when the run becomes calm, all of them are.

use tandem_types::PerToken;

use crate::identity::Stakes;
use crate::operator::Rpc;
use crate::plan::Plan;
use crate::quorum::Conditions;
use crate::random::Random;

/// One fault.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// One operator crashes so many effects from now.
    Doom { place: usize, effects: u32, down_ms: u64 },
    /// All operators crash at once.
    PowerCut { down_ms: u64 },
    /// The network falls into two.
    Partition { sides: Vec<u8>, ms: u64 },
    /// Messages are lost, doubled, and late.
    Weather { loss: u64, doubles: u64, latest_ms: u64, ms: u64 },
    /// An operator's clock jumps.
    Skew { place: usize, skew_ms: i64 },
    /// The chain takes blocks back and goes on otherwise.
    Reorg { depth: u64 },
    /// An operator's endpoint is not what it should be.
    Endpoint { place: usize, rpc: Rpc, ms: u64 },
    /// An operator's disk is slow.
    SlowDisk { place: usize, ms: u64 },
    /// There are no blocks.
    Stall { ms: u64 },
    /// A new table.
    Table { stakes: Stakes },
    /// An operator loses its weight in all tables.
    Revocation { place: usize },
    /// Prices or the fallback flag change.
    Conditions { conditions: Conditions },
}

impl Fault {
    /// After how long it is relieved.
    pub(crate) fn lasts_ms(&self) -> Option<u64> {
        match self {
            Self::Partition { ms, .. }
            | Self::Weather { ms, .. }
            | Self::Endpoint { ms, .. }
            | Self::SlowDisk { ms, .. }
            | Self::Stall { ms } => Some(*ms),
            _ => None,
        }
    }
}

/// The faults of a run, in their order.
pub(crate) fn draw(plan: &Plan, random: &mut Random) -> Vec<(u64, Fault)> {
    let mut faults = Vec::new();
    let count = random.within(2..=6 + plan.calm_from / 3_000);
    for _ in 0..count {
        let at = random.within(0..=plan.calm_from);
        faults.extend(one(plan, random).map(|fault| (at, fault)));
    }
    // Tables expire, so there is a new one before.
    let mut at = 0;
    while at < plan.ends {
        at += random.within(plan.window_s * 200..=plan.window_s * 700);
        faults.push((at, Fault::Table { stakes: stakes(plan, random) }));
    }
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn one(plan: &Plan, random: &mut Random) -> Option<Fault> {
    let place = random.below(plan.operators);
    let ms = random.within(500..=15_000);
    Some(match random.below(23) {
        0..7 => Fault::Doom {
            place,
            effects: u32::try_from(random.within(0..=40)).unwrap_or(0),
            down_ms: random.within(10..=8_000),
        },
        7 => Fault::PowerCut { down_ms: random.within(10..=6_000) },
        8..10 => Fault::Partition { sides: (0..plan.operators).map(|_| u8::from(random.per_mille(400))).collect(), ms },
        10..12 => Fault::Weather {
            loss: random.within(0..=400),
            doubles: random.within(0..=400),
            latest_ms: random.within(50..=4 * plan.settings.slot_ms),
            ms,
        },
        12 => {
            let slot = plan.settings.slot_ms;
            let skew_ms = i64::try_from(random.within(0..=slot)).ok()? - i64::try_from(slot / 2).ok()?;
            Fault::Skew { place, skew_ms }
        }
        13..15 => {
            let deepest = if plan.reorgs_deeply { plan.confirmations + 12 } else { plan.confirmations };
            Fault::Reorg { depth: Some(random.within(0..=deepest)).filter(|depth| *depth > 0)? }
        }
        15..18 => {
            let kinds = [Rpc::Slow, Rpc::Failing, Rpc::Lying];
            Fault::Endpoint { place, rpc: kinds[random.below(3)], ms }
        }
        18 => Fault::SlowDisk { place, ms },
        19 => Fault::Stall { ms },
        20..22 => {
            let may_lose = plan.adversaries.contains(&place) || plan.spare == Some(place);
            Fault::Revocation { place: Some(place).filter(|_| may_lose)? }
        }
        _ => {
            let price = |random: &mut Random| u128::from(random.within(2..=6));
            let prices = Some(PerToken { native: price(random), external: price(random) + 4 });
            Fault::Conditions { conditions: Conditions { prices, fallback: random.per_mille(500) } }
        }
    })
}

/// Other stakes, with which the run's promise still holds.
fn stakes(plan: &Plan, random: &mut Random) -> Stakes {
    for _ in 0..8 {
        let mut stakes = plan.stakes.clone();
        for stake in stakes.iter_mut().flatten() {
            *stake = stake.map(|units| units * random.within(9..=11) / 10 + 1);
        }
        if random.per_mille(300) {
            let leaver = random.below(plan.operators);
            stakes[leaver] = None;
        }
        if plan.keeps_its_promise(&stakes) {
            return stakes;
        }
    }
    plan.stakes.clone()
}
