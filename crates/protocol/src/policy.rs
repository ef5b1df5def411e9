//! Policies judged: whether signed stake of two tokens is enough. The arithmetic is that of `docs/reference/policies.md`, in whole
//! numbers and without division, and the contracts have the same; `vectors/policies.json` holds both to it.
//!
//! Nothing here knows a signature: the weights come from a certificate that was checked, or are a forecast of one.

mod refusal;

use tandem_types::{Bps, Demand, OperatorTable, PerToken, Policy, Requirement, Token, U256, Weight};

pub use refusal::{Refusal, Shortfall, ValueShortfall};

/// How much stake of each token signed, of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stake {
    /// Weight that signed.
    pub signed: PerToken<Weight>,
    /// Weight of the whole table.
    pub total: PerToken<Weight>,
}

/// What policies depend on besides stake, as the chain says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// What one smallest unit of each token is worth, in a unit that both share; 0 or none where it is not known.
    pub prices: Option<PerToken<u128>>,
    /// Whether the fallback is active.
    pub fallback: bool,
}

/// What a policy says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Not enough signed.
    Refused(Refusal),
    /// Enough signed, and a veto may still come.
    Pending,
    /// Enough signed, and nothing can stop it.
    Final,
}

impl Verdict {
    /// Whether a certificate may go to the chain.
    pub fn is_acceptable(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// A policy with what is demanded beside it, under conditions: what a batch is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The service's policy.
    pub policy: Policy,
    /// What the tasks demand beside it.
    pub requirement: Requirement,
    /// Prices and the fallback flag.
    pub conditions: Conditions,
}

impl Rule {
    /// Judges `stake`: the policy first, then the requirement, which can only refuse.
    pub fn judge(&self, stake: &Stake) -> Verdict {
        let verdict = match self.by_policy(stake) {
            Ok(verdict) => verdict,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        self.by_requirement(stake).map_or_else(Verdict::Refused, |()| verdict)
    }

    /// Whether [`judge`](Self::judge) might accept `stake` under other conditions: a combined share never exceeds both tokens' own.
    pub fn may_accept(&self, stake: &Stake) -> bool {
        let Policy::Combined { threshold, .. } = self.policy else {
            let conditions = Conditions { fallback: true, ..self.conditions };
            return Self { conditions, ..*self }.judge(stake).is_acceptable();
        };
        let Requirement { native, external, combined } = self.requirement;
        let threshold = combined.threshold().map_or(threshold, |combined| combined.max(threshold));
        let policy = Policy::Either { native: threshold, external: threshold };
        let requirement = Requirement { native, external, combined: Demand::NOTHING };
        Self { policy, requirement, ..*self }.judge(stake).is_acceptable()
    }

    fn by_policy(&self, stake: &Stake) -> Result<Verdict, Refusal> {
        let holds = |token, threshold| stake.holds(token, threshold);
        match self.policy {
            Policy::Both { native, external } => both(stake, native, external)?,
            Policy::Either { native, external } => {
                if let (Err(native), Err(external)) = (holds(Token::Native, native), holds(Token::External, external)) {
                    return Err(Refusal::Neither { native, external });
                }
            }
            Policy::Single { token, threshold } => holds(token, threshold)?,
            Policy::Combined { threshold, .. } => self.by_value(stake, threshold)?,
            Policy::Veto { native, veto, .. } => {
                holds(Token::Native, native)?;
                let (signed, total) = (stake.signed.external, stake.total.external);
                return Ok(if exceeds(signed, total, Bps::WHOLE - veto.get()) {
                    Verdict::Final
                } else {
                    Verdict::Pending
                });
            }
            Policy::BothOrFallback(of) => {
                let regular = both(stake, of.native(), of.external());
                let falls_back = self.conditions.fallback && holds(Token::External, of.fallback()).is_ok();
                if !falls_back {
                    regular?;
                }
            }
        }
        Ok(Verdict::Final)
    }

    fn by_requirement(&self, stake: &Stake) -> Result<(), Refusal> {
        let Requirement { native, external, combined } = self.requirement;
        native.threshold().map_or(Ok(()), |threshold| stake.holds(Token::Native, threshold))?;
        external.threshold().map_or(Ok(()), |threshold| stake.holds(Token::External, threshold))?;
        combined.threshold().map_or(Ok(()), |threshold| self.by_value(stake, threshold))
    }

    fn by_value(&self, stake: &Stake, threshold: Bps) -> Result<(), Refusal> {
        let Policy::Combined { native_cap, .. } = self.policy else {
            return Err(Refusal::NotCombined { threshold });
        };
        let prices = self.conditions.prices.unwrap_or_default();
        if let Some(token) = Token::ALL.into_iter().find(|token| *prices.get(*token) == 0) {
            return Err(Refusal::PriceUnknown { token });
        }
        let (signed, total) = combined_value(stake, &prices, native_cap);
        if !total.is_zero() && signed * whole() >= total * U256::from(threshold.get()) {
            return Ok(());
        }
        Err(Refusal::Value(ValueShortfall { signed, total, threshold }))
    }
}

/// Whether a veto with this stake behind it stops a pending result; never under a policy without vetoes.
pub fn stops(policy: &Policy, stake: &Stake) -> bool {
    policy.veto_threshold().is_some_and(|veto| reaches(stake.signed.external, stake.total.external, veto))
}

impl Stake {
    /// The same, with as much more signed as the table's operators have lost since it was written: what a certificate may have weighed for
    /// those who do not know of it yet.
    pub(crate) fn at_most(self, table: &OperatorTable) -> Self {
        let left = table.weight_of(0..table.entries().len());
        let lost = self.total.zip_with(left, |total, left| total.units() - left.units());
        let signed =
            self.signed.zip_with(lost, |signed, lost| Weight::new(signed.units() + lost).unwrap_or(Weight::MAX));
        Self { signed: signed.zip_with(self.total, Ord::min), ..self }
    }

