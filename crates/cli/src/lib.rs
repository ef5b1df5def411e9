//! Tandem's command line. One module per command, each with its `Args` and `run`; this page only chooses between them.
//!
//! It owns what the libraries refuse to touch: arguments, environment, standard streams, the subscriber for `tracing`, and the exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod boxscore;
mod build;
mod call;
mod component;
mod demo;
mod exec;
mod input;
mod keys;
pub mod local;
mod new;
mod operator;
mod project;
mod report;
mod service;
mod session;
mod stake;
mod table;
mod test;
mod trace;
mod units;

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
    Build(build::Args),
    Call(call::Args),
    Component(component::Args),
    Demo(demo::Args),
    Exec(exec::Args),
    Keys(keys::Args),
    New(new::Args),
    Operator(operator::Args),
    Service(service::Args),
    Stake(stake::Args),
    Test(test::Args),
}

/// Runs the command that the arguments name. Its exit code says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match daemon_log(&cli.command) {
        Some(format) => trace::init(trace::Default::Daemon, format),
        None => trace::init(trace::Default::Command, trace::LogFormat::Text),
    }
    // reqwest takes what is installed; an error says that it was installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match cli.command {
        Command::Build(args) => build::run(args),
        Command::Call(args) => call::run(args),
        Command::Component(args) => component::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Exec(args) => exec::run(args),
        Command::Keys(args) => keys::run(args),
        Command::New(args) => new::run(args),
        Command::Operator(args) => operator::run(args),
        Command::Service(args) => service::run(args),
        Command::Stake(args) => stake::run(args),
        Command::Test(args) => test::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// How a daemon is to log; none for commands that end by themselves.
fn daemon_log(command: &Command) -> Option<trace::LogFormat> {
    match command {
        Command::Operator(args) => args.log_format(),
        _ => None,
    }
}
