//! The life of a transaction, over any [`Mempool`]. Several are under way at a time, sent in the order of their nonces; when the future of one is
//! dropped, the next call takes over its nonce.

use std::time::Duration;

use tandem_types::B256;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep};

use super::mempool::{Mempool, Signed, Version};
use super::nonce::{Hold, NonceSequence};
use super::{Call, Fees, Receipt, SendError, TRANSACTION_GAS_MAX, TransactionConfig, UNDER_WAY_MAX};
use crate::error::{RpcError, RpcFailure};

/// How often a nonce that was taken is exchanged for the next.
const NONCES_MAX: usize = 4;
/// How often an unknown waiting transaction is outbid at once: first by as little as nodes accept, then by twice as much, up to the limit.
const OUTBIDS_MAX: usize = 32;
/// How often by as little as nodes accept.
const SMALL_OUTBIDS: usize = 8;
/// The first pause between two looks at the chain.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// What an endpoint means when it does not take a transaction.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// A transaction with that nonce is mined.
    NonceTaken,
    /// It has this very transaction.
    Known,
    /// One with that nonce is waiting that offers nearly as much, or the fee is below the block's.
    Underpriced,
    /// The account cannot pay.
    Funds(String),
    /// It may have arrived nevertheless.
    Unclear,
    /// Anything else.
    Final,
}

impl From<&RpcError> for Refusal {
    fn from(error: &RpcError) -> Self {
        let RpcFailure::Refused { message, .. } = &error.failure else {
            return if error.is_retryable() { Self::Unclear } else { Self::Final };
        };
        let text = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&["nonce too low", "nonce is too low", "old nonce"]) {
            Self::NonceTaken
        } else if says(&["already known", "already imported", "known transaction", "alreadyknown"]) {
            Self::Known
        } else if says(&["underpriced", "less than block base fee", "fee too low", "replacement fee"]) {
            Self::Underpriced
        } else if says(&["insufficient funds"]) {
            Self::Funds(message.clone())
        } else if error.is_retryable() {
            Self::Unclear
        } else {
            Self::Final
        }
    }
}

/// A transaction under way.
struct Flight<'a> {
    call: &'a Call,
    hold: Hold<'a>,
    version: Version,
    /// All versions that were sent, the last one last.
    sent: Vec<Signed>,
    began: Instant,
}

impl Flight<'_> {
    fn last_hash(&self) -> B256 {
        self.sent.last().map(|signed| signed.hash).unwrap_or_default()
    }
}

/// What an attempt to send came to.
#[derive(Debug, PartialEq, Eq)]
enum Offer {
    Sent,
    NonceTaken,
}

/// Sends the transactions of one key.
#[derive(Debug)]
pub(crate) struct Driver<M> {
    pub(crate) mempool: M,
    config: TransactionConfig,
    nonces: NonceSequence,
    places: Semaphore,
    /// Held from taking a nonce until its transaction is sent, so that none arrives before the one below it.
    sending: Mutex<()>,
}

impl<M: Mempool> Driver<M> {
    /// Asks the chain for the nonce, so that an endpoint that does not answer shows at once.
    pub(crate) async fn start(mempool: M, config: TransactionConfig) -> Result<Self, RpcError> {
        let nonces = NonceSequence::after(mempool.nonce().await?);
        Ok(Self { mempool, config, nonces, places: Semaphore::new(UNDER_WAY_MAX), sending: Mutex::new(()) })
    }

    /// Makes the call, and waits until it is confirmed.
    pub(crate) async fn send(&self, call: &Call) -> Result<Receipt, SendError> {
        // It is never closed.
        let _place = self.places.acquire().await;
        let (gas, market) = tokio::try_join!(self.gas(call), self.market())?;
        let flight = self.set_off(call, (gas, market)).await?;
        self.follow(flight).await
    }

