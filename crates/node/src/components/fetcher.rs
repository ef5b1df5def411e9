//! Fetches components: mirrors first, then the sources of the manifest, each a few times if it only seems to be busy.

use std::path::PathBuf;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tandem_types::{ComponentDigest, ComponentSource, OciReference, SourceError};
use url::Url;

use super::http::{Http, Request};
use super::oci::Registry;
use super::rules::host_of;
use super::{Credentials, FetchError, FetchLimits, NotFetched, Pulled, Rules};

/// What stands for the digest in a mirror's address.
const DIGEST: &str = "{digest}";

/// Why there is no fetcher.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// The operator's own certificates cannot be read.
    #[error("{path} is not a file of certificates in PEM form")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<rustls::pki_types::pem::Error>,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// A place that has components by digest: a source with `{digest}` where the 64 hexadecimal digits go.
#[derive(Clone, PartialEq, Eq)]
pub struct Mirror(String);

impl std::str::FromStr for Mirror {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if !text.contains(DIGEST) {
            return Err(SourceError::Form(format!("mirror without {DIGEST}")));
        }
        let mirror = Self(text.to_owned());
        mirror.source(ComponentDigest::of(b"")).map(|_| mirror)
    }
}

impl Mirror {
    fn source(&self, digest: ComponentDigest) -> Result<ComponentSource, SourceError> {
        self.0.replace(DIGEST, &format!("{:x}", digest.0)).parse()
    }
}

/// Its path may hold the operator's key.
impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mirror(..)")
    }
}

/// How components are fetched.
#[derive(Debug, Clone)]
pub struct FetcherOptions {
    /// Whom to ask.
    pub rules: Rules,
    /// Who is asked before a manifest's sources.
    pub mirrors: Vec<Mirror>,
    /// What registries are shown.
    pub credentials: Credentials,
    /// File with certificates, in PEM form, that are trusted besides the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Bounds of one fetch.
    pub limits: FetchLimits,
    /// How often a source is asked that is busy or out of reach.
    pub attempts: usize,
    /// Pause after the first attempt; it doubles.
    pub pause: Duration,
}

impl Default for FetcherOptions {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            mirrors: Vec::new(),
            credentials: Credentials::default(),
            ca_file: None,
            limits: FetchLimits::default(),
            attempts: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// Fetches components by digest.
pub struct Fetcher {
    http: Http,
    options: FetcherOptions,
}

impl Fetcher {
    /// # Errors
    /// [`FetcherError`] when certificates cannot be used.
    pub fn new(options: FetcherOptions) -> Result<Self, FetcherError> {
        let http = Http::new(options.rules.clone(), options.limits, roots(options.ca_file.as_ref())?)?;
        Ok(Self { http, options })
    }

    /// A component from the first of the mirrors and `sources` that has it. The bytes have that digest.
    ///
    /// # Errors
    /// [`NotFetched`], with a reason for each place.
    pub async fn component(&self, digest: ComponentDigest, sources: &[ComponentSource]) -> Result<Vec<u8>, NotFetched> {
        let mirrors = self.options.mirrors.iter().filter_map(|mirror| mirror.source(digest).ok());
        let mut reasons = Vec::new();
        for source in mirrors.chain(sources.iter().cloned()) {
            match self.patiently(|| self.from(&source, digest)).await {
                Ok(component) => return Ok(component),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(NotFetched { digest, reasons })
    }

    /// What is at `reference`, whichever component that is.
    ///
    /// # Errors
    /// [`FetchError`]; a registry that is busy was asked more than once.
    pub async fn pull(&self, reference: &OciReference) -> Result<Pulled, FetchError> {
        self.patiently(|| self.pull_once(reference, None)).await
    }

    /// Puts a component to `reference`, and gives the reference with the digest of the OCI manifest. `imports` are for people who browse the registry.
    ///
    /// # Errors
    /// [`FetchError`]; a registry that is busy was asked more than once.
    pub async fn push(
        &self,
        reference: &OciReference,
        component: Vec<u8>,
        imports: &[String],
    ) -> Result<OciReference, FetchError> {
        let component = bytes::Bytes::from(component);
        let credential = self.options.credentials.of(&reference.registry);
        self.patiently(|| async {
            let mut registry = Registry::to_push(&self.http, reference, credential);
            self.in_time(&reference.registry, registry.push(component.clone(), imports)).await
        })
        .await
    }

    async fn from(&self, source: &ComponentSource, digest: ComponentDigest) -> Result<Vec<u8>, FetchError> {
        match source.oci() {
            Some(reference) => self.pull_once(&reference, Some(digest)).await.map(|pulled| pulled.component),
            None => self.download(source, digest).await,
        }
    }

    async fn pull_once(
        &self,
        reference: &OciReference,
        expected: Option<ComponentDigest>,
    ) -> Result<Pulled, FetchError> {
        let credential = self.options.credentials.of(&reference.registry);
        let mut registry = Registry::to_pull(&self.http, reference, credential);
        self.in_time(&reference.registry, registry.pull(expected)).await
    }

    async fn download(&self, source: &ComponentSource, digest: ComponentDigest) -> Result<Vec<u8>, FetchError> {
        let url: Url = source.as_str().parse().map_err(|_| FetchError::Destination { host: String::new() })?;
        let host = host_of(&url);
        let request = Request::new(Method::GET, url);
        let limit = self.options.limits.bytes;
        let component =
            self.in_time(&host, async { self.http.send(request).await?.success()?.read(limit).await }).await?;
        match ComponentDigest::of(&component) {
            found if found == digest => Ok(component),
            found => Err(FetchError::Digest { host, expected: digest.to_string(), found: found.to_string() }),
        }
    }

    async fn in_time<T>(&self, host: &str, work: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let late = |_| FetchError::Late { host: host.to_owned() };
        tokio::time::timeout(self.options.limits.time, work).await.map_err(late)?
    }

    /// Tries again what may pass.
    async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, FetchError>
    where
        F: Future<Output = Result<T, FetchError>>,
    {
        let again = self.options.attempts.saturating_sub(1);
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.options.pause)
            .with_jitter()
            .with_max_times(again)
            .build();
        loop {
            match attempt().await {
                Err(error) if error.is_retryable() => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
                outcome => return outcome,
            }
        }
    }
}

fn roots(file: Option<&PathBuf>) -> Result<Vec<CertificateDer<'static>>, FetcherError> {
    let Some(path) = file else {
        return Ok(Vec::new());
    };
    let unusable = |source| FetcherError::Certificates { path: path.clone(), source: Box::new(source) };
    CertificateDer::pem_file_iter(path).map_err(unusable)?.collect::<Result<_, _>>().map_err(unusable)
}
