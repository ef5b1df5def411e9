//! A guest by itself: what comes of it, and within which limits.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tandem_engine::{Component, Engine, EngineConfig, Execution, Fault, LoadError, Refusal, RunError, TaskInput};
use tandem_types::{Address, ServiceId};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::case::{Case, Expect, SECRET};
use crate::measure::{Used, measured};
use crate::server::Server;

/// What a limit may be overrun by: a fifth.
const TOLERANCE: f64 = 1.2;
/// Tries, of which the fastest counts: a busy machine makes slow, none makes fast.
const TRIES: usize = 5;
/// What an execution takes besides the guest's memory: stacks, buffers, tables, threads that start.
const OVERHEAD_BYTES: f64 = 24.0 * (1 << 20) as f64;

/// An engine as nodes have it, but small.
pub(crate) fn engine() -> Engine {
    let hosts = [
        ("inside.example".to_owned(), vec!["127.0.0.1".parse().expect("an address")]),
        ("metadata.example".to_owned(), vec!["64:ff9b::169.254.169.254".parse().expect("an address")]),
    ];
    let config = EngineConfig {
        concurrent_max: 16,
        compute_threads: NonZeroUsize::new(2),
        hosts: hosts.into(),
        ..EngineConfig::default()
    };
    Engine::new(config).expect("there is address space for 16 slots")
}

pub(crate) fn service(number: u8) -> ServiceId {
    ServiceId { chain_id: 31_337, manager: Address::repeat_byte(number) }
}

pub(crate) fn task(expect: &Expect) -> TaskInput {
    TaskInput::manual(expect.input.clone().into_bytes())
}

/// Loads and runs the guest of a folder, and compares.
pub(crate) fn ends(name: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let server = Case::expect(name, None)?.server.map(Server::start);
    let case = Case::read(name, server.as_ref().map(|server| server.address))?;
    let log = Log::default();
    let _subscriber = log.subscriber();
    runtime.block_on(async {
        let (loaded, used) = measured(async {
            engine().load(&case.component, case.grants(service(1))?).map_err(Outcome::from).map_err(Ended::Load)
        })
        .await;
        within(
            "loading it",
            used.processor,
            used,
            case.expect.load_seconds,
            (case.expect.load_memory_mib << 20) as f64,
        )?;
        match loaded {
            Ok(component) => run(&case, &component, &log).await,
            Err(Ended::Load(outcome)) => outcome.check(&case.expect),
            Err(Ended::Folder(reason)) => Err(reason),
        }
    })
}

enum Ended {
    Load(Outcome),
    Folder(String),
}

impl From<String> for Ended {
    fn from(reason: String) -> Self {
        Self::Folder(reason)
    }
}

async fn run(case: &Case, component: &Component, log: &Log) -> Result<(), String> {
    let limits = &component.grants().limits;
    let seconds = case.expect.seconds.unwrap_or(limits.time.as_secs_f64());
    let mut verdict = Ok(());
    for _ in 0..TRIES {
        log.clear();
        let (outcome, used) = measured(component.run(task(&case.expect))).await;
        Outcome::from(outcome).check(&case.expect)?;
        log.check(&case.expect, limits.log_bytes)?;
        verdict = within("running it", used.time, used, seconds, limits.memory_bytes as f64 + OVERHEAD_BYTES);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// Whether what was used is no more than a fifth above what may be.
fn within(what: &str, time: Duration, used: Used, seconds: f64, memory_bytes: f64) -> Result<(), String> {
    let most = Duration::from_secs_f64(seconds * TOLERANCE);
    if time > most {
        return Err(format!("{what} took {time:?} and may take {most:?}"));
    }
    if used.memory_bytes as f64 > memory_bytes * TOLERANCE {
        return Err(format!("{what} took {} bytes and may take {memory_bytes} and a fifth", used.memory_bytes));
    }
    Ok(())
}

/// What came of a guest, in the words of `expect.toml`.
#[derive(Debug, Default)]
struct Outcome {
    output: Option<String>,
    error: Option<&'static str>,
    names: String,
    says: String,
    fault: Option<&'static str>,
}

impl Outcome {
    fn check(&self, expect: &Expect) -> Result<(), String> {
        let fits = self.output == expect.output
            && self.error == expect.error.as_deref()
            && self.names.starts_with(&expect.names)
            && self.says.contains(&expect.says)
            && expect.fault.as_deref().is_none_or(|fault| self.fault == Some(fault))
            && expect.message_bytes.is_none_or(|most| self.says.len() <= most);
        if self.says.contains(SECRET) {
            return Err("the error has the secret".to_owned());
        }
        if fits { Ok(()) } else { Err(format!("{self:?}")) }
    }
}

impl From<Result<Execution, RunError>> for Outcome {
    fn from(outcome: Result<Execution, RunError>) -> Self {
        match outcome {
            Ok(execution) => {
                Self { output: Some(String::from_utf8_lossy(&execution.output).into_owned()), ..Self::default() }
            }
            Err(error) => {
                let (kind, names) = named(&error);
                let says = error.to_string();
                Self { error: Some(kind), names, says, fault: Some(fault(error.fault())), ..Self::default() }
            }
        }
    }
}

impl From<LoadError> for Outcome {
    fn from(error: LoadError) -> Self {
        let (kind, names) = match &error {
            LoadError::Invalid { .. } => ("invalid", ""),
            LoadError::TooLarge { .. } => ("too-large", ""),
            LoadError::CoreModule { .. } => ("core-module", ""),
            LoadError::Import { import, .. } => ("import", import.as_str()),
            LoadError::Forbidden { import, .. } => ("forbidden", import.as_str()),
            LoadError::Export { export, .. } => ("export", *export),
            _ => ("unknown", ""),
        };
        Self { error: Some(kind), names: names.to_owned(), says: error.to_string(), ..Self::default() }
    }
}

fn named(error: &RunError) -> (&'static str, String) {
    match error {
        RunError::Guest(error) => ("guest", error.kind.name().to_owned()),
        RunError::Limit(breach) => ("limit", breach.kind.name().to_owned()),
        RunError::Refused(refusal) => ("refused", refused(refusal).to_owned()),
        RunError::Trap { .. } => ("crash", String::new()),
        _ => ("host", String::new()),
    }
}

fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::HttpHost { .. } => "http-host",
        Refusal::HttpAddress { .. } => "http-address",
        Refusal::HttpDestination { .. } => "http-destination",
        Refusal::HttpTunnel => "http-tunnel",
        Refusal::HttpMethod { .. } => "http-method",
        Refusal::Store => "store",
        _ => "unknown",
    }
}

fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Task => "task",
        Fault::Component => "component",
        Fault::Source => "source",
        Fault::Host => "host",
    }
}

/// What the node writes to its log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let level = tracing::Level::TRACE;
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish()
            .set_default()
    }

    fn clear(&self) {
        self.0.lock().expect("no writer panics").clear();
    }

    fn check(&self, expect: &Expect, log_bytes: u64) -> Result<(), String> {
        let log = self.0.lock().expect("no writer panics");
        let text = String::from_utf8_lossy(&log);
        let most = expect.log_bytes.unwrap_or(log_bytes as usize + 4096);
        if text.contains(SECRET) {
            return Err("the log has the secret".to_owned());
        }
        if log.len() > most {
            return Err(format!("the log has {} bytes and may have {most}", log.len()));
        }
        match expect.logs.iter().find(|part| !text.contains(*part)) {
            Some(missing) => Err(format!("`{missing}` is not in the log:\n{text}")),
            None => Ok(()),
        }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
