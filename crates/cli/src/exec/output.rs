//! What `tandem exec` prints: for people, or as one JSON object. Errors in JSON carry the same values as the engine's.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tandem_engine::{Execution, Limits, Refusal, RunError};
use tandem_types::ComponentDigest;

use crate::Failure;

/// What is known of a run whatever its outcome.
pub(super) struct Report<'a> {
    pub(super) component: ComponentDigest,
    pub(super) limits: &'a Limits,
}

#[derive(Serialize)]
struct Success<'a> {
    ok: bool,
    component: ComponentDigest,
    fuel: u64,
    elapsed_ms: f64,
    output_hex: String,
    /// Null when the output is not text.
    output_utf8: Option<&'a str>,
}

#[derive(Serialize)]
struct Unsuccess<'a> {
    ok: bool,
    component: Option<ComponentDigest>,
    exit_code: u8,
    error: Details<'a>,
}

#[derive(Default, Serialize)]
struct Details<'a> {
    /// What happened: `component`, `limit`, `refused`, `crash`, or `host` for all else.
    kind: &'a str,
    message: String,
    /// Kind of the component's own error.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// The limit that was met, and its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_value: Option<u64>,
    /// The workflow that was called, when it was its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<&'a str>,
    /// The HTTP host that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
}

impl Report<'_> {
    pub(super) fn print_text(&self, execution: &Execution) -> Result<(), Failure> {
        let text = format!(
            "Component: {}\nFuel:      {} of {}\nTime:      {:.1} ms\n\nResult (hex encoded):\n{}\n\nResult (utf8):\n{}\n",
            self.component,
            execution.fuel,
            self.limits.fuel,
            millis(execution.elapsed),
            hex::encode(&execution.output),
            std::str::from_utf8(&execution.output).unwrap_or("(not text)"),
        );
        write(&text)
    }

    pub(super) fn print_json(&self, execution: &Execution) -> Result<(), Failure> {
        write_json(&Success {
            ok: true,
            component: self.component,
            fuel: execution.fuel,
            elapsed_ms: millis(execution.elapsed),
            output_hex: format!("0x{}", hex::encode(&execution.output)),
            output_utf8: std::str::from_utf8(&execution.output).ok(),
        })
    }

    /// Prints `error`, and gives the failure that ends the command.
    pub(super) fn error_as_json(&self, error: &RunError, exit_code: u8) -> Failure {
        let error_details = Details { message: error.to_string(), ..details(error) };
        let object = Unsuccess { ok: false, component: Some(self.component), exit_code, error: error_details };
        told(Failure::new(exit_code, anyhow::Error::new(error.clone())), &object)
    }
}

/// Prints a failure as one JSON object, and gives the failure that ends the command.
pub(crate) fn failure_as_json(failure: Failure) -> Failure {
    let error = Details { kind: "host", message: format!("{:#}", failure.error), ..Details::default() };
    let object = Unsuccess { ok: false, component: None, exit_code: failure.code, error };
    told(failure, &object)
}

fn told(failure: Failure, object: &Unsuccess<'_>) -> Failure {
    match write_json(object) {
        Ok(()) => Failure { reported: true, ..failure },
        Err(_) => failure,
    }
}

fn details(error: &RunError) -> Details<'_> {
    match error {
        RunError::Guest(guest) => Details { kind: "component", code: Some(guest.kind.name()), ..Details::default() },
        RunError::Limit(breach) => Details {
            kind: "limit",
            limit: Some(breach.kind.name()),
            limit_value: Some(breach.limit),
            ..Details::default()
        },
        RunError::Refused(refusal) => Details { kind: "refused", host: host(refusal), ..Details::default() },
        RunError::Trap { .. } => Details { kind: "crash", ..Details::default() },
        RunError::Callee { workflow, error } => Details { workflow: Some(workflow.as_str()), ..details(error) },
        _ => Details { kind: "host", ..Details::default() },
    }
}

fn host(refusal: &Refusal) -> Option<&str> {
    match refusal {
        Refusal::HttpHost { host } | Refusal::HttpAddress { host, .. } => Some(host),
        Refusal::HttpDestination { destination } => Some(destination),
        _ => None,
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Prints `object` in one line.
pub(crate) fn write_json(object: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(object).context("cannot write JSON")?;
    text.push('\n');
    write(&text)
}

fn write(text: &str) -> Result<(), Failure> {
    Ok(std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?)
}
