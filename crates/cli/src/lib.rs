//! Tandem's command line. One module per command, each with its `Args` and `run`; this page only chooses between them.
//!
//! It owns what the libraries refuse to touch: arguments, environment, standard streams, the subscriber for `tracing`, and the exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod boxscore;
mod demo;
mod exec;
mod keys;
pub mod local;
mod operator;
mod report;
mod trace;

pub use report::Failure;

/// Services that compute off-chain and are believed on-chain.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Exec(exec::Args),
    Keys(keys::Args),
    Operator(operator::Args),
}

/// Runs the command that the arguments name. Its exit code says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Command::Operator(args) => trace::init(trace::Default::Daemon, args.log_format()),
        _ => trace::init(trace::Default::Command, trace::LogFormat::Text),
    }
    // reqwest takes what is installed; an error says that it was installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Exec(args) => exec::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Operator(args) => operator::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
