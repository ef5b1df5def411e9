//! What a run came to.

use tandem_types::B256;

use crate::plan::Power;
use crate::violation::Violation;

/// How much happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tasks that were asked for.
    pub tasks: u64,
    /// Tasks whose result is on the chain.
    pub delivered: u64,
    /// Tasks whose result was vetoed.
    pub vetoed: u64,
    /// Tasks without a result on the chain.
    pub expired: u64,
    /// Crashes of honest operators.
    pub crashes: u64,
    /// Reorganisations of the chain.
    pub reorgs: u64,
    /// Blocks of the canonical chain.
    pub blocks: u64,
    /// Messages between operators.
    pub messages: u64,
    /// Signatures made.
    pub signatures: u64,
    /// Certificates that honest operators took up for delivery.
    pub certificates: u64,
}

impl Totals {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.delivered += other.delivered;
        self.vetoed += other.vetoed;
        self.expired += other.expired;
        self.crashes += other.crashes;
        self.reorgs += other.reorgs;
        self.blocks += other.blocks;
        self.messages += other.messages;
        self.signatures += other.signatures;
        self.certificates += other.certificates;
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Hash of its audit log: the same seed has the same.
    pub hash: B256,
    /// Lines of its audit log.
    pub lines: u64,
    /// How strong adversaries were.
    pub power: Power,
    /// Operators, adversaries included.
    pub operators: usize,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// Simulated time from the end of all faults until all was done.
    pub calm_ms: u64,
    /// How much happened.
    pub totals: Totals,
    /// What went wrong.
    pub violations: Vec<Violation>,
}
