//! Schedules in cron's notation, in UTC. All operators must find the same seconds, so what a schedule means is pinned by tests; no clock is read here.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

/// Longest schedule, in characters.
const SCHEDULE_CHARS_MAX: usize = 128;

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It does not parse.
    #[error(
        "`{schedule}` is not a schedule: {reason}; expected `minute hour day month weekday`, with seconds before them if wanted"
    )]
    Syntax {
        /// The text, cut.
        schedule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No date is in it, such as the 30th of February.
    #[error("the schedule `{0}` has no instant")]
    Never(String),
}

/// Seconds of UTC that recur: five fields of cron, with a sixth before them for the second, which is 0 where it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    cron: Box<Cron>,
}

impl Schedule {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its seconds after `instant`, ascending, in Unix time.
    pub fn after(&self, instant: u64) -> impl Iterator<Item = u64> {
        let mut last = at(instant);
        std::iter::from_fn(move || {
            let next = self.cron.find_next_occurrence(&last?, false).ok();
            last = next;
            u64::try_from(next?.timestamp()).ok()
        })
    }
}

fn at(instant: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(instant).ok()?, 0)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let syntax = |reason: String| {
            let schedule = text.chars().take(SCHEDULE_CHARS_MAX).collect();
            ScheduleError::Syntax { schedule, reason }
        };
        if text.chars().count() > SCHEDULE_CHARS_MAX {
            return Err(syntax(format!("it is longer than {SCHEDULE_CHARS_MAX} characters")));
        }
        // What operators read into nicknames such as @daily is not for a library to say.
        if text.contains('@') {
            return Err(syntax("nicknames are not known".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error: CronError| syntax(error.to_string()))?;
        let schedule = Self { text: text.to_owned(), cron: Box::new(cron) };
        if schedule.after(0).next().is_none() {
            return Err(ScheduleError::Never(schedule.text));
        }
        Ok(schedule)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-27 23:59:30 UTC, a Friday.
    const FRIDAY: u64 = 1_772_236_770;
    const DAY: u64 = 86_400;

    fn after(schedule: &str, instant: u64, count: usize) -> Vec<u64> {
        schedule.parse::<Schedule>().expect(schedule).after(instant).take(count).collect()
    }

    #[test]
    fn every_operator_finds_the_same_seconds() {
        let midnight = FRIDAY + 30;
        for (schedule, expected) in [
            ("* * * * * *", [FRIDAY + 1, FRIDAY + 2, FRIDAY + 3]),
            ("*/20 * * * * *", [FRIDAY + 10, FRIDAY + 30, FRIDAY + 50]),
            ("* * * * *", [midnight, midnight + 60, midnight + 120]),
            ("15 6 * * *", [midnight + 22_500, midnight + 22_500 + DAY, midnight + 22_500 + 2 * DAY]),
            // Saturday the 28th is the last of February.
            ("0 0 1 * *", [midnight + DAY, midnight + 32 * DAY, midnight + 62 * DAY]),
            // 0 and 7 are Sunday.
            ("0 0 * * 0", [midnight + DAY, midnight + 8 * DAY, midnight + 15 * DAY]),
            ("0 0 * * 7", [midnight + DAY, midnight + 8 * DAY, midnight + 15 * DAY]),
            ("0 0 * * MON-TUE", [midnight + 2 * DAY, midnight + 3 * DAY, midnight + 9 * DAY]),
            // A day of the month or of the week: either is enough.
            ("0 0 2 * SUN", [midnight + DAY, midnight + 2 * DAY, midnight + 8 * DAY]),
            // The next 29th of February is in 2028.
            ("0 0 29 2 *", [1_835_395_200, 1_961_625_600, 2_087_856_000]),
        ] {
            assert_eq!(after(schedule, FRIDAY, 3), expected, "{schedule}");
        }
    }

    #[test]
    fn an_instant_is_not_after_itself() {
        assert_eq!(after("* * * * * *", FRIDAY, 1), [FRIDAY + 1]);
        assert_eq!(after("30 59 23 * * *", FRIDAY, 1), [FRIDAY + DAY]);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for (schedule, message) in [
            ("", "is not a schedule"),
            ("* * * *", "is not a schedule"),
            ("60 * * * *", "is not a schedule"),
            ("@daily", "nicknames are not known"),
            ("0 0 0 1 1 * 2027", "is not a schedule"),
            ("0 0 30 2 *", "has no instant"),
            (&"*".repeat(129), "longer than 128"),
        ] {
            let error = schedule.parse::<Schedule>().expect_err(schedule).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
