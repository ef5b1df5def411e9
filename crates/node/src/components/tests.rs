//! Fetching from servers that answer as they should, and from servers that do not: real HTTP over loopback.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tandem_engine::HttpHosts;
use tandem_types::{ComponentDigest, ComponentSource, OciReference};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::fake_registry::{FakeRegistry, Fault, Options};
use super::*;

const COMPONENT: &[u8] = b"\0asm, or so it seems to who only looks at digests";
const PASSWORD: &str = "hunter2-that-nobody-prints";

fn digest() -> ComponentDigest {
    ComponentDigest::of(COMPONENT)
}

/// Bounds small enough for tests. Only what hangs waits for them.
fn options(private: &[&str]) -> FetcherOptions {
    let private: HttpHosts = private.iter().map(|host| host.parse().expect("the host is valid")).collect();
    FetcherOptions {
        rules: Rules { private, ..Rules::default() },
        limits: FetchLimits { bytes: 1 << 20, time: Duration::from_secs(20), stall: Duration::from_secs(10) },
        pause: Duration::from_millis(1),
        ..FetcherOptions::default()
    }
}

fn impatient(private: &[&str]) -> FetcherOptions {
    let limits = FetchLimits { bytes: 1 << 20, time: Duration::from_millis(600), stall: Duration::from_millis(300) };
    FetcherOptions { limits, attempts: 1, ..options(private) }
}

fn fetcher(options: FetcherOptions) -> Fetcher {
    Fetcher::new(options).expect("the options are valid")
}

fn source(text: String) -> ComponentSource {
    text.parse().expect("the source is valid")
}

fn reference(registry: &FakeRegistry) -> OciReference {
    format!("oci://{}/team/x:1", registry.host).parse().expect("the reference is valid")
}

/// Why the only source does not give the component.
async fn reason(options: FetcherOptions, source: &ComponentSource) -> FetchError {
    let not_fetched = fetcher(options).component(digest(), std::slice::from_ref(source)).await;
    let reasons = not_fetched.expect_err("the component is not to be had").reasons;
    reasons.into_iter().next().expect("one source was asked")
}

/// The same, of a registry with a fault.
async fn oci_reason(registry: &FakeRegistry) -> FetchError {
    reason(options(&[&registry.host]), &source(reference(registry).to_string())).await
}

/// A registry that has the component, with a fault.
async fn faulty(fault: impl Fn(&str, usize) -> Option<Response> + Send + Sync + 'static) -> FakeRegistry {
    let fault: Fault = Box::new(fault);
    let registry = FakeRegistry::start(Options { fault: Some(fault), ..Options::default() }).await;
    registry.put_component(COMPONENT, |_| {});
    registry.put("/x.wasm", COMPONENT);
    registry
}

async fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> FakeRegistry {
    let registry = FakeRegistry::start(Options::default()).await;
    registry.put_component(COMPONENT, edit);
    registry
}

fn url(registry: &FakeRegistry) -> ComponentSource {
    source(format!("http://{}/x.wasm", registry.host))
}

fn redirect(to: &str) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to.to_owned())]).into_response()
}

/// Answers every connection with the same bytes, and then waits, or closes.
async fn raw(answer: &'static [u8], closes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let host = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer).await;
                if !closes {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    host
}

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    for tokens in [false, true] {
        let registry = FakeRegistry::start(Options { tokens, ..Options::default() }).await;
        let fetcher = fetcher(options(&[&registry.host]));
        let tag = reference(&registry);
        let pushed = fetcher.push(&tag, COMPONENT.to_vec(), &[]).await.expect("the registry takes it");
        let again = fetcher.push(&tag, COMPONENT.to_vec(), &[]).await.expect("the registry takes it twice");
        assert_eq!(pushed, again, "a component has one manifest");
        let uploads = registry.asked().iter().filter(|(line, _)| line.starts_with("POST")).count();
        assert!(uploads <= if tokens { 4 } else { 2 }, "what is there is not uploaded again");
        for reference in [tag, OciReference { tag: None, ..pushed.clone() }] {
            let pulled = fetcher.pull(&reference).await.expect("it is there");
            assert_eq!((pulled.component.as_slice(), pulled.reference.digest), (COMPONENT, pushed.digest.clone()));
            let source = source(reference.to_string());
            assert_eq!(fetcher.component(digest(), &[source]).await.expect("it is there"), COMPONENT);
        }
    }
}

