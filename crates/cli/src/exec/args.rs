//! Arguments of `tandem exec`, and what they stand for. Whatever is wrong with them is found before anything runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tandem_engine::{COMPONENT_BYTES_MAX, Grants, HttpHost, Limits, MemoryStore, ServiceStore, TaskInput};
use tandem_node::pinned_chain::PinnedChain;
use tandem_types::{
    ComponentDigest, CronFiring, Determinism, Firing, ScratchGrant, TaskBlock, Trigger, Workflow, WorkflowId,
};
use tokio::runtime::Runtime;
use url::Url;

use super::{chain, code};
use crate::project::{self, Part, Project};
use crate::{Failure, component, input};

/// Largest input, in bytes: the ServiceManager's `MAX_INPUT_BYTES`.
const INPUT_BYTES_MAX: usize = 16_384;

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  the component returned an output
  1  this machine failed, not the component
  2  bad usage: arguments, files or environment
  3  the component returned an error of its own
  4  the component met a limit
  5  the component was refused what it was not granted, such as an HTTP host
  6  the component crashed
  7  the file is not a component that can be run";

/// Run one component once and print what it returns: the one of the project around the working directory, with what its tandem.toml grants, or a file.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The component instead of the project's own: a .wasm file, https://... with --digest, or oci://REGISTRY/REPOSITORY:TAG. It is granted nothing but
    /// what the arguments say.
    #[arg(long, value_name = "FILE|URL")]
    component: Option<PathBuf>,

    /// The digest that the component must have.
    #[arg(long, value_name = "sha256:HEX", requires = "component")]
    digest: Option<ComponentDigest>,

    /// The workflow whose component, settings and grants are taken, when tandem.toml has several.
    #[arg(long, value_name = "NAME", conflicts_with = "component")]
    pub(super) workflow: Option<WorkflowId>,

    /// Build the project and run it again after every change, until Ctrl-C.
    #[arg(long, conflicts_with = "component")]
    pub(super) watch: bool,

    /// What the task begins with [default: the workflow's trigger, else request].
    #[arg(long, value_enum)]
    trigger: Option<Kind>,

    /// The task's input: text, bytes as 0xHEX, or the content of a file as @FILE. For the triggers cron, block and log, what fired, as JSON; for cron, the
    /// second (Unix time) alone is enough.
    #[arg(long, value_name = "TEXT|0xHEX|@FILE", allow_hyphen_values = true)]
    input: String,

    /// A setting that the component can read; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,

    /// Give the component the environment variable NAME as the secret NAME; repeatable.
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,

    /// Let the component send HTTP requests to this host; repeatable. Without a port: 443 for https, 80 for http.
    #[arg(long, value_name = "HOST[:PORT]")]
    allow_host: Vec<HttpHost>,

    /// Give the component a store, empty at the start and gone at the end.
    #[arg(long)]
    store: bool,

    /// Give the component a scratch directory, /scratch.
    #[arg(long)]
    scratch: bool,

    /// Let the component read the chain behind this JSON-RPC endpoint, in the state after one block, whose time is the task's.
    #[arg(long, value_name = "URL")]
    rpc: Option<Url>,

    /// With --rpc: the block [default: the latest].
    #[arg(long, value_name = "NUMBER", requires = "rpc")]
    block: Option<u64>,

    /// Run it under the profile `strict`: no network, no secrets, the same output every time. As a task of a block with this Unix time, or of that of --rpc.
    #[arg(long, value_name = "UNIX_SECONDS", conflicts_with_all = ["secret_env", "allow_host", "store"])]
    strict: Option<Option<u64>>,

    /// Fuel that the component may use, about one unit per instruction [default: 1000000000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    fuel: Option<u64>,

    /// Time that the component may take, waiting included [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    time_limit: Option<Duration>,

    /// Memory that the component may use [default: 64].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4096))]
    memory_limit: Option<u64>,

    /// Print one JSON object, and nothing else, to standard output.
    #[arg(long)]
    pub(super) json: bool,
}

