//! Prices of a local network: feeds that say what they are told, and what can happen to them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tandem_chain::admin::{self, OracleSettings, Oracles};
use tandem_chain::{Conditions, ServiceReader};
use tandem_types::{PerToken, U256};

use super::{LOOK, Network, unix_seconds};

/// What a whole token is worth at first, in dollars times 10^8.
pub const PRICES: PerToken<u64> = PerToken { native: 200_000_000, external: 300_000_000_000 };
/// Seconds after which a price is too old.
const AGE_MAX_S: u32 = 3_600;
/// What is left of the native token's price after a crash: a thousandth.
const CRASH: u64 = 1_000;
/// How long the monitor may take to notice a crash.
const NOTICE: Duration = Duration::from_secs(40);

/// Feeds for operators with these stakes. The native token has failed once all of its stake is worth less than half of what it is at
/// first.
pub(super) fn settings(stakes: &[PerToken<u128>]) -> OracleSettings {
    let native: u128 = stakes.iter().map(|stake| stake.native).sum();
    let floor = U256::from(native) * U256::from(PRICES.native) / U256::from(2);
    OracleSettings { answers: PRICES, age_max_s: AGE_MAX_S, floor }
}

impl Network {
    /// What the policy depends on besides stake, as the chain says it.
    ///
    /// # Errors
    /// When the chain does not answer.
    pub async fn conditions(&self) -> anyhow::Result<Conditions> {
        let client = self.owner.client().clone();
        let service = ServiceReader::open(client, self.deployment.service_manager).await?;
        Ok(service.conditions().await?)
    }

    /// Lets the feeds fall silent: their last answers are twice as old as is believed.
    ///
    /// # Errors
    /// When the network has no feeds.
    pub async fn age_prices(&self) -> anyhow::Result<()> {
        let feeds = self.oracles()?.feeds;
        let then = unix_seconds().saturating_sub(2 * u64::from(AGE_MAX_S));
        admin::set_price(&self.owner, feeds.native, PRICES.native, then).await?;
        admin::set_price(&self.owner, feeds.external, PRICES.external, then).await?;
        Ok(())
    }

    /// Lets the native token's price crash, and its monitor observe it until the fallback is on.
    ///
    /// # Errors
    /// When the network has no monitor, or it does not notice.
    pub async fn crash_native(&self) -> anyhow::Result<()> {
        let Oracles { feeds, monitor, .. } = self.oracles()?;
        let monitor = monitor.context("the policy has no fallback")?;
        admin::observe(&self.owner, monitor).await?;
        let now = self.owner.client().latest_block().await?.timestamp;
        admin::set_price(&self.owner, feeds.native, PRICES.native / CRASH, now).await?;
        let noticed = async {
            while !self.conditions().await?.fallback {
                self.observe_once(monitor).await?;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(NOTICE, noticed).await {
            Ok(noticed) => noticed,
            Err(_) => bail!("the fallback is not on after {NOTICE:?}"),
        }
    }

    /// Has the monitor look, or waits when it has looked in this period already.
    async fn observe_once(&self, monitor: tandem_types::Address) -> anyhow::Result<()> {
        match admin::observe(&self.owner, monitor).await {
            Ok(_) => Ok(()),
            Err(error) if error.revert().is_some_and(|revert| revert.name == "ObservedAlready") => {
                tokio::time::sleep(LOOK).await;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn oracles(&self) -> anyhow::Result<Oracles> {
        self.deployment.oracles.context("the network's policy asks for no prices")
    }
}
