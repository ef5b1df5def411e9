//! `tandem operator`: runs an operator's node, and does on the chain what an operator does there.

mod db;
mod init;
mod inspect;
mod manage;
mod node_args;
mod pages;
mod rotate;
mod run;
mod show;

use clap::Subcommand;
use tandem_chain::staking::AllocationBps;
use tandem_node::keys::KeyKind;
use tandem_types::{Address, PerToken};

use crate::session::{self, CommonArgs};
use crate::stake::examples;
use crate::trace::LogFormat;
use crate::{Failure, units};

use node_args::NodeArgs;
pub(crate) use run::signal;
pub(crate) use show::weights_json;

/// Run an operator, register it, and choose the services that it stands behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the node: find tasks, execute them, agree with the other operators, deliver
    ///
    /// Secrets of components are taken from environment variables of the same names. SIGINT and SIGTERM end the node after
    /// what is under way; a second one ends it at once. Logs go to standard error; RUST_LOG chooses what is logged.
    #[command(verbatim_doc_comment)]
    Run(run::Run),
    /// Write a commented operator.toml for a service
    #[command(after_help = examples(INIT))]
    Init(init::Init),
    /// Show how the node does: health, weight, table, peers, chains, tasks, balance
    ///
    /// From the node where it runs, else from its journal.
    #[command(after_help = examples(STATUS))]
    Status(NodeArgs),
    /// List tasks that the node knows, the newest first
    #[command(after_help = examples(TASKS))]
    Tasks(inspect::Tasks),
    /// Show one task's life: times, result, certificate, delivery, cost
    #[command(after_help = examples(TASK))]
    Task(inspect::Task),
    /// Show the other operators of the service: address, connection, last message
    #[command(after_help = examples(PEERS))]
    Peers(NodeArgs),
    /// Look after the journal, which keeps the operator from signing twice
    #[command(after_help = examples(DB))]
    Db(db::Args),
    /// Register the account as an operator, with the keys that `tandem keys new` made
    #[command(after_help = examples(REGISTER))]
    Register(Register),
    /// End being an operator, once it serves no service; its keys are spent
    #[command(after_help = examples(DEREGISTER))]
    Deregister(CommonArgs),
    /// Change what the operator says of itself: socket, metadata, commission
    #[command(after_help = examples(SET))]
    Set(Set),
    /// Enter a service with an allocation of the operator's stake
    #[command(after_help = examples(OPT_IN))]
    OptIn(OptIn),
    /// Change the allocation to a service; more becomes effective after the allocation delay, less after the withdrawal delay
    #[command(after_help = examples(ALLOCATE))]
    Allocate(Allocate),
    /// Leave a service; the allocation stays slashable for the withdrawal delay
    #[command(after_help = examples(OPT_OUT))]
    OptOut(CommonArgs),
    /// Replace the BLS key and the transport key by new ones in the same directory
    ///
    /// The previous keys stay beside them and count for the network's overlap: the BLS key in operator tables that were taken before, the transport key with the
    /// other operators. Until the overlap is over there is no next rotation. What was interrupted is finished when the command is run again.
    ///
    /// A node reads its keys when it starts: restart it afterwards.
    #[command(after_help = examples(ROTATE))]
    RotateKey(RotateKey),
    /// Show an operator: keys, commission, stake, allocations
    #[command(after_help = examples(SHOW))]
    Show(Show),
}

const INIT: &str = "  tandem operator init --service 0x… --chain-id 1 --rpc https://rpc.example";
const STATUS: &str = "  tandem operator status
  tandem operator status --config /etc/tandem/operator.toml --json";
const TASKS: &str = "  tandem operator tasks
  tandem operator tasks --state failed --since 12h
  tandem operator tasks --workflow score --limit 100 --json";
const TASK: &str = "  tandem operator task 17
  tandem operator task 0x… --json";
const PEERS: &str = "  tandem operator peers";
const DB: &str = "  tandem operator db check
  tandem operator db export --output signed.jsonl --retire
  tandem operator db import signed.jsonl --config operator.toml
  tandem operator db recover --no-other-node";
const REGISTER: &str = "  tandem keys new --directory keys
  tandem operator register --keys keys --socket node.example.org:9000 --metadata https://example.org/operator.json
  tandem stake delegate <own address> --keys keys";
const DEREGISTER: &str = "  tandem operator deregister --keys keys --dry-run";
const SET: &str = "  tandem operator set --socket node.example.org:9001 --keys keys
  tandem operator set --commission 7.5% --keys keys";
const OPT_IN: &str = "  tandem operator opt-in --native 50% --external 100% --keys keys --dry-run
  tandem operator opt-in --native 50% --external 100% --replace 0x… --keys keys";
