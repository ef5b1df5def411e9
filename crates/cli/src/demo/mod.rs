//! `tandem demo`: the main line on one machine, told step by step. Everything in it is real but the money: chain, contracts, processes,
//! signatures, HTTP. It leaves nothing running, however it ends.

mod story;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tandem_chain::admin::CreatedTask;
use tandem_chain::{Anvil, AnvilError, Cursor, ServiceEvent, random_bytes};
use tandem_types::{PerToken, TaskId};

use crate::local::{Network, Options, TOKEN};
use crate::{Failure, boxscore, operator};
use story::{Delivered, Shortage, Story};

/// Where `make components` puts the component, seen from the repository.
const COMPONENT: &str = "components/target/wasm32-wasip2/release/sports_scores.wasm";
/// Exit code when no quorum was reached.
const NO_QUORUM: u8 = 3;
/// Exit code when it was interrupted.
const INTERRUPTED: u8 = 130;
/// Most operators of one demo: each is a process.
const OPERATORS_MAX: u16 = 16;
/// Time between two looks at the chain.
const LOOK: Duration = Duration::from_millis(50);

/// Start a local chain and four operators, ask for a game's score, and read the verified answer from the contract
///
/// Exit codes: 0 delivered, 1 something failed, 2 bad usage, 3 quorum not reached, 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Operators, each a process of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=OPERATORS_MAX as i64))]
    operators: u16,
    /// Kill that many operators before the request
    #[arg(long, value_name = "K", default_value_t = 0)]
    kill: u16,
    /// Kill the operator that leads, right after the request
    #[arg(long)]
    kill_leader: bool,
    /// How the stake is spread over the operators
    #[arg(long, value_enum, default_value_t = Stakes::Equal)]
    stakes: Stakes,
    /// Seconds that the operators have for the answer
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    deadline: u64,
    /// The component; by default what `make components` built
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Keep keys, journals and logs in this directory, which must not exist yet
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Stakes {
    /// All operators stake the same
    Equal,
    /// The more native stake an operator has, the less of the other
    Mixed,
}

