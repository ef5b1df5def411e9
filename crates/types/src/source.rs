//! Where a component can be had. A hint and never a matter of trust: what is fetched has the component's digest, or it is not that component. Whether a
//! place may be asked at all is each operator's decision, made where the request is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest source, in characters.
const SOURCE_BYTES_MAX: usize = 1_024;
/// Longest repository name that registries take.
const REPOSITORY_BYTES_MAX: usize = 255;
/// Longest tag that registries take.
const TAG_BYTES_MAX: usize = 128;

/// Why a text is no source of a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Neither `https://…`, `http://…` nor `oci://…`, or with spaces or other characters that no URL has.
    #[error("`{0}` is not a source of components: expected https://HOST/PATH or oci://REGISTRY/REPOSITORY:TAG")]
    Form(String),
    /// It carries a user name, which everybody would see.
    #[error("a source of components carries no user name: operators have their own for each registry")]
    UserName,
    /// The part of an OCI reference that names the registry, the repository, the tag or the digest.
    #[error("`{text}` is not the {part} of an OCI reference")]
    Reference {
        /// Which part.
        part: &'static str,
        /// What stands there.
        text: String,
    },
    /// An OCI reference without tag and digest means nothing.
    #[error("`{0}` has neither a tag nor a digest: append :TAG or @sha256:DIGEST")]
    Open(String),
}

/// One place where a component can be had, as it is written: `https://…`, `http://…` or `oci://…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComponentSource(String);

impl ComponentSource {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reference, if it is a registry that has it.
    pub fn oci(&self) -> Option<OciReference> {
        self.0.parse().ok()
    }
}

impl FromStr for ComponentSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let form = || SourceError::Form(text.chars().take(SOURCE_BYTES_MAX).collect());
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        if text.len() > SOURCE_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(form());
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(SourceError::UserName);
        }
        match scheme {
            "oci" => drop(text.parse::<OciReference>()?),
            "https" | "http" if !host.is_empty() && !text.contains(['#', '\\']) => {}
            _ => return Err(form()),
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ComponentSource {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<ComponentSource> for String {
    fn from(source: ComponentSource) -> Self {
        source.0
    }
}

impl fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An artifact in an OCI registry: `oci://REGISTRY/REPOSITORY`, with `:TAG`, `@sha256:DIGEST` of its manifest, or both, of which the digest counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OciReference {
    /// Host of the registry, perhaps with a port.
    pub registry: String,
    /// Name in the registry, such as `team/component`.
    pub repository: String,
    /// The name of a version.
    pub tag: Option<String>,
    /// `sha256:` and 64 hexadecimal digits: the digest of the OCI manifest, which is not the component's.
    pub digest: Option<String>,
}

impl OciReference {
    /// What the registry is asked for: the digest, where there is one.
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or_default()
    }
}

impl FromStr for OciReference {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let rest = text.strip_prefix("oci://").ok_or_else(|| SourceError::Form(text.to_owned()))?;
        let (registry, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, digest) = split_optional(path, '@');
        let (repository, tag) = split_optional(path, ':');
        let registry = part("registry", registry, is_registry)?.to_owned();
        let repository = part("repository", repository, is_repository)?.to_owned();
        let tag = tag.map(|tag| part("tag", tag, is_tag)).transpose()?.map(str::to_owned);
        let digest = digest.map(|digest| part("digest", digest, is_digest)).transpose()?.map(str::to_owned);
        if tag.is_none() && digest.is_none() {
            return Err(SourceError::Open(text.to_owned()));
        }
        Ok(Self { registry, repository, tag, digest })
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn split_optional(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn part<'a>(name: &'static str, text: &'a str, fits: fn(&str) -> bool) -> Result<&'a str, SourceError> {
    if fits(text) { Ok(text) } else { Err(SourceError::Reference { part: name, text: text.to_owned() }) }
}

/// Whether it can be a host and a port; whether it is one is found out by who connects.
fn is_registry(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

/// Segments of lower-case letters, digits and separators that neither begin nor end with a separator, so none of them is `..`.
fn is_repository(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= REPOSITORY_BYTES_MAX
        && text.split('/').all(|segment| {
            let bytes = segment.as_bytes();
            bytes.first().is_some_and(plain)
                && bytes.last().is_some_and(plain)
                && bytes.iter().all(|byte| plain(byte) || b"._-".contains(byte))
        })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= TAG_BYTES_MAX
        && bytes.first().is_some_and(word)
        && bytes.iter().all(|byte| word(byte) || b".-".contains(byte))
}

fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn reference_reads_what_it_prints() {
        for text in [
            "oci://ghcr.io/team/scores:1.2".to_owned(),
            format!("oci://[::1]:5000/a@{DIGEST}"),
            format!("oci://localhost:5000/a/b-c/d.e_f:V1_x@{DIGEST}"),
        ] {
            let reference: OciReference = text.parse().expect("the reference is valid");
            assert_eq!(reference.to_string(), text);
            assert!(text.ends_with(reference.version()));
        }
    }

    #[test]
    fn what_is_no_source_is_named() {
        let long = format!("https://example.com/{}", "a".repeat(1_024));
        let cases = [
            ("", "is not a source"),
            ("/etc/passwd", "is not a source"),
            ("file:///etc/passwd", "is not a source"),
            ("https://", "is not a source"),
            ("https://a b/", "is not a source"),
            ("https://a/x#y", "is not a source"),
            (&long, "is not a source"),
            ("https://user:pass@a/", "carries no user name"),
            ("oci://user@a/b:1", "carries no user name"),
            ("oci://a", "repository"),
            ("oci://a/../b:1", "repository"),
            ("oci://a/B:1", "repository"),
            ("oci://a/b//c:1", "repository"),
            ("oci://a/b?x:1", "repository"),
            ("oci:///b:1", "registry"),
            ("oci://a/b:", "tag"),
            ("oci://a/b:../x", "tag"),
            ("oci://a/b@sha256:12", "digest"),
            ("oci://a/b@sha512:12", "digest"),
            ("oci://a/b", "neither a tag nor a digest"),
        ];
        for (text, message) in cases {
            let error = text.parse::<ComponentSource>().expect_err(text);
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }
}
