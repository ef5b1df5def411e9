//! Policies as covering problems: an attack is a set of operators that satisfies every clause of one of several ways.

use num_traits::{One, Zero};
use tandem_types::{PerToken, Token};

use super::{Policy, counted};
use crate::number::Ratio;

/// `Σ (native weight · native stake + external weight · external stake)` over the attackers is at least, or more than, `need`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) weight: PerToken<Ratio>,
    pub(crate) need: Ratio,
    /// More than `need`, not at least.
    pub(crate) more: bool,
}

impl Clause {
    /// Whether this signed stake satisfies it.
    pub(crate) fn holds(&self, signed: &PerToken<Ratio>) -> bool {
        let sum = &self.weight.native * &signed.native + &self.weight.external * &signed.external;
        if self.more { sum > self.need } else { sum >= self.need }
    }
}

/// Ways to attack: one of them is enough, every clause of it is needed. A way without clauses is open to nobody at all.
pub(crate) type Rows = Vec<Vec<Clause>>;

/// Stake of all operators in token units, and what the oracle says that a unit is worth.
pub(crate) struct Whole<'a> {
    pub(crate) total: &'a PerToken<Ratio>,
    pub(crate) counted: &'a PerToken<Ratio>,
}

impl Whole<'_> {
    /// `share` of one token signs; none where the token has no stake, because then nothing reaches anything.
    fn signs(&self, token: Token, share: &Ratio, more: bool) -> Option<Clause> {
        let total = self.total.get(token);
        (!total.is_zero()).then(|| Clause { weight: only(token), need: total * share, more })
    }

    /// More than `1 − share` of one token withholds; none where the token has no stake, because then it is so already.
    fn withholds(&self, token: Token, share: &Ratio) -> Option<Clause> {
        self.signs(token, &(Ratio::one() - share), true)
    }

    /// `share` of the combined value; none where nothing counts.
    fn of_value(&self, cap: &Ratio, share: &Ratio, more: bool) -> Option<Clause> {
        let value = self.total.clone().zip_with(self.counted.clone(), |stake, price| stake * price);
        let of = counted(cap, &value);
        let need = share * (&of.native + &of.external);
        let per_unit = |of: &Ratio, stake: &Ratio| if stake.is_zero() { Ratio::zero() } else { of / stake };
        let weight = PerToken {
            native: per_unit(&of.native, &self.total.native),
            external: per_unit(&of.external, &self.total.external),
        };
        let counts = !(of.native + of.external).is_zero();
        counts.then_some(Clause { weight, need, more })
    }
}

fn only(token: Token) -> PerToken<Ratio> {
    let (one, zero) = (Ratio::one(), Ratio::zero());
    match token {
        Token::Native => PerToken { native: one, external: zero },
        Token::External => PerToken { native: zero, external: one },
    }
}

/// A way that needs all clauses, where each is possible.
fn all<const N: usize>(clauses: [Option<Clause>; N]) -> Option<Vec<Clause>> {
    clauses.into_iter().collect()
}

/// A way that needs those clauses that do not hold already.
fn pending<const N: usize>(clauses: [Option<Clause>; N]) -> Vec<Clause> {
    clauses.into_iter().flatten().collect()
}

/// Who must sign falsely for a false certificate.
pub(crate) fn forgery_ways(policy: &Policy<Ratio>, whole: &Whole<'_>) -> Rows {
    use Token::{External, Native};
    let signs = |token, share: &Ratio| whole.signs(token, share, false);
    let ways: Vec<Option<Vec<Clause>>> = match policy {
        Policy::Both { native, external } => vec![all([signs(Native, native), signs(External, external)])],
        Policy::Either { native, external } => vec![all([signs(Native, native)]), all([signs(External, external)])],
        Policy::Single { token, threshold } => vec![all([signs(*token, threshold)])],
        Policy::Combined { threshold, native_cap } => vec![all([whole.of_value(native_cap, threshold, false)])],
        // Without external stake nobody can veto.
        Policy::Veto { native, veto, .. } => {
            let silent = whole.withholds(External, veto);
            vec![signs(Native, native).map(|signs| std::iter::once(signs).chain(silent).collect())]
        }
        Policy::BothOrFallback { native, external, fallback } => {
            let forced = signs(External, fallback);
            let withheld = whole.withholds(Native, native);
            vec![
                all([signs(Native, native), signs(External, external)]),
                forced.map(|forced| std::iter::once(forced).chain(withheld).collect()),
            ]
        }
    };
    ways.into_iter().flatten().collect()
}

/// Who must withhold, or veto, so that there is no certificate; before a fallback is active.
pub(crate) fn liveness_ways(policy: &Policy<Ratio>, whole: &Whole<'_>) -> Rows {
    use Token::{External, Native};
    let stops = |token, share: &Ratio| whole.withholds(token, share);
    match policy {
        Policy::Both { native, external } | Policy::BothOrFallback { native, external, .. } => {
            vec![pending([stops(Native, native)]), pending([stops(External, external)])]
        }
        Policy::Either { native, external } => vec![pending([stops(Native, native), stops(External, external)])],
        Policy::Single { token, threshold } => vec![pending([stops(*token, threshold)])],
        Policy::Combined { threshold, native_cap } => {
            vec![pending([whole.of_value(native_cap, &(Ratio::one() - threshold), true)])]
        }
        Policy::Veto { native, veto, .. } => {
            let vetoes = all([whole.signs(External, veto, false)]);
            std::iter::once(pending([stops(Native, native)])).chain(vetoes).collect()
        }
    }
}

/// Who must withhold of the external token alone in fallback; none for a policy without one.
pub(crate) fn fallback_liveness_ways(policy: &Policy<Ratio>, whole: &Whole<'_>) -> Option<Rows> {
    let Policy::BothOrFallback { fallback, .. } = policy else { return None };
    Some(vec![pending([whole.withholds(Token::External, fallback)])])
}

/// Who signs twice at least, in every pair of conflicting certificates: two quorums of `θ` and `φ` overlap in `θ + φ − 1`.
pub(crate) fn equivocation_ways(policy: &Policy<Ratio>, whole: &Whole<'_>) -> Rows {
    use Token::{External, Native};
    let overlap = |one: &Ratio, other: &Ratio| crate::number::at_least_zero(one + other - Ratio::one());
    let twice = |token, share: &Ratio| whole.signs(token, &overlap(share, share), false);
    let ways: Vec<Option<Vec<Clause>>> = match policy {
        Policy::Both { native, external } => vec![all([twice(Native, native), twice(External, external)])],
        Policy::Either { native, external } => match (twice(Native, native), twice(External, external)) {
            (Some(_), Some(_)) => vec![Some(Vec::new())],
            (one, other) => vec![one.or(other).map(|only| vec![only])],
        },
        Policy::Single { token, threshold } => vec![all([twice(*token, threshold)])],
        Policy::Combined { threshold, native_cap } => {
            vec![all([whole.of_value(native_cap, &overlap(threshold, threshold), false)])]
        }
        Policy::Veto { native, veto, .. } => {
            let unstopped = Ratio::one() - veto;
            let silent = twice(External, &unstopped);
            vec![twice(Native, native).map(|signs| std::iter::once(signs).chain(silent).collect())]
        }
        Policy::BothOrFallback { native, external, fallback } => vec![
            all([twice(Native, native), twice(External, external)]),
            all([whole.signs(External, &overlap(external, fallback), false)]),
        ],
    };
    ways.into_iter().flatten().collect()
}
