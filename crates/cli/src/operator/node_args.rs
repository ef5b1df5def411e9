//! What the commands about one node share: which configuration, how to answer, and how to say why not.

use std::path::PathBuf;

use anyhow::Error;
use serde_json::json;
use tandem_node::config::{Config, ConfigError};
use tandem_node::journal::{JournalError, OpenError};
use tandem_node::node::NodeError;

use crate::Failure;
use crate::report::print;
use crate::session::code;

/// Which node, and how to answer.
#[derive(Debug, clap::Args)]
pub(super) struct NodeArgs {
    /// The operator's configuration
    #[arg(long, value_name = "FILE", env = "TANDEM_CONFIG", default_value = "operator.toml")]
    pub(super) config: PathBuf,
    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,
}

impl NodeArgs {
    /// The configuration.
    pub(super) fn read(&self) -> Result<Config, Failure> {
        Config::read(&self.config).map_err(of_config)
    }

    /// Runs a command; a failure of one that was asked for JSON is JSON too.
    pub(super) fn run(&self, command: impl FnOnce(Config) -> Result<(), Failure>) -> Result<(), Failure> {
        let outcome = self.read().and_then(command);
        outcome.map_err(|failure| if self.json { as_json(failure) } else { failure })
    }
}

fn as_json(failure: Failure) -> Failure {
    if failure.reported {
        return failure;
    }
    let message = format!("{:#}", failure.error);
    let page = json!({ "ok": false, "exit_code": failure.code, "error": { "kind": "failure", "message": message }, "hint": failure.hint });
    let reported = print(&format!("{page}\n")).is_ok();
    Failure { reported, ..failure }
}

/// Why a configuration is none.
pub(super) fn of_config(error: ConfigError) -> Failure {
    let hint = error.hint();
    Failure::new(code::USAGE, error).hint(hint)
}

/// Why a journal does not open.
pub(super) fn of_open(error: OpenError) -> Failure {
    let code = if matches!(error, OpenError::Doubt { .. }) { code::REFUSED } else { 1 };
    let hint = error.hint();
    Failure::new(code, error).hint(hint)
}

/// Why a journal does not answer.
pub(super) fn of_journal(error: JournalError) -> Failure {
    let code = if matches!(error, JournalError::Import { .. }) { code::REFUSED } else { 1 };
    let hint = match &error {
        JournalError::Storage(error) => Some(error.hint()),
        JournalError::Import { .. } => Some("nothing was changed"),
        _ => None,
    };
    hinted(Failure::new(code, error), hint)
}

/// Why a node did not start, or ended.
pub(super) fn of_node(error: NodeError) -> Failure {
    let (hint, code) = (error.hint(), if error.needs_person() { code::REFUSED } else { 1 });
    hinted(Failure::new(code, Error::new(error)), hint)
}

pub(super) fn hinted(failure: Failure, hint: Option<&'static str>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
