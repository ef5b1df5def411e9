//! The service's store. Without a grant there is none; a refusal or a limit is an error to the component, and remembered, so that the execution's own error
//! names it if the component does not get over it.

use std::sync::Arc;

use crate::bindings::tandem::service::store::{Error, Host, Limit};
use crate::state::State;
use crate::store::{Answer, Command, ServiceStore, StoreError};
use crate::{Grants, LimitBreach, LimitKind, Refusal, RunError};

/// The store as one execution has it.
pub(crate) struct StoreGate {
    grants: Arc<Grants>,
    calls: u64,
    /// The first reason for which a command was not done.
    stopped: Option<RunError>,
}

impl StoreGate {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self { grants, calls: 0, stopped: None }
    }

    pub(crate) fn stopped(&self) -> Option<&RunError> {
        self.stopped.as_ref()
    }

    /// Counts the command, and gives the store to run it on.
    fn admit(&mut self, command: &Command) -> Result<Arc<dyn ServiceStore>, RunError> {
        let Some(store) = &self.grants.store else { return Err(Refusal::Store.into()) };
        self.calls = self.calls.saturating_add(command.weight());
        if self.calls > self.grants.limits.store.calls {
            return Err(self.grants.limits.breach(LimitKind::StoreCalls).into());
        }
        Ok(Arc::clone(store))
    }

    async fn run(&mut self, command: Command) -> Result<Answer, Error> {
        let store = self.admit(&command).map_err(|error| self.stop(error))?;
        let limits = self.grants.limits.store;
        match store.run(command, limits).await {
            Ok(answer) => Ok(answer),
            Err(StoreError::NotACounter) => Err(Error::NotACounter),
            Err(StoreError::Limit(breach)) => Err(self.stop(breach.into())),
            Err(error @ StoreError::Failed(_)) => Err(self.stop(RunError::Host { reason: error.to_string() })),
        }
    }

    fn stop(&mut self, error: RunError) -> Error {
        let told = match &error {
            RunError::Limit(breach) => Error::Limit(limit(*breach)),
            RunError::Refused(_) => Error::NotGranted,
            _ => Error::Unavailable,
        };
        self.stopped.get_or_insert(error);
        told
    }
}

fn limit(breach: LimitBreach) -> Limit {
    match breach.kind {
        LimitKind::StoreKeys => Limit::Keys,
        LimitKind::StoreKeyBytes => Limit::KeyBytes,
        LimitKind::StoreValueBytes => Limit::ValueBytes,
        LimitKind::StoreBytes => Limit::Bytes,
        LimitKind::StoreBatch => Limit::Batch,
        _ => Limit::Calls,
    }
}

/// An answer to another command would be the store's own fault.
fn mismatch() -> Error {
    Error::Unavailable
}

impl Host for State {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.get_many(vec![key]).await?.pop().flatten())
    }

    async fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        match self.store.run(Command::Get(keys)).await? {
            Answer::Values(values) => Ok(values),
            _ => Err(mismatch()),
        }
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Error> {
        self.write_many(vec![(key, Some(value))]).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.write_many(vec![(key, None)]).await
    }

    async fn write_many(&mut self, rows: Vec<(String, Option<Vec<u8>>)>) -> Result<(), Error> {
        self.store.run(Command::Write(rows)).await.map(|_| ())
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, max: u32) -> Result<Vec<String>, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        match self.store.run(Command::Keys { prefix, after, max }).await? {
            Answer::Keys(keys) => Ok(keys),
            _ => Err(mismatch()),
        }
    }

    async fn increment(&mut self, key: String, delta: i64) -> Result<i64, Error> {
        match self.store.run(Command::Increment { key, delta }).await? {
            Answer::Count(count) => Ok(count),
            _ => Err(mismatch()),
        }
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        match self.store.run(Command::CompareAndSwap { key, expected, new }).await? {
            Answer::Swapped(swapped) => Ok(swapped),
            _ => Err(mismatch()),
        }
    }
}
