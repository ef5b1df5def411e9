//! One suite over components in Rust, JavaScript and Python: whatever an author writes in, the host is the same. `make conformance` builds them.

use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::routing::{get, post};
use tandem_engine::{
    CacheConfig, Component, Engine, EngineConfig, Grants, GuestError, GuestErrorKind, LimitBreach, LimitKind, Limits,
    LoadError, MemoryStore, Refusal, RunError, Secrets, TaskInput,
};
use tandem_types::{B256, Determinism, TaskBlock, TaskId};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

use crate::{bytes, path_of};

/// Where the components in other languages are, each in a project of that name.
const PROJECTS: &str = "conformance";

/// An engine that takes compiled code from where `make conformance` left it: large components take long to compile.
fn engine(slots: u32) -> Engine {
    let cache = Some(CacheConfig::new(path_of(PROJECTS).join("cache/tandem/components")));
    Engine::new(EngineConfig { concurrent_max: slots, cache, ..EngineConfig::default() })
        .expect("there is address space for a few slots")
}

fn wasm(language: &str) -> Vec<u8> {
    match language {
        "rust" => bytes("conformance"),
        other => {
            let path = path_of(PROJECTS).join(other).join("target/component.wasm");
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make conformance`", path.display()))
        }
    }
}

fn load(language: &str, grants: Grants) -> Component {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| engine(4));
    ENGINE.load(&wasm(language), grants).expect("the component is a service")
}

async fn run(component: &Component, input: &[u8]) -> Result<Vec<u8>, RunError> {
    component.run(TaskInput::manual(input.to_vec())).await.map(|execution| execution.output)
}

async fn output(component: &Component, input: &str) -> String {
    let output = run(component, input.as_bytes()).await.unwrap_or_else(|error| panic!("{input}: {error:?}"));
    String::from_utf8(output).expect("the output is text")
}

fn with_secret() -> Grants {
    Grants {
        secrets: [("KEY".to_owned(), "s3cr3t".to_owned().into())].into_iter().collect::<Secrets>(),
        ..Grants::default()
    }
}

fn with_store() -> Grants {
    Grants { store: Some(Arc::new(MemoryStore::default())), ..Grants::default() }
}

/// What is traced on this thread.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Trace {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Trace {
    /// Runs `component` and gives the error, if any, and the log.
    async fn of(component: &Component, input: &str) -> (Result<Vec<u8>, RunError>, String) {
        let trace = Self::default();
        let subscriber = tracing_subscriber::fmt().with_writer(trace.clone()).with_ansi(false).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let outcome = run(component, input.as_bytes()).await;
        drop(guard);
        let text = String::from_utf8(trace.0.lock().expect("no writer panics").clone()).expect("traces are text");
        (outcome, text)
    }
}

/// A server on 127.0.0.1.
async fn server() -> (String, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let host = listener.local_addr().expect("the listener is bound").to_string();
    let router = Router::new()
        .route("/bytes", get(|| async { [0u8, 255, 128].to_vec() }))
        .route("/down", get(|| async { axum::http::StatusCode::SERVICE_UNAVAILABLE }))
        .route("/post", post(|body: String| async move { format!("got {body}") }));
    (host, tokio::spawn(async move { axum::serve(listener, router).await }))
}

fn to(host: &str) -> Grants {
    Grants { http_hosts: [host.parse().expect("an address is a host")].into(), ..Grants::default() }
}

fn guest(kind: GuestErrorKind, message: &str) -> RunError {
    GuestError { kind, message: message.to_owned() }.into()
}

async fn inputs_and_outputs_are_bytes(language: &str) {
    let component = load(language, Grants::default());
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(run(&component, &[b"echo ", all.as_slice()].concat()).await, Ok(all));
    assert_eq!(output(&component, "task").await, "32 manual");
}

async fn config_is_what_was_granted(language: &str) {
    let config = [("color".to_owned(), "blü".to_owned())].into();
    let component = load(language, Grants { config, ..Grants::default() });
    assert_eq!(output(&component, "config color").await, "blü");
    let missing = guest(GuestErrorKind::Failed, "config `shape` is not set");
    assert_eq!(run(&component, b"config shape").await, Err(missing));
}

async fn secrets_are_granted_by_name(language: &str) {
    let component = load(language, with_secret());
    assert_eq!(output(&component, "secret KEY").await, "6");
    let missing = guest(GuestErrorKind::Failed, "secret OTHER is not supplied");
    assert_eq!(run(&component, b"secret OTHER").await, Err(missing));
}

async fn secrets_are_blotted_out(language: &str) {
    let (outcome, log) = Trace::of(&load(language, with_secret()), "leak KEY").await;
    assert_eq!(outcome, Err(guest(GuestErrorKind::Failed, "[secret KEY]")));
    assert!(log.contains("[secret KEY]") && !log.contains("s3cr3t"), "{log}");
}

async fn lines_are_logged_with_the_task(language: &str) {
    let (outcome, log) = Trace::of(&load(language, Grants::default()), "log all is well").await;
    assert_eq!(outcome, Ok(Vec::new()));
    assert!(log.contains("WARN") && log.contains("all is well") && log.contains("manual"), "{log}");
}

async fn kinds_of_errors_arrive(language: &str) {
    let component = load(language, Grants::default());
    for kind in
        [GuestErrorKind::InvalidInput, GuestErrorKind::NotReady, GuestErrorKind::Unavailable, GuestErrorKind::Failed]
    {
        let outcome = run(&component, format!("error {}", kind.name()).as_bytes()).await;
        assert_eq!(outcome, Err(guest(kind, "told so")));
    }
    let unknown = guest(GuestErrorKind::InvalidInput, "unknown verb");
    assert_eq!(run(&component, b"fly").await, Err(unknown));
    let no_text = guest(GuestErrorKind::InvalidInput, "the input is not UTF-8 text");
    assert_eq!(run(&component, b"\xff").await, Err(no_text));
}

async fn granted_host_answers(language: &str) {
    let (host, server) = server().await;
    let component = load(language, to(&host));
    assert_eq!(run(&component, format!("get http://{host}/bytes").as_bytes()).await, Ok(vec![0, 255, 128]));
    assert_eq!(output(&component, &format!("post http://{host}/post news")).await, "got news");
    let down = guest(GuestErrorKind::Unavailable, "the server answered with HTTP 503");
    assert_eq!(run(&component, format!("get http://{host}/down").as_bytes()).await, Err(down));
    server.abort();
}

async fn other_hosts_are_refused(language: &str) {
    let (host, server) = server().await;
    let component = load(language, to("api.example.com"));
    let refused = RunError::Refused(Refusal::HttpHost { host: host.clone() });
    assert_eq!(run(&component, format!("get http://{host}/bytes").as_bytes()).await, Err(refused));
    server.abort();
}

async fn store_counts_and_swaps(language: &str) {
    let component = load(language, with_store());
    for (input, expected) in [
        ("recall a", "nothing"),
        ("swap a - 1", "true"),
        ("swap a - 2", "false"),
        ("swap a 1 2", "true"),
        ("recall a", "2"),
        ("swap a 2 -", "true"),
        ("recall a", "nothing"),
        ("count n", "2"),
        ("count n", "4"),
    ] {
        assert_eq!(output(&component, input).await, expected, "{input}");
    }
    assert_eq!(output(&component, "swap text 1 x").await, "false");
    output(&component, "swap text - abc").await;
    let refused = guest(GuestErrorKind::Failed, "the value is not a counter, or the sum leaves 64 bits");
    assert_eq!(run(&component, b"count text").await, Err(refused));
}

async fn store_that_is_not_granted_is_refused(language: &str) {
    let outcome = run(&load(language, Grants::default()), b"count n").await;
    assert_eq!(outcome, Err(RunError::Refused(Refusal::Store)));
}

async fn endless_loop_uses_up_its_fuel(language: &str) {
    let limits = Limits { fuel: 500_000_000, ..Limits::default() };
    let outcome = run(&load(language, Grants { limits, ..Grants::default() }), b"spin").await;
    assert_eq!(outcome, Err(LimitBreach { kind: LimitKind::Fuel, limit: 500_000_000 }.into()));
}

async fn output_is_limited(language: &str) {
    let limits = Limits { output_bytes: 1_000, ..Limits::default() };
    let component = load(language, Grants { limits, ..Grants::default() });
    assert_eq!(output(&component, "output 1000").await.len(), 1_000);
    let outcome = run(&component, b"output 1001").await;
    assert_eq!(outcome, Err(LimitBreach { kind: LimitKind::Output, limit: 1_000 }.into()));
}

async fn memory_is_limited(language: &str) {
    let limits = Limits { memory_bytes: 1 << 16, ..Limits::default() };
    let outcome = run(&load(language, Grants { limits, ..Grants::default() }), b"task").await;
    assert_eq!(outcome, Err(LimitBreach { kind: LimitKind::Memory, limit: 1 << 16 }.into()));
}

macro_rules! suite {
    ($($language:ident: $($fact:ident),*;)*) => {
        $(mod $language {
            $(#[tokio::test]
            async fn $fact() {
                super::$fact(stringify!($language)).await;
            })*
        })*
    };
    ([$($language:ident),*] $facts:tt) => {
        suite! { $(@ $language $facts)* }
    };
    ($(@ $language:ident { $($fact:ident),* $(,)? })*) => {
        suite! { $($language: $($fact),*;)* }
    };
}

suite! { [rust, js, python] {
    inputs_and_outputs_are_bytes,
    config_is_what_was_granted,
    secrets_are_granted_by_name,
    secrets_are_blotted_out,
    lines_are_logged_with_the_task,
    kinds_of_errors_arrive,
    granted_host_answers,
    other_hosts_are_refused,
    store_counts_and_swaps,
    store_that_is_not_granted_is_refused,
    endless_loop_uses_up_its_fuel,
    output_is_limited,
    memory_is_limited,
} }

/// Runs a `strict` component in fresh engines, for a task and for another, and asserts that every run of one is the same.
async fn is_reproduced(language: &str) {
    const ENGINES: u32 = 4;
    const RUNS: usize = 25;
    let wasm = wasm(language);
    let mut seen = Vec::new();
    for number in 0..ENGINES {
        let config = [("unit".to_owned(), "m".to_owned())].into();
        let grants = Grants { determinism: Determinism::Strict, config, ..Grants::default() };
        let component = engine(1 + number).load(&wasm, grants).expect("the component is strict");
        for _ in 0..RUNS {
            let block = TaskBlock { number: 7, hash: B256::repeat_byte(7), time: 1_700_000_000 };
            let task =
                TaskInput { task_id: TaskId(B256::repeat_byte(1)), block, ..TaskInput::manual(b"[3, 1, 2]".to_vec()) };
            let execution = component.run(task).await.expect("the component behaves");
            seen.push((execution.output, execution.fuel));
        }
    }
    let text = String::from_utf8(seen[0].0.clone()).expect("the output is JSON");
    assert!(text.starts_with(r#"{"sum":7.87"#) && text.ends_with(r#""unit":"m"}"#), "{text}");
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn strict_javascript_is_reproduced() {
    is_reproduced("js-strict").await;
}

#[tokio::test]
async fn strict_python_is_reproduced() {
    is_reproduced("python-strict").await;
}

#[test]
fn open_components_are_not_strict() {
    for language in ["rust", "js", "python"] {
        let grants = Grants { determinism: Determinism::Strict, ..Grants::default() };
        let error = engine(1).load(&wasm(language), grants).expect_err("it imports what strict forbids");
        assert!(matches!(error, LoadError::Forbidden { .. }), "{error:?}");
    }
}
