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

#[cfg(test)]
mod tests {
    use tandem_types::{B256, TaskId};

    use super::*;
    use crate::journal::Cursor;

    fn span(number: u64) -> Command {
        Command::Span {
            tasks: Vec::new(),
            fates: Vec::new(),
            cursor: Some(Cursor { number, hash: B256::ZERO }),
            rewound_to: None,
        }
    }

    #[test]
    fn writes_become_durable_in_their_order_and_not_before() {
        let mut disk = Disk::default();
        assert_eq!((disk.write(10, 5, span(1), 'a'), disk.write(11, 1, span(2), 'b')), (15, 16));
        assert_eq!(disk.journal().cursor, None);
        assert_eq!(disk.finish().map(|(_, waiter)| waiter), Some('a'));
        assert_eq!(disk.journal().cursor.map(|cursor| cursor.number), Some(1));
    }

    #[test]
    fn crash_keeps_some_prefix_and_tells_nobody() {
        let mut random = Random::new(1);
        let mut kept = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let mut disk = Disk::default();
            (1..=3).for_each(|number| _ = disk.write(0, 1, span(number), ()));
            disk.crash(&mut random);
            assert_eq!(disk.finish(), None);
            kept.insert(disk.journal().cursor.map(|cursor| cursor.number));
        }
        assert_eq!(kept, [None, Some(1), Some(2), Some(3)].into());
    }

    #[test]
    fn unknown_task_has_no_outcome() {
        let mut disk = Disk::default();
        let outcome = crate::journal::Outcome::Failed { is_retryable: true };
        disk.write(0, 1, Command::Outcome { task: TaskId(B256::ZERO), outcome }, ());
        assert_eq!(disk.finish(), Some((Answer::Refused, ())));
    }
}
