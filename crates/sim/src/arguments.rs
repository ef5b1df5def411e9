//! What `sim` is asked to do. A handful of options, read by hand: the workspace keeps clap in `cli`.

use std::ops::Range;

use tandem_sim::{Sabotage, Scale, UnknownSabotage};

pub(crate) const USAGE: &str = "\
Runs the agreement of many operators on a simulated network, clock, disk and chain.

  --seeds <N>        how many seeds                              [1000]
  --first <SEED>     the first of them                           [0]
  --seed <SEED>      this one only
  --threads <N>      how many at a time                          [one per core]
  --nightly          larger runs: more tasks, more faults, more time
  --stop             end at the first seed that fails
  -v, --verbose      print the audit log of the first seed, and run no other
  --json             print the summary as JSON
  --sabotage <WHAT>  break something on purpose; the properties must notice
  -h, --help         print this
";

/// The options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) seeds: Range<u64>,
    pub(crate) threads: usize,
    pub(crate) scale: Scale,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) stops_early: bool,
    pub(crate) is_aloud: bool,
    pub(crate) is_json: bool,
}

/// Why arguments are none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("`{0}` is no option")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    Missing(String),
    #[error("`{value}` is no number for `{option}`")]
    Number { option: String, value: String },
    #[error("there is nothing to run: at least one seed and one thread are needed")]
    Nothing,
    #[error(transparent)]
    Sabotage(#[from] UnknownSabotage),
}

impl Arguments {
    /// None when help is asked for.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, ArgumentError> {
        let (mut first, mut count) = (0, 1_000);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut arguments = Self {
            seeds: 0..0,
            threads,
            scale: Scale::USUAL,
            sabotage: None,
            stops_early: false,
            is_aloud: false,
            is_json: false,
        };
        while let Some(option) = words.next() {
            let mut value = || words.next().ok_or_else(|| ArgumentError::Missing(option.clone()));
            match option.as_str() {
                "--seeds" => count = number(&option, &value()?)?,
                "--first" => first = number(&option, &value()?)?,
                "--seed" => (first, count) = (number(&option, &value()?)?, 1),
                "--threads" => arguments.threads = usize::try_from(number(&option, &value()?)?).unwrap_or(1),
                "--sabotage" => arguments.sabotage = Some(value()?.parse()?),
                "--nightly" => arguments.scale = Scale::NIGHTLY,
                "--stop" => arguments.stops_early = true,
                "-v" | "--verbose" => arguments.is_aloud = true,
                "--json" => arguments.is_json = true,
                "-h" | "--help" => return Ok(None),
                _ => return Err(ArgumentError::Unknown(option)),
            }
        }
        arguments.seeds = first..first.saturating_add(count);
        let is_empty = arguments.seeds.is_empty() || arguments.threads == 0;
        if is_empty { Err(ArgumentError::Nothing) } else { Ok(Some(arguments)) }
    }

    /// The line that runs one seed again, with its audit log.
    pub(crate) fn replay(&self, seed: u64) -> String {
        let nightly = if self.scale == Scale::NIGHTLY { " --nightly" } else { "" };
        let sabotage = self.sabotage.map(|sabotage| format!(" --sabotage {sabotage}")).unwrap_or_default();
        format!("make sim SIM_ARGS=\"--seed {seed}{nightly}{sabotage} -v\"")
    }
}

fn number(option: &str, value: &str) -> Result<u64, ArgumentError> {
    value.parse().map_err(|_| ArgumentError::Number { option: option.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Arguments>, ArgumentError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn thousand_seeds_are_the_default() {
        let arguments = parse("").expect("nothing is needed").expect("no help is asked for");
        assert_eq!((arguments.seeds, arguments.scale, arguments.sabotage), (0..1_000, Scale::USUAL, None));
    }

    #[test]
    fn replay_is_what_ran() {
        let arguments = parse("--seed 7 --nightly --sabotage cursor-first").expect("it parses").expect("no help");
        assert_eq!(arguments.seeds, 7..8);
        assert_eq!(arguments.replay(7), "make sim SIM_ARGS=\"--seed 7 --nightly --sabotage cursor-first -v\"");
    }

    #[test]
    fn nonsense_is_refused_with_its_name() {
        assert_eq!(parse("--sed 1"), Err(ArgumentError::Unknown("--sed".to_owned())));
        assert_eq!(parse("--seed"), Err(ArgumentError::Missing("--seed".to_owned())));
        assert_eq!(parse("--seeds 0"), Err(ArgumentError::Nothing));
        let number = ArgumentError::Number { option: "--seeds".to_owned(), value: "x".to_owned() };
        assert_eq!(parse("--seeds x"), Err(number));
        assert!(matches!(parse("--sabotage x"), Err(ArgumentError::Sabotage(_))));
        assert_eq!(parse("--help"), Ok(None));
    }

    #[test]
    fn usage_fits_a_terminal() {
        assert!(USAGE.lines().all(|line| line.len() <= 100));
    }
}
