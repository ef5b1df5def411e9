//! What a policy makes of signed stake, told token by token. Only words: the judging is `tandem_protocol::policy`'s, and the contract's.

use tandem_protocol::policy::{Conditions, Rule, Stake, Verdict, percent};
use tandem_types::{Bps, PerToken, Policy, Requirement, Token, Weight};

/// Stake of both tokens under a policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scales {
    pub(super) policy: Policy,
    pub(super) conditions: Conditions,
    pub(super) stake: Stake,
}

impl Scales {
    /// What the policy says.
    pub(super) fn verdict(&self) -> Verdict {
        let Self { policy, conditions, .. } = *self;
        Rule { policy, requirement: Requirement::NONE, conditions }.judge(&self.stake)
    }

    /// The percentage of a token's stake.
    pub(super) fn percent(&self, token: Token) -> f64 {
        percent(*self.stake.signed.get(token), *self.stake.total.get(token))
    }

    /// One line for each thing that the policy looks at. `verb`: what the stake did, such as `signed`.
    pub(super) fn lines(&self, verb: &str) -> Vec<String> {
        let line = |token: Token, rest: String| {
            format!("{:<10} {:.2} % of the stake {verb}; {rest}", name(token), self.percent(token))
        };
        let needed = |token, threshold| line(token, format!("{threshold} needed"));
        match self.policy {
            Policy::Both { native, external } => {
                vec![needed(Token::Native, native), needed(Token::External, external)]
            }
            Policy::Either { native, external } => {
                let enough = |token, threshold: Bps| line(token, format!("{threshold} alone is enough"));
                vec![enough(Token::Native, native), enough(Token::External, external)]
            }
            Policy::Single { token, threshold } => Token::ALL
                .map(
                    |each| {
                        if each == token { needed(each, threshold) } else { line(each, "it has no say".to_owned()) }
                    },
                )
                .to_vec(),
            Policy::Veto { native, veto, .. } => vec![
                needed(Token::Native, native),
                line(Token::External, format!("{veto} may veto, and more than {} end the wait", rest_of(veto))),
            ],
            Policy::BothOrFallback(of) => {
                let flag = if self.conditions.fallback { "on" } else { "off" };
                let alone =
                    format!("{} needed, or {} alone in fallback, which is {flag}", of.external(), of.fallback());
                vec![needed(Token::Native, of.native()), line(Token::External, alone)]
            }
            Policy::Combined { threshold, native_cap } => self.combined(threshold, native_cap, verb),
        }
    }

    fn combined(&self, threshold: Bps, native_cap: Bps, verb: &str) -> Vec<String> {
        let prices = self.conditions.prices.unwrap_or_default();
        let line = |token: Token| {
            let price = match *prices.get(token) {
                0 => "its price is not known".to_owned(),
                _ => format!("worth {}", self.worth(token, &prices)),
            };
            let percent = self.percent(token);
            format!("{:<10} {percent:.2} % of the stake {verb}; {price}", name(token))
        };
        let value = match self.verdict() {
            Verdict::Refused(refusal) => refusal.to_string(),
            _ => format!("at least {threshold} of the value {verb}"),
        };
        let cap = format!("{:<10} {value}; native counts for at most {native_cap}", "together");
        vec![line(Token::Native), line(Token::External), cap]
    }

    /// What the whole stake of a token is worth, as a multiple of the other's.
    fn worth(&self, token: Token, prices: &PerToken<u128>) -> String {
        let value = |token: Token| self.stake.total.get(token).units() as f64 * *prices.get(token) as f64;
        let other = if token == Token::Native { Token::External } else { Token::Native };
        format!("{:.2} times all staked {}", value(token) / value(other).max(1.0), name(other))
    }
}

/// What of the whole is left beside `share`.
fn rest_of(share: Bps) -> String {
    let rest = Bps::WHOLE - share.get();
    format!("{}.{:02} %", rest / 100, rest % 100)
}

