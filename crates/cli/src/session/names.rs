//! Shows values of calls, events and errors in the units they are meant in: amounts of a strategy's token, percent, times. Which unit a value has
//! follows from its name and type in the contracts; what is not known is shown as it is.

use serde_json::{Value as Json, json};
use tandem_chain::staking::{StrategyInfo, TokenInfo};
use tandem_chain::{Field, Value};
use tandem_types::{Address, PerToken, U256};

use crate::units;

/// Largest number of bits that JSON numbers carry exactly everywhere.
const JSON_BITS_MAX: usize = 53;

/// What is known of the network when values are shown.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// All strategies.
    pub(crate) strategies: Vec<StrategyInfo>,
    /// Strategies of the service that a command is about.
    pub(crate) service: Option<PerToken<Address>>,
    /// Strategy that a command is about.
    pub(crate) focus: Option<Address>,
    /// Time of the latest block.
    pub(crate) now: u64,
}

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit<'a> {
    Plain,
    Bps,
    Part,
    Time,
    Duration,
    Token,
    Status,
    /// What `allocate` is told to leave as it is.
    Unchanged,
    Amount(&'a StrategyInfo),
    Shares(&'a StrategyInfo),
}

impl Names {
    /// The strategy at that address.
    pub(crate) fn strategy(&self, address: Address) -> Option<&StrategyInfo> {
        self.strategies.iter().find(|strategy| strategy.address == address)
    }

    /// What is staked in a strategy; the start of its address when it is not known.
    pub(crate) fn symbol(&self, strategy: Address) -> String {
        self.strategy(strategy).map_or_else(|| format!("{strategy:.8}…"), |known| known.token.symbol.clone())
    }

    /// An amount of what is staked in a strategy.
    pub(crate) fn amount(&self, strategy: Address, amount: U256) -> String {
        match self.strategy(strategy) {
            Some(known) => units::amount(amount, &known.token),
            None => amount.to_string(),
        }
    }

    /// The same for a table, marked when it is not exact.
    pub(crate) fn brief(&self, strategy: Address, amount: U256) -> String {
        match self.strategy(strategy) {
            Some(known) => units::brief(amount, &known.token),
            None => amount.to_string(),
        }
    }

    /// A time with its distance from now.
    pub(crate) fn time(&self, unix_seconds: u64) -> String {
        units::time_from(unix_seconds, self.now)
    }

    /// An amount for machines: exact, and as people read it.
    pub(crate) fn amount_json(&self, strategy: Address, amount: U256) -> Json {
        let token = self.strategy(strategy).map(|known| &known.token);
        let decimals = token.and_then(|token| token.decimals);
        json!({
            "units": amount.to_string(),
            "amount": decimals.map(|decimals| units::decimal(amount, decimals)),
            "symbol": token.map(|token| token.symbol.as_str()),
        })
    }

    /// The strategy that is named by its address, its token's address, or its token's symbol.
    pub(crate) fn find(&self, name: &str) -> Result<&StrategyInfo, String> {
        let address = name.parse::<Address>().ok();
        let is_meant = |strategy: &&StrategyInfo| match address {
            Some(address) => strategy.address == address || strategy.token.address == address,
            None => strategy.token.symbol.eq_ignore_ascii_case(name),
        };
        let found: Vec<_> = self.strategies.iter().filter(is_meant).collect();
        match found[..] {
            [strategy] => Ok(strategy),
            [] => Err(format!("no strategy takes `{name}`; there are {}", self.list(&self.strategies))),
            _ => Err(format!("several strategies take `{name}`, name one by its address: {}", self.list(found))),
        }
    }

    fn list<'a>(&self, strategies: impl IntoIterator<Item = &'a StrategyInfo>) -> String {
        let names = strategies.into_iter().map(|strategy| format!("{} ({})", strategy.token.symbol, strategy.address));
        names.collect::<Vec<_>>().join(", ")
    }

    /// A value as people read it; `siblings` are the values beside it.
    pub(crate) fn text(&self, field: &Field, siblings: &[Field]) -> String {
        match &field.value {
            Value::Number(number) => self.number(*number, self.unit(field, siblings)),
            Value::Address(address) => self.address(*address, field),
            Value::List(values) => {
                let one = |value: &Value| self.text(&Field { value: value.clone(), ..field.clone() }, siblings);
                format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(", "))
            }
            Value::Fields(fields) => {
                let one = |inner: &Field| format!("{} {}", inner.name, self.text(inner, fields));
                fields.iter().map(one).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        }
    }

    /// A value for machines, with the text for people beside it.
    pub(crate) fn json(&self, field: &Field, siblings: &[Field]) -> Json {
        json!({
            "name": field.name,
            "type": field.kind,
            "value": raw(&field.value, &field.kind),
            "text": self.text(field, siblings),
        })
    }

    fn address(&self, address: Address, field: &Field) -> String {
        match self.strategy(address) {
            Some(known) => format!("{} ({address})", known.token.symbol),
            None if address.is_zero() && field.name != "account" => "none".to_owned(),
            None => address.to_string(),
        }
    }

    fn number(&self, number: U256, unit: Unit<'_>) -> String {
        let small = u64::try_from(number).unwrap_or(u64::MAX);
        match unit {
            Unit::Plain => number.to_string(),
            Unit::Bps => units::percent(small),
            Unit::Part => units::part(number),
            Unit::Unchanged => "unchanged".to_owned(),
            Unit::Time if small == 0 => "never".to_owned(),
            Unit::Time => self.time(small),
            Unit::Duration => units::duration(small),
            Unit::Token => {
                ["native", "external"].get(small as usize).map_or_else(|| number.to_string(), ToString::to_string)
            }
            Unit::Status => ["none", "requested", "vetoed", "executed"]
                .get(small as usize)
                .map_or_else(|| number.to_string(), ToString::to_string),
            Unit::Amount(_) | Unit::Shares(_) if number == U256::MAX => "everything".to_owned(),
            Unit::Amount(strategy) => units::amount(number, &strategy.token),
            Unit::Shares(strategy) => worth(strategy, number),
        }
    }

    fn unit<'a>(&'a self, field: &Field, siblings: &[Field]) -> Unit<'a> {
        let has = |name: &str| siblings.iter().any(|sibling| sibling.name == name);
        let name = field.name.as_str();
        match (field.kind.as_str(), name) {
            ("enum Token", _) => Unit::Token,
            ("enum SlashStatus", _) => Unit::Status,
            ("uint48", _) | (_, "deadline" | "dueAt") => Unit::Time,
            ("uint32", "delay" | "most") => Unit::Duration,
            ("uint32", _) if name.ends_with("Seconds") || name.ends_with("Delay") => Unit::Duration,
            ("uint96", "factor" | "current" | "pending" | "present") | (_, "sum" | "cap") => Unit::Part,
            ("uint96", "asked") => Unit::Part,
            ("uint16", "native" | "ext") if field.value.number() == Some(U256::from(u16::MAX)) => Unit::Unchanged,
            ("uint16", "native" | "ext") => Unit::Bps,
            (_, "limit") if has("bps") => Unit::Bps,
            _ if name == "bps" || name.ends_with("Bps") => Unit::Bps,
            _ => self.stake(name, siblings),
        }
    }

    /// Units of stake, by the strategy that the values beside it, the service or the command name.
    fn stake<'a>(&'a self, name: &str, siblings: &[Field]) -> Unit<'a> {
        let of_service = |native: bool| {
            let strategies = self.service?;
            self.strategy(if native { strategies.native } else { strategies.external })
        };
        let (strategy, is_amount) = match name {
            // Only a payment of ether is refused by its recipient.
            "amount" if siblings.iter().any(|sibling| sibling.name == "recipient") => (self.ether(), true),
            "amount" | "assets" | "value" | "sent" | "balance" | "needed" | "allowance" => (self.meant(siblings), true),
            "limit" if siblings.iter().any(|sibling| sibling.name == "assets") => (self.meant(siblings), true),
            "weight" | "least" => (of_service(!names_external(siblings)), true),
            "minNative" => (of_service(true), true),
            "minExternal" => (of_service(false), true),
            "limit" if siblings.iter().any(|sibling| sibling.name == "shares") => (self.meant(siblings), false),
            "shares" | "asked" | "available" => (self.meant(siblings), false),
            "nativeShares" => (of_service(true), false),
            "externalShares" => (of_service(false), false),
            _ => (None, false),
        };
        match strategy {
            Some(strategy) if is_amount => Unit::Amount(strategy),
            Some(strategy) => Unit::Shares(strategy),
            None => Unit::Plain,
        }
    }

    fn ether(&self) -> Option<&StrategyInfo> {
        self.strategies.iter().find(|strategy| strategy.is_ether)
    }

    fn meant(&self, siblings: &[Field]) -> Option<&StrategyInfo> {
        let named = siblings.iter().filter_map(|sibling| self.strategy(sibling.value.address()?));
        named.chain(self.focus.and_then(|focus| self.strategy(focus))).next()
    }
}

