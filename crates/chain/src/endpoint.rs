//! Where a chain is reached, in a form that may be shown: keys that providers put into URLs stay out of errors and logs. It is
//! no address to connect to.

use std::fmt;
use std::sync::Arc;

use url::Url;

/// Longest piece of an endpoint's own words that is repeated, in bytes.
const WORDS_MAX: usize = 400;

/// Scheme, host and port of an RPC URL, and the memory of what must not be repeated.
#[derive(Clone)]
pub struct Endpoint {
    shown: Arc<str>,
    secret: Arc<[String]>,
}

impl From<&Url> for Endpoint {
    fn from(url: &Url) -> Self {
        let host = url.host_str().unwrap_or("");
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let parts =
            [url.username(), url.password().unwrap_or(""), url.path().trim_matches('/'), url.query().unwrap_or("")];
        Self {
            shown: format!("{}://{host}{port}", url.scheme()).into(),
            secret: parts.into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        }
    }
}

impl Endpoint {
    /// What an endpoint said, cut to a bearable length and without the URL's secrets, should it have echoed them.
    pub(crate) fn scrub(&self, words: &str) -> String {
        let clean = self.secret.iter().fold(words.to_owned(), |words, secret| words.replace(secret.as_str(), "…"));
        let end = (0..=WORDS_MAX.min(clean.len())).rev().find(|&at| clean.is_char_boundary(at)).unwrap_or(0);
        clean[..end].to_owned()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Eq for Endpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::from(&Url::parse(url).expect("the literal is a URL"))
    }

    #[test]
    fn credentials_are_not_shown() {
        for url in [
            "https://user:pass@rpc.example:8545/v3/KEY?token=T",
            "https://rpc.example:8545/KEY",
            "https://rpc.example:8545",
        ] {
            let endpoint = endpoint(url);
            assert_eq!(endpoint.to_string(), "https://rpc.example:8545");
            assert_eq!(format!("{endpoint:?}"), "\"https://rpc.example:8545\"");
        }
    }

    #[test]
    fn echoed_credentials_are_cut_out() {
        let endpoint = endpoint("https://user:pass@rpc.example/v3/KEY?token=T9");
        assert_eq!(endpoint.scrub("no such path /v3/KEY, user:pass, token=T9"), "no such path /…, …:…, …");
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let words = endpoint("http://localhost").scrub(&"ü".repeat(WORDS_MAX));
        assert_eq!(words, "ü".repeat(WORDS_MAX / 2));
    }
}