/// Kinds of triggers, as in manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// `createTask` on the service's contract: the input is the task's, as it is
    Request,
    /// A call from another component of the service: the input is what that hands over
    Call,
    /// A second of a schedule: the input is {"instant":SECONDS}
    Cron,
    /// A block: the input is {"chain_id":ID,"number":NUMBER}
    Block,
    /// A log: the input is {"chain_id":ID,"tx_hash":HEX,"position":N,"emitter":HEX,"topics":[HEX],"data":HEX}
    Log,
    /// A caller's signed request to an operator: the input is what it sends, as it is
    Http,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Call => "call",
            Self::Cron => "cron",
            Self::Block => "block",
            Self::Log => "log",
            Self::Http => "http",
        }
    }
}

impl From<&Trigger> for Kind {
    fn from(trigger: &Trigger) -> Self {
        match trigger {
            Trigger::Request => Self::Request,
            Trigger::Call => Self::Call,
            Trigger::Cron(_) => Self::Cron,
            Trigger::Block(_) => Self::Block,
            Trigger::Log(_) => Self::Log,
            Trigger::Http(_) => Self::Http,
        }
    }
}

/// One run, with all that it needs.
pub(super) struct Job {
    /// The components that take part, those that are called before those that call them; the last one is asked.
    pub(super) parts: Vec<Part>,
    /// What it is asked.
    pub(super) task: TaskInput,
}

impl Args {
    /// Reads everything that the run needs.
    pub(super) fn job(&self, runtime: &Runtime) -> Result<Job, Failure> {
        self.check_strict()?;
        let open = |rpc: &Url| runtime.block_on(chain::open(rpc.clone(), self.block));
        let chain = self.rpc.as_ref().map(open).transpose()?;
        let job = match &self.component {
            Some(path) => self.job_of_file(path)?,
            None => self.job_of_project(&Project::find()?)?,
        };
        Ok(self.placed(job, chain))
    }

    /// The time of a strict run comes from one place.
    fn check_strict(&self) -> Result<(), Failure> {
        match (self.strict, &self.rpc) {
            (Some(None), None) => {
                Err(usage(anyhow!("--strict without --rpc needs the time of the task's block, in Unix seconds")))
            }
            (Some(Some(_)), Some(_)) => {
                Err(usage(anyhow!("--rpc gives the time of the task's block: give --strict none")))
            }
            _ => Ok(()),
        }
    }

    /// `job` in the block that was asked for, with the chain if the component may read it: a project's only as far as tandem.toml grants it.
    fn placed(&self, mut job: Job, chain: Option<(PinnedChain, TaskBlock)>) -> Job {
        job.task.block.time = self.strict.flatten().unwrap_or_default();
        if let Some((chain, block)) = chain {
            job.task.block = block;
            for part in job.parts.iter_mut().filter(|part| part.reads_chain) {
                part.grants.chain = Some(Arc::new(chain.clone()));
            }
        }
        job
    }

    /// Whether grants come from tandem.toml, for hints.
    pub(super) fn in_project(&self) -> bool {
        self.component.is_none()
    }

    /// The file that the input is read from.
    pub(super) fn input_file(&self) -> Option<&Path> {
        self.input.strip_prefix('@').map(Path::new)
    }

    fn job_of_file(&self, path: &Path) -> Result<Job, Failure> {
        let component = self.read_component(path)?;
        let task = TaskInput::manual(self.task_input(self.trigger.unwrap_or(Kind::Request))?);
        let grants = self.extend(Grants::default())?;
        let part =
            Part { name: task.workflow.clone(), calls: Default::default(), reads_chain: true, component, grants };
        Ok(Job { parts: vec![part], task })
    }

    fn read_component(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        if let Some(source) = component::source(path)? {
            return component::fetch(&source, self.digest);
        }
        let component = input::file(path, COMPONENT_BYTES_MAX)
            .map_err(|failure| failure.hint("build it with `cargo build --release --target wasm32-wasip2`; it is then in target/wasm32-wasip2/release"))?;
        let found = ComponentDigest::of(&component);
        match self.digest.filter(|digest| *digest != found) {
            Some(digest) => Err(usage(anyhow!("{} is {found}, not {digest}", path.display()))),
            None => Ok(component),
        }
    }

