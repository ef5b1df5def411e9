//! The world that operators act in: time, network, chain and auditor; and the agenda of what happens next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::rc::Rc;

use crate::audit::Audit;
use crate::chain::Chain;
use crate::log::Log;
use crate::network::Network;
use crate::operator::Wake;
use crate::plan::Plan;
use crate::random::Random;
use crate::sabotage::Sabotage;

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Wake {
        place: usize,
        life: u32,
        wake: Wake,
    },
    Arrival {
        from: usize,
        to: usize,
        bytes: Rc<[u8]>,
    },
    Mine,
    Request(usize),
    Fault(usize),
    /// A fault that lasts is over.
    Relief(usize),
    Restart(usize),
    /// All faults end; adversaries stay.
    Calm,
    /// A look whether all is done.
    Look,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// All but the operators.
#[derive(Debug)]
pub(crate) struct Env {
    /// True time, in milliseconds; operators' clocks differ from it.
    pub(crate) now: u64,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) chain: Chain,
    pub(crate) audit: Audit,
    pub(crate) plan: Rc<Plan>,
    pub(crate) is_calm: bool,
    pub(crate) messages: u64,
    pub(crate) log: Log,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) agenda: Agenda,
}

/// What is to come, by time and then by when it was put there.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BinaryHeap<Reverse<Due>>,
    order: u64,
}

impl Agenda {
    pub(crate) fn put(&mut self, at: u64, what: Happening) {
        self.order += 1;
        self.due.push(Reverse(Due { at, order: self.order, what }));
    }

    pub(crate) fn take(&mut self) -> Option<(u64, Happening)> {
        self.due.pop().map(|Reverse(due)| (due.at, due.what))
    }
}

impl Env {
    pub(crate) fn is_broken(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }

    pub(crate) fn log(&mut self, what: fmt::Arguments<'_>) {
        self.log.write(self.now - self.plan.began, what);
    }

    pub(crate) fn wake_in(&mut self, place: usize, life: u32, ms: u64, wake: Wake) {
        self.agenda.put(self.now + ms, Happening::Wake { place, life, wake });
    }

    pub(crate) fn restart_in(&mut self, place: usize, ms: u64) {
        self.agenda.put(self.now + ms, Happening::Restart(place));
    }

    /// Hands a message to the network.
    pub(crate) fn post(&mut self, from: usize, to: usize, bytes: Rc<[u8]>) {
        self.post_late(from, to, bytes, 0);
    }

    /// Hands a message to the network, some time after it should have been.
    pub(crate) fn post_late(&mut self, from: usize, to: usize, bytes: Rc<[u8]>, late_ms: u64) {
        if to >= self.plan.operators || from == to {
            return;
        }
        self.messages += 1;
        let fates = self.network.fate(from, to, &mut self.random);
        let digest = tandem_types::keccak256(&bytes);
        let kind = kind(&bytes);
        self.log(format_args!("{from} > {to} {kind} {} {fates:?}", crate::log::short(&digest)));
        for ms in fates {
            self.agenda.put(self.now + late_ms + ms, Happening::Arrival { from, to, bytes: bytes.clone() });
        }
    }
}

fn kind(bytes: &[u8]) -> &'static str {
    let names = ["attest", "propose", "vote", "refuse", "certified", "veto"];
    bytes.get(1).and_then(|tag| names.get(usize::from(*tag))).unwrap_or(&"noise")
}