/// The tokens as the demo calls them: its external token stands for staked ETH.
pub(super) fn name(token: Token) -> &'static str {
    match token {
        Token::Native => "native",
        Token::External => "ETH",
    }
}

/// What was signed of what there is.
pub(super) fn stake(signed: PerToken<Weight>, total: PerToken<Weight>) -> Stake {
    Stake { signed, total }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tandem_types::BothOrFallback;

    use super::*;

    fn scales(policy: Policy, conditions: Conditions, signed: [u64; 2]) -> Scales {
        let [native, external] = signed.map(Weight::from);
        let hundred = Weight::from(100);
        let stake = stake(PerToken { native, external }, PerToken { native: hundred, external: hundred });
        Scales { policy, conditions, stake }
    }

    fn bps(bps: u16) -> Bps {
        Bps::new(bps).expect("in range")
    }

    #[test]
    fn every_policy_is_told_token_by_token() {
        let (two_thirds, veto_seconds) = (Bps::TWO_THIRDS, NonZeroU32::new(3).expect("not zero"));
        let fallback = BothOrFallback::new(two_thirds, two_thirds, bps(7_500)).expect("above the external threshold");
        let active = Conditions { fallback: true, ..Conditions::default() };
        let priced = Conditions { prices: Some(PerToken { native: 2, external: 4 }), ..Conditions::default() };
        let cases = [
            (
                scales(Policy::Both { native: two_thirds, external: two_thirds }, Conditions::default(), [90, 40]),
                "native     90.00 % of the stake signed; 66.67 % needed\n\
                 ETH        40.00 % of the stake signed; 66.67 % needed",
            ),
            (
                scales(Policy::Either { native: two_thirds, external: two_thirds }, Conditions::default(), [90, 40]),
                "native     90.00 % of the stake signed; 66.67 % alone is enough\n\
                 ETH        40.00 % of the stake signed; 66.67 % alone is enough",
            ),
            (
                scales(
                    Policy::Single { token: Token::External, threshold: two_thirds },
                    Conditions::default(),
                    [90, 40],
                ),
                "native     90.00 % of the stake signed; it has no say\n\
                 ETH        40.00 % of the stake signed; 66.67 % needed",
            ),
            (
                scales(
                    Policy::Veto { native: two_thirds, veto: bps(3_334), veto_seconds },
                    Conditions::default(),
                    [90, 40],
                ),
                "native     90.00 % of the stake signed; 66.67 % needed\n\
                 ETH        40.00 % of the stake signed; 33.34 % may veto, and more than 66.66 % end the wait",
            ),
            (
                scales(Policy::BothOrFallback(fallback), active, [10, 80]),
                "native     10.00 % of the stake signed; 66.67 % needed\n\
                 ETH        80.00 % of the stake signed; 66.67 % needed, or 75.00 % alone in fallback, which is on",
            ),
            (
                scales(Policy::Combined { threshold: two_thirds, native_cap: bps(5_000) }, priced, [90, 40]),
                "native     90.00 % of the stake signed; worth 0.50 times all staked ETH\n\
                 ETH        40.00 % of the stake signed; worth 2.00 times all staked native\n\
                 together   combined value 56.66 % < 66.67 %; native counts for at most 50.00 %",
            ),
        ];
        for (scales, text) in cases {
            assert_eq!(scales.lines("signed").join("\n"), text);
            assert!(scales.lines("signed").iter().all(|line| line.chars().count() <= 100), "{text}");
        }
    }

    #[test]
    fn unknown_prices_are_said_to_be() {
        let policy = Policy::Combined { threshold: Bps::TWO_THIRDS, native_cap: bps(5_000) };
        let lines = scales(policy, Conditions::default(), [100, 100]).lines("attested");
        assert_eq!(lines[0], "native     100.00 % of the stake attested; its price is not known");
        assert_eq!(lines[2], "together   price of the native token is not known; native counts for at most 50.00 %");
    }
}