const ALLOCATE: &str = "  tandem operator allocate --native 25% --keys keys
  tandem operator allocate --native 25% --external 100% --keys keys --dry-run";
const OPT_OUT: &str = "  tandem operator opt-out --service 0x… --keys keys";
const ROTATE: &str = "  tandem operator rotate-key --keys keys --dry-run
  tandem operator rotate-key --keys keys
  tandem operator rotate-key --keys keys --only transport";
const SHOW: &str = "  tandem operator show 0x…
  tandem operator show --keys keys --json";

#[derive(Debug, clap::Args)]
struct Register {
    /// Where the operator's node listens for the others; without it, it is not to be reached
    #[arg(long, value_name = "HOST:PORT", default_value = "", hide_default_value = true)]
    socket: String,
    /// Where a description of the operator can be had
    #[arg(long, value_name = "URI", default_value = "", hide_default_value = true)]
    metadata: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
struct Set {
    /// Where the operator's node listens for the others
    #[arg(long, value_name = "HOST:PORT", group = "change")]
    socket: Option<String>,
    /// Where a description of the operator can be had
    #[arg(long, value_name = "URI", group = "change")]
    metadata: Option<String>,
    /// Share of rewards that the operator keeps before its stakers, such as 7.5%; it applies after the notice period
    #[arg(long, value_name = "PERCENT", group = "change", allow_hyphen_values = true, value_parser = units::parse_bps)]
    commission: Option<u16>,
    #[command(flatten)]
    common: CommonArgs,
}

/// What is exposed to a service.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Allocation {
    /// Share of the operator's stake of the native token, such as 50% or 5000bps
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = units::parse_bps)]
    native: u16,
    /// Share of the operator's stake of the external token, such as 100%
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = units::parse_bps)]
    external: u16,
}

impl From<Allocation> for AllocationBps {
    fn from(allocation: Allocation) -> Self {
        PerToken { native: allocation.native, external: allocation.external }
    }
}

#[derive(Debug, clap::Args)]
struct OptIn {
    #[command(flatten)]
    allocation: Allocation,
    /// The service's weakest operator, to take its place when the service is full
    #[arg(long, value_name = "OPERATOR", value_parser = units::parse_address)]
    replace: Option<Address>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
struct Allocate {
    /// Share of the operator's stake of the native token, such as 50% or 5000bps; without it, it stays as it is
    #[arg(long, value_name = "PERCENT", group = "change", allow_hyphen_values = true, value_parser = units::parse_bps)]
    native: Option<u16>,
    /// Share of the operator's stake of the external token; without it, it stays as it is
    #[arg(long, value_name = "PERCENT", group = "change", allow_hyphen_values = true, value_parser = units::parse_bps)]
    external: Option<u16>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct RotateKey {
    /// Replace only one of the two
    #[arg(long, value_enum)]
    only: Option<Which>,
    #[command(flatten)]
    common: CommonArgs,
}

/// One of an operator's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// The key that signs results
    Bls,
    /// The key of the node
    Transport,
}

impl From<Which> for KeyKind {
    fn from(which: Which) -> Self {
        match which {
            Which::Bls => Self::Bls,
            Which::Transport => Self::Transport,
        }
    }
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The operator's address [default: the account of --keys]
    #[arg(value_parser = units::parse_address)]
    operator: Option<Address>,
    #[command(flatten)]
    common: CommonArgs,
}

impl Args {
    /// How the daemon is to log; none for the other commands.
    pub(crate) fn log_format(&self) -> Option<LogFormat> {
        match &self.command {
            Command::Run(run) => Some(run.log_format),
            _ => None,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Run(args) => run::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Status(args) => inspect::status(&args),
        Command::Tasks(args) => inspect::tasks(&args),
        Command::Task(args) => inspect::task(&args),
        Command::Peers(args) => inspect::peers(&args),
        Command::Db(args) => db::run(args),
        Command::Register(args) => session::run(&args.common.network, |session| manage::register(session, &args)),
        Command::Deregister(common) => session::run(&common.network, |session| manage::deregister(session, &common)),
        Command::Set(args) => session::run(&args.common.network, |session| manage::set(session, &args)),
        Command::OptIn(args) => session::run(&args.common.network, |session| manage::opt_in(session, &args)),
        Command::Allocate(args) => session::run(&args.common.network, |session| manage::allocate(session, &args)),
        Command::OptOut(common) => session::run(&common.network, |session| manage::opt_out(session, &common)),
        Command::RotateKey(args) => session::run(&args.common.network, |session| rotate::run(session, &args)),
        Command::Show(args) => session::run(&args.common.network, |session| show::run(session, &args)),
    }
}
