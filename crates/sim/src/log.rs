//! The audit log of a run: every line of it goes into one hash, and is printed when somebody listens. Two runs that differ can so be told
//! apart by a number, and compared line by line.

use std::fmt::{self, Write};

use alloy_primitives::{B256, Keccak256};

/// Where the lines go besides into the hash.
pub type Listener = Box<dyn FnMut(&str)>;

/// The log.
#[derive(Default)]
pub(crate) struct Log {
    hash: Keccak256,
    line: String,
    lines: u64,
    listener: Option<Listener>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Log {
    pub(crate) fn new(listener: Option<Listener>) -> Self {
        Self { listener, ..Self::default() }
    }

    pub(crate) fn write(&mut self, now: u64, what: fmt::Arguments<'_>) {
        self.line.clear();
        // Strings take whatever is written to them.
        let _ = write!(self.line, "{:>4}.{:03} {what}", now / 1_000, now % 1_000);
        self.hash.update(self.line.as_bytes());
        self.lines += 1;
        if let Some(listener) = self.listener.as_mut() {
            listener(&self.line);
        }
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn hash(&self) -> B256 {
        self.hash.clone().finalize()
    }
}

/// The beginning of a hash, for the log.
pub(crate) fn short(hash: &B256) -> String {
    let [a, b, c, d] = [hash[0], hash[1], hash[2], hash[3]];
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}
