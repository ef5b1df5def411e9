//! Writes the next operator table when it is due: the epoch has ended, or operators came, went or lost their weight. Corrects the latest one
//! when stake has moved beyond the service's bound. Operators take turns, so that one sends and the others need not; whether it is due the
//! contract says, and nothing is sent that would revert.

use std::sync::Arc;
use std::time::Duration;

use tandem_chain::{
    Due, SendError, ServiceError, ServiceReader, TransactionManager, TransactionOutcome, TransactionStatus,
};
use tandem_types::OperatorId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::metrics::Metrics;
use crate::source::chain_of;

/// Shortest time between two transactions of this node for tables: what does not help once is not tried again at once.
const PAUSE: Duration = Duration::from_secs(60);

/// Takes this operator's turns at writing tables.
pub(crate) struct Upkeep {
    pub(crate) me: OperatorId,
    pub(crate) service: Arc<ServiceReader>,
    pub(crate) transactions: Arc<TransactionManager>,
    pub(crate) metrics: Metrics,
    /// How long one operator's turn lasts.
    pub(crate) turn: Duration,
}

impl Upkeep {
    /// Takes turns until it is told to stop. A transaction that is under way is left to the chain.
    pub(crate) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.take_turns()).await;
    }

    async fn take_turns(&self) {
        let mut looks = tokio::time::interval(self.turn);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last_sent: Option<Instant> = None;
        loop {
            looks.tick().await;
            if last_sent.is_some_and(|sent| sent.elapsed() < PAUSE) {
                continue;
            }
            match self.take_turn().await {
                Ok(true) => last_sent = Some(Instant::now()),
                Ok(false) => {}
                Err(error) => {
                    self.metrics.rpc_failures.inc();
                    tracing::debug!(error = %chain_of(&error), "cannot look whether an operator table is due");
                }
            }
        }
    }

    /// Writes the next table when it is this operator's turn and the table is due; whether anything was sent.
    async fn take_turn(&self) -> Result<bool, ServiceError> {
        let serving = self.service.serving().await?;
        let turns = clock::now().0 / u64::try_from(self.turn.as_millis()).unwrap_or(u64::MAX).max(1);
        if !is_turn_of(self.me, &serving, turns) {
            return Ok(false);
        }
        let next = self.service.next_table().await?;
        match next.due(&self.transactions).await {
            Ok(Due::Not) => self.correct().await,
            Ok(due) => {
                self.report(next.operators(), next.write(&self.transactions, due).await);
                Ok(true)
            }
            Err(error) => {
                tracing::debug!(error = %chain_of(&error), "the operator table cannot be written now");
                Ok(false)
            }
        }
    }

    /// Corrects the latest table if stake has moved; whether anything was sent.
    async fn correct(&self) -> Result<bool, ServiceError> {
        let Some(correction) = self.service.correction().await? else {
            return Ok(false);
        };
        self.report(correction.operators(), correction.write(&self.transactions).await);
        Ok(true)
    }

    fn report(&self, operators: usize, written: Result<TransactionOutcome, SendError>) {
        match written {
            Ok(outcome) if outcome.status == TransactionStatus::Succeeded => {
                self.metrics.tables.inc();
                let (tx, gas) = (outcome.tx_hash, outcome.gas_used);
                tracing::info!(operators, %tx, gas, "wrote an operator table");
            }
            Ok(outcome) => tracing::info!(tx = %outcome.tx_hash, "another one wrote the operator table first"),
            Err(error) => tracing::warn!(error = %chain_of(&error), "cannot write the operator table"),
        }
    }
}

/// Whether the turn of that number is `me`'s, when the operators take turns in their order.
fn is_turn_of(me: OperatorId, serving: &[OperatorId], turns: u64) -> bool {
    let operators = serving.len() as u64;
    serving.binary_search(&me).is_ok_and(|position| turns % operators == position as u64)
}

#[cfg(test)]
mod tests {
    use tandem_types::Address;

    use super::*;

    fn operator(byte: u8) -> OperatorId {
        OperatorId(Address::repeat_byte(byte))
    }

    #[test]
    fn every_turn_is_one_operators() {
        let serving = [operator(1), operator(2), operator(3)];
        for turns in 0..9 {
            let on_duty = serving.iter().filter(|me| is_turn_of(**me, &serving, turns));
            assert_eq!(on_duty.collect::<Vec<_>>(), [&serving[usize::try_from(turns % 3).expect("below 3")]]);
        }
    }

    #[test]
    fn who_does_not_serve_has_no_turn() {
        assert!(!is_turn_of(operator(4), &[operator(1), operator(2)], 0));
        assert!(!is_turn_of(operator(4), &[], 0));
    }
}
