//! Quorum arithmetic. The same comparison stands in the contracts; `vectors/quorum.json` holds both to it.

use std::fmt;

use tandem_types::{Bps, PerToken, Quorum, Token, Weight};

/// One token whose signed weight is below its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The token.
    pub token: Token,
    /// Weight that signed.
    pub signed: Weight,
    /// Weight of the whole table.
    pub total: Weight,
    /// The share that is needed.
    pub threshold: Bps,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, signed, total, threshold } = self;
        if *total == Weight::ZERO {
            return write!(f, "{token} has no stake, needs {threshold}");
        }
        write!(f, "{token} {:.1} % < {threshold}", percent(*signed, *total))
    }
}

/// `signed / total` in percent, for people; 0 when there is no stake.
pub fn percent(signed: Weight, total: Weight) -> f64 {
    if total == Weight::ZERO { 0.0 } else { signed.units() as f64 * 100.0 / total.units() as f64 }
}

/// `signed · 10 000 ≥ total · bps`, and never for a token without stake. Weights have 96 bits, so no product overflows 128.
pub fn reaches(signed: Weight, total: Weight, threshold: Bps) -> bool {
    total > Weight::ZERO && signed.units() * u128::from(Bps::WHOLE) >= total.units() * u128::from(threshold.get())
}

/// The first token that falls short of `quorum`, or none when every token reaches it.
pub fn shortfall(quorum: &Quorum, signed: &PerToken<Weight>, total: &PerToken<Weight>) -> Option<Shortfall> {
    shortfalls(quorum, signed, total).next()
}

/// Every token that falls short of `quorum`.
pub fn shortfalls(
    quorum: &Quorum,
    signed: &PerToken<Weight>,
    total: &PerToken<Weight>,
) -> impl Iterator<Item = Shortfall> {
    let of = |token| Shortfall {
        token,
        signed: *signed.get(token),
        total: *total.get(token),
        threshold: *quorum.get(token),
    };
    Token::ALL.map(of).into_iter().filter(|of| !reaches(of.signed, of.total, of.threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(units: u128) -> Weight {
        Weight::new(units).expect("fits 96 bits")
    }

    #[test]
    fn shortfall_reads_as_a_sentence() {
        let quorum = Quorum { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS };
        let signed = PerToken { native: weight(2), external: weight(3) };
        let total = PerToken { native: weight(4), external: weight(4) };
        let shortfall = shortfall(&quorum, &signed, &total).expect("native falls short");
        assert_eq!(shortfall.to_string(), "native 50.0 % < 66.67 %");
    }
}
