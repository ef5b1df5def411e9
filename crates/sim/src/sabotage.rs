//! Ways to break what is simulated, one at a time. Each must be caught by a property: a simulator that finds nothing wrong with these would
//! find nothing wrong with anything.

use std::fmt;
use std::str::FromStr;

/// A deliberate fault of the honest operators, of the chain, or of the simulator itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sabotage {
    /// After a restart the journal has lost outcomes, votes and vetoes, as one that was restored from an old copy.
    JournalForgets,
    /// A vote leaves before the journal has it.
    VoteBeforeWrite,
    /// Operators vote for whatever is proposed.
    VotesForAnything,
    /// Operators veto what they voted for.
    VetoesOwnVotes,
    /// A leader counts its first voter twice.
    CountsTwice,
    /// The chain takes any certificate whose signature verifies.
    ChainWithoutQuorum,
    /// The chain delivers what it delivered before.
    ChainDeliversAgain,
    /// The cursor is durable before the tasks that it is behind.
    CursorFirst,
    /// A cursor whose block is gone is believed.
    NeverRewinds,
    /// The newest blocks are believed at once, and for good.
    TrustsTheTip,
    /// Open tasks are not taken up again after a restart.
    NeverResumes,
    /// Results are attested once, and never again.
    AttestsOnce,
    /// Certificates are neither submitted nor passed on.
    NeverDelivers,
    /// A run depends on what ran before it.
    Nondeterminism,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::JournalForgets,
        Self::VoteBeforeWrite,
        Self::VotesForAnything,
        Self::VetoesOwnVotes,
        Self::CountsTwice,
        Self::ChainWithoutQuorum,
        Self::ChainDeliversAgain,
        Self::CursorFirst,
        Self::NeverRewinds,
        Self::TrustsTheTip,
        Self::NeverResumes,
        Self::AttestsOnce,
        Self::NeverDelivers,
        Self::Nondeterminism,
    ];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JournalForgets => "journal-forgets",
            Self::VoteBeforeWrite => "vote-before-write",
            Self::VotesForAnything => "votes-for-anything",
            Self::VetoesOwnVotes => "vetoes-own-votes",
            Self::CountsTwice => "counts-twice",
            Self::ChainWithoutQuorum => "chain-without-quorum",
            Self::ChainDeliversAgain => "chain-delivers-again",
            Self::CursorFirst => "cursor-first",
            Self::NeverRewinds => "never-rewinds",
            Self::TrustsTheTip => "trusts-the-tip",
            Self::NeverResumes => "never-resumes",
            Self::AttestsOnce => "attests-once",
            Self::NeverDelivers => "never-delivers",
            Self::Nondeterminism => "nondeterminism",
        }
    }
}

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no sabotage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no sabotage")]
pub struct UnknownSabotage(pub String);

impl FromStr for Sabotage {
    type Err = UnknownSabotage;

    fn from_str(word: &str) -> Result<Self, UnknownSabotage> {
        let found = Self::ALL.into_iter().find(|sabotage| sabotage.as_str() == word);
        found.ok_or_else(|| UnknownSabotage(word.to_owned()))
    }
}