    fn job_of_project(&self, project: &Project) -> Result<Job, Failure> {
        let workflow = project.workflow(self.workflow.as_ref())?;
        self.check_trigger(workflow)?;
        let mut parts = project.parts(&workflow.name, project::secrets, |digest| built(project, digest))?;
        if let Some(asked) = parts.last_mut() {
            asked.grants = self.extend(std::mem::take(&mut asked.grants))?;
        }
        if self.strict.is_some() {
            parts.iter_mut().for_each(|part| part.grants.determinism = Determinism::Strict);
        }
        let input = self.task_input(Kind::from(&workflow.trigger))?;
        let task = TaskInput { workflow: workflow.name.clone(), ..TaskInput::manual(input) };
        Ok(Job { parts, task })
    }

    /// A workflow has one trigger: what another would bring is not what its component expects.
    fn check_trigger(&self, workflow: &Workflow) -> Result<(), Failure> {
        let own = Kind::from(&workflow.trigger);
        match self.trigger {
            Some(kind) if kind != own => {
                let error = anyhow!("workflow `{}` does not begin with `{}`", workflow.name, kind.name());
                Err(usage(error).hint(format!("leave --trigger out, or say --trigger {}", own.name())))
            }
            _ => Ok(()),
        }
    }

    /// What the component is given when `kind` begins its task: a firing exactly as operators put it.
    fn task_input(&self, kind: Kind) -> Result<Vec<u8>, Failure> {
        let input = input::bytes(&self.input, INPUT_BYTES_MAX)?;
        let wrong = |error: serde_json::Error| {
            usage(anyhow!(error).context(format!("--input is not what the trigger `{}` fires", kind.name())))
                .hint(format!("`tandem exec --help` shows what it looks like under --trigger {}", kind.name()))
        };
        let firing = match kind {
            Kind::Request | Kind::Call | Kind::Http => return Ok(input),
            Kind::Cron => serde_json::from_slice(&input)
                .map(|instant| CronFiring { instant })
                .or_else(|_| serde_json::from_slice(&input))
                .map(Firing::Cron),
            Kind::Block => serde_json::from_slice(&input).map(Firing::Block),
            Kind::Log => serde_json::from_slice(&input).map(Firing::Log),
        };
        Ok(firing.map_err(wrong)?.input())
    }

    /// `grants`, with what the arguments add and set otherwise.
    fn extend(&self, mut grants: Grants) -> Result<Grants, Failure> {
        let Limits { fuel, time, memory_bytes, .. } = grants.limits;
        grants.config.extend(self.config.iter().cloned());
        for name in &self.secret_env {
            let (name, value) = project::secret(name)?;
            grants.secrets.insert(name, value);
        }
        grants.http_hosts = grants.http_hosts.iter().chain(&self.allow_host).cloned().collect();
        grants.limits.fuel = self.fuel.unwrap_or(fuel);
        grants.limits.time = self.time_limit.unwrap_or(time);
        grants.limits.memory_bytes = self.memory_limit.map_or(memory_bytes, |mib| mib << 20);
        if self.strict.is_some() {
            grants.determinism = Determinism::Strict;
        }
        if self.scratch {
            grants.limits.scratch = ScratchGrant::default().into();
        }
        if self.store {
            grants.store = Some(Arc::new(MemoryStore::default()) as Arc<dyn ServiceStore>);
        }
        Ok(grants)
    }
}

/// The component that the project's manifest names, as it was built.
pub(crate) fn built(project: &Project, digest: ComponentDigest) -> Result<Vec<u8>, Failure> {
    let path = project.component_path(digest);
    let build = |error| usage(error).hint("run `tandem build`");
    if !path.exists() {
        return Err(build(anyhow!("tandem.toml names {digest}, which is not built")));
    }
    let component = input::file(&path, COMPONENT_BYTES_MAX)?;
    if ComponentDigest::of(&component) != digest {
        return Err(build(anyhow!("{} holds another component than its name says", path.display())));
    }
    if let Some(source) = project.source_after(&path) {
        eprintln!("note: {} is newer than the component; `tandem build` brings it up to date", source.display());
    }
    Ok(component)
}

fn usage(error: anyhow::Error) -> Failure {
    Failure::new(code::USAGE, error)
}

/// Reads a file that must not be larger than `bytes_max`.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero() && *time <= Duration::from_secs(86_400))
        .ok_or_else(|| "expected more than 0 and at most 86400 seconds".to_owned())
}
