//! The time-weighted average of a series of values over the last stretch of time before the task's block. A `strict` component: it reads nothing but its
//! input and the time, so that anyone who runs the task again gets the same bytes.
//!
//! Input: `{"window": seconds, "points": [[time, "value"], …]}`, times in Unix seconds and strictly ascending, values as whole numbers in any unit. A
//! value holds from its time until the next point's; the last one holds until now. Points after now are refused, and so is a window that begins before
//! the first point.
//!
//! Output: `{"average":"…","from":time,"to":time}`, in this order, without white space; the average is rounded down.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tandem_sdk::{Error, Task};

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    let series: Series = serde_json::from_slice(&task.input)
        .map_err(|error| Error::invalid_input(format!("the input is not a series: {error}")))?;
    let average = average(&series, now()?)?;
    serde_json::to_vec(&average).map_err(|_| Error::failed("the average cannot be written as JSON"))
}

/// The task's block time, when the service is `strict`.
fn now() -> Result<u64, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| Error::failed("the clock stands before 1970"))
}

/// What is averaged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    window: u64,
    points: Vec<(u64, String)>,
}

/// What comes out.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Average {
    average: String,
    from: u64,
    to: u64,
}

fn average(series: &Series, now: u64) -> Result<Average, Error> {
    let from = begin(series, now)?;
    let ends = series.points[1..].iter().map(|(time, _)| *time).chain([now]);
    let mut sum = 0u128;
    for ((time, value), end) in series.points.iter().zip(ends) {
        let seconds = end.saturating_sub((*time).max(from));
        let part = number(value)?.checked_mul(u128::from(seconds));
        sum = part.and_then(|part| sum.checked_add(part)).ok_or_else(too_large)?;
    }
    Ok(Average { average: (sum / u128::from(series.window)).to_string(), from, to: now })
}

/// The first second of the window, if the series is one.
fn begin(series: &Series, now: u64) -> Result<u64, Error> {
    let (Some((first, _)), Some((last, _))) = (series.points.first(), series.points.last()) else {
        return Err(Error::invalid_input("the series has no points"));
    };
    if series.window == 0 {
        return Err(Error::invalid_input("the window has no seconds"));
    }
    if *last > now {
        return Err(Error::invalid_input(format!("the point at {last} is after the task's block, {now}")));
    }
    if let Some(pair) = series.points.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(Error::invalid_input(format!("the points are not in order at {}", pair[1].0)));
    }
    match now.checked_sub(series.window) {
        Some(from) if from >= *first => Ok(from),
        _ => Err(Error::invalid_input(format!("the window begins before the first point, {first}"))),
    }
}

fn number(text: &str) -> Result<u128, Error> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { text.parse().ok() } else { None };
    value.ok_or_else(|| Error::invalid_input(format!("`{}` is not a whole number below 2^128", text.escape_debug())))
}

fn too_large() -> Error {
    Error::invalid_input("the values are too large to be summed in 128 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(window: u64, points: &[(u64, &str)]) -> Series {
        Series { window, points: points.iter().map(|(time, value)| (*time, (*value).to_owned())).collect() }
    }

    fn value(series: &Series, now: u64) -> String {
        average(series, now).expect("the series is in order").average
    }

    #[test]
    fn values_count_as_long_as_they_hold() {
        let points = [(0, "100"), (60, "200"), (90, "50")];
        assert_eq!(value(&series(100, &points), 100), "125", "60 × 100 + 30 × 200 + 10 × 50, over 100 seconds");
        assert_eq!(value(&series(10, &points), 100), "50", "the last value alone");
        assert_eq!(value(&series(20, &points), 100), "125", "10 × 200 + 10 × 50, over 20 seconds");
    }

    #[test]
    fn average_is_rounded_down() {
        assert_eq!(value(&series(3, &[(0, "1"), (1, "2")]), 3), "1");
    }

    #[test]
    fn what_is_no_series_is_refused() {
        let large = u128::MAX.to_string();
        for (series, message) in [
            (series(1, &[]), "no points"),
            (series(0, &[(0, "1")]), "no seconds"),
            (series(1, &[(101, "1")]), "after the task's block"),
            (series(60, &[(50, "1")]), "before the first point"),
            (series(101, &[(0, "1")]), "before the first point"),
            (series(1, &[(0, "1"), (5, "1"), (5, "2")]), "not in order at 5"),
            (series(1, &[(0, "1"), (5, "1"), (4, "2")]), "not in order at 4"),
            (series(1, &[(0, "1"), (100, "1"), (100, "2")]), "not in order at 100"),
            (series(1, &[(0, "-1")]), "not a whole number"),
            (series(1, &[(0, "+1")]), "not a whole number"),
            (series(1, &[(0, "")]), "not a whole number"),
            (series(2, &[(0, &large)]), "too large"),
        ] {
            let error = average(&series, 100).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
