//! `tandem demo`: the main line on one machine, told step by step. Everything in it is real but the money: chain, contracts, processes,
//! signatures, HTTP. It leaves nothing running, however it ends.

mod policy;
mod story;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tandem_chain::admin::CreatedTask;
use tandem_chain::{Anvil, AnvilError, Cursor, PlacedEvent, ServiceEvent, random_bytes};
use tandem_protocol::policy::Conditions;
use tandem_types::{B256, PerToken, Policy, SignerBitmap, Weight};

use crate::local::{Network, Options, unix_seconds};
use crate::{Failure, boxscore, operator};
use policy::{Kind, Stakes};
use story::{Certificate, Delivered, Refused, Story};
use verdict::Scales;

/// Where `make components` puts the component, seen from the repository.
const COMPONENT: &str = "components/target/wasm32-wasip2/release/sports_scores.wasm";
/// Exit code when the policy refused, or operators vetoed.
const REFUSED: u8 = 3;
/// Exit code when it was interrupted.
const INTERRUPTED: u8 = 130;
/// Most operators of one demo: each is a process.
const OPERATORS_MAX: u16 = 16;
/// Time between two looks at the chain.
const LOOK: Duration = Duration::from_millis(50);
/// Seconds that operators have for the last transaction after a result has waited for vetoes.
const FINALIZE_SECONDS: u64 = 60;

/// Start a local chain and four operators, ask for a game's score, and read the verified answer from the contract
///
/// Exit codes: 0 delivered, 1 something failed, 2 bad usage, 3 refused by the policy or vetoed, 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Operators, each a process of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=OPERATORS_MAX as i64))]
    operators: u16,
    /// What signed stake makes an answer acceptable
    #[arg(long, value_enum, default_value_t = Kind::Both)]
    policy: Kind,
    /// Kill that many operators before the request, the first ones
    #[arg(long, value_name = "K", default_value_t = 0)]
    kill: u16,
    /// Kill the operator that leads, right after the request
    #[arg(long)]
    kill_leader: bool,
    /// Tell that many operators another score, the first ones that live
    #[arg(long, value_name = "K", default_value_t = 0)]
    dissent: u16,
    /// Let the price feeds fall silent before the request; only with --policy combined
    #[arg(long)]
    stale_prices: bool,
    /// Let the native token's price crash before the request; only with --policy both-or-fallback
    #[arg(long)]
    native_crash: bool,
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

/// How a demo that ran to its end ended.
enum End {
    Delivered(Box<Delivered>),
    Refused(Refused),
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    args.check().map_err(|message| Failure::new(2, anyhow::anyhow!(message)))?;
    let directory = Directory::new(args.keep.clone())?;
    let options = options(&args, directory.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let mut story = Story::new(args.json, options.policy);
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
        Ok(End::Refused(refused)) => {
            let reported = story.refused(&refused);
            let failure = Failure::new(REFUSED, anyhow::anyhow!("{refused}"));
            Err(Failure { reported, ..failure }.hint(refused.hint()))
        }
        Err(failure) => Err(story.interrupted(failure)),
    }
}

impl Args {
    /// What cannot be asked for together.
    fn check(&self) -> Result<(), String> {
        let Self { operators, kill, dissent, policy, .. } = self;
        if kill > operators {
            return Err(format!("cannot kill {kill} of {operators} operators"));
        }
        if *dissent > operators - kill {
            return Err(format!("cannot mislead {dissent} of {} operators", operators - kill));
        }
        if self.stale_prices && *policy != Kind::Combined {
            return Err("--stale-prices needs --policy combined: no other asks for prices".to_owned());
        }
        if self.native_crash && *policy != Kind::BothOrFallback {
            return Err("--native-crash needs --policy both-or-fallback: no other has a fallback".to_owned());
        }
        Ok(())
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
        policy: args.policy.policy(),
        stakes: args.stakes.spread(args.operators.into()),
        misled: args.kill.into()..usize::from(args.kill + args.dissent),
        rpc: None,
        watched_chains: Vec::new(),
        telemetry: Default::default(),
        binary: std::env::current_exe().context("cannot find this program's own file")?,
        anvil: Anvil::find(&working).map_err(missing)?,
        directory: directory.to_owned(),
        component: bytes,
        manifest: None,
        keeps_chain: false,
        sources: Vec::new(),
        api_key,
        log: std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
    })
}

async fn play(args: &Args, options: &Options, story: &mut Story) -> anyhow::Result<End> {
    let mut network = Network::start(options, &mut |progress| story.progress(&progress)).await?;
    for operator in network.operators.iter_mut().take(args.kill.into()) {
        operator.kill().await?;
        story.killed(operator, "killed before the request");
    }
    for operator in network.operators.iter().take(options.misled.end).skip(options.misled.start) {
        story.misled(operator);
    }
    if args.stale_prices {
        network.age_prices().await?;
        story.happened("prices", "the price feeds have been silent for two hours");
    }
    if args.native_crash {
        network.crash_native().await?;
        story.happened("crash", "the native token has lost its worth; the fallback is on");
    }
    let mut cursor = None;
    while !network.events(&mut cursor).await?.is_empty() {}
    let asked = Instant::now();
    let task = network.ask(boxscore::CLOSED, args.deadline).await?;
    story.asked(boxscore::CLOSED, &task);
    if args.kill_leader {
        kill_leader(&mut network, story).await?;
    }
    let end = Watch { network: &network, policy: options.policy, task: &task, asked }.wait(&mut cursor, story).await;
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

/// One task, watched to its end.
struct Watch<'a> {
    network: &'a Network,
    policy: Policy,
    task: &'a CreatedTask,
    asked: Instant,
}