/// How a demo that ran to its end ended.
enum End {
    Delivered(Box<Delivered>),
    NoQuorum(Shortage),
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if args.kill > args.operators {
        let error = anyhow::anyhow!("cannot kill {} of {} operators", args.kill, args.operators);
        return Err(Failure::new(2, error));
    }
    let directory = Directory::new(args.keep.clone())?;
    let options = options(&args, directory.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let mut story = Story::new(args.json);
    let end = runtime.block_on(async {
        tokio::select! {
            end = play(&args, &options, &mut story) => end.map_err(Failure::from),
            () = operator::signal() => Err(Failure::new(INTERRUPTED, anyhow::anyhow!("interrupted"))),
        }
    });
    match end {
        Ok(End::Delivered(delivered)) => {
            story.delivered(&delivered);
            Ok(())
        }
        Ok(End::NoQuorum(shortage)) => {
            let reported = story.no_quorum(&shortage);
            let failure = Failure::new(NO_QUORUM, anyhow::anyhow!("{shortage}"));
            Err(Failure { reported, ..failure }
                .hint("too little stake stood behind one result; the task has expired and nothing was delivered"))
        }
        Err(failure) => Err(story.interrupted(failure)),
    }
}

/// Where the demo writes; removed at the end unless it is to be kept.
enum Directory {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Directory {
    fn new(keep: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = keep else {
            let directory = tempfile::Builder::new().prefix("tandem-demo-").tempdir();
            return Ok(Self::Temporary(directory.context("cannot create a temporary directory")?));
        };
        std::fs::create_dir(&path)
            .with_context(|| format!("cannot create {}", path.display()))
            .map_err(|error| Failure::new(2, error).hint("name a directory that does not exist, in one that does"))?;
        Ok(Self::Kept(std::path::absolute(path).context("the working directory is gone")?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(path) => path,
        }
    }
}

fn options(args: &Args, directory: &Path) -> Result<Options, Failure> {
    let working = std::env::current_dir().context("the working directory is gone")?;
    let missing = |error: AnvilError| {
        let hint = error.hint();
        let failure = Failure::from(anyhow::Error::new(error));
        hint.into_iter().fold(failure, |failure, hint| failure.hint(hint))
    };
    let component = args.component.clone().unwrap_or_else(|| COMPONENT.into());
    let bytes = std::fs::read(&component)
        .with_context(|| format!("cannot read the component {}", component.display()))
        .map_err(|error| Failure::from(error).hint("run `make components`, or name one with --component"))?;
    let api_key: String = random_bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Options {
        stakes: stakes(args.stakes, args.operators.into()),
        binary: std::env::current_exe().context("cannot find this program's own file")?,
        anvil: Anvil::find(&working).map_err(missing)?,
        directory: directory.to_owned(),
        component: bytes,
        api_key,
        log: std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
    })
}

fn stakes(stakes: Stakes, operators: u32) -> Vec<PerToken<u128>> {
    let stake = |index: u32| match stakes {
        Stakes::Equal => PerToken { native: 250_000 * TOKEN, external: 32 * TOKEN },
        Stakes::Mixed => PerToken {
            native: 50_000 * TOKEN * u128::from(4 + operators - index),
            external: 4 * TOKEN * u128::from(5 + index),
        },
    };
    (0..operators).map(stake).collect()
}

async fn play(args: &Args, options: &Options, story: &mut Story) -> anyhow::Result<End> {
    let mut network = Network::start(options, &mut |progress| story.progress(&progress)).await?;
    for operator in network.operators.iter_mut().take(args.kill.into()) {
        operator.kill().await?;
        story.killed(operator, "killed before the request");
    }
    let mut cursor = None;
    while !network.events(&mut cursor).await?.is_empty() {}
    let asked = Instant::now();
    let task = network.ask(boxscore::CLOSED, args.deadline).await?;
    story.asked(boxscore::CLOSED, &task);
    if args.kill_leader {
        kill_leader(&mut network, story).await?;
    }
    let end = wait(&network, (&task, asked), &mut cursor, story).await;
    story.pause();
    end
}

/// Kills whoever leads now, as the operators see it.
async fn kill_leader(network: &mut Network, story: &mut Story) -> anyhow::Result<()> {
    let mut leader = None;
    for operator in network.operators.iter().filter(|operator| !operator.is_dead()) {
        leader = leader.or(operator.status().await.and_then(|status| status.leader));
    }
    let leader = leader.context("no operator says who leads")?;
    let Some(operator) = network.operators.iter_mut().find(|operator| operator.id == leader) else {
        bail!("the leader {leader} is not among the operators");
    };
    operator.kill().await?;
    story.killed(operator, "led, and was killed right after the request");
    Ok(())
}

/// Waits until the task is delivered or its deadline has passed.
async fn wait(
    network: &Network,
    (task, asked): (&CreatedTask, Instant),
    cursor: &mut Option<Cursor>,
    story: &mut Story,
) -> anyhow::Result<End> {
    let mut certificate = None;
    let mut most = PerToken { native: 0.0, external: 0.0 };
    loop {
        for placed in network.events(cursor).await? {
            match placed.event {
                ServiceEvent::CertificateVerified { signed, total, signers, .. } => {
                    certificate = Some((signed, total, signers));
                }
                ServiceEvent::TaskDelivered { task_id, .. } if task_id == task.task_id => {
                    let certificate = certificate.take().context("a result was delivered without a certificate")?;
                    return delivered(network, (task, asked), placed.place.tx_hash, certificate).await;
                }
                _ => {}
            }
        }
        // Operators forget what they knew of a task when it expires.
        most = most.zip_with(attested(network, task.task_id).await, f64::max);
        story.waiting(&task.task, most);
        if crate::local::unix_seconds() > task.task.deadline + 1 {
            return Ok(End::NoQuorum(Shortage { quorum: task.task.quorum, attested: most }));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn delivered(
    network: &Network,
    (task, asked): (&CreatedTask, Instant),
    tx_hash: tandem_types::B256,
    (signed, total, signers): story::Certificate,
) -> anyhow::Result<End> {
    let took = asked.elapsed();
    let mined = network.owner.look_up(tx_hash).await?;
    let (submitter, outcome) = mined.context("the chain lost the delivery")?;
    let score = network.score(boxscore::CLOSED).await?.context("the contract has no score")?;
    let mut operators: Vec<_> = network.operators.iter().map(|operator| (operator.id, operator.number())).collect();
    operators.sort_unstable();
    let positions = signers.positions(operators.len())?;
    let mut signers: Vec<_> = positions.into_iter().map(|position| operators[position].1).collect();
    signers.sort_unstable();
    Ok(End::Delivered(Box::new(Delivered {
        task: task.clone(),
        took,
        submitter: network.operators.iter().find(|operator| operator.id.0 == submitter).map(|of| of.number()),
        outcome,
        signers,
        operators: operators.len(),
        signed,
        total,
        score,
        board: network.deployment.score_board,
    })))
}

/// The most of each token's stake that any operator knows to have attested its result, in percent.
async fn attested(network: &Network, task: TaskId) -> PerToken<f64> {
    let mut most = PerToken { native: 0.0, external: 0.0 };
    for operator in network.operators.iter().filter(|operator| !operator.is_dead()) {
        if let Some(page) = operator.task(task).await {
            most = most.zip_with(page.attested_percent, f64::max);
        }
    }
    most
}
