//! `tandem exec`: runs one component once, on this machine and for nobody, with the limits and the allow-list that a node would enforce.
//! Signs nothing, and asks the chain only for what the component reads.

mod args;
mod chain;
mod load;
mod output;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tandem_engine::{
    CacheConfig, Component, Engine, EngineConfig, EngineError, Execution, LimitKind, Limits, LoadError, Refusal,
    RunError,
};
use tandem_types::CALL_DEPTH_MAX;

use args::Job;

pub(crate) use args::{Args, built};
pub(crate) use load::load_all;
pub(crate) use output::{failure_as_json, write_json};

use crate::Failure;
use crate::project::Part;

/// Exit codes; [`args::EXIT_CODES`] explains them.
pub(crate) mod code {
    pub(crate) const HOST: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const COMPONENT: u8 = 3;
    pub(crate) const LIMIT: u8 = 4;
    pub(crate) const REFUSED: u8 = 5;
    pub(crate) const CRASH: u8 = 6;
    pub(crate) const NOT_A_SERVICE: u8 = 7;
}

/// Compilation that takes longer is announced.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if args.watch { watch::run(args) } else { once(&args) }
}

fn once(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let Job { parts, task } = runtime.block_on(args.job()).map_err(|failure| told(args, failure))?;
    let outcome = runtime.block_on(async {
        let component = load_with_patience(parts).await?;
        let outcome = component.run(task).await;
        Ok::<_, Failure>((component, outcome))
    });
    let (component, outcome) = outcome.map_err(|failure| told(args, failure))?;
    let report = output::Report { component: component.digest(), limits: &component.grants().limits };
    match outcome {
        Ok(execution) => print(args, &report, &execution),
        Err(error) if args.json => Err(report.error_as_json(&error, code_of(&error))),
        Err(error) => Err(explain(error, args.in_project())),
    }
}

fn told(args: &Args, failure: Failure) -> Failure {
    if args.json { output::failure_as_json(failure) } else { failure }
}

fn print(args: &Args, report: &output::Report<'_>, execution: &Execution) -> Result<(), Failure> {
    if args.json { report.print_json(execution) } else { report.print_text(execution) }
}

async fn load_with_patience(parts: Vec<Part>) -> Result<Component, Failure> {
    let size: usize = parts.iter().map(|part| part.component.len()).sum();
    let compiling =
        tokio::task::spawn_blocking(move || load_all(&engine(load::limits_max(&parts), parts.len())?, parts));
    tokio::pin!(compiling);
    let outcome = match tokio::time::timeout(PATIENCE, &mut compiling).await {
        Ok(outcome) => outcome,
        Err(_) => {
            eprintln!("Compiling the component ({} KiB) ...", size.div_ceil(1024));
            compiling.await
        }
    };
    outcome.context("the compiler crashed")?
}

/// Compiled code is kept in `tandem/components` of the user's cache directory: `$XDG_CACHE_HOME`, else `~/.cache`; where neither is known, it is not kept.
fn cache() -> Option<CacheConfig> {
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = directory("XDG_CACHE_HOME").or_else(|| Some(directory("HOME")?.join(".cache")))?;
    Some(CacheConfig::new(base.join("tandem/components")))
}

/// An engine for one run at a time of that many components, that lends at most `limits_max`.
pub(crate) fn engine(limits_max: Limits, components: usize) -> Result<Engine, Failure> {
    let concurrent_max = u32::try_from(components).unwrap_or(u32::MAX).clamp(1, CALL_DEPTH_MAX as u32 + 1);
    Engine::new(EngineConfig { concurrent_max, limits_max, cache: cache(), ..EngineConfig::default() })
        .map_err(no_engine)
}

fn no_engine(error: EngineError) -> Failure {
    Failure::new(code::HOST, error).hint("a limit on address space, such as `ulimit -v`, is too low for WebAssembly")
}

