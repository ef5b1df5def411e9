//! Price feeds and what is built on them, for networks of our own: feeds that anyone may set, prices from them, and a monitor that tells
//! when the native token has failed.

use alloy::sol_types::SolCall;
use serde::{Deserialize, Serialize};
use tandem_types::{Address, PerToken, U256};

use super::deploy::{Deployer, ServiceSettings};
use super::{AdminError, Done, perform};
use crate::bindings::{ChainlinkPrices, DemoFeed, FallbackMonitor};
use crate::tx::{Call, TransactionManager};

/// Decimals of the two tokens.
const TOKEN_DECIMALS: u8 = 18;
/// Seconds of one observation of the monitor: it has to tell within a demo.
const PERIOD_S: u32 = 1;
/// Observations in a window of the monitor.
const WINDOW_PERIODS: u8 = 4;
/// Seconds of calm after which the monitor believes in a recovery.
const LEAVE_S: u32 = 60;

/// What feeds of our own say at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OracleSettings {
    /// Price of a whole token in a common currency, times 10^8.
    pub answers: PerToken<u64>,
    /// Seconds after which an answer is too old.
    pub age_max_s: u32,
    /// Value of all native stake below which the native token has failed: weight times answer.
    pub floor: U256,
}

/// Where the oracles of a network of our own are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracles {
    /// The feed of each token.
    pub feeds: PerToken<Address>,
    /// The source of prices over both.
    pub prices: Address,
    /// The fallback condition, if the policy has one.
    pub monitor: Option<Address>,
}

impl Deployer<'_> {
    /// What the policy asks besides stake. A monitor's service has to be the very next contract.
    pub(super) async fn oracles(&mut self, settings: &ServiceSettings) -> Result<Option<Oracles>, AdminError> {
        let ServiceSettings { policy, oracle, .. } = settings;
        if !policy.needs_prices() && !policy.needs_fallback() {
            return Ok(None);
        }
        let mut oracles = self.prices(oracle).await?;
        if policy.needs_fallback() {
            oracles.monitor = Some(self.monitor(oracles.prices, oracle.floor).await?);
        }
        Ok(Some(oracles))
    }

    /// Feeds, and the prices from them.
    async fn prices(&mut self, settings: &OracleSettings) -> Result<Oracles, AdminError> {
        let native = self.feed(settings.answers.native).await?;
        let external = self.feed(settings.answers.external).await?;
        let feed = |aggregator| ChainlinkPrices::Feed {
            aggregator,
            tokenDecimals: TOKEN_DECIMALS,
            maxAge: settings.age_max_s,
        };
        let constructor = ChainlinkPrices::constructorCall { native: feed(native), ext: feed(external) };
        let prices = self.create(&ChainlinkPrices::BYTECODE, &constructor).await?;
        Ok(Oracles { feeds: PerToken { native, external }, prices, monitor: None })
    }

    async fn feed(&mut self, answer: u64) -> Result<Address, AdminError> {
        let answer = alloy::primitives::I256::try_from(answer).expect("64 bits fit 256");
        self.create(&DemoFeed::BYTECODE, &DemoFeed::constructorCall { answer }).await
    }

    /// The monitor of a service that the sender deploys by its very next transaction.
    async fn monitor(&mut self, prices: Address, floor: U256) -> Result<Address, AdminError> {
        let sender = self.manager.address();
        // This transaction is the monitor's, the one after it the service's.
        let service = sender.create(self.manager.client().transaction_count(sender).await? + 1);
        let config = FallbackMonitor::FallbackConfig {
            prices,
            weights: service,
            floor: floor.saturating_to(),
            dropBps: 5_000,
            hysteresisBps: 1_000,
            period: PERIOD_S,
            windowPeriods: WINDOW_PERIODS,
            leaveSeconds: LEAVE_S,
        };
        self.create(&FallbackMonitor::BYTECODE, &FallbackMonitor::constructorCall { config }).await
    }
}

/// Has a feed of our own say `answer`, as if it had been given at `updated_at` (Unix seconds).
///
/// # Errors
/// [`AdminError`].
pub async fn set_price(
    manager: &TransactionManager,
    feed: Address,
    answer: u64,
    updated_at: u64,
) -> Result<Done<()>, AdminError> {
    let answer = alloy::primitives::I256::try_from(answer).expect("64 bits fit 256");
    let call = DemoFeed::setCall { answer, updatedAt: U256::from(updated_at) };
    perform(manager, Call::new(feed, call.abi_encode())).await
}

/// Has a monitor observe price and stake. Once per period.
///
/// # Errors
/// [`AdminError`], with `ObservedAlready`, `PriceUnknown` and `WeightUnknown` among the reverts.
pub async fn observe(manager: &TransactionManager, monitor: Address) -> Result<Done<()>, AdminError> {
    perform(manager, Call::new(monitor, FallbackMonitor::pokeCall {}.abi_encode())).await
}
