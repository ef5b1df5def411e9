//! A secret leaves the sandbox in requests only: not in errors, log lines or `Debug`, however the component writes it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tandem_engine::{Grants, Limits, Secrets};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::{hostile, run};

const SECRET: &str = "s3cr3t/key with spaces";
const SECRET_IN_URL: &str = "s3cr3t%2Fkey%20with%20spaces";

fn with_secret() -> Grants {
    let secrets: Secrets = [("KEY".to_owned(), SECRET.to_owned().into())].into_iter().collect();
    Grants { secrets, ..Grants::default() }
}

/// All that is traced on this thread, at every level.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<u8>>>);

impl Trace {
    pub(crate) fn start(&self) -> DefaultGuard {
        let trace = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(move || trace.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("traces are text")
    }
}

impl Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn assert_clean(text: &str) {
    for spelling in [SECRET, SECRET_IN_URL] {
        assert!(!text.contains(spelling), "{text}");
    }
}

#[tokio::test]
async fn secret_is_in_no_error_and_no_trace() {
    let trace = Trace::default();
    let tracing = trace.start();
    let component = hostile(with_secret());
    let error = run(&component, "leak KEY").await.expect_err("it fails");
    drop(tracing);

    assert_eq!(error.to_string(), "error [secret KEY] [secret KEY]");
    assert_clean(&format!("{error:?} {component:?}"));
    let trace = trace.text();
    assert_clean(&trace);
    for line in [
        "log [secret KEY] [secret KEY]",
        "stdout [secret KEY] [secret KEY]",
        "stderr [secret KEY] without an end of line",
    ] {
        assert!(trace.contains(line), "{line} is not in {trace}");
    }
}

/// wasmtime and the HTTP crates trace what passes through them; none of it may be a URL, where keys are.
#[tokio::test]
async fn secret_in_a_url_is_in_no_trace() {
    let trace = Trace::default();
    let tracing = trace.start();
    let grants = Grants { http_hosts: ["127.0.0.1:9".parse().expect("an address is a host")].into(), ..with_secret() };
    let error = run(&hostile(grants), &format!("get http://127.0.0.1:9/x?key={SECRET_IN_URL}")).await;
    drop(tracing);
    assert!(error.is_err());
    assert_clean(&format!("{error:?}"));
    assert_clean(&trace.text());
}

#[tokio::test]
async fn flood_of_lines_ends_at_its_limit() {
    let trace = Trace::default();
    let tracing = trace.start();
    let limits = Limits { log_bytes: 100, ..Limits::default() };
    let execution = run(&hostile(Grants { limits, ..Grants::default() }), "log 1000").await;
    drop(tracing);
    assert!(execution.is_ok());
    let trace = trace.text();
    assert!(trace.contains("line 9") && !trace.contains("line 99"), "{trace}");
    assert_eq!(trace.matches("limit of log bytes").count(), 1);
}