    /// Sends the call under the next nonce.
    async fn set_off<'a>(&'a self, call: &'a Call, (gas, market): (u64, Fees)) -> Result<Flight<'a>, SendError> {
        let _turn = self.sending.lock().await;
        for _ in 0..NONCES_MAX {
            let mined = self.mempool.nonce().await?;
            let hold = self.nonces.hold(mined);
            self.mend(mined).await;
            let version = Version { nonce: hold.nonce, gas, fees: self.first_fees(&hold, market)? };
            let mut flight = Flight { call, hold, version, sent: Vec::new(), began: Instant::now() };
            match self.offer(&mut flight).await? {
                Offer::Sent => return Ok(flight),
                Offer::NonceTaken => flight.hold.settled(),
            }
        }
        Err(SendError::NonceContended(self.mempool.sender()))
    }

    async fn market(&self) -> Result<Fees, SendError> {
        Ok(self.mempool.fees().await?)
    }

    /// Sends what was mined once and is not any more, so that no nonce is missing below the next. Harmless when the endpoint only lags.
    async fn mend(&self, mined: u64) {
        for signed in self.nonces.taken_back(mined) {
            if let Err(error) = self.mempool.send(&signed).await {
                tracing::debug!(%error, tx = %signed.hash, "an earlier transaction was not taken again");
            }
        }
    }

    async fn gas(&self, call: &Call) -> Result<u64, SendError> {
        let needed = self.mempool.gas(call).await.map_err(|error| match (&error.failure, Refusal::from(&error)) {
            (RpcFailure::Reverted(revert), _) => SendError::Reverted(revert.clone()),
            (_, Refusal::Funds(message)) => SendError::InsufficientFunds { account: self.mempool.sender(), message },
            _ => SendError::Rpc(error),
        })?;
        if needed > TRANSACTION_GAS_MAX {
            return Err(SendError::TooMuchGas { needed, limit: TRANSACTION_GAS_MAX });
        }
        Ok((needed + needed * self.config.gas_margin_percent / 100).min(TRANSACTION_GAS_MAX))
    }

    fn first_fees(&self, hold: &Hold<'_>, market: Fees) -> Result<Fees, SendError> {
        let limit = self.config.fee_per_gas_max;
        match hold.waiting {
            None => Ok(market.capped(limit)),
            Some(waiting) => waiting.replacement(market, limit).ok_or(SendError::FeeTooHigh { limit }),
        }
    }

    /// Sends the current version, with more and more fees while the endpoint has another transaction under that nonce.
    async fn offer(&self, flight: &mut Flight<'_>) -> Result<Offer, SendError> {
        for outbids in 0..OUTBIDS_MAX {
            let signed = self.mempool.sign(flight.call, &flight.version);
            flight.hold.offered(flight.version.fees);
            let Err(error) = self.mempool.send(&signed).await else {
                flight.sent.push(signed);
                return Ok(Offer::Sent);
            };
            tracing::debug!(%error, nonce = flight.version.nonce, "transaction was not taken");
            match Refusal::from(&error) {
                Refusal::Known | Refusal::Unclear => {
                    flight.sent.push(signed);
                    return Ok(Offer::Sent);
                }
                Refusal::NonceTaken => return Ok(Offer::NonceTaken),
                Refusal::Underpriced => flight.version.fees = self.outbid(flight.version.fees, outbids)?,
                Refusal::Funds(message) => {
                    return Err(SendError::InsufficientFunds { account: self.mempool.sender(), message });
                }
                Refusal::Final => return Err(SendError::Rpc(error)),
            }
        }
        Err(SendError::FeeTooHigh { limit: flight.version.fees.max })
    }

    fn outbid(&self, fees: Fees, outbids: usize) -> Result<Fees, SendError> {
        let limit = self.config.fee_per_gas_max;
        let more = if outbids < SMALL_OUTBIDS { fees.replacement(fees, limit) } else { fees.doubled(limit) };
        more.ok_or(SendError::FeeTooHigh { limit })
    }

