//! The part of the OCI distribution specification that components need: pull and push of an image manifest with one layer of type `application/wasm`, the
//! layout that other WebAssembly tools use too. Every digest in the way is checked, and every answer has a largest size.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tandem_types::{ComponentDigest, OciReference};
use url::Url;

use super::http::{Answer, Authorization, Http, Request};
use super::{Credential, FetchError, ManifestFault, token};

/// Largest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 256 << 10;
/// Media type of the manifest.
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the configuration.
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the layer.
const LAYER_TYPE: &str = "application/wasm";

/// What is at a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The reference, with the digest of the manifest that was found.
    pub reference: OciReference,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self { media_type: media_type.to_owned(), digest: digest_of(bytes), size: bytes.len() as u64 }
    }
}

/// Registries name everything as components are named.
fn digest_of(bytes: &[u8]) -> String {
    ComponentDigest::of(bytes).to_string()
}

/// A conversation with one registry about one repository.
pub(super) struct Registry<'a> {
    http: &'a Http,
    reference: &'a OciReference,
    credential: Option<&'a Credential>,
    /// What is to be done there, in the words of registries.
    actions: &'static str,
    authorization: Option<Authorization>,
}

impl<'a> Registry<'a> {
    pub(super) fn to_pull(http: &'a Http, reference: &'a OciReference, credential: Option<&'a Credential>) -> Self {
        Self { http, reference, credential, actions: "pull", authorization: None }
    }

    pub(super) fn to_push(http: &'a Http, reference: &'a OciReference, credential: Option<&'a Credential>) -> Self {
        Self { http, reference, credential, actions: "pull,push", authorization: None }
    }

    /// The component at the reference; `expected`, if that is given.
    pub(super) async fn pull(&mut self, expected: Option<ComponentDigest>) -> Result<Pulled, FetchError> {
        let (layer, digest) = self.layer().await?;
        if let Some(expected) = expected.map(|expected| expected.to_string())
            && layer.digest != expected
        {
            return Err(FetchError::Digest { host: self.host(), expected, found: layer.digest });
        }
        let component = self.blob(&layer).await?;
        Ok(Pulled { component, reference: OciReference { digest: Some(digest), ..self.reference.clone() } })
    }