    fn holds(&self, token: Token, threshold: Bps) -> Result<(), Shortfall> {
        let (signed, total) = (*self.signed.get(token), *self.total.get(token));
        if reaches(signed, total, threshold) { Ok(()) } else { Err(Shortfall { token, signed, total, threshold }) }
    }
}

fn both(stake: &Stake, native: Bps, external: Bps) -> Result<(), Shortfall> {
    stake.holds(Token::Native, native)?;
    stake.holds(Token::External, external)
}

/// The value that signed and the whole value, in one unit: that of the prices, or, when the cap binds, one in which prices cancel.
///
/// With `A = tn·pn`, `B = te·pe` and cap `c`, the native token counts as `min(A, c/(1 − c)·B)`. When the cap binds the whole is
/// `B/(1 − c)` and the signed part of it `sn/tn·c + se/te·(1 − c)`; both are multiplied by `tn·te`.
fn combined_value(stake: &Stake, prices: &PerToken<u128>, native_cap: Bps) -> (U256, U256) {
    let signed = stake.signed.map(units);
    let total = stake.total.map(units);
    let price = prices.map(U256::from);
    let (cap, rest) = (U256::from(native_cap.get()), U256::from(Bps::WHOLE - native_cap.get()));
    let (native, external) = (total.native * price.native, total.external * price.external);
    if native * rest <= external * cap {
        return (signed.native * price.native + signed.external * price.external, native + external);
    }
    let counted = signed.native * total.external * cap + signed.external * total.native * rest;
    (counted, total.native * total.external * whole())
}

fn units(weight: Weight) -> U256 {
    U256::from(weight.units())
}

fn whole() -> U256 {
    U256::from(Bps::WHOLE)
}

/// `signed · 10 000 ≥ total · threshold`, and never for a token without stake. Weights have 96 bits, so no product overflows 128.
pub fn reaches(signed: Weight, total: Weight, threshold: Bps) -> bool {
    total > Weight::ZERO && signed.units() * u128::from(Bps::WHOLE) >= total.units() * u128::from(threshold.get())
}

/// `signed · 10 000 > total · bps`, and never for a token without stake.
fn exceeds(signed: Weight, total: Weight, bps: u16) -> bool {
    total > Weight::ZERO && signed.units() * u128::from(Bps::WHOLE) > total.units() * u128::from(bps)
}

/// `signed / total` in percent, for people; 0 when there is no stake.
pub fn percent(signed: Weight, total: Weight) -> f64 {
    if total == Weight::ZERO { 0.0 } else { signed.units() as f64 * 100.0 / total.units() as f64 }
}
