//! {{name}}: the price of a token in US dollars, as the median of what several servers say.
//!
//! Every operator asks for itself, and signs only what comes out the same everywhere. So the price is rounded to `step_cents` before it is returned: servers
//! that answer operators a second apart mostly agree on the dollar, and never on the cent.

use serde::{Deserialize, Serialize};
use tandem_sdk::{Error, Task, config, http, log, to_json};

/// Fewest servers that have to answer: with fewer, one of them could set the price alone.
const ANSWERS_MIN: usize = 2;

/// What `config` in tandem.toml sets.
#[derive(Deserialize)]
struct Config {
    step_cents: u64,
}

/// What operators sign: fields in this order, without white space.
#[derive(Serialize)]
struct Price<'a> {
    token: &'a str,
    cents: u64,
}

/// A server, and how its answer reads.
type Source = (&'static str, fn(&str) -> Result<String, Error>);

const SOURCES: [Source; 3] = [("Coinbase", coinbase), ("Bitstamp", bitstamp), ("Gemini", gemini)];

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    let config: Config = config::read()?;
    let token = token(task.text()?)?;
    let prices = SOURCES.iter().filter_map(|source| ask(source, token)).collect();
    let cents = round(median(prices)?, config.step_cents)?;
    to_json(&Price { token, cents })
}

/// Inputs come from anyone: this one becomes part of URLs.
fn token(input: &str) -> Result<&str, Error> {
    let is_token = (2..=5).contains(&input.len()) && input.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_token { Ok(input) } else { Err(Error::invalid_input("a token is 2 to 5 capital letters, such as ETH")) }
}

/// The price in cents, or nothing: a server that is down is no reason to have no price.
fn ask((name, source): &Source, token: &str) -> Option<u64> {
    let cents = source(token).and_then(|price| {
        cents(&price).ok_or_else(|| Error::unavailable("the price is not a number with a decimal point"))
    });
    cents.inspect_err(|error| log::warn(&format!("{name}: {error}"))).ok()
}

fn coinbase(token: &str) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        amount: String,
    }
    let answer: Answer = http::get(&format!("https://api.coinbase.com/v2/prices/{token}-USD/spot"))?.ok()?.json()?;
    Ok(answer.data.amount)
}

#[derive(Deserialize)]
struct Last {
    last: String,
}

fn bitstamp(token: &str) -> Result<String, Error> {
    let pair = format!("{}usd", token.to_ascii_lowercase());
    let answer: Last = http::get(&format!("https://www.bitstamp.net/api/v2/ticker/{pair}/"))?.ok()?.json()?;
    Ok(answer.last)
}

fn gemini(token: &str) -> Result<String, Error> {
    let pair = format!("{}usd", token.to_ascii_lowercase());
    let answer: Last = http::get(&format!("https://api.gemini.com/v1/pubticker/{pair}"))?.ok()?.json()?;
    Ok(answer.last)
}

/// `1234.5678` as 123456: decimal text to whole cents, without floating point in between.
fn cents(price: &str) -> Option<u64> {
    let (dollars, fraction) = price.split_once('.').unwrap_or((price, ""));
    let digit = |at: usize| fraction.as_bytes().get(at).map_or(Some(0), |byte| u64::from(*byte).checked_sub(48));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    dollars.parse::<u64>().ok()?.checked_mul(100)?.checked_add(digit(0)? * 10 + digit(1)?)
}

/// The lower median: with two answers, the smaller one.
fn median(mut prices: Vec<u64>) -> Result<u64, Error> {
    if prices.len() < ANSWERS_MIN {
        return Err(Error::unavailable(format!("{} of {} servers have a price", prices.len(), SOURCES.len())));
    }
    prices.sort_unstable();
    Ok(prices[(prices.len() - 1) / 2])
}

/// The nearest multiple of `step`, the higher of two.
fn round(cents: u64, step: u64) -> Result<u64, Error> {
    let steps = cents.checked_add(step / 2).and_then(|cents| cents.checked_div(step));
    steps.map(|steps| steps * step).ok_or_else(|| Error::failed("config `step_cents` has to be 1 or more"))
}

#[cfg(test)]
mod tests {
    use tandem_sdk::ErrorKind;
    use tandem_sdk::testing::{Host, task};

    use super::*;

    const COINBASE: &str = "https://api.coinbase.com/v2/prices/ETH-USD/spot";
    const BITSTAMP: &str = "https://www.bitstamp.net/api/v2/ticker/ethusd/";
    const GEMINI: &str = "https://api.gemini.com/v1/pubticker/ethusd";

    fn host() -> Host {
        Host::new()
            .config("step_cents", "100")
            .answer(COINBASE, 200, r#"{"data":{"amount":"3000.129","currency":"USD"}}"#)
            .answer(BITSTAMP, 200, r#"{"last":"3001.70"}"#)
            .answer(GEMINI, 200, r#"{"last":"2990"}"#)
    }

    fn price(host: &Host) -> Result<String, Error> {
        host.run(|| run(task("ETH"))).map(|bytes| String::from_utf8(bytes).expect("JSON is text"))
    }

    #[test]
    fn median_is_rounded() {
        assert_eq!(price(&host()).as_deref(), Ok(r#"{"token":"ETH","cents":300000}"#));
    }

    #[test]
    fn one_server_may_be_down() {
        let host = host().answer(COINBASE, 503, "").answer(GEMINI, 200, r#"{"last":"3002.49"}"#);
        assert_eq!(price(&host).as_deref(), Ok(r#"{"token":"ETH","cents":300200}"#));
        assert_eq!(host.logged(), ["warn: Coinbase: the server answered with HTTP 503"]);
    }

    #[test]
    fn one_server_alone_sets_no_price() {
        let host = host().answer(COINBASE, 503, "").answer(GEMINI, 200, r#"{"last":"n/a"}"#);
        assert_eq!(price(&host).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    }

    #[test]
    fn inputs_that_are_no_token_are_refused() {
        for input in ["", "eth", "ETH/../x", "TOOLONG"] {
            let error = host().run(|| run(task(input))).expect_err(input);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn decimal_text_becomes_cents() {
        let cases = [("1", Some(100)), ("1.5", Some(150)), ("0.019", Some(1)), ("-1", None), ("1.x", None), ("", None)];
        for (text, expected) in cases {
            assert_eq!(cents(text), expected, "{text}");
        }
    }
}
