//! A store in memory, to try components: it lasts as long as the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use super::{Command, Pending, ServiceStore, StoreError, StoreLimits, Table, TableUsage};

/// Keys and values in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Vec<u8>>>);

impl ServiceStore for MemoryStore {
    fn run(&self, command: Command, limits: StoreLimits) -> Pending<'_> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Rows { rows: &mut rows, before: Vec::new() };
        let answer = command.run(&mut table, &limits);
        if answer.is_err() {
            table.undo();
        }
        Box::pin(std::future::ready(answer))
    }
}

/// The rows, and what they were before this command.
struct Rows<'a> {
    rows: &'a mut BTreeMap<String, Vec<u8>>,
    before: Vec<(String, Option<Vec<u8>>)>,
}

impl Rows<'_> {
    fn undo(&mut self) {
        for (key, value) in std::mem::take(&mut self.before).into_iter().rev() {
            self.replace(key, value);
        }
    }

    fn replace(&mut self, key: String, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match value {
            Some(value) => self.rows.insert(key, value),
            None => self.rows.remove(&key),
        }
    }
}

impl Table for Rows<'_> {
    type Error = StoreError;

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(key).cloned())
    }

    fn keys(&self, prefix: &str, after: Option<&str>, max: usize) -> Result<Vec<String>, StoreError> {
        let first = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let keys = self.rows.range::<str, _>((first, Bound::Unbounded)).map(|(key, _)| key);
        Ok(keys.take_while(|key| key.starts_with(prefix)).take(max).cloned().collect())
    }

    fn put(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let before = self.replace(key.to_owned(), value.map(<[u8]>::to_vec));
        self.before.push((key.to_owned(), before));
        Ok(())
    }

    fn usage(&self) -> Result<TableUsage, StoreError> {
        let bytes = self.rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        Ok(TableUsage { keys: self.rows.len() as u64, bytes })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::suite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_store_is_a_store() {
        suite::check(|| Arc::new(MemoryStore::default())).await;
    }
}
