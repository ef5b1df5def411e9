//! The allow-list. An entry is a host or host:port; nothing matches by prefix, suffix or pattern.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use super::client::Target;

/// Why a text is no entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host or host:port, such as api.example.com or 127.0.0.1:8080")]
pub struct HostError(String);

/// One destination that HTTP requests may have. Without a port, the scheme's own: 443 for https, 80 for http.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpHost {
    host: Host,
    port: Option<u16>,
}

impl HttpHost {
    /// Whether the entry by itself leads to an address that is not public, so that an operator should have a say.
    pub fn is_private(&self) -> bool {
        match &self.host {
            Host::Domain(name) => is_local_name(name),
            Host::Ipv4(address) => !super::address::is_public((*address).into()),
            Host::Ipv6(address) => !super::address::is_public((*address).into()),
        }
    }

    fn admits(&self, target: &Target) -> bool {
        self.host == target.host && self.port.unwrap_or_else(|| target.default_port()) == target.port
    }

    fn is_address(&self, address: IpAddr) -> bool {
        match &self.host {
            Host::Domain(_) => false,
            Host::Ipv4(listed) => address == *listed,
            Host::Ipv6(listed) => address == *listed,
        }
    }
}

impl FromStr for HttpHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (host, port) = split(text).ok_or_else(|| HostError(text.to_owned()))?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

/// Splits host and port, and brings the host into the one spelling that is compared: lower case, IDNA, plain numbers for addresses.
pub(super) fn split(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    if host.contains('@') || (host.contains(':') && !host.starts_with('[')) {
        return None;
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|&port| port != 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    Some((Host::parse(host.strip_suffix('.').unwrap_or(host)).ok()?, port))
}

/// Names that mean this machine by definition (RFC 6761).
pub(super) fn is_local_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Destinations that HTTP requests may have; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpHosts(Vec<HttpHost>);

impl HttpHosts {
    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = &HttpHost> {
        self.0.iter()
    }

    /// Whether the destination of `url` is on the list. A URL that is not HTTP's, or carries a user name, is on none.
    pub fn list(&self, url: &Url) -> bool {
        Target::from_url(url).is_some_and(|target| self.admits(&target))
    }

    /// Whether a connection for `url`, which need not be on the list, may go to `address`: it is public, or listed as such.
    pub fn reach(&self, url: &Url, address: IpAddr) -> bool {
        let listed =
            |target: &Target| self.admits(target) || !matches!(&target.host, Host::Domain(name) if is_local_name(name));
        Target::from_url(url).is_some_and(|target| listed(&target) && self.admits_address(&target, address))
    }

    pub(super) fn admits(&self, target: &Target) -> bool {
        self.0.iter().any(|entry| entry.admits(target))
    }

    /// Whether `address` may be connected to for a `target` that is on the list: public, or listed as such.
    pub(super) fn admits_address(&self, target: &Target, address: IpAddr) -> bool {
        let local_name = matches!(&target.host, Host::Domain(name) if is_local_name(name));
        super::address::is_public(address)
            || (local_name && address.is_loopback())
            || self.0.iter().any(|entry| entry.is_address(address) && entry.port.is_none_or(|port| port == target.port))
    }
}

impl FromIterator<HttpHost> for HttpHosts {
    fn from_iter<I: IntoIterator<Item = HttpHost>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<const N: usize> From<[HttpHost; N]> for HttpHosts {
    fn from(entries: [HttpHost; N]) -> Self {
        entries.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> HttpHosts {
        entries.iter().map(|entry| entry.parse().expect("the entry is valid")).collect()
    }

    fn target(url: &str) -> Target {
        Target::from_uri(&url.parse().expect("the URL is valid")).expect("the URL has a plain destination")
    }

    #[test]
    fn host_and_port_must_both_match() {
        let cases = [
            ("api.example.com", "https://api.example.com/x", true),
            ("api.example.com", "http://api.example.com/x", true),
            ("API.Example.com.", "https://api.example.COM", true),
            ("api.example.com", "https://api.example.com:8443/", false),
            ("api.example.com:8443", "https://api.example.com:8443/", true),
            ("api.example.com:443", "https://api.example.com", true),
            ("api.example.com:443", "http://api.example.com", false),
            ("example.com", "https://api.example.com", false),
            ("example.com", "https://example.com.evil.net", false),
            ("example.com", "https://notexample.com", false),
            ("127.0.0.1:80", "http://2130706433/", true),
            ("127.0.0.1", "http://0x7f.1/", true),
            ("[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", true),
        ];
        for (entry, url, admitted) in cases {
            assert_eq!(hosts(&[entry]).admits(&target(url)), admitted, "{entry} {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "https://a.b",
            "a.b/c",
            "user@a.b",
            "a.b:",
            "a.b:0",
            "a.b:70000",
            "a.b:+80",
            "::1",
            "a b",
            "*.example.com:x",
            "[::1",
        ] {
            assert!(text.parse::<HttpHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn private_address_needs_an_entry_of_its_own() {
        let cases: [(&[&str], &str, bool); 6] = [
            (&["intern.example"], "10.0.0.5", false),
            (&["intern.example", "10.0.0.5"], "10.0.0.5", true),
            (&["intern.example", "10.0.0.5:443"], "10.0.0.5", true),
            (&["intern.example", "10.0.0.5:80"], "10.0.0.5", false),
            (&["intern.example"], "127.0.0.1", false),
            (&["intern.example"], "93.184.215.14", true),
        ];
        for (entries, address, admitted) in cases {
            let address = address.parse().expect("the address is valid");
            assert_eq!(
                hosts(entries).admits_address(&target("https://intern.example"), address),
                admitted,
                "{entries:?} {address}"
            );
        }
    }

    #[test]
    fn localhost_means_loopback_and_nothing_else() {
        let listed = hosts(&["localhost:8080"]);
        let target = target("http://localhost:8080/");
        assert!(listed.admits_address(&target, [127, 0, 0, 1].into()));
        assert!(!listed.admits_address(&target, [10, 0, 0, 1].into()));
    }

    #[test]
    fn destination_without_an_entry_reaches_public_addresses_only() {
        let cases: [(&[&str], &str, &str, bool); 7] = [
            (&[], "https://a.example/x", "93.184.215.14", true),
            (&[], "https://a.example/x", "10.0.0.5", false),
            (&["10.0.0.5"], "https://a.example/x", "10.0.0.5", true),
            (&[], "http://localhost:1/", "127.0.0.1", false),
            (&["localhost:1"], "http://localhost:1/", "127.0.0.1", true),
            (&["localhost:1"], "http://a.localhost:1/", "127.0.0.1", false),
            (&["10.0.0.5"], "https://user@a.example/x", "10.0.0.5", false),
        ];
        for (entries, url, address, reached) in cases {
            let address = address.parse().expect("the address is valid");
            let url = url.parse().expect("the URL is valid");
            assert_eq!(hosts(entries).reach(&url, address), reached, "{entries:?} {url} {address}");
        }
    }

    #[test]
    fn entries_that_lead_inside_are_recognised() {
        for (entry, private) in
            [("localhost:1", true), ("10.1.2.3", true), ("[::1]", true), ("8.8.8.8", false), ("example.com", false)]
        {
            assert_eq!(entry.parse::<HttpHost>().expect("the entry is valid").is_private(), private, "{entry}");
        }
    }
}