/// What has been seen of it.
#[derive(Default)]
struct Seen {
    certificate: Option<Certificate>,
    /// When its result can be vetoed no more, if it waits.
    pending_until: Option<u64>,
    attested: PerToken<Weight>,
    total: PerToken<Weight>,
    conditions: Conditions,
}

impl Watch<'_> {
    /// Waits until the task is delivered or vetoed, or its time is over.
    async fn wait(&self, cursor: &mut Option<Cursor>, story: &mut Story) -> anyhow::Result<End> {
        let mut seen = Seen::default();
        loop {
            for placed in self.network.events(cursor).await? {
                if let Some(end) = self.see(placed, &mut seen, story).await? {
                    return Ok(end);
                }
            }
            self.look(&mut seen).await?;
            story.waiting(&self.task.task, &seen.scales(self.policy));
            let last = seen.pending_until.map_or(self.task.task.deadline + 1, |until| until + FINALIZE_SECONDS);
            if unix_seconds() > last {
                return Ok(End::Refused(Refused::Short(seen.scales(self.policy))));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn see(&self, placed: PlacedEvent, seen: &mut Seen, story: &mut Story) -> anyhow::Result<Option<End>> {
        match placed.event {
            ServiceEvent::CertificateVerified { signed, total, signers, .. } => {
                seen.certificate = Some(Certificate { signed, total, signers: self.numbers(&signers)? });
            }
            ServiceEvent::TaskPending { task_id, until, .. } if task_id == self.task.task_id => {
                seen.pending_until = Some(until);
                story.pending(seen.certificate.as_ref(), self.policy);
            }
            ServiceEvent::TaskVetoed { task_id, signed, total, signers, .. } if task_id == self.task.task_id => {
                let total = PerToken { native: Weight::ZERO, external: total };
                let signed = PerToken { native: Weight::ZERO, external: signed };
                let vetoers = self.numbers(&signers)?;
                let veto = Certificate { signed, total, signers: vetoers };
                return Ok(Some(End::Refused(Refused::Vetoed { policy: self.policy, veto })));
            }
            ServiceEvent::TaskDelivered { task_id, .. } if task_id == self.task.task_id => {
                let certificate = seen.certificate.take().context("a result was delivered without a certificate")?;
                return self.delivered(placed.place.tx_hash, certificate, seen).await.map(Some);
            }
            _ => {}
        }
        Ok(None)
    }

    /// The most that any operator knows of. Operators forget what they knew of a task when it expires.
    async fn look(&self, seen: &mut Seen) -> anyhow::Result<()> {
        for operator in self.network.operators.iter().filter(|operator| !operator.is_dead()) {
            if let Some(page) = operator.task(self.task.task_id).await {
                seen.attested = seen.attested.zip_with(page.attested, Weight::max);
                seen.total = seen.total.zip_with(page.total, Weight::max);
            }
        }
        let tandem_chain::Conditions { prices, fallback } = self.network.conditions().await?;
        seen.conditions = Conditions { prices, fallback };
        Ok(())
    }

    /// The numbers of the operators in a bitmap, ascending.
    fn numbers(&self, signers: &SignerBitmap) -> anyhow::Result<Vec<usize>> {
        let mut operators: Vec<_> = self.network.operators.iter().map(|of| (of.id, of.number())).collect();
        operators.sort_unstable();
        let positions = signers.positions(operators.len())?;
        let mut numbers: Vec<_> = positions.into_iter().map(|position| operators[position].1).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn delivered(&self, tx_hash: B256, certificate: Certificate, seen: &Seen) -> anyhow::Result<End> {
        let (network, took) = (self.network, self.asked.elapsed());
        let mined = network.owner.look_up(tx_hash).await?;
        let (submitter, outcome) = mined.context("the chain lost the delivery")?;
        let score = network.score(boxscore::CLOSED).await?.context("the contract has no score")?;
        let scales = Scales {
            policy: self.policy,
            conditions: seen.conditions,
            stake: verdict::stake(certificate.signed, certificate.total),
        };
        Ok(End::Delivered(Box::new(Delivered {
            task: self.task.clone(),
            took,
            submitter: network.operators.iter().find(|operator| operator.id.0 == submitter).map(|of| of.number()),
            outcome,
            signers: certificate.signers,
            operators: network.operators.len(),
            scales,
            waited: seen.pending_until.is_some(),
            score,
            board: network.deployment.score_board,
        })))
    }
}

impl Seen {
    fn scales(&self, policy: Policy) -> Scales {
        Scales { policy, conditions: self.conditions, stake: verdict::stake(self.attested, self.total) }
    }
}