#[tokio::test]
async fn url_gives_the_component_with_the_digest_and_no_other() {
    let registry = faulty(|_, _| None).await;
    let fetcher = fetcher(options(&[&registry.host]));
    assert_eq!(fetcher.component(digest(), &[url(&registry)]).await.expect("it is there"), COMPONENT);
    registry.put("/x.wasm", "something else");
    let error = reason(options(&[&registry.host]), &url(&registry)).await;
    assert!(matches!(&error, FetchError::Digest { expected, .. } if *expected == digest().to_string()), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn next_source_is_asked_when_one_fails_and_mirrors_are_asked_first() {
    let registry = faulty(|_, _| None).await;
    let mirror = format!("http://{}/mirror/{{digest}}", registry.host);
    let options = FetcherOptions { mirrors: vec![mirror.parse().expect("it is valid")], ..options(&[&registry.host]) };
    let missing = source(format!("http://{}/missing.wasm", registry.host));
    let sources = [missing.clone(), url(&registry)];
    assert!(fetcher(options.clone()).component(digest(), &sources).await.is_ok());
    let paths: Vec<_> = registry.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(paths, [format!("GET /mirror/{:x}", digest().0), "GET /missing.wasm".into(), "GET /x.wasm".into()]);
    let error = fetcher(options).component(digest(), &[missing]).await.expect_err("nobody has it");
    assert_eq!(error.reasons.len(), 2);
    assert!(error.to_string().contains("status 404"), "{error}");
}

#[tokio::test]
async fn registry_with_another_component_at_the_reference_is_not_read_further() {
    let registry = FakeRegistry::start(Options::default()).await;
    registry.put_component(b"another", |_| {});
    assert!(matches!(oci_reason(&registry).await, FetchError::Digest { .. }));
    assert!(registry.asked().iter().all(|(line, _)| !line.contains("/blobs/")));
}

#[tokio::test]
async fn layer_with_other_bytes_is_refused() {
    let registry = edited(|_| {}).await;
    let mut other = COMPONENT.to_vec();
    other[9] ^= 1;
    registry.put(&format!("/v2/team/x/blobs/{}", digest()), other);
    assert!(matches!(oci_reason(&registry).await, FetchError::Digest { .. }));
    registry.put(&format!("/v2/team/x/blobs/{}", digest()), &COMPONENT[1..]);
    let error = oci_reason(&registry).await;
    assert!(matches!(error, FetchError::Manifest { fault: ManifestFault::Size { .. }, .. }), "{error}");
}

#[tokio::test]
async fn manifest_with_other_bytes_than_the_reference_says_is_refused() {
    let registry = edited(|_| {}).await;
    let other = ComponentDigest::of(b"another manifest").to_string();
    registry.put(&format!("/v2/team/x/manifests/{other}"), "{}");
    let pinned = OciReference { digest: Some(other.clone()), ..reference(&registry) };
    let error = fetcher(options(&[&registry.host])).pull(&pinned).await.expect_err("it is another");
    assert!(matches!(&error, FetchError::Digest { expected, .. } if *expected == other), "{error}");
}

#[tokio::test]
async fn manifest_that_its_own_header_contradicts_is_refused() {
    let registry = faulty(|line, _| {
        let said = ComponentDigest::of(b"another manifest").to_string();
        line.contains("/manifests/").then(|| ([("docker-content-digest", said)], "{}").into_response())
    })
    .await;
    assert!(matches!(oci_reason(&registry).await, FetchError::Digest { .. }));
}

#[tokio::test]
async fn manifests_that_are_no_components_are_refused_by_name() {
    type Edit = fn(&mut serde_json::Value);
    let cases: [(Edit, &str); 9] = [
        (
            |manifest| {
                let layer = manifest["layers"][0].clone();
                manifest["layers"] = [layer.clone(), layer].into();
            },
            "2 layers",
        ),
        (|manifest| manifest["layers"] = serde_json::json!([]), "0 layers"),
        (
            |manifest| manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into(),
            "tar+gzip",
        ),
        (
            |manifest| manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into(),
            "image.config",
        ),
        (|manifest| manifest["mediaType"] = "application/vnd.oci.image.index.v1+json".into(), "image.index"),
        (|manifest| manifest["schemaVersion"] = 1.into(), "not an OCI image manifest"),
        (|manifest| manifest["layers"][0]["digest"] = "sha256:../../secret".into(), "not an OCI image manifest"),
        (|manifest| manifest["layers"][0]["size"] = serde_json::json!(-1), "not an OCI image manifest"),
        (|manifest| *manifest = "text".into(), "not an OCI image manifest"),
    ];
    for (edit, message) in cases {
        let error = oci_reason(&edited(edit).await).await;
        assert!(
            matches!(error, FetchError::Manifest { .. }) && error.to_string().contains(message),
            "{message}: {error}"
        );
    }
}

#[tokio::test]
async fn no_body_is_read_beyond_its_limit() {
    let endless = || Response::new(Body::new(Endless));
    let registry = faulty(move |line, _| line.contains(".wasm").then(endless)).await;
    let error = reason(options(&[&registry.host]), &url(&registry)).await;
    assert!(matches!(error, FetchError::TooLarge { limit: 1_048_576, .. }), "{error}");
    let registry = faulty(move |line, _| line.contains("/manifests/").then(endless)).await;
    let error = oci_reason(&registry).await;
    assert!(matches!(error, FetchError::TooLarge { limit: 262_144, .. }), "{error}");
    let registry = faulty(move |line, _| line.contains("/blobs/").then(endless)).await;
    let error = oci_reason(&registry).await;
    assert!(matches!(error, FetchError::TooLarge { limit, .. } if limit == COMPONENT.len() as u64), "{error}");
}

/// A body without end.
struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[0; 16_384])))))
    }
}

