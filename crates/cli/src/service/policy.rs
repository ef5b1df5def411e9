//! A service's policy in words, and what it depends on besides stake as the chain says it now. Judges no certificate.

use serde_json::{Value as Json, json};
use tandem_chain::{Conditions, FallbackInfo, FeedInfo, OracleInfo};
use tandem_types::{Address, Bps, PerToken, Policy};

use crate::session::Names;
use crate::units;

/// A policy and its surroundings.
pub(super) struct Judgement {
    pub(super) policy: Policy,
    pub(super) conditions: Conditions,
    pub(super) oracle: Option<OracleInfo>,
}

fn percent(bps: Bps) -> String {
    units::percent(bps.get().into())
}

/// What has to sign.
pub(super) fn words(policy: &Policy) -> String {
    let both = |native: &Bps, external: &Bps, or: &str| {
        format!(
            "at least {} of the native stake {or} {} of the external stake must sign",
            percent(*native),
            percent(*external)
        )
    };
    match policy {
        Policy::Both { native, external } => format!("both: {}", both(native, external, "and")),
        Policy::Either { native, external } => format!("either: {}", both(native, external, "or")),
        Policy::Single { token, threshold } => {
            format!(
                "single: at least {} of the {token} stake must sign; the other token has no say",
                percent(*threshold)
            )
        }
        Policy::Combined { threshold, native_cap } => format!(
            "combined: stake worth at least {} of all must sign, of which the native token counts for at most {}",
            percent(*threshold),
            percent(*native_cap)
        ),
        Policy::Veto { native, veto, veto_seconds } => format!(
            "veto: at least {} of the native stake must sign; then {} of the external stake may stop the result \
             within {}, and more than {} approving ends the wait",
            percent(*native),
            percent(*veto),
            units::duration(veto_seconds.get().into()),
            units::percent(10_000 - u64::from(veto.get()))
        ),
        Policy::BothOrFallback(of) => format!(
            "both-or-fallback: {}; while the fallback is on, {} of the external stake alone is enough",
            both(&of.native(), &of.external(), "and"),
            percent(of.fallback())
        ),
    }
}

impl Judgement {
    /// The lines of a page.
    pub(super) fn lines(&self, strategies: PerToken<Address>, names: &Names) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("policy", words(&self.policy))];
        if self.policy.needs_prices() {
            pairs.push(("prices", self.prices().to_owned()));
        }
        if self.policy.needs_fallback() {
            pairs.push(("fallback", self.fallback(names)));
        }
        let Some(oracle) = self.oracle else { return pairs };
        pairs.push(("oracle", oracle.address.to_string()));
        if let Some(source) = oracle.price_source.filter(|source| *source != oracle.address) {
            pairs.push(("prices from", source.to_string()));
        }
        if let Some(feeds) = oracle.feeds {
            let symbols = strategies.map(|strategy| names.symbol(strategy));
            pairs.push(("native price", feed(&feeds.native, &symbols.native, names)));
            pairs.push(("external price", feed(&feeds.external, &symbols.external, names)));
        }
        pairs
    }

    fn are_known(&self) -> bool {
        self.conditions.prices.is_some_and(|prices| prices.native != 0 && prices.external != 0)
    }

    fn prices(&self) -> &'static str {
        if self.are_known() { "both known" } else { "not known: until both are, no result can be certified" }
    }

    fn fallback(&self, names: &Names) -> String {
        let mut text =
            if self.conditions.fallback { "on: the native token is said to have failed" } else { "off" }.to_owned();
        if let Some(rule) = self.oracle.and_then(|oracle| oracle.fallback) {
            text += &self.rule(&rule, names);
        }
        text
    }

    fn rule(&self, rule: &FallbackInfo, names: &Names) -> String {
        if !self.conditions.fallback {
            return format!(
                "; begins when all native stake is worth less than a floor, or its price falls by {} from one window \
                 of {} to the next",
                units::percent(rule.drop_bps.into()),
                units::duration(rule.window_s)
            );
        }
        let calm = rule.calm_since.map(|since| format!(", as it does since {}", names.time(since))).unwrap_or_default();
        format!(
            "; ends when the stake's value is {} above the floor, without a fall, for {}{calm}",
            units::percent(rule.hysteresis_bps.into()),
            units::duration(rule.leave_s.into())
        )
    }

    /// The same for machines: thresholds in basis points, prices per smallest unit as the contract uses them.
    pub(super) fn json(&self) -> Json {
        let prices = self.conditions.prices.map(|prices| prices.map(|price| price.to_string()));
        let oracle = self.oracle;
        json!({
            "thresholds_bps": self.policy,
            "text": words(&self.policy),
            "prices_known": self.policy.needs_prices().then(|| self.are_known()),
            "prices_per_smallest_unit": prices,
            "fallback": self.policy.needs_fallback().then_some(self.conditions.fallback),
            "oracle": oracle.map(|oracle| oracle.address),
            "price_source": oracle.and_then(|oracle| oracle.price_source),
            "feeds": oracle.and_then(|oracle| oracle.feeds).map(|feeds| feeds.map(|feed| feed_json(&feed))),
            "fallback_rule": oracle.and_then(|oracle| oracle.fallback).map(|rule| rule_json(&rule)),
        })
    }
}

