//! Log lines of all commands: to standard error, chosen by `RUST_LOG`. Standard output belongs to results.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// What is shown when `RUST_LOG` is not set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// What components say, and what goes wrong.
    Command,
    /// What happens.
    Daemon,
}

impl Default {
    fn directives(self) -> &'static str {
        match self {
            Self::Command => "warn,tandem::component=info",
            Self::Daemon => "info",
        }
    }
}

/// Crates that are never shown below warnings: some know what travels between a component and a server and would write it down, others write a line per
/// instruction that they compile.
const QUIET: [&str; 8] = [
    "cranelift_codegen=warn",
    "cranelift_frontend=warn",
    "hyper=warn",
    "regalloc2=warn",
    "rustls=warn",
    "wasmtime=warn",
    "wasmtime_internal_cranelift=warn",
    "wasmtime_wasi_http=warn",
];

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: time, level, place, message, fields
    Text,
    /// For machines: one JSON object per line
    Json,
}

/// Sets the subscriber; once per process.
pub(crate) fn init(default: Default, format: LogFormat) {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default.directives()));
    let quiet = QUIET.iter().map(|text| text.parse::<Directive>().expect("the directives are valid"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(quiet.fold(wanted, EnvFilter::add_directive))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
