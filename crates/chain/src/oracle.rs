//! What a policy's oracle is made of, for people to look at: the feeds behind prices, the rule behind a fallback. Judges nothing, and is not what
//! results are judged by. An oracle of another make says less, which is no failure.

use alloy::primitives::I256;
use alloy::sol_types::SolCall;
use tandem_types::{Address, PerToken, U256};

use crate::bindings::{ChainlinkPrices, FallbackMonitor};
use crate::client::ChainClient;
use crate::error::RpcError;
use crate::policy::known;

mod aggregator {
    alloy::sol! {
        interface IAggregatorV3 {
            function decimals() external view returns (uint8);
            function latestRoundData() external view
                returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
        }
    }
}

use aggregator::IAggregatorV3;

/// A policy's oracle. What it does not say, or is not asked by the policy, is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OracleInfo {
    /// Its contract.
    pub address: Address,
    /// Where prices come from: the oracle itself, or what a fallback monitor asks.
    pub price_source: Option<Address>,
    /// The feeds behind the prices.
    pub feeds: Option<PerToken<FeedInfo>>,
    /// When the fallback begins and ends.
    pub fallback: Option<FallbackInfo>,
}

/// A token's price feed, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedInfo {
    /// Its contract.
    pub feed: Address,
    /// Price of a whole token in the currency of the feeds, times ten to the decimals; none when it is zero, negative, or there is no answer.
    pub answer: Option<U256>,
    /// Digits of the answer that stand behind the point.
    pub decimals: u8,
    /// When it was given, in Unix seconds; 0 when there is no answer.
    pub updated_at: u64,
    /// Seconds for which it is believed.
    pub age_max_s: u32,
}

/// The rule of a fallback monitor, and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallbackInfo {
    /// Since when the token looks recovered; none while it does not, or while the fallback is off.
    pub calm_since: Option<u64>,
    /// Fall of the average price from one window to the next at which it begins, in basis points.
    pub drop_bps: u16,
    /// Seconds of a window.
    pub window_s: u64,
    /// How far above the floor the value must be for its end, in basis points.
    pub hysteresis_bps: u16,
    /// Seconds for which the token must look recovered.
    pub leave_s: u32,
}

/// What can be told of the oracle at `address`, whether it says prices or a fallback.
pub(crate) async fn read(client: &ChainClient, address: Address, fallback: bool) -> Result<OracleInfo, RpcError> {
    let rule = if fallback { rule(client, address).await? } else { None };
    let source = FallbackMonitor::pricesCall {};
    let price_source = if fallback { known(client.call(address, &source).await)? } else { Some(address) };
    let feeds = match price_source {
        Some(source) => feeds(client, source).await?,
        None => None,
    };
    Ok(OracleInfo { address, price_source, feeds, fallback: rule })
}

/// The value of a call, or an end without one.
macro_rules! some {
    ($client:expr, $contract:expr, $call:expr) => {
        match asked($client, $contract, &$call).await? {
            Some(answer) => answer,
            None => return Ok(None),
        }
    };
}

async fn asked<C: SolCall + Sync>(client: &ChainClient, to: Address, call: &C) -> Result<Option<C::Return>, RpcError> {
    known(client.call(to, call).await)
}

async fn rule(client: &ChainClient, monitor: Address) -> Result<Option<FallbackInfo>, RpcError> {
    let calm_since = some!(client, monitor, FallbackMonitor::calmSinceCall {});
    let period = some!(client, monitor, FallbackMonitor::periodCall {});
    let periods = some!(client, monitor, FallbackMonitor::windowPeriodsCall {});
    Ok(Some(FallbackInfo {
        calm_since: (calm_since != 0).then_some(calm_since),
        drop_bps: some!(client, monitor, FallbackMonitor::dropBpsCall {}),
        window_s: u64::from(period) * u64::from(periods),
        hysteresis_bps: some!(client, monitor, FallbackMonitor::hysteresisBpsCall {}),
        leave_s: some!(client, monitor, FallbackMonitor::leaveSecondsCall {}),
    }))
}

async fn feeds(client: &ChainClient, source: Address) -> Result<Option<PerToken<FeedInfo>>, RpcError> {
    let native = some!(client, source, ChainlinkPrices::nativeFeedCall {});
    let external = some!(client, source, ChainlinkPrices::externalFeedCall {});
    let ages = PerToken {
        native: some!(client, source, ChainlinkPrices::nativeMaxAgeCall {}),
        external: some!(client, source, ChainlinkPrices::externalMaxAgeCall {}),
    };
    Ok(Some(PerToken {
        native: feed(client, native, ages.native).await?,
        external: feed(client, external, ages.external).await?,
    }))
}

async fn feed(client: &ChainClient, feed: Address, age_max_s: u32) -> Result<FeedInfo, RpcError> {
    let decimals = asked(client, feed, &IAggregatorV3::decimalsCall {}).await?.unwrap_or_default();
    let round = asked(client, feed, &IAggregatorV3::latestRoundDataCall {}).await?;
    let (answer, updated_at) = round.map_or((I256::ZERO, U256::ZERO), |round| (round.answer, round.updatedAt));
    let answer = answer.is_positive().then(|| answer.into_raw());
    Ok(FeedInfo { feed, answer, decimals, updated_at: updated_at.saturating_to(), age_max_s })
}