fn names_external(siblings: &[Field]) -> bool {
    siblings.iter().any(|sibling| sibling.kind == "enum Token" && sibling.value.number() == Some(U256::from(1)))
}

/// Shares by what they are worth, as no person counts in shares.
fn worth(strategy: &StrategyInfo, shares: U256) -> String {
    match strategy.assets(shares) {
        Some(assets) => format!("{shares} shares ({})", units::about(assets, &strategy.token)),
        None => format!("{shares} shares"),
    }
}

/// Numbers that JSON carries exactly as numbers, wider ones as decimal text.
fn raw(value: &Value, kind: &str) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Number(number) if bits(kind) <= JSON_BITS_MAX => json!(number.saturating_to::<u64>()),
        Value::List(values) => values.iter().map(|value| raw(value, kind.trim_end_matches("[]"))).collect(),
        Value::Fields(fields) => {
            fields.iter().map(|field| (field.name.clone(), raw(&field.value, &field.kind))).collect()
        }
        other => json!(other.to_string()),
    }
}

fn bits(kind: &str) -> usize {
    match kind.strip_prefix("uint") {
        Some(bits) => bits.parse().unwrap_or(256),
        None if kind.starts_with("enum ") => 8,
        None => 256,
    }
}

/// A token that no strategy takes, for amounts of the chain's own currency.
pub(crate) fn ether() -> TokenInfo {
    TokenInfo { address: Address::ZERO, symbol: "ETH".to_owned(), decimals: Some(18) }
}

#[cfg(test)]
#[path = "names_tests.rs"]
pub(super) mod tests;
