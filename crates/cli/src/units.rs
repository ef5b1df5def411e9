//! Amounts, shares of a whole, times and durations as people write and read them. Exact both ways: what is printed without `≈` is the value, and what
//! cannot be meant exactly is refused.

use tandem_chain::staking::{TokenInfo, WHOLE};
use tandem_types::{Address, B256, U256};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// An amount without its unit: `12.5`.
pub(crate) fn decimal(amount: U256, decimals: u8) -> String {
    let digits = format!("{:0>width$}", amount.to_string(), width = usize::from(decimals) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
    match part.trim_end_matches('0') {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    }
}

/// An amount with its unit: `12.5 stETH`.
pub(crate) fn amount(amount: U256, token: &TokenInfo) -> String {
    match token.decimals {
        Some(decimals) => format!("{} {}", decimal(amount, decimals), token.symbol),
        None => format!("{amount} of the smallest unit of {}", token.symbol),
    }
}

/// An amount that is not known exactly, to six digits behind the point: `≈ 12.5 stETH`.
pub(crate) fn about(amount: U256, token: &TokenInfo) -> String {
    let coarse = U256::from(10).pow(U256::from(token.decimals.unwrap_or(0).saturating_sub(6)));
    if !amount.is_zero() && amount < coarse {
        return format!("< {}", self::amount(coarse, token));
    }
    let rounded = amount.saturating_add(coarse / U256::from(2)) / coarse * coarse;
    format!("≈ {}", self::amount(rounded, token))
}

/// An amount in as few characters as a table has room for: exact if it is short, else marked `≈` with the digits that matter.
pub(crate) fn brief(amount: U256, token: &TokenInfo) -> String {
    let Some(decimals) = token.decimals else { return self::amount(amount, token) };
    let whole = amount / U256::from(10).pow(U256::from(decimals));
    let digits = match whole.saturating_to::<u64>() {
        0 => 9,
        1..1_000_000 => 4,
        1_000_000..1_000_000_000 => 2,
        _ => 0,
    };
    let coarse = U256::from(10).pow(U256::from(decimals.saturating_sub(digits)));
    match amount.checked_rem(coarse) {
        Some(rest) if !rest.is_zero() && amount < coarse => format!("< {}", self::amount(coarse, token)),
        Some(rest) if !rest.is_zero() => {
            let rounded = amount.saturating_add(coarse / U256::from(2)) / coarse * coarse;
            format!("≈ {}", self::amount(rounded, token))
        }
        _ => self::amount(amount, token),
    }
}

/// What an amount looks like before its token is known.
pub(crate) fn parse_decimal(text: &str) -> Result<String, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|char| char.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || text.ends_with('.') {
        return Err("expected whole tokens in digits with at most one point, such as 12.5".to_owned());
    }
    Ok(text.to_owned())
}

/// As [`parse_decimal`], or `all`.
pub(crate) fn parse_decimal_or_all(text: &str) -> Result<String, String> {
    if text == "all" { Ok(text.to_owned()) } else { parse_decimal(text).map_err(|words| format!("{words}, or `all`")) }
}

/// Reads an address. One in mixed case must have the case that its checksum (EIP-55) demands: a typing error there costs stake.
pub(crate) fn parse_address(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    let is_hex = |digits: &&str| digits.chars().all(|char| char.is_ascii_hexdigit());
    let digits = digits.filter(is_hex).ok_or("expected an address: 0x and 40 hexadecimal digits")?;
    let has = |of: fn(&char) -> bool| digits.chars().any(|char| of(&char));
    let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    let address = text.parse::<Address>().map_err(|error| error.to_string())?;
    if mixed && address.to_checksum(None) != text {
        return Err("upper and lower case do not match the address's checksum: there is a typing error".to_owned());
    }
    Ok(address)
}

/// Reads 32 bytes.
pub(crate) fn parse_word(text: &str) -> Result<B256, String> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
    let word = digits.and_then(|digits| digits.parse::<B256>().ok());
    word.ok_or_else(|| "expected 32 bytes: 0x and 64 hexadecimal digits".to_owned())
}

/// Reads a time in Unix seconds that the contracts can hold (48 bits).
pub(crate) fn parse_time(text: &str) -> Result<u64, String> {
    let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds < 1 << 48);
    seconds.ok_or_else(|| "expected Unix seconds, such as 1795344763".to_owned())
}

/// Reads the number of a withdrawal or a slash request.
pub(crate) fn parse_number(text: &str) -> Result<u64, String> {
    text.parse::<u64>().map_err(|_| "expected a number, as `show` lists it".to_owned())
}

