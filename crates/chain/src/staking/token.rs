//! Tokens and strategies as people name them. A symbol is what the token's author wrote: it is cut to few plain characters, and two tokens may
//! have the same.

use alloy::sol_types::SolCall;
use tandem_types::{Address, U256};

use crate::bindings::{DemoToken, Strategy};
use crate::client::ChainClient;
use crate::error::{RpcError, RpcFailure};

/// Longest symbol that is kept, in characters.
const SYMBOL_CHARS_MAX: usize = 12;
/// More decimals than any token has; beyond that they are not believed.
const DECIMALS_MAX: u8 = 36;
/// Shares whose worth is asked for, to know the price of one.
const PRICED_SHARES: u128 = 1_000_000_000_000_000_000_000_000_000;

/// A token, as far as people need it to read amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its contract.
    pub address: Address,
    /// At most 12 letters, digits and `-._+$`; `?` for a token without a symbol.
    pub symbol: String,
    /// Digits of an amount that stand behind the point; none when the token does not say, so that amounts are shown in its smallest unit.
    pub decimals: Option<u8>,
}

/// A strategy, with its token and the price of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrategyInfo {
    /// Its contract.
    pub address: Address,
    /// What is staked there; for ether, `ETH` at the wrapper's address.
    pub token: TokenInfo,
    /// Whether ether is deposited and paid out.
    pub is_ether: bool,
    /// Most that an operator's allocations sum up to, in basis points of its stake.
    pub leverage_cap_bps: u32,
    /// What it holds for stakers.
    pub total_assets: U256,
    /// Shares given out for that.
    pub total_shares: U256,
    /// What 1e27 shares are worth.
    pub price: U256,
}

impl StrategyInfo {
    /// About what `shares` are worth, rounded down: exact up to the precision of the price.
    pub fn assets(&self, shares: U256) -> Option<U256> {
        shares.checked_mul(self.price).map(|product| product / U256::from(PRICED_SHARES))
    }

    pub(super) async fn read(client: &ChainClient, address: Address) -> Result<Self, RpcError> {
        let token = client.call(address, &Strategy::tokenCall {}).await?;
        let is_ether = client.call(address, &Strategy::isEtherCall {}).await?;
        let price = Strategy::toAssetsCall { shares: U256::from(PRICED_SHARES) };
        let mut token = TokenInfo::read(client, token).await?;
        if is_ether {
            token = TokenInfo { symbol: "ETH".to_owned(), decimals: Some(18), ..token };
        }
        Ok(Self {
            address,
            token,
            is_ether,
            leverage_cap_bps: client.call(address, &Strategy::leverageCapBpsCall {}).await?,
            total_assets: client.call(address, &Strategy::totalAssetsCall {}).await?,
            total_shares: client.call(address, &Strategy::totalSharesCall {}).await?,
            price: client.call(address, &price).await?,
        })
    }
}

impl TokenInfo {
    async fn read(client: &ChainClient, address: Address) -> Result<Self, RpcError> {
        let symbol = optional(client, address, &DemoToken::symbolCall {}).await?;
        let decimals = optional(client, address, &DemoToken::decimalsCall {}).await?;
        Ok(Self {
            address,
            symbol: plain(symbol.as_deref().unwrap_or_default()),
            decimals: decimals.filter(|&decimals| decimals <= DECIMALS_MAX),
        })
    }
}

/// What the standard leaves to tokens: one that lacks the function, or returns another type, is no failure.
async fn optional<C: SolCall + Sync>(
    client: &ChainClient,
    token: Address,
    call: &C,
) -> Result<Option<C::Return>, RpcError> {
    match client.call(token, call).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.failure, RpcFailure::Malformed(_) | RpcFailure::Reverted(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn plain(symbol: &str) -> String {
    let plain = |char: &char| char.is_ascii_alphanumeric() || "-._+$".contains(*char);
    let symbol: String = symbol.chars().filter(plain).take(SYMBOL_CHARS_MAX).collect();
    if symbol.is_empty() { "?".to_owned() } else { symbol }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_short_and_plain() {
        assert_eq!(plain("stETH"), "stETH");
        assert_eq!(plain("E\u{202e}T\u{1b}[31mH"), "ET31mH");
        assert_eq!(plain("\u{0415}TH"), "TH", "a letter that only looks like E is left out");
        assert_eq!(plain("ABCDEFGHIJKLMNOP"), "ABCDEFGHIJKL");
        assert_eq!(plain("\n"), "?");
    }
}