fn not_loaded(error: LoadError) -> Failure {
    let hint = match &error {
        LoadError::CoreModule { .. } => "build it for a component target: cargo build --release --target wasm32-wasip2",
        LoadError::Invalid { .. } => {
            "expected a WebAssembly component in binary form, such as cargo writes for the target wasm32-wasip2"
        }
        LoadError::Import { .. } => {
            "components get no sockets and nothing beyond what wit/service.wit and the standard library import"
        }
        LoadError::Forbidden { .. } => "run it without --strict to try it under the profile `open`",
        LoadError::Export { .. } => {
            "export a service with `tandem_sdk::export!(run)`, for the world `tandem:service/service`"
        }
        _ => return Failure::new(code::NOT_A_SERVICE, error),
    };
    Failure::new(code::NOT_A_SERVICE, error).hint(hint)
}

fn code_of(error: &RunError) -> u8 {
    match error {
        RunError::Guest(_) => code::COMPONENT,
        RunError::Limit(_) => code::LIMIT,
        RunError::Refused(_) => code::REFUSED,
        RunError::Trap { .. } => code::CRASH,
        RunError::Callee { error, .. } => code_of(error),
        _ => code::HOST,
    }
}

fn explain(error: RunError, in_project: bool) -> Failure {
    let hint = hint(&error, in_project);
    let code = code_of(&error);
    let failure = match error {
        RunError::Guest(guest) => {
            let kind = guest.kind.name();
            Failure::new(code, anyhow::Error::new(guest).context(format!("the component returned an error ({kind})")))
        }
        error => Failure::new(code, error),
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn hint(error: &RunError, in_project: bool) -> Option<String> {
    let choose = |in_toml: &str, argument: &str| match in_project {
        true => format!("{in_toml} in tandem.toml, or for one run {argument}"),
        false => argument.to_owned(),
    };
    Some(match error {
        RunError::Guest(guest) if is_missing(&guest.message, "secret ", " is not supplied") => {
            let argument = "set an environment variable of that name and pass --secret-env NAME";
            choose("name it with secrets = [\"NAME\"]", argument)
        }
        RunError::Guest(guest) if is_missing(&guest.message, "config `", "` is not set") => {
            choose("set it under config", "set it with --config KEY=VALUE")
        }
        RunError::Limit(breach) => match breach.kind {
            LimitKind::Fuel => "raise it with --fuel N, and in the manifest".to_owned(),
            LimitKind::Time => "raise it with --time-limit SECONDS, and in the manifest".to_owned(),
            LimitKind::Memory => "raise it with --memory-limit MIB, and in the manifest".to_owned(),
            _ => return None,
        },
        RunError::Callee { error, .. } => return hint(error, in_project),
        RunError::Refused(Refusal::Component { workflow }) if in_project => {
            format!("list it with calls = [\"{workflow}\"] in tandem.toml")
        }
        RunError::Refused(Refusal::Component { .. }) => "components call each other within a project only".to_owned(),
        RunError::Refused(Refusal::Chain) => {
            choose("grant it with chain = {} and pass --rpc URL", "grant it with --rpc URL")
        }
        RunError::Refused(Refusal::Store) => choose("grant it with store = {}", "grant it with --store"),
        RunError::Refused(Refusal::HttpHost { host }) => choose(
            &format!("list it with http = {{ hosts = [\"{host}\"] }}"),
            &format!("grant it with --allow-host {host}"),
        ),
        RunError::Refused(Refusal::HttpAddress { address, .. }) => {
            format!("if that is meant, grant the address too: --allow-host {address}")
        }
        RunError::Trap { .. } => {
            "the lines above that begin with WARN are what the component wrote to its standard error".to_owned()
        }
        _ => return None,
    })
}

/// Whether a component says, in the SDK's words, that something was not set for it.
fn is_missing(message: &str, before: &str, after: &str) -> bool {
    message.starts_with(before) && message.ends_with(after)
}