/// Reads an amount in whole tokens.
pub(crate) fn parse_amount(text: &str, token: &TokenInfo) -> Result<U256, String> {
    let decimals = usize::from(token.decimals.unwrap_or(0));
    parse_decimal(text).map_err(|words| format!("`{text}` is no amount: {words}"))?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > decimals {
        return Err(format!("{} has {decimals} digits behind the point, {text} has {}", token.symbol, part.len()));
    }
    let padded = format!("{whole}{part:0<decimals$}");
    U256::from_str_radix(&padded, 10).map_err(|_| format!("{text} is more than there can be"))
}

/// Basis points as percent: `33.33 %`.
pub(crate) fn percent(bps: u64) -> String {
    format!("{} %", decimal(U256::from(bps), 2))
}

/// A part of 1e27 as percent, cut after four digits: `33.3333 %`.
pub(crate) fn part(part: U256) -> String {
    let millionths = part.saturating_mul(U256::from(1_000_000)) / U256::from(WHOLE);
    format!("{} %", decimal(millionths, 4))
}

/// Reads `30%`, `33.33%` or `3333bps`.
pub(crate) fn parse_bps(text: &str) -> Result<u16, String> {
    let wrong =
        || "expected 0% to 100% with at most two digits behind the point, or basis points such as 3333bps".to_owned();
    let text = text.trim();
    let bps = if let Some(digits) = text.strip_suffix("bps") {
        digits.trim().parse::<u16>().ok()
    } else {
        let percent = TokenInfo { address: Default::default(), symbol: String::new(), decimals: Some(2) };
        let digits = text.strip_suffix('%').ok_or_else(wrong)?;
        parse_amount(digits.trim(), &percent).ok().and_then(|bps| u16::try_from(bps).ok())
    };
    bps.filter(|bps| *bps <= 10_000).ok_or_else(wrong)
}

/// A duration by its two largest units: `6 d 23 h`.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s")];
    let largest = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut words = Vec::new();
    for (unit, name) in units.iter().skip(largest).take(2) {
        if rest >= *unit || words.is_empty() {
            words.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    words.join(" ")
}

/// Reads `7d`, `12h`, `30min`, `90s`.
pub(crate) fn parse_duration(text: &str) -> Result<u32, String> {
    let wrong = || "expected a duration below 136 years: a number with s, min, h or d, such as 7d".to_owned();
    let end = text.find(|char: char| !char.is_ascii_digit()).ok_or_else(wrong)?;
    let unit = match text[end..].trim() {
        "s" => 1,
        "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(wrong()),
    };
    let seconds = text[..end].parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(wrong)
}

/// A time: `2026-11-29 10:52:43 UTC`.
pub(crate) fn time(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / DAY, unix_seconds % DAY);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / HOUR,
        second % HOUR / MINUTE,
        second % MINUTE
    )
}

/// A time, and how far it is from `now`: `2026-11-29 10:52:43 UTC (in 6 d 23 h)`.
pub(crate) fn time_from(unix_seconds: u64, now: u64) -> String {
    let distance = duration(unix_seconds.abs_diff(now));
    let words = if unix_seconds > now { format!("in {distance}") } else { format!("{distance} ago") };
    format!("{} ({words})", time(unix_seconds))
}

