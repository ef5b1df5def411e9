//! Components from web servers and registries, for authors' commands. A host that the user names is asked wherever it is; where servers then point to is
//! under a node's rules.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use tandem_engine::{HttpHost, HttpHosts};
use tandem_node::components::{Credential, FetchError, Fetcher, FetcherOptions, Rules};
use tandem_types::{ComponentDigest, ComponentSource, OciReference};
use zeroize::Zeroizing;

use crate::Failure;

/// Exit code for what is wrong with arguments.
const USAGE: u8 = 2;
/// Environment variables with who the user is, and at which registry. Another registry is not shown it: references come from others' manifests.
pub(super) const REGISTRY: &str = "TANDEM_REGISTRY";
pub(super) const USERNAME: &str = "TANDEM_REGISTRY_USERNAME";
pub(super) const PASSWORD: &str = "TANDEM_REGISTRY_PASSWORD";

/// The source that an argument names; none when it names a file.
pub(crate) fn source(argument: &Path) -> Result<Option<ComponentSource>, Failure> {
    match argument.to_str().filter(|text| text.contains("://")) {
        Some(text) => text.parse().map(Some).map_err(|error: tandem_types::SourceError| Failure::new(USAGE, error)),
        None => Ok(None),
    }
}

/// The component at `source`; `digest`, if that is given, as it has to be for a URL.
pub(crate) fn fetch(source: &ComponentSource, digest: Option<ComponentDigest>) -> Result<Vec<u8>, Failure> {
    match (source.oci(), digest) {
        (_, Some(digest)) => {
            let fetcher = fetcher(&host(source), source.as_str().starts_with("http:"))?;
            block_on(fetcher.component(digest, std::slice::from_ref(source)))?.map_err(|error| Failure::new(1, error))
        }
        (Some(reference), None) => {
            let fetcher = fetcher(&reference.registry, false)?;
            Ok(block_on(fetcher.pull(&reference))?.map_err(failed)?.component)
        }
        (None, None) => Err(Failure::new(USAGE, anyhow!("{source} needs --digest, so that it is known what is run"))
            .hint("the author of the component knows it: `tandem build` prints it")),
    }
}

/// A fetcher for one host that the user named.
pub(super) fn fetcher(host: &str, plain_http: bool) -> Result<Fetcher, Failure> {
    let named: HttpHost = host.parse().map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?;
    let plain: HttpHosts = plain_http.then(|| named.clone()).into_iter().collect();
    let rules = Rules { private: [named].into(), plain, ..Rules::default() };
    let credentials = credential(host, |name| std::env::var(name).ok())?.into_iter().collect();
    let fetcher = Fetcher::new(FetcherOptions { rules, credentials, ..FetcherOptions::default() });
    Ok(fetcher.context("cannot set up TLS")?)
}

/// Who the user is at `registry`; nobody, if that is not exactly the one that the environment names.
fn credential(registry: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Credential>, Failure> {
    let registry = variable(REGISTRY).filter(|named| named == registry);
    match (variable(USERNAME), variable(PASSWORD).map(Zeroizing::new)) {
        (Some(username), Some(password)) => Ok(registry.map(|registry| Credential { registry, username, password })),
        (None, None) => Ok(None),
        _ => Err(Failure::new(USAGE, anyhow!("{USERNAME} and {PASSWORD} are for both or neither"))),
    }
}

/// With what the user can do about it.
pub(super) fn failed(error: FetchError) -> Failure {
    let hint = match &error {
        FetchError::Unauthorized { .. } => {
            format!(
                "set {USERNAME} and {PASSWORD} in the environment, and {REGISTRY} to the HOST[:PORT] that they are for, as the reference has it"
            )
        }
        FetchError::Plain { .. } => "pass --plain-http only where nobody else can change what is sent".to_owned(),
        _ => return Failure::new(1, error),
    };
    Failure::new(1, error).hint(hint)
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start a runtime")?.block_on(work))
}

/// Host and port of a source.
fn host(source: &ComponentSource) -> String {
    let rest = source.as_str().split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}

/// Where a component can be had from, for a manifest. The tag is for people; the digest of the OCI manifest says which version it was.
pub(super) fn line(component: ComponentDigest, reference: &OciReference) -> String {
    format!("component = {{ digest = \"{component}\", sources = [\"{reference}\"] }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registry that is shown the credentials, in an environment with these variables.
    fn shown(registry: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        let credential = credential(registry, variable).map_err(|failure| failure.error.to_string())?;
        Ok(credential.map(|credential| credential.registry))
    }

    #[test]
    fn credentials_are_for_the_registry_that_is_named_with_them() {
        let own = |registry| [(REGISTRY, registry), (USERNAME, "me"), (PASSWORD, "secret")];
        assert_eq!(shown("a.example:5000", &own("a.example:5000")), Ok(Some("a.example:5000".to_owned())));
        for other in ["a.example", "a.example:5001", "b.a.example:5000", "a.example:5000.b.example", ""] {
            assert_eq!(shown(other, &own("a.example:5000")), Ok(None), "{other}");
        }
        assert_eq!(shown("a.example", &own("a.example")[1..]), Ok(None));
        assert_eq!(shown("a.example", &[]), Ok(None));
        let half = shown("a.example", &own("a.example")[..2]);
        assert!(half.is_err_and(|error| error.contains("both or neither")));
    }
}
