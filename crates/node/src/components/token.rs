//! How registries ask who one is: the `WWW-Authenticate` challenge, and the token that a bearer is given for it.

use reqwest::Method;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::http::{Answer, Authorization, Http, Request};
use super::{Credential, FetchError};

/// Largest answer of a token server, in bytes.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// What a registry wants to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token for `service` from the server at `realm`.
    Bearer { realm: Url, service: Option<String> },
    /// Name and password.
    Basic,
}

impl Challenge {
    /// Reads the header's value; none when it is neither kind, or has no usable realm.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |name: &str| parameter(parameters, name);
        Some(Self::Bearer { realm: value("realm")?.parse().ok()?, service: value("service") })
    }
}

/// A parameter `name="value"` of a challenge. Commas inside quotes do not end a value.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = behind.trim_start().trim_start_matches(',');
    }
    None
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Answers the challenge of `refused`, for `scope` and nothing wider, whatever the registry proposes.
///
/// # Errors
/// [`FetchError::Unauthorized`] when the challenge cannot be answered with what the operator has.
pub(super) async fn authorize(
    http: &Http,
    refused: &Answer,
    scope: &str,
    credential: Option<&Credential>,
) -> Result<Authorization, FetchError> {
    let unauthorized = || FetchError::Unauthorized { host: refused.host() };
    let basic = credential.map(|credential| Authorization::Basic {
        username: credential.username.clone(),
        password: credential.password.clone(),
    });
    match refused.header("www-authenticate").and_then(Challenge::parse) {
        Some(Challenge::Basic) => basic.ok_or_else(unauthorized),
        Some(Challenge::Bearer { mut realm, service }) => {
            realm
                .query_pairs_mut()
                .extend_pairs(service.map(|service| ("service", service)))
                .append_pair("scope", scope);
            token(http, realm, basic).await
        }
        None => Err(unauthorized()),
    }
}

async fn token(http: &Http, realm: Url, basic: Option<Authorization>) -> Result<Authorization, FetchError> {
    let request = Request { authorization: basic, ..Request::new(Method::GET, realm) };
    let answer = http.send(request).await?.success()?;
    let malformed = FetchError::Protocol { host: answer.host(), what: "it gives no token" };
    let body = Zeroizing::new(answer.read(TOKEN_BYTES_MAX).await?);
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| malformed.clone())?;
    let token = answer.token.or(answer.access_token).map(Zeroizing::new).ok_or_else(|| malformed.clone())?;
    // It goes into a header.
    let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(Authorization::Bearer(token)) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let realm = || "https://auth.example/token".parse().expect("the URL is valid");
        let service = || Some("a, b".to_owned());
        let cases = [
            (
                r#"Bearer realm="https://auth.example/token",service="a, b",scope="x""#,
                Some(Challenge::Bearer { realm: realm(), service: service() }),
            ),
            (
                r#"bearer scope="x,y" , service="a, b", realm="https://auth.example/token""#,
                Some(Challenge::Bearer { realm: realm(), service: service() }),
            ),
            ("Bearer realm=https://auth.example/token", Some(Challenge::Bearer { realm: realm(), service: None })),
            (r#"Basic realm="x""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="no url""#, None),
            (r#"Bearer realm="https://unclosed"#, None),
            ("Negotiate", None),
            ("", None),
        ];
        for (header, challenge) in cases {
            assert_eq!(Challenge::parse(header), challenge, "{header}");
        }
    }
}