fn whole_price(feed: &FeedInfo) -> Option<String> {
    feed.answer.map(|answer| units::decimal(answer, feed.decimals))
}

/// What a feed says: `2 per TDM, of 3 min ago, believed for 1 h`.
fn feed(feed: &FeedInfo, symbol: &str, names: &Names) -> String {
    let Some(price) = whole_price(feed) else { return format!("none, from {}", feed.feed) };
    let age = names.now.saturating_sub(feed.updated_at);
    let stale = age > feed.age_max_s.into();
    let (age, most) = (units::duration(age), units::duration(feed.age_max_s.into()));
    let state =
        if stale { format!("too old: {age}, believed for {most}") } else { format!("{age} old, believed for {most}") };
    format!("{price} per {symbol}, {state}\nfrom {}", feed.feed)
}

fn feed_json(feed: &FeedInfo) -> Json {
    json!({
        "feed": feed.feed,
        "price_per_whole_token": whole_price(feed),
        "updated_at": feed.updated_at,
        "age_max_seconds": feed.age_max_s,
    })
}

fn rule_json(rule: &FallbackInfo) -> Json {
    json!({
        "calm_since": rule.calm_since,
        "drop_bps": rule.drop_bps,
        "window_seconds": rule.window_s,
        "hysteresis_bps": rule.hysteresis_bps,
        "leave_seconds": rule.leave_s,
    })
}

#[cfg(test)]
mod tests {
    use tandem_types::{BothOrFallback, Token, U256};

    use super::*;
    use crate::session::names_for_tests as names;

    fn bps(bps: u16) -> Bps {
        Bps::new(bps).expect("in range")
    }

    #[test]
    fn every_policy_is_told_in_words_with_its_thresholds() {
        let (native, external) = (bps(6_667), bps(7_500));
        let fallback = BothOrFallback::new(native, external, bps(8_500)).expect("above");
        let veto_seconds = 600.try_into().expect("not zero");
        let cases = [
            (Policy::Both { native, external }, "66.67 % of the native stake and 75 % of the external stake"),
            (Policy::Either { native, external }, "66.67 % of the native stake or 75 % of the external stake"),
            (Policy::Single { token: Token::External, threshold: external }, "75 % of the external stake must sign"),
            (Policy::Combined { threshold: native, native_cap: bps(2_500) }, "counts for at most 25 %"),
            (Policy::Veto { native, veto: bps(3_334), veto_seconds }, "within 10 min, and more than 66.66 %"),
            (Policy::BothOrFallback(fallback), "85 % of the external stake alone"),
        ];
        for (policy, part) in cases {
            assert!(words(&policy).contains(part), "{}", words(&policy));
        }
    }

    #[test]
    fn prices_are_told_with_their_age_and_what_is_too_old() {
        let names = names();
        let fresh = FeedInfo {
            feed: Address::repeat_byte(7),
            answer: Some(U256::from(200_000_000)),
            decimals: 8,
            updated_at: names.now - 180,
            age_max_s: 3_600,
        };
        let text = feed(&fresh, "TDM", &names);
        assert!(text.starts_with("2 per TDM, 3 min old, believed for 1 h\nfrom 0x0707"), "{text}");
        let stale = FeedInfo { updated_at: names.now - 7_200, ..fresh };
        assert!(feed(&stale, "TDM", &names).contains("too old: 2 h, believed for 1 h"));
        assert!(feed(&FeedInfo { answer: None, ..fresh }, "TDM", &names).starts_with("none, from "));
    }
}
