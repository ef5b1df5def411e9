//! What operators registered, read from the OperatorRegistry's events: the G2 half of a key and a node's address are kept nowhere else.
//! Remembers what it read; an operator that a reorganisation took back stays known, which harms nobody.

use std::collections::HashMap;

use alloy::sol_types::SolEvent;
use tandem_types::{Address, B256, G1Point, G2Point};

use crate::bindings::OperatorRegistry;
use crate::error::RpcError;
use crate::event::raw;
use crate::log::{LogFilter, LogRecord};
use crate::scan::{RangeSize, Scanner};
use crate::source::ChainSource;
use crate::table::KeyHalves;

/// Blocks that are read again each time, in case the last ones were replaced.
const OVERLAP_BLOCKS: u64 = 64;
/// Most logs in one answer.
const LOGS_MAX: usize = 50_000;

/// What one operator registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) keys: KeyHalves,
    pub(crate) transport_key: B256,
    pub(crate) socket: String,
}

#[derive(Debug)]
pub(crate) struct Registry {
    contract: Address,
    next_block: u64,
    scanner: Scanner,
    operators: HashMap<Address, Registration>,
}

impl Registry {
    pub(crate) fn new(contract: Address, first_block: u64) -> Self {
        let scanner = Scanner::new(RangeSize::new(1_000, 1 << 20), LOGS_MAX);
        Self { contract, next_block: first_block, scanner, operators: HashMap::new() }
    }

    /// Reads what is new. What was read before a failure is kept.
    pub(crate) async fn refresh<S: ChainSource>(&mut self, source: &S) -> Result<(), RpcError> {
        let head = source.head().await?;
        let kinds =
            vec![OperatorRegistry::OperatorRegistered::SIGNATURE_HASH, OperatorRegistry::SocketUpdated::SIGNATURE_HASH];
        let first = self.next_block.saturating_sub(OVERLAP_BLOCKS).min(head);
        let mut filter = LogFilter { contract: self.contract, first, last: head, kinds, ..LogFilter::default() };
        while filter.first <= filter.last {
            let (logs, last) = self.scanner.next(source, &filter).await?;
            logs.iter().for_each(|log| self.apply(log));
            filter.first = last + 1;
            self.next_block = self.next_block.max(filter.first);
        }
        Ok(())
    }

    pub(crate) fn get(&self, operator: Address) -> Option<&Registration> {
        self.operators.get(&operator)
    }

    pub(crate) fn keys(&self) -> HashMap<Address, KeyHalves> {
        self.operators.iter().map(|(&operator, registration)| (operator, registration.keys)).collect()
    }

    fn apply(&mut self, log: &LogRecord) {
        if let Ok(event) = raw::<OperatorRegistry::OperatorRegistered>(log) {
            let keys = KeyHalves { g1: G1Point::from(&event.g1), g2: G2Point::from(&event.g2) };
            let registration = Registration { keys, transport_key: event.transportKey, socket: event.socket };
            self.operators.insert(event.operator, registration);
        } else if let Ok(event) = raw::<OperatorRegistry::SocketUpdated>(log)
            && let Some(registration) = self.operators.get_mut(&event.operator)
        {
            registration.socket = event.socket;
        }
    }
}
