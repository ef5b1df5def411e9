//! The verdict on a network: four values, each with what proves it.

use num_traits::{Signed, Zero};

use super::{Attack, BestAttack, Certificate, Network, best_attack, certify, true_slack};
use crate::cover::{Effort, Progress};
use crate::number::Ratio;

/// What a proof of security rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// The certified slack.
    Certificate,
    /// A search that ended.
    Search,
}

/// What is known of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No attack exists, and the slack is above zero and at least the declared one.
    Secure(Basis),
    /// No attack exists; less slack than declared is proven, or none at all.
    Thin(Basis),
    /// This attack exists.
    Insecure(Attack),
    /// No attack was found, and none is ruled out: no profit is above `profit_at_most`.
    Unknown {
        /// Proven by the search that did not end.
        profit_at_most: Ratio,
    },
}

impl Verdict {
    /// Whether an attack exists.
    pub fn is_insecure(&self) -> bool {
        matches!(self, Self::Insecure(_))
    }
}

/// A verdict with everything it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The verdict.
    pub verdict: Verdict,
    /// The certificate.
    pub certificate: Certificate,
    /// The search; none where the certificate made it needless.
    pub search: Option<BestAttack>,
    /// The true slack where a search for it ended, else the certified one; none is without bound.
    pub slack: Option<Ratio>,
    /// Whether `slack` is the true one.
    pub slack_is_true: bool,
}

/// Judges a network for a declared slack.
///
/// The certificate is asked first. Where it does not say "secure with the declared slack", attacks are searched for, and where there is none the true slack. Ties follow the definition: an
/// attack must earn more than it costs, so profit 0 is secure.
pub fn analyse(
    network: &Network,
    declared: &Ratio,
    effort: &Effort,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> Analysis {
    let certificate = certify(network);
    let enough = |slack: &Option<Ratio>| slack.as_ref().is_none_or(|slack| slack.is_positive() && slack >= declared);
    let by_certificate = |verdict, certificate: Certificate| Analysis {
        verdict,
        slack: certificate.slack.clone(),
        certificate,
        search: None,
        slack_is_true: false,
    };
    if enough(&certificate.slack) {
        return by_certificate(Verdict::Secure(Basis::Certificate), certificate);
    }
    let search = (!certificate.is_secure()).then(|| best_attack(network, effort, watch));
    if let Some(found) = &search {
        let profit_at_most = found.at_most.clone();
        let verdict = match found.attack.profit().is_positive() {
            true => Some(Verdict::Insecure(found.attack.clone())),
            false if profit_at_most > Ratio::zero() => Some(Verdict::Unknown { profit_at_most }),
            false => None,
        };
        if let Some(verdict) = verdict {
            return Analysis { search, ..by_certificate(verdict, certificate) };
        }
    }
    let slack = true_slack(network, effort, watch);
    let verdict = match (slack.is_exact && enough(&slack.at_least), certificate.is_secure()) {
        (true, _) => Verdict::Secure(Basis::Search),
        (false, true) => Verdict::Thin(Basis::Certificate),
        (false, false) => Verdict::Thin(Basis::Search),
    };
    Analysis { verdict, certificate, search, slack: slack.at_least, slack_is_true: slack.is_exact }
}
