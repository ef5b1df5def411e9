//! `tandem operator run`: runs an operator's node until it is told to stop.

use std::path::PathBuf;

use anyhow::Context as _;
use tandem_node::config::Config;
use tandem_node::node::Node;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::node_args::{of_config, of_node};
use crate::trace::LogFormat;
use crate::{Failure, keys};

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The operator's configuration, operator.toml
    #[arg(long, value_name = "FILE", default_value = "operator.toml")]
    config: PathBuf,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
}

/// Runs the command.
pub(super) fn run(args: &Run) -> Result<(), Failure> {
    let config = Config::read(&args.config).map_err(of_config)?;
    let keys = keys::open(&config.keys.directory, config.keys.password_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let secrets = |name: &str| std::env::var(name).ok().map(Zeroizing::new);
        let node = Node::prepare(config, keys, &secrets).await.map_err(of_node)?;
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone()));
        node.run(stop).await.map_err(of_node)
    })
}

async fn stop_on_signal(stop: CancellationToken) {
    signal().await;
    tracing::info!("stopping; once more to stop at once");
    stop.cancel();
    signal().await;
    std::process::exit(130);
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the system's own behaviour stays: the signals end the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
