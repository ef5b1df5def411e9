//! What operators registered, read from the OperatorRegistry's events: the G2 halves of their keys are kept nowhere else. Remembers what
//! it read; an operator that a reorganisation took back stays known, which harms nobody.

use std::collections::HashMap;

use alloy::sol_types::SolEvent;
use tandem_types::{Address, B256, G1Point, G2Point, OperatorId};

use crate::bindings::OperatorRegistry;
use crate::error::RpcError;
use crate::event::raw;
use crate::log::{LogFilter, LogRecord};
use crate::scan::{RangeSize, Scanner};
use crate::source::ChainSource;
use crate::table::Holder;

/// Blocks that are read again each time, in case the last ones were replaced.
const OVERLAP_BLOCKS: u64 = 64;
/// Most logs in one answer.
const LOGS_MAX: usize = 50_000;

/// What one operator has registered at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Its BLS key; the half in G2 is with the [`Holder`].
    pub(crate) key: G1Point,
    pub(crate) transport_key: B256,
    /// The transport key before, and the last second at which it is honoured.
    pub(crate) previous_transport: Option<(B256, u64)>,
    pub(crate) socket: String,
}

#[derive(Debug)]
pub(crate) struct Registry {
    contract: Address,
    next_block: u64,
    scanner: Scanner,
    operators: HashMap<Address, Registration>,
    /// Of every key that was ever registered: no other operator can claim it.
    holders: HashMap<G1Point, Holder>,
}

impl Registry {
    pub(crate) fn new(contract: Address, first_block: u64) -> Self {
        let scanner = Scanner::new(RangeSize::new(1_000, 1 << 20), LOGS_MAX);
        Self { contract, next_block: first_block, scanner, operators: HashMap::new(), holders: HashMap::new() }
    }