    /// Waits for the receipt; every `replace_after` without one, pushes the transaction along.
    async fn follow(&self, mut flight: Flight<'_>) -> Result<Receipt, SendError> {
        for round in 0..=self.config.replacements_max {
            let until = Instant::now() + self.config.replace_after;
            if let Some(receipt) = self.watch(&flight, until).await {
                let mined = flight.sent.iter().find(|signed| signed.hash == receipt.outcome.tx_hash);
                mined.into_iter().for_each(|signed| flight.hold.mined(signed.clone()));
                if let Some(receipt) = self.confirm(receipt).await? {
                    return Ok(receipt);
                }
                flight.hold.offered(flight.version.fees);
            }
            if round < self.config.replacements_max {
                self.push(&mut flight).await?;
            }
        }
        let waited = flight.began.elapsed();
        Err(SendError::NotMined { nonce: flight.version.nonce, tx_hash: flight.last_hash(), waited })
    }

    /// Looks for a receipt of any version until then. Failures of the endpoint only cost time.
    async fn watch(&self, flight: &Flight<'_>, until: Instant) -> Option<Receipt> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(receipt) = self.find(flight).await {
                return Some(receipt);
            }
            if Instant::now() >= until {
                return None;
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.config.poll_interval);
        }
    }

    async fn find(&self, flight: &Flight<'_>) -> Option<Receipt> {
        for signed in flight.sent.iter().rev() {
            match self.mempool.receipt(signed.hash).await {
                Ok(Some(receipt)) => return Some(receipt),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "looking for a receipt failed"),
            }
        }
        None
    }

    /// Waits until enough blocks follow; none when a reorganisation took the transaction back.
    async fn confirm(&self, mut receipt: Receipt) -> Result<Option<Receipt>, SendError> {
        if self.config.confirmations <= 1 {
            return Ok(Some(receipt));
        }
        let tx_hash = receipt.outcome.tx_hash;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let head = self.mempool.head().await.unwrap_or(0);
            if head + 1 >= receipt.outcome.block_number.saturating_add(self.config.confirmations) {
                return Ok(Some(receipt));
            }
            if began.elapsed() >= self.config.confirm_within {
                return Err(SendError::NotConfirmed { tx_hash, waited: began.elapsed() });
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.config.poll_interval);
            match self.mempool.receipt(tx_hash).await {
                Ok(Some(found)) => receipt = found,
                Ok(None) => return Ok(None),
                Err(error) => tracing::debug!(%error, "looking for a receipt failed"),
            }
        }
    }

    /// Sends the transaction again when it got lost, replaces it when it waits.
    async fn push(&self, flight: &mut Flight<'_>) -> Result<(), SendError> {
        let nonce = flight.version.nonce;
        self.mend(self.mempool.nonce().await.unwrap_or(nonce)).await;
        match self.mempool.knows(flight.last_hash()).await {
            Ok(true) => {
                let Some(fees) = self.replacement(flight.version.fees).await else { return Ok(()) };
                tracing::info!(nonce, max_fee = fees.max, "transaction is not mined, offering more");
                flight.version.fees = fees;
            }
            Ok(false) => tracing::info!(nonce, "transaction got lost, sending it again"),
            Err(error) => {
                tracing::debug!(%error, "looking for a transaction failed");
                return Ok(());
            }
        }
        match self.offer(flight).await {
            Ok(Offer::Sent) => Ok(()),
            Ok(Offer::NonceTaken) => self.taken(flight).await,
            Err(error @ (SendError::FeeTooHigh { .. } | SendError::Rpc(_) | SendError::InsufficientFunds { .. })) => {
                tracing::warn!(%error, nonce, "transaction could not be replaced");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn replacement(&self, fees: Fees) -> Option<Fees> {
        let market = self.mempool.fees().await.unwrap_or(fees);
        fees.replacement(market, self.config.fee_per_gas_max)
    }

    /// The nonce is mined: by a version of ours, whose receipt may take a moment to show, or by a stranger with the same key.
    async fn taken(&self, flight: &Flight<'_>) -> Result<(), SendError> {
        let grace = self.config.replace_after.min(self.config.poll_interval * 5);
        if self.watch(flight, Instant::now() + grace).await.is_some() {
            return Ok(());
        }
        flight.hold.settled();
        Err(SendError::Displaced { nonce: flight.version.nonce })
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
