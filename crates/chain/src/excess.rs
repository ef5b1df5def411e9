//! When an endpoint says that a request for logs was too much: what was too much, in the words of the providers, and which range it proposes.
//! Knows words only; what is asked next is the scanner's choice.

/// What was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// The blocks. With how many are allowed, or would be answered, if the endpoint says so.
    Range(Option<u64>),
    /// The logs in them.
    Count(Option<u64>),
    /// The bytes of the answer.
    Size(Option<u64>),
    /// The time that it took.
    Time,
}

impl Excess {
    /// Blocks that the endpoint proposes.
    pub(crate) fn proposed(self) -> Option<u64> {
        match self {
            Self::Range(blocks) | Self::Count(blocks) | Self::Size(blocks) => blocks,
            Self::Time => None,
        }
    }
}

/// Words of rate limits, which fewer blocks would not help.
const RATE: [&str; 10] = [
    "rate limit",
    "rate-limit",
    "too many requests",
    "requests per",
    "request count",
    "request limit",
    "credits",
    "capacity",
    "quota",
    "throughput",
];

const COUNT: [&str; 6] = ["results", "logs matched", "too many logs", "log entries", "number of logs", "logs limit"];

const SIZE: [&str; 6] =
    ["response size", "response is too", "response too", "size limit", "size exceeded", "content length too large"];

const RANGE: [&str; 11] = [
    "block range",
    "blocks range",
    "range is too",
    "range too",
    "range limit",
    "max range",
    "too many blocks",
    "ranges over",
    "range exceeds",
    "limited to a",
    "maximum rpc range",
];

const TIME: [&str; 5] = ["timeout", "timed out", "deadline exceeded", "took too long", "execution aborted"];

/// Whether the words are those of a rate limit.
pub(crate) fn is_rate_limit(text: &str) -> bool {
    RATE.iter().any(|words| text.contains(words))
}

/// What was too much, if that is what the endpoint means.
pub(crate) fn excess(code: i64, message: &str) -> Option<Excess> {
    let text = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if is_rate_limit(&text) {
        return None;
    }
    let proposed = proposed_range(&text);
    if says(&COUNT) {
        Some(Excess::Count(proposed))
    } else if says(&SIZE) || matches!(code, -32_008 | -32_020) {
        Some(Excess::Size(proposed))
    } else if says(&RANGE) || code == -32_614 {
        Some(Excess::Range(proposed.or_else(|| allowed_blocks(&text))))
    } else {
        says(&TIME).then_some(Excess::Time)
    }
}

/// Length of a range in words like `[0x64, 0xc7]` or `range 100-199`.
fn proposed_range(text: &str) -> Option<u64> {
    let bracketed = text.find("[0x").and_then(|at| text[at + 1..].split_once(']'));
    let dashed = text.find("the range ").map(|at| &text[at + "the range ".len()..]);
    let (first, last) = match (bracketed, dashed) {
        (Some((range, _)), _) => range.split_once(',')?,
        (None, Some(range)) => range.split_once('-')?,
        (None, None) => return None,
    };
    let (first, last) = (block(first)?, block(last)?);
    last.checked_sub(first)?.checked_add(1)
}

fn block(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => number(text),
    }
}

/// The number behind words that announce a limit.
fn allowed_blocks(text: &str) -> Option<u64> {
    const BEFORE: [&str; 8] = ["maximum", "max", "limited to", "up to", "at most", "greater than", "over", "limit"];
    BEFORE.iter().find_map(|words| text.find(words).and_then(|at| first_number(&text[at + words.len()..])))
}

fn first_number(text: &str) -> Option<u64> {
    number(&text[text.find(|digit: char| digit.is_ascii_digit())?..]).filter(|blocks| *blocks > 0)
}

/// Digits at the beginning, in groups or not, with a `k` for thousands or not.
fn number(text: &str) -> Option<u64> {
    let end = text.find(|sign: char| !(sign.is_ascii_digit() || sign == ',')).unwrap_or(text.len());
    let digits: String = text[..end].chars().filter(char::is_ascii_digit).collect();
    let thousands = if text[end..].starts_with('k') { 1_000 } else { 1 };
    digits.parse::<u64>().ok()?.checked_mul(thousands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_understood_in_the_words_of_the_providers() {
        let cases = [
            (-32_005, "query returned more than 10000 results", Excess::Count(None)),
            (
                -32_005,
                "query returned more than 10000 results. Try with this block range [0x64, 0xC7].",
                Excess::Count(Some(100)),
            ),
            (-32_602, "query exceeds max results 20000, retry with the range 100-149", Excess::Count(Some(50))),
            (-32_000, "logs matched by query exceeds limit of 10000", Excess::Count(None)),
            (
                -32_602,
                "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response \
                 size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the \
                 response size limit, this block range should work: [0x0, 0x1f3]",
                Excess::Size(Some(500)),
            ),
            (
                -32_600,
                "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range.",
                Excess::Range(Some(10)),
            ),
            (-32_614, "eth_getLogs is limited to a 10,000 range", Excess::Range(Some(10_000))),
            (-32_614, "eth_getLogs and eth_newFilter are limited to a 5 blocks range", Excess::Range(Some(5))),
            (-32_600, "block range is too wide", Excess::Range(None)),
            (-32_000, "exceed maximum block range: 5000", Excess::Range(Some(5_000))),
            (-32_000, "requested too many blocks from 1 to 5000, maximum is set to 2048", Excess::Range(Some(2_048))),
            (-32_000, "block range greater than 2048 max", Excess::Range(Some(2_048))),
            (-32_047, "eth_getLogs range is too large, max is 1k blocks", Excess::Range(Some(1_000))),
            (-32_602, "query exceeds max block range 100000", Excess::Range(Some(100_000))),
            (-32_005, "Requested range exceeds maximum RPC range limit", Excess::Range(None)),
            (35, "ranges over 10000 blocks are not supported on freetier", Excess::Range(Some(10_000))),
            (-32_000, "Block range limit exceeded. See more details", Excess::Range(None)),
            (-32_008, "Response is too big", Excess::Size(None)),
            (-32_020, "backend response too large", Excess::Size(None)),
            (-32_000, "query timeout exceeded", Excess::Time),
            (-32_000, "context deadline exceeded", Excess::Time),
        ];
        for (code, message, expected) in cases {
            assert_eq!(excess(code, message), Some(expected), "{message}");
        }
    }

    #[test]
    fn other_errors_are_no_excess() {
        for (code, message) in [
            (-32_005, "daily request count exceeded, request rate limited"),
            (429, "Your app has exceeded its compute units per second capacity."),
            (-32_000, "header not found"),
            (-32_601, "the method eth_getLogs does not exist"),
            (-32_000, "unknown block"),
        ] {
            assert_eq!(excess(code, message), None, "{message}");
        }
    }

    #[test]
    fn nonsense_in_place_of_a_range_proposes_nothing() {
        for message in ["block range [0xzz, 0x1]", "block range [0x5, 0x1]", "block range [0x0", "max range 0"] {
            assert_eq!(excess(-32_000, message), Some(Excess::Range(None)), "{message}");
        }
        let huge = "max range 99999999999999999999999999";
        assert_eq!(excess(-32_000, huge), Some(Excess::Range(None)));
    }
}
