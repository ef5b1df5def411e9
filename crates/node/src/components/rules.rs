//! Whom the node asks for components. Sources come from manifests and redirects from servers, so both are words of outsiders: without the operator's
//! consent they lead to public addresses only, and over TLS only.

use std::net::SocketAddr;

use tandem_engine::HttpHosts;
use url::{Host, Url};

use super::FetchError;

/// Hosts that are asked, and how. Entries are `host` or `host:port`, as in manifests.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// When there is a list, no other host is asked.
    pub only: Option<HttpHosts>,
    /// Hosts and addresses that are not public and are asked nevertheless. A name needs its addresses on the list too, unless it is `localhost`.
    pub private: HttpHosts,
    /// Hosts that are asked without TLS, besides this machine.
    pub plain: HttpHosts,
}

impl Rules {
    /// Whether `url` may be asked at all.
    pub(super) fn admit(&self, url: &Url) -> Result<(), FetchError> {
        let host = || host_of(url);
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Destination { host: host() });
        }
        if self.only.as_ref().is_some_and(|only| !only.list(url)) {
            return Err(FetchError::Host { host: host() });
        }
        if url.scheme() == "http" && !self.is_plain(url) {
            return Err(FetchError::Plain { host: host() });
        }
        Ok(())
    }

    /// Whether the host of `url` is asked without TLS.
    pub(super) fn is_plain(&self, url: &Url) -> bool {
        let is_this_machine = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        is_this_machine || self.plain.list(url)
    }

    /// The addresses of `url` that may be connected to.
    pub(super) async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let port = url.port_or_known_default().unwrap_or_default();
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![SocketAddr::from((address, port))],
            Some(Host::Ipv6(address)) => vec![SocketAddr::from((address, port))],
            Some(Host::Domain(name)) => match tokio::net::lookup_host((name, port)).await {
                Ok(found) => found.collect(),
                Err(_) => Vec::new(),
            },
            None => Vec::new(),
        };
        self.admitted(url, found)
    }

    fn admitted(&self, url: &Url, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, FetchError> {
        let host = host_of(url);
        let (admitted, refused): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| self.private.reach(url, address.ip()));
        match (admitted.is_empty(), refused.first()) {
            (false, _) => Ok(admitted),
            (true, Some(address)) => Err(FetchError::Address { host, address: address.ip() }),
            (true, None) => Err(FetchError::Unreachable { host, reason: "its name has no address".to_owned() }),
        }
    }
}

/// Host and port, for messages.
pub(super) fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> HttpHosts {
        entries.iter().map(|entry| entry.parse().expect("the entry is valid")).collect()
    }

    fn url(text: &str) -> Url {
        text.parse().expect("the URL is valid")
    }

    #[test]
    fn plain_http_is_for_this_machine_and_listed_hosts() {
        let rules = Rules { plain: hosts(&["mirror.example:8080"]), ..Rules::default() };
        for (text, admitted) in [
            ("https://example.com/x", true),
            ("http://example.com/x", false),
            ("http://mirror.example:8080/x", true),
            ("http://mirror.example/x", false),
            ("http://127.0.0.1:1/x", true),
            ("http://[::1]:1/x", true),
            ("http://localhost/x", true),
            ("http://localhost.example/x", false),
            ("https://user@example.com/x", false),
            ("ftp://example.com/x", false),
        ] {
            assert_eq!(rules.admit(&url(text)).is_ok(), admitted, "{text}");
        }
    }

    #[test]
    fn only_listed_hosts_are_asked_where_there_is_a_list() {
        let rules = Rules { only: Some(hosts(&["a.example"])), ..Rules::default() };
        assert_eq!(rules.admit(&url("https://a.example/x")), Ok(()));
        assert_eq!(rules.admit(&url("https://b.example/x")), Err(FetchError::Host { host: "b.example".to_owned() }));
    }

    #[test]
    fn addresses_inside_need_an_entry() {
        let (outside, inside) = (SocketAddr::from(([8, 8, 8, 8], 443)), SocketAddr::from(([10, 0, 0, 5], 443)));
        let url = url("https://a.example/x");
        let refused = FetchError::Address { host: "a.example".to_owned(), address: inside.ip() };
        let closed = Rules::default();
        assert_eq!(closed.admitted(&url, vec![inside]), Err(refused));
        assert_eq!(closed.admitted(&url, vec![inside, outside]), Ok(vec![outside]));
        let open = Rules { private: hosts(&["10.0.0.5"]), ..Rules::default() };
        assert_eq!(open.admitted(&url, vec![inside]), Ok(vec![inside]));
    }

    #[tokio::test]
    async fn literal_addresses_are_checked_like_names() {
        for text in ["https://10.0.0.1/x", "https://[::ffff:10.0.0.1]/x", "https://2130706433/x", "https://localhost/x"]
        {
            let error = Rules::default().resolve(&url(text)).await.expect_err(text);
            assert!(matches!(error, FetchError::Address { .. }), "{text}: {error}");
        }
    }
}
