//! An OCI registry over real HTTP, in memory, for tests: what the distribution specification says of pull and push, with or without tokens, and faults on
//! request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tandem_types::ComponentDigest;

/// Largest upload.
const UPLOAD_BYTES_MAX: usize = 64 << 20;
/// What the token server gives.
const TOKEN: &str = "a-token";

/// Answers in the registry's place; gets `METHOD /path?query` and how often that was asked before.
pub(crate) type Fault = Box<dyn Fn(&str, usize) -> Option<Response> + Send + Sync>;

/// What a registry is to be like.
#[derive(Default)]
pub(crate) struct Options {
    /// Whether it wants a token.
    pub(crate) tokens: bool,
    /// What the token server wants for it: `Basic …`.
    pub(crate) basic: Option<String>,
    /// Another address of the token server than its own.
    pub(crate) realm: Option<String>,
    /// What goes wrong.
    pub(crate) fault: Option<Fault>,
}

#[derive(Default)]
struct Shared {
    options: Options,
    address: Mutex<Option<SocketAddr>>,
    /// Blobs and manifests by path.
    content: Mutex<HashMap<String, Bytes>>,
    /// What was asked, with what it was shown.
    asked: Mutex<Vec<(String, Option<String>)>>,
}

/// A running registry; ends with the runtime.
pub(crate) struct FakeRegistry {
    /// Where it is, such as `127.0.0.1:5000`.
    pub(crate) host: String,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds it")
}

impl FakeRegistry {
    pub(crate) async fn start(options: Options) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { options, ..Shared::default() });
        *lock(&shared.address) = Some(address);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host: address.to_string(), shared }
    }

    /// Serves `content` at `path`.
    pub(crate) fn put(&self, path: &str, content: impl Into<Bytes>) {
        lock(&self.shared.content).insert(path.to_owned(), content.into());
    }

    /// Serves a component as `team/x:1`, with what `edit` makes of its manifest.
    pub(crate) fn put_component(&self, component: &[u8], edit: impl FnOnce(&mut serde_json::Value)) {
        let digest = ComponentDigest::of(component).to_string();
        let config = b"{}";
        let mut manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": ComponentDigest::of(config).to_string(),
                "size": config.len(),
            },
            "layers": [{ "mediaType": "application/wasm", "digest": digest, "size": component.len() }],
        });
        edit(&mut manifest);
        self.put("/v2/team/x/manifests/1", manifest.to_string());
        self.put(&format!("/v2/team/x/blobs/{digest}"), component.to_vec());
    }

    /// What was asked so far, with what it was shown.
    #[allow(dead_code, reason = "the end-to-end tests share this file and do not ask")]
    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        lock(&self.shared.asked).clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let before = {
        let mut asked = lock(&shared.asked);
        asked.push((line.clone(), shown.clone()));
        asked.iter().filter(|(other, _)| *other == line).count() - 1
    };
    if let Some(answer) = shared.options.fault.as_ref().and_then(|fault| fault(&line, before)) {
        return answer;
    }
    if request.uri().path() == "/token" {
        return token(&shared, shown.as_deref());
    }
    if shared.options.tokens && shown.as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return challenge(&shared);
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, UPLOAD_BYTES_MAX).await.expect("tests upload little");
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    match parts.method {
        Method::POST => begin(path),
        Method::PUT => keep(&shared, (path, query), body),
        _ => give(&shared, path),
    }
}

fn challenge(shared: &Shared) -> Response {
    let address = lock(&shared.address).expect("it runs");
    let realm = shared.options.realm.clone().unwrap_or_else(|| format!("http://{address}/token"));
    let value = format!("Bearer realm=\"{realm}\",service=\"fake\",scope=\"registry:catalog:*\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, value)]).into_response()
}

fn token(shared: &Shared, shown: Option<&str>) -> Response {
    match &shared.options.basic {
        Some(basic) if shown != Some(basic) => StatusCode::UNAUTHORIZED.into_response(),
        _ => format!("{{\"token\":\"{TOKEN}\",\"expires_in\":60}}").into_response(),
    }
}

fn begin(path: &str) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, format!("{path}1?session=2"))]).into_response()
}

fn keep(shared: &Shared, (path, query): (&str, &str), body: Bytes) -> Response {
    let digest = ComponentDigest::of(&body).to_string();
    let mut content = lock(&shared.content);
    if let Some((blobs, _)) = path.split_once("uploads/") {
        if !query.replace("%3A", ":").contains(&format!("session=2&digest={digest}")) {
            return StatusCode::BAD_REQUEST.into_response();
        }
        content.insert(format!("{blobs}{digest}"), body);
    } else {
        let (manifests, _) = path.rsplit_once('/').expect("manifests have a version");
        content.insert(format!("{manifests}/{digest}"), body.clone());
        content.insert(path.to_owned(), body);
    }
    StatusCode::CREATED.into_response()
}

fn give(shared: &Shared, path: &str) -> Response {
    match lock(&shared.content).get(path) {
        Some(bytes) => Body::from(bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