#[tokio::test]
async fn announced_size_above_the_limit_is_enough() {
    let host = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", false).await;
    let error = reason(options(&[&host]), &source(format!("http://{host}/x"))).await;
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    let registry = edited(|manifest| manifest["layers"][0]["size"] = 99_999_999_999_u64.into()).await;
    assert!(matches!(oci_reason(&registry).await, FetchError::TooLarge { .. }));
}

#[tokio::test]
async fn truncated_body_is_no_component() {
    let host = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\0asm", true).await;
    let error = reason(options(&[&host]), &source(format!("http://{host}/x"))).await;
    assert!(matches!(error, FetchError::Unreachable { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn servers_that_hang_are_given_up() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\0asm"] {
        let host = raw(answer, false).await;
        let error = reason(impatient(&[&host]), &source(format!("http://{host}/x"))).await;
        assert!(matches!(error, FetchError::Late { .. }), "{error}");
    }
}

#[tokio::test]
async fn server_that_drips_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let host = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        let _ = stream.read(&mut [0; 4_096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    let error = reason(impatient(&[&host]), &source(format!("http://{host}/x"))).await;
    assert!(matches!(error, FetchError::Late { .. }), "{error}");
}

#[tokio::test]
async fn busy_servers_are_asked_again_and_others_are_not() {
    for (status, asked) in [(429, 3), (500, 3), (503, 3), (404, 1), (403, 1), (400, 1)] {
        let status = StatusCode::from_u16(status).expect("it is a status");
        let registry = faulty(move |_, before| (before < 2).then(|| status.into_response())).await;
        let outcome = fetcher(options(&[&registry.host])).component(digest(), &[url(&registry)]).await;
        assert_eq!((outcome.is_ok(), registry.asked().len()), (asked == 3, asked), "{status}");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_end() {
    let registry = faulty(|line, _| line.ends_with("/old.wasm").then(|| redirect("/x.wasm"))).await;
    let moved = source(format!("http://{}/old.wasm", registry.host));
    assert!(fetcher(options(&[&registry.host])).component(digest(), &[moved]).await.is_ok());
    let registry = faulty(|_, _| Some(redirect("/x.wasm"))).await;
    let error = reason(options(&[&registry.host]), &url(&registry)).await;
    assert!(matches!(error, FetchError::Redirects { .. }), "{error}");
    assert_eq!(registry.asked().len(), 6);
    let registry = faulty(|_, _| Some(StatusCode::FOUND.into_response())).await;
    assert!(matches!(reason(options(&[&registry.host]), &url(&registry)).await, FetchError::Redirects { .. }));
}

#[tokio::test]
async fn redirect_leads_to_no_address_that_the_operator_did_not_list() {
    let inside = FakeRegistry::start(Options::default()).await;
    inside.put("/x.wasm", COMPONENT);
    let port = inside.host.rsplit(':').next().expect("it has a port").to_owned();
    for target in [
        format!("http://{}/x.wasm", inside.host),
        format!("http://localhost:{port}/x.wasm"),
        format!("http://[::ffff:127.0.0.1]:{port}/x.wasm"),
        "https://10.0.0.1/x.wasm".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let to = target.clone();
        let registry = faulty(move |_, _| Some(redirect(&to))).await;
        let error = reason(options(&[&registry.host]), &url(&registry)).await;
        assert!(matches!(error, FetchError::Address { .. } | FetchError::Plain { .. }), "{target}: {error}");
    }
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn sources_inside_the_operators_network_need_consent() {
    let registry = edited(|_| {}).await;
    registry.put("/x.wasm", COMPONENT);
    for source in [url(&registry), source(reference(&registry).to_string())] {
        let error = reason(options(&[]), &source).await;
        assert!(matches!(error, FetchError::Address { .. }), "{source}: {error}");
    }
    assert!(registry.asked().is_empty());
    let only = Rules { only: Some(["ghcr.io".parse().expect("it is a host")].into()), ..Rules::default() };
    let error = reason(FetcherOptions { rules: only, ..options(&[]) }, &url(&registry)).await;
    assert!(matches!(error, FetchError::Host { .. }), "{error}");
    let error = reason(options(&[]), &source("http://example.com/x.wasm".to_owned())).await;
    assert!(matches!(error, FetchError::Plain { .. }), "{error}");
}

/// `Basic` of `me` and [`PASSWORD`].
const BASIC: &str = "Basic bWU6aHVudGVyMi10aGF0LW5vYm9keS1wcmludHM=";

fn with_credential(options: FetcherOptions, registry: &FakeRegistry, password: &str) -> FetcherOptions {
    let password = Zeroizing::new(password.to_owned());
    let credential = Credential { registry: registry.host.clone(), username: "me".to_owned(), password };
    FetcherOptions { credentials: [credential].into_iter().collect(), ..options }
}

#[tokio::test]
async fn credentials_open_a_private_registry_and_are_in_no_error() {
    let basic = Some(BASIC.to_owned());
    let registry = FakeRegistry::start(Options { tokens: true, basic, ..Options::default() }).await;
    registry.put_component(COMPONENT, |_| {});
    let open = |password| with_credential(options(&[&registry.host]), &registry, password);
    assert!(fetcher(open(PASSWORD)).pull(&reference(&registry)).await.is_ok());
    for options in [open("wrong-hunter"), options(&[&registry.host])] {
        let printed = format!("{options:?}");
        let error = fetcher(options).pull(&reference(&registry)).await.expect_err("it is private");
        assert!(matches!(error, FetchError::Unauthorized { .. }), "{error}");
        assert!(!format!("{error:?} {printed}").contains("hunter"), "{error:?} {printed}");
    }
    let scopes: Vec<_> = registry.asked().into_iter().filter(|(line, _)| line.starts_with("GET /token")).collect();
    assert!(
        scopes.iter().all(|(line, _)| line.ends_with("service=fake&scope=repository%3Ateam%2Fx%3Apull")),
        "{scopes:?}"
    );
}

#[tokio::test]
async fn credentials_of_one_registry_are_shown_to_no_other() {
    let other = FakeRegistry::start(Options { tokens: true, ..Options::default() }).await;
    let target = format!("http://{}/blob", other.host);
    let fault: Fault = Box::new(move |line, _| line.contains("/blobs/").then(|| redirect(&target)));
    let (basic, fault) = (Some(BASIC.to_owned()), Some(fault));
    let registry = FakeRegistry::start(Options { tokens: true, basic, fault, ..Options::default() }).await;
    registry.put_component(COMPONENT, |_| {});
    let options = with_credential(options(&[&registry.host, &other.host]), &registry, PASSWORD);
    let error = fetcher(options).pull(&reference(&registry)).await.expect_err("the other wants a token of its own");
    assert!(matches!(&error, FetchError::Unauthorized { host } if *host == other.host), "{error}");
    assert_eq!(other.asked(), [("GET /blob".to_owned(), None)]);
}

#[tokio::test]
async fn token_server_is_under_the_rules_too() {
    for realm in
        ["http://10.0.0.1/token", "https://127.0.0.1:1/token", "http://example.com/token", "file:///etc/passwd"]
    {
        let realm = Some(realm.to_owned());
        let registry = FakeRegistry::start(Options { tokens: true, realm, ..Options::default() }).await;
        let options = with_credential(options(&[&registry.host]), &registry, PASSWORD);
        let error = fetcher(options).pull(&reference(&registry)).await.expect_err("the token server is not asked");
        let is_refused =
            matches!(error, FetchError::Address { .. } | FetchError::Plain { .. } | FetchError::Destination { .. });
        assert!(is_refused, "{error}");
    }
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    for body in ["", "{}", "{\"token\":\"\"}", "{\"token\":\"a\\r\\nb: c\"}", "{\"token\":1}"] {
        let fault: Fault = Box::new(move |line, _| line.starts_with("GET /token").then(|| body.into_response()));
        let registry = FakeRegistry::start(Options { tokens: true, fault: Some(fault), ..Options::default() }).await;
        let error = fetcher(options(&[&registry.host])).pull(&reference(&registry)).await.expect_err(body);
        assert!(matches!(error, FetchError::Protocol { .. }), "{body}: {error}");
    }
}

/// A certificate for this machine, its key, and the certificate of the authority that signed it.
fn certificate() -> (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>, String) {
    let signed = || -> Result<_, rcgen::Error> {
        let (key, authority_key) = (KeyPair::generate()?, KeyPair::generate()?);
        let mut authority = CertificateParams::new([])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
        Ok((certificate.der().clone(), key.serialize_der().into(), pem))
    };
    signed().expect("a certificate can be made")
}

/// Answers over TLS, with a certificate of an authority that nobody knows: gives the host, and the authority's certificate.
async fn tls(answer: &'static str) -> (String, TempPath) {
    let (certificate, key, authority) = certificate();
    let mut ca_file = NamedTempFile::new().expect("there is room for a file");
    ca_file.write_all(authority.as_bytes()).expect("it is writable");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("they belong together");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let host = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (host, ca_file.into_temp_path())
}

#[tokio::test]
async fn certificates_are_verified_against_known_authorities() {
    let (host, ca_file) = tls("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwasm").await;
    let source = source(format!("https://{host}/x"));
    let error = reason(FetcherOptions { attempts: 1, ..options(&[&host]) }, &source).await;
    assert!(matches!(&error, FetchError::Unreachable { reason, .. } if reason.contains("UnknownIssuer")), "{error}");
    let fetcher = fetcher(trusting(&host, &ca_file));
    assert_eq!(fetcher.component(ComponentDigest::of(b"wasm"), &[source]).await.expect("it is trusted"), b"wasm");
}

/// Options with an authority of their own.
fn trusting(host: &str, ca_file: &TempPath) -> FetcherOptions {
    FetcherOptions { ca_file: Some(ca_file.to_path_buf()), ..options(&[host]) }
}

#[tokio::test]
async fn redirect_from_https_to_http_is_refused() {
    let (host, ca_file) =
        tls("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n").await;
    let error = reason(trusting(&host, &ca_file), &source(format!("https://{host}/x"))).await;
    assert!(matches!(error, FetchError::Downgrade { .. }), "{error}");
}
