//! Corrections of a service's latest operator table: the weights of those whose stake has moved beyond the service's bound. Nothing is sent
//! that the contract would refuse.

use alloy::sol_types::SolCall;
use tandem_types::{Address, Bps, G1Point, OperatorEntry, PerToken, U256, Weight};

use crate::bindings::{AllocationManager, ServiceManager};
use crate::event;
use crate::service::{ServiceError, ServiceReader};
use crate::tx::{Call, SendError, TransactionManager, TransactionOutcome};

/// Most weights that one transaction corrects: as many as a table has corrections.
const CORRECTIONS_MAX: usize = 64;

/// The latest operator table of a service, with the weights of those whose stake has moved beyond the service's bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCorrection {
    service: Address,
    operators: Vec<Address>,
    positions: Vec<u16>,
}

/// An operator as it is in the latest table, and what it weighs now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drift {
    pub(crate) operator: Address,
    pub(crate) position: u16,
    pub(crate) before: PerToken<Weight>,
    pub(crate) present: PerToken<Weight>,
}

impl TableCorrection {
    /// None when no weight has moved by more than `bound` of the total, or is all gone.
    pub(crate) fn new(service: Address, drifts: &[Drift], (total, bound): (PerToken<Weight>, Bps)) -> Option<Self> {
        let moved = drifts.iter().filter(|drift| drift.is_beyond(total, bound)).take(CORRECTIONS_MAX);
        let (operators, positions): (Vec<_>, Vec<_>) = moved.map(|drift| (drift.operator, drift.position)).unzip();
        (!operators.is_empty()).then_some(Self { service, operators, positions })
    }

    /// How many weights it corrects.
    pub fn operators(&self) -> usize {
        self.operators.len()
    }

    /// Writes it.
    ///
    /// # Errors
    /// As [`TransactionManager::send`]; [`SendError::Reverted`] also when another one was first.
    pub async fn write(&self, manager: &TransactionManager) -> Result<TransactionOutcome, SendError> {
        let call = ServiceManager::correctTableCall { _0: self.operators.clone(), _1: self.positions.clone() };
        manager.send(&Call::new(self.service, call.abi_encode())).await
    }
}

impl Drift {
    fn is_beyond(&self, total: PerToken<Weight>, bound: Bps) -> bool {
        let moves = self.before.zip_with(self.present, |before, present| (before.units(), present.units()));
        let is_beyond = |(before, present): (u128, u128), total: Weight| {
            let distance = U256::from(before.abs_diff(present)) * U256::from(10_000);
            distance > U256::from(total.units()) * U256::from(bound.get()) || (present == 0 && before != 0)
        };
        is_beyond(moves.native, total.native) || is_beyond(moves.external, total.external)
    }
}

impl ServiceReader {
    /// What the latest table has wrong by more than the service's bound; none when that is nothing, or there is no table.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn correction(&self) -> Result<Option<TableCorrection>, ServiceError> {
        let Some(epoch) = self.current_epoch().await? else {
            return Ok(None);
        };
        let (table, service) = (self.operator_table(epoch).await?, self.id().manager);
        let operators: Vec<_> = table.entries().iter().map(|entry| entry.operator.0).collect();
        let call = AllocationManager::rowsCall { service, operators };
        let rows = self.client().call(self.stake_source(), &call).await?;
        let places = (0u16..).zip(table.entries().iter().zip(&rows));
        let drifts: Vec<_> = places.filter_map(|(position, (entry, row))| drift(position, entry, row)).collect();
        Ok(TableCorrection::new(service, &drifts, (table.total(), self.move_bps())))
    }
}

/// None for who changed its key: it keeps its weight until the next table in full.
fn drift(position: u16, entry: &OperatorEntry, row: &AllocationManager::Row) -> Option<Drift> {
    let present = PerToken { native: event::weight(row.nativeWeight), external: event::weight(row.externalWeight) };
    let has_same_key = entry.key_g1 == G1Point::from_words([row.key.x, row.key.y]);
    has_same_key.then_some(Drift { operator: entry.operator.0, position, before: entry.weight, present })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(native: u64, external: u64) -> PerToken<Weight> {
        PerToken { native: Weight::from(native), external: Weight::from(external) }
    }

    /// Weights before and now of one operator in a table of 10 000 of each token, and whether they are beyond 5 %.
    #[test]
    fn weight_that_moved_beyond_the_bound_is_corrected() {
        let cases = [
            ((1_000, 1_000), (1_500, 500), false),
            ((1_000, 1_000), (1_501, 1_000), true),
            ((1_000, 1_000), (1_000, 499), true),
            ((1, 1_000), (0, 1_000), true),
            ((0, 0), (0, 0), false),
        ];
        for (before, present, is_corrected) in cases {
            let drift = Drift {
                operator: Address::repeat_byte(7),
                position: 3,
                before: weights(before.0, before.1),
                present: weights(present.0, present.1),
            };
            let bound = (weights(10_000, 10_000), Bps::new(500).expect("in range"));
            let correction = TableCorrection::new(Address::ZERO, &[drift], bound);
            let expected = TableCorrection {
                service: Address::ZERO,
                operators: vec![Address::repeat_byte(7)],
                positions: vec![3],
            };
            assert_eq!(correction, is_corrected.then_some(expected), "{before:?} to {present:?}");
        }
    }

    #[test]
    fn correction_is_bounded() {
        let (before, present) = (weights(1, 1), weights(0, 0));
        let drift = |position| Drift { operator: Address::repeat_byte(7), position, before, present };
        let drifts: Vec<_> = (0..100).map(drift).collect();
        let bound = (weights(100, 100), Bps::new(500).expect("in range"));
        let correction = TableCorrection::new(Address::ZERO, &drifts, bound).expect("all is gone");
        assert_eq!(correction.operators(), CORRECTIONS_MAX);
    }
}
