//! A disk on which a write takes time, and of which a crash keeps what was written in order up to some write.

use std::collections::VecDeque;

use crate::journal::{Answer, Command, Journal};
use crate::random::Random;

/// A journal, and the writes on their way to it, each with who waits for it.
#[derive(Debug)]
pub(crate) struct Disk<W> {
    journal: Journal,
    writing: VecDeque<(Command, W)>,
    free_at: u64,
}

impl<W> Default for Disk<W> {
    fn default() -> Self {
        Self { journal: Journal::default(), writing: VecDeque::new(), free_at: 0 }
    }
}

impl<W> Disk<W> {
    /// What is durable. Reads see every write that was answered.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Begins a write that takes `ms`; when it will be durable. Writes become durable in their order.
    pub(crate) fn write(&mut self, now: u64, ms: u64, command: Command, waiter: W) -> u64 {
        self.writing.push_back((command, waiter));
        self.free_at = self.free_at.max(now) + ms;
        self.free_at
    }

    /// Makes the oldest write durable.
    pub(crate) fn finish(&mut self) -> Option<(Answer, W)> {
        let (command, waiter) = self.writing.pop_front()?;
        Some((self.journal.apply(command), waiter))
    }

    /// The process is gone. Some of its writes may have reached the disk, though nobody was told.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        let kept = random.below(self.writing.len() + 1);
        for (command, _) in self.writing.drain(..).take(kept) {
            self.journal.apply(command);
        }
        self.free_at = 0;
    }

    pub(crate) fn forget(&mut self) {
        self.journal.forget();
    }
}