    /// The one layer of the manifest at the reference, and the manifest's digest.
    async fn layer(&mut self) -> Result<(Descriptor, String), FetchError> {
        let mut request = Request::new(Method::GET, self.url(&["manifests", self.reference.version()])?);
        request.headers.insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPE));
        let answer = self.ask(request).await?.success()?;
        let said = answer.header("docker-content-digest").map(str::to_owned);
        let body = answer.read(MANIFEST_BYTES_MAX).await?;
        let found = digest_of(&body);
        // Other algorithms than SHA-256 are not asked for by anyone here.
        let said = said.filter(|said| said.starts_with("sha256:"));
        for expected in [self.reference.digest.clone(), said].into_iter().flatten() {
            self.check(&expected, &found)?;
        }
        let layer = only_layer(&body).map_err(|fault| FetchError::Manifest { host: self.host(), fault })?;
        Ok((layer, found))
    }

    async fn blob(&mut self, layer: &Descriptor) -> Result<Vec<u8>, FetchError> {
        let limit = self.http.limits().bytes;
        if layer.size > limit {
            return Err(FetchError::TooLarge { host: self.host(), limit });
        }
        let request = Request::new(Method::GET, self.url(&["blobs", &layer.digest])?);
        let bytes = self.ask(request).await?.success()?.read(layer.size).await?;
        if bytes.len() as u64 != layer.size {
            let fault = ManifestFault::Size { found: bytes.len() as u64, expected: layer.size };
            return Err(FetchError::Manifest { host: self.host(), fault });
        }
        self.check(&layer.digest, &digest_of(&bytes))?;
        Ok(bytes)
    }

    /// Puts a component there, and gives the reference with the manifest's digest. The same component makes the same manifest.
    pub(super) async fn push(&mut self, component: Bytes, imports: &[String]) -> Result<OciReference, FetchError> {
        let config = Bytes::from(config(&component, imports));
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config: Descriptor::of(CONFIG_TYPE, &config),
            layers: vec![Descriptor::of(LAYER_TYPE, &component)],
        };
        for blob in [component, config] {
            self.upload(blob).await?;
        }
        let body = Bytes::from(serde_json::to_vec(&manifest).expect("a manifest has string keys only"));
        let digest = digest_of(&body);
        let version = self.reference.tag.as_deref().unwrap_or(&digest);
        let mut request = Request::new(Method::PUT, self.url(&["manifests", version])?);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MANIFEST_TYPE));
        self.ask(Request { body, ..request }).await?.success()?;
        Ok(OciReference { digest: Some(digest), ..self.reference.clone() })
    }

    /// Uploads a blob, unless it is there.
    async fn upload(&mut self, blob: Bytes) -> Result<(), FetchError> {
        let digest = digest_of(&blob);
        let head = Request::new(Method::HEAD, self.url(&["blobs", &digest])?);
        if self.ask(head).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let begin = Request::new(Method::POST, self.url(&["blobs", "uploads", ""])?);
        let begun = self.ask(begin).await?.success()?;
        let nowhere = FetchError::Protocol { host: begun.host(), what: "it takes an upload and does not say where" };
        let location = begun.header("location").and_then(|location| begun.url.join(location).ok());
        let mut url = location.ok_or(nowhere)?;
        if url.origin() != begun.url.origin() {
            // What the registry was shown is for nobody else.
            self.authorization = None;
        }
        url.query_pairs_mut().append_pair("digest", &digest);
        let mut request = Request::new(Method::PUT, url);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        self.ask(Request { body: blob, ..request }).await?.success().map(drop)
    }

    /// Sends a request, and once more with what the registry then asks for.
    async fn ask(&mut self, request: Request) -> Result<Answer, FetchError> {
        let with = |authorization| Request { authorization, ..request.clone() };
        let answer = self.http.send(with(self.authorization.clone())).await?;
        // A server that the registry only points to is owed nothing.
        let is_registry = answer.url.origin() == self.url(&[])?.origin();
        if answer.status() != StatusCode::UNAUTHORIZED || !is_registry {
            return Ok(answer);
        }
        let scope = format!("repository:{}:{}", self.reference.repository, self.actions);
        self.authorization = Some(token::authorize(self.http, &answer, &scope, self.credential).await?);
        self.http.send(with(self.authorization.clone())).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, FetchError> {
        let path = path.join("/");
        let url = |scheme| format!("{scheme}://{}/v2/{}/{path}", self.host(), self.reference.repository).parse::<Url>();
        let malformed = |_| FetchError::Destination { host: self.host() };
        // Only for a host on the list would it matter that the port differs by scheme, and that list is for plain HTTP.
        let plain = url("http").map_err(malformed)?;
        if self.http.rules().is_plain(&plain) { Ok(plain) } else { url("https").map_err(malformed) }
    }

    /// Docker's registry answers under another name than its references have.
    fn host(&self) -> String {
        match self.reference.registry.as_str() {
            "docker.io" => "registry-1.docker.io".to_owned(),
            registry => registry.to_owned(),
        }
    }

    fn check(&self, expected: &str, found: &str) -> Result<(), FetchError> {
        if expected == found {
            return Ok(());
        }
        Err(FetchError::Digest { host: self.host(), expected: expected.to_owned(), found: found.to_owned() })
    }
}

fn only_layer(body: &[u8]) -> Result<Descriptor, ManifestFault> {
    /// What an index of manifests has too.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        media_type: Option<String>,
    }
    let kind: Kind = serde_json::from_slice(body).map_err(|_| ManifestFault::Form)?;
    expect(kind.media_type.as_deref().unwrap_or(MANIFEST_TYPE), MANIFEST_TYPE)?;
    let manifest: Manifest = serde_json::from_slice(body).map_err(|_| ManifestFault::Form)?;
    if manifest.schema_version != 2 {
        return Err(ManifestFault::Form);
    }
    expect(&manifest.config.media_type, CONFIG_TYPE)?;
    let [layer] = <[Descriptor; 1]>::try_from(manifest.layers).map_err(|layers| ManifestFault::Layers(layers.len()))?;
    expect(&layer.media_type, LAYER_TYPE)?;
    // It becomes part of a URL.
    layer.digest.parse::<ComponentDigest>().map_err(|_| ManifestFault::Form)?;
    Ok(layer)
}

fn expect(found: &str, expected: &'static str) -> Result<(), ManifestFault> {
    /// Enough to tell what it is.
    const SHOWN: usize = 100;
    if found == expected {
        return Ok(());
    }
    Err(ManifestFault::MediaType { found: found.chars().take(SHOWN).collect(), expected })
}

/// The configuration that the layout asks for. Its time is always the same, so that a component has one manifest.
fn config(component: &[u8], imports: &[String]) -> Vec<u8> {
    let config = serde_json::json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest_of(component)],
        "component": { "exports": ["run"], "imports": imports, "target": "tandem:service/service" },
    });
    serde_json::to_vec(&config).expect("JSON values serialise")
}