/// The Gregorian date of a day since 1970, by eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(decimals: Option<u8>) -> TokenInfo {
        TokenInfo { address: Default::default(), symbol: "stETH".to_owned(), decimals }
    }

    #[test]
    fn amounts_are_exact_both_ways() {
        let (wei, usdc) = (token(Some(18)), token(Some(6)));
        for (text, units) in [("12.5", 12_500_000_000_000_000_000u128), ("0.000000000000000001", 1), ("0", 0)] {
            assert_eq!(parse_amount(text, &wei), Ok(U256::from(units)));
            assert_eq!(decimal(U256::from(units), 18), text);
        }
        assert_eq!(amount(U256::from(1_500_000), &usdc), "1.5 stETH");
        assert_eq!(amount(U256::from(15), &token(Some(0))), "15 stETH");
        assert_eq!(amount(U256::from(15), &token(None)), "15 of the smallest unit of stETH");
        assert_eq!(parse_amount("15", &token(None)), Ok(U256::from(15)));
    }

    #[test]
    fn amounts_that_cannot_be_meant_are_refused() {
        let usdc = token(Some(6));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "1.2.3", "0x10", "1.0000001", " 1"] {
            assert!(parse_amount(text, &usdc).is_err(), "{text}");
        }
        assert!(parse_amount(&"9".repeat(80), &usdc).is_err());
    }

    #[test]
    fn approximations_are_marked_and_rounded() {
        let almost = U256::from(12_499_999_999_999_999_999u128);
        assert_eq!(about(almost, &token(Some(18))), "≈ 12.5 stETH");
        assert_eq!(about(U256::from(7), &token(Some(0))), "≈ 7 stETH");
        assert_eq!(about(U256::from(7), &token(Some(18))), "< 0.000001 stETH");
        assert!(about(U256::MAX, &token(Some(18))).starts_with('≈'));
    }

    #[test]
    fn brief_amounts_say_whether_they_are_exact() {
        let of = |text: &str| {
            let token = TokenInfo { symbol: "ABCDEFGHIJKL".to_owned(), ..token(Some(18)) };
            brief(parse_amount(text, &token).expect("an amount"), &token).replace(" ABCDEFGHIJKL", "")
        };
        assert_eq!([of("0"), of("12.5"), of("79228162514")], ["0", "12.5", "79228162514"]);
        assert_eq!([of("12.49999"), of("1234567.891")], ["≈ 12.5", "≈ 1234567.89"]);
        assert_eq!(of("79228162514.264337593543950335"), "≈ 79228162514");
        assert_eq!([of("0.123456789123"), of("0.000000000000000001")], ["≈ 0.123456789", "< 0.000000001"]);
        for text in ["999999.123456", "999999999.12345", "79228162514.26", "0.12345678912345"] {
            assert!(of(text).chars().count() + " ABCDEFGHIJKL".len() <= 27, "{}", of(text));
        }
    }

    #[test]
    fn addresses_and_words_are_checked_to_the_last_digit() {
        let address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert!(parse_address(address).is_ok() && parse_address(&address.to_lowercase()).is_ok());
        for text in ["", "0x", "0x12", &address[2..], &address.replace("5aA", "5aa"), &address.replace('b', "g")] {
            assert!(parse_address(text).is_err(), "{text}");
        }
        assert!(parse_word(&format!("0x{}", "fa".repeat(32))).is_ok());
        for text in ["", "0xfa", &"fa".repeat(32), &format!("0x{}", "fg".repeat(32)), &format!("0x{}é", "f".repeat(62))]
        {
            assert!(parse_word(text).is_err(), "{text}");
        }
        assert_eq!(parse_time("281474976710655"), Ok((1 << 48) - 1));
        assert!(["281474976710656", "-1", "1e3", "", "NaN", "0x1"].iter().all(|text| parse_time(text).is_err()));
    }

    #[test]
    fn shares_of_a_whole_are_read_in_percent_and_basis_points() {
        assert_eq!(parse_bps("30%"), Ok(3_000));
        assert_eq!(parse_bps("33.33 %"), Ok(3_333));
        assert_eq!(parse_bps("3333bps"), Ok(3_333));
        assert_eq!(parse_bps("100%"), Ok(10_000));
        for text in ["30", "100.01%", "10001bps", "-1%", "1.234%", "%", "bps"] {
            assert!(parse_bps(text).is_err(), "{text}");
        }
        assert_eq!((percent(3_333), percent(10_000)), ("33.33 %".to_owned(), "100 %".to_owned()));
        assert_eq!(part(U256::from(WHOLE / 3)), "33.3333 %");
        assert_eq!(part(U256::from(WHOLE)), "100 %");
    }

    #[test]
    fn durations_have_at_most_two_units() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(90), "1 min 30 s");
        assert_eq!(duration(7 * DAY), "7 d");
        assert_eq!(duration(6 * DAY + 23 * HOUR + 59 * MINUTE), "6 d 23 h");
        assert_eq!(duration(DAY + 5), "1 d");
        for (text, seconds) in [("7d", 604_800), ("12h", 43_200), ("30min", 1_800), ("90s", 90), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(seconds));
        }
        for text in ["7", "d", "-1d", "1w", "99999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(time(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(time(1_795_344_763), "2026-11-22 10:52:43 UTC");
        assert_eq!(time(4_107_542_400), "2100-03-01 00:00:00 UTC");
        assert_eq!(time_from(100, 10), "1970-01-01 00:01:40 UTC (in 1 min 30 s)");
        assert_eq!(time_from(10, 100), "1970-01-01 00:00:10 UTC (1 min 30 s ago)");
    }
}