    /// Reads what is new. What was read before a failure is kept.
    pub(crate) async fn refresh<S: ChainSource>(&mut self, source: &S) -> Result<(), RpcError> {
        let head = source.head().await?;
        let kinds = vec![
            OperatorRegistry::OperatorRegistered::SIGNATURE_HASH,
            OperatorRegistry::OperatorDeregistered::SIGNATURE_HASH,
            OperatorRegistry::KeyRotated::SIGNATURE_HASH,
            OperatorRegistry::TransportKeyRotated::SIGNATURE_HASH,
            OperatorRegistry::SocketUpdated::SIGNATURE_HASH,
        ];
        let first = self.next_block.saturating_sub(OVERLAP_BLOCKS).min(head);
        let mut filter = LogFilter { contracts: vec![self.contract], first, last: head, kinds, ..LogFilter::default() };
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

    /// Whose a BLS key is, or was.
    pub(crate) fn holder(&self, key: &G1Point) -> Option<Holder> {
        self.holders.get(key).copied()
    }

    fn apply(&mut self, log: &LogRecord) {
        if let Ok(event) = raw::<OperatorRegistry::OperatorRegistered>(log) {
            let registration = Registration {
                key: self.hold(event.operator, (&event.g1).into(), (&event.g2).into()),
                transport_key: event.transportKey,
                previous_transport: None,
                socket: event.socket,
            };
            self.operators.insert(event.operator, registration);
        } else if let Ok(event) = raw::<OperatorRegistry::OperatorDeregistered>(log) {
            self.operators.remove(&event.operator);
        } else if let Ok(event) = raw::<OperatorRegistry::KeyRotated>(log) {
            let key = self.hold(event.operator, (&event.g1).into(), (&event.g2).into());
            self.change(event.operator, |registration| registration.key = key);
        } else if let Ok(event) = raw::<OperatorRegistry::TransportKeyRotated>(log) {
            let previous = (event.previous, event.overlapUntil.to::<u64>());
            self.change(event.operator, |registration| {
                registration.transport_key = event.transportKey;
                registration.previous_transport = Some(previous);
            });
        } else if let Ok(event) = raw::<OperatorRegistry::SocketUpdated>(log) {
            self.change(event.operator, |registration| registration.socket = event.socket);
        }
    }

    fn hold(&mut self, operator: Address, key: G1Point, g2: G2Point) -> G1Point {
        self.holders.insert(key, Holder { operator: OperatorId(operator), g2 });
        key
    }

    fn change(&mut self, operator: Address, change: impl FnOnce(&mut Registration)) {
        if let Some(registration) = self.operators.get_mut(&operator) {
            change(registration);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use alloy::primitives::aliases::U48;

    use super::*;
    use crate::source::fake::{CONTRACT, FakeChain};

    const OPERATOR: Address = Address::repeat_byte(1);

    fn g1(byte: u8) -> OperatorRegistry::G1 {
        OperatorRegistry::G1 { x: U256::from(byte), y: U256::from(byte) }
    }

    fn g2(byte: u8) -> OperatorRegistry::G2 {
        let word = U256::from(byte);
        OperatorRegistry::G2 { xIm: word, xRe: word, yIm: word, yRe: word }
    }

    fn registered(key: u8) -> OperatorRegistry::OperatorRegistered {
        OperatorRegistry::OperatorRegistered {
            operator: OPERATOR,
            g1: g1(key),
            g2: g2(key),
            transportKey: B256::repeat_byte(key),
            socket: "one:1".to_owned(),
            metadataUri: String::new(),
        }
    }

    fn rotated(key: u8, previous: u8) -> OperatorRegistry::KeyRotated {
        OperatorRegistry::KeyRotated {
            operator: OPERATOR,
            g1: g1(key),
            g2: g2(key),
            previous: g1(previous),
            overlapUntil: U48::from(900),
        }
    }

    fn transport_rotated(key: u8, previous: u8) -> OperatorRegistry::TransportKeyRotated {
        OperatorRegistry::TransportKeyRotated {
            operator: OPERATOR,
            transportKey: B256::repeat_byte(key),
            previous: B256::repeat_byte(previous),
            overlapUntil: U48::from(900),
        }
    }

    #[tokio::test]
    async fn keys_rotate_and_old_ones_keep_their_holder() {
        let chain = FakeChain::with_logs_at([]);
        chain.emit(1, registered(1).encode_log_data());
        chain.emit(2, rotated(2, 1).encode_log_data());
        chain.emit(3, transport_rotated(5, 1).encode_log_data());
        let moved = OperatorRegistry::SocketUpdated { operator: OPERATOR, socket: "two:2".to_owned() };
        chain.emit(4, moved.encode_log_data());
        let mut registry = Registry::new(CONTRACT, 0);
        for _ in 0..2 {
            registry.refresh(&chain).await.expect("the chain answers");
            let registration = registry.get(OPERATOR).expect("it is registered");
            assert_eq!(registration.key, G1Point::from(&g1(2)));
            assert_eq!(registration.transport_key, B256::repeat_byte(5));
            assert_eq!(registration.previous_transport, Some((B256::repeat_byte(1), 900)));
            assert_eq!(registration.socket, "two:2");
            for key in [1, 2] {
                let holder = registry.holder(&(&g1(key)).into()).expect("it was registered");
                assert_eq!(holder, Holder { operator: OperatorId(OPERATOR), g2: (&g2(key)).into() });
            }
        }
    }

    #[tokio::test]
    async fn who_deregisters_is_no_peer_but_keeps_its_keys() {
        let chain = FakeChain::with_logs_at([]);
        chain.emit(1, registered(1).encode_log_data());
        chain.emit(2, OperatorRegistry::OperatorDeregistered { operator: OPERATOR }.encode_log_data());
        let mut registry = Registry::new(CONTRACT, 0);
        registry.refresh(&chain).await.expect("the chain answers");
        assert_eq!(registry.get(OPERATOR), None);
        assert!(registry.holder(&(&g1(1)).into()).is_some());
        chain.emit(3, registered(7).encode_log_data());
        registry.refresh(&chain).await.expect("the chain answers");
        assert_eq!(registry.get(OPERATOR).map(|registration| registration.key), Some((&g1(7)).into()));
    }
}
