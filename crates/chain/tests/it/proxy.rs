//! An endpoint that the test controls: it stands before Anvil, and passes requests on, spoils them, or does not answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

/// What becomes of a request.
pub(crate) enum Reply {
    /// It is passed on.
    Pass,
    /// It is passed on, and the answer is changed.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// The answer is that result.
    Result(Value),
    /// The answer is a JSON-RPC error.
    Error(i64, &'static str),
    /// The answer is an HTTP status, with seconds to wait for.
    Status(u16, u64),
    /// There is no answer.
    Hang,
    /// The connection is closed.
    Close,
    /// The answer is no JSON, and that long.
    Noise(usize),
}

type Rule = Box<dyn FnMut(&str, &Value) -> Reply + Send>;

#[derive(Default)]
struct Seen {
    methods: HashMap<String, usize>,
    at_once: usize,
    at_once_max: usize,
}

struct Shared {
    upstream: Url,
    http: reqwest::Client,
    rule: Mutex<Rule>,
    seen: Mutex<Seen>,
}

/// A running proxy; it ends with its handle.
pub(crate) struct Proxy {
    pub(crate) url: Url,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Proxy {
    /// Before `upstream`, passing everything on.
    pub(crate) async fn start(upstream: &Url) -> Self {
        Self::at("127.0.0.1:0".parse().expect("it is an address"), upstream).await
    }

    pub(crate) async fn at(address: SocketAddr, upstream: &Url) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("the client builds");
        let rule: Rule = Box::new(|_, _| Reply::Pass);
        let shared =
            Arc::new(Shared { upstream: upstream.clone(), http, rule: Mutex::new(rule), seen: Mutex::default() });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&shared)));
        let url = Url::parse(&format!("http://user:hunter2@{address}/v3/hunter2?key=hunter2")).expect("it is a URL");
        Self { url, shared, _server: server }
    }

    /// What becomes of requests from now on, by method and parameters.
    pub(crate) fn rule(&self, rule: impl FnMut(&str, &Value) -> Reply + Send + 'static) {
        *self.shared.rule.lock().expect("no test panics while it holds the lock") = Box::new(rule);
    }

    /// How many requests of that method came since the last look.
    pub(crate) fn take(&self, method: &str) -> usize {
        self.shared.seen().methods.remove(method).unwrap_or(0)
    }

    /// Most requests that were answered at once.
    pub(crate) fn at_once_max(&self) -> usize {
        self.shared.seen().at_once_max
    }

    /// How errors and logs name it.
    pub(crate) fn name(&self) -> String {
        format!("http://127.0.0.1:{}", self.url.port().expect("it has a port"))
    }
}

impl Shared {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panics while it holds the lock")
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufStream::new(stream);
    while let Some(body) = request(&mut stream).await {
        let body: Value = serde_json::from_slice(&body).expect("requests are JSON");
        let method = body["method"].as_str().unwrap_or_default().to_owned();
        {
            let mut seen = shared.seen();
            *seen.methods.entry(method.clone()).or_default() += 1;
            seen.at_once += 1;
            seen.at_once_max = seen.at_once_max.max(seen.at_once);
        }
        let reply = (shared.rule.lock().expect("no test panics while it holds the lock"))(&method, &body["params"]);
        let answer = answer(&shared, &body, reply).await;
        shared.seen().at_once -= 1;
        let Some(answer) = answer else { return };
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut BufStream<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

async fn answer(shared: &Shared, body: &Value, reply: Reply) -> Option<Vec<u8>> {
    let whole =
        |result: Value| json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }).to_string().into_bytes();
    let json = match reply {
        Reply::Pass => forward(shared, body).await?,
        Reply::Change(change) => {
            let mut answer: Value = serde_json::from_slice(&forward(shared, body).await?).ok()?;
            change(&mut answer["result"]);
            answer.to_string().into_bytes()
        }
        Reply::Result(result) => whole(result),
        Reply::Error(code, message) => {
            let error = json!({ "code": code, "message": message });
            json!({ "jsonrpc": "2.0", "id": body["id"], "error": error }).to_string().into_bytes()
        }
        Reply::Status(status, retry_after) => {
            let head = format!("HTTP/1.1 {status} No\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n");
            return Some(head.into_bytes());
        }
        Reply::Hang => std::future::pending().await,
        Reply::Close => return None,
        Reply::Noise(length) => vec![b'x'; length],
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", json.len());
    Some([head.into_bytes(), json].concat())
}

async fn forward(shared: &Shared, body: &Value) -> Option<Vec<u8>> {
    let post = shared.http.post(shared.upstream.clone()).header("content-type", "application/json");
    let answer = post.body(body.to_string()).send().await.ok()?;
    answer.bytes().await.ok().map(|bytes| bytes.to_vec())
}
