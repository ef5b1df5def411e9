//! `tandem service`: what stands behind a service, and what its owner, slasher and resolver do about it.

mod manage;
mod policy;
mod show;
mod triggers;

use clap::Subcommand;
use tandem_types::{Address, B256};

use crate::session::{self, CommonArgs, NetworkArgs};
use crate::stake::examples;
use crate::{Failure, units};

/// Show a service, choose its operators, slash them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a service: its policy, operator table, rules, slashing terms, operators and what they count for, slashes that wait
    #[command(after_help = examples(SHOW))]
    Show(Show),
    /// Say which chains a manifest's triggers watch, and how many of the operators can serve them, before it is announced
    #[command(after_help = examples(TRIGGERS))]
    Triggers(triggers::Triggers),
    /// Make the service known to the AllocationManager, with its slashing terms, for good, and its membership rules (owner)
    #[command(after_help = examples(REGISTER))]
    Register(Register),
    /// Change whom the service takes; who serves already stays until ejected (owner)
    #[command(after_help = examples(RULES))]
    Rules(Rules),
    /// Approve an operator (owner)
    #[command(after_help = examples(APPROVE))]
    Approve(Approve),
    /// Make an operator leave: its weight is lost at once, its allocation stays slashable (owner)
    #[command(after_help = examples(EJECT))]
    Eject(OfOperator),
    /// Write a new operator table from the stake as it is now (anyone)
    #[command(after_help = examples(REFRESH))]
    Refresh(CommonArgs),
    /// Ask for a slash of an operator's allocation (slasher)
    #[command(after_help = examples(SLASH))]
    Slash(Slash),
    /// Stop a slash that was asked for, while it waits (resolver)
    #[command(after_help = examples(VETO))]
    VetoSlash(OfRequest),
    /// Execute a slash that waited and was not stopped (anyone)
    #[command(after_help = examples(EXECUTE))]
    ExecuteSlash(OfRequest),
    /// Send what was slashed in one token to the service's recipient, or burn it (anyone)
    #[command(after_help = examples(PAY))]
    PaySlashed(PaySlashed),
}

const SHOW: &str = "  tandem service show --service 0x… --rpc https://… --chain-id 1
  tandem service show --all
  tandem service show --json";
const TRIGGERS: &str = "  tandem service triggers tandem.toml --chain-id 1
  tandem service triggers score.json --chain-id 1 --service 0x… --at https://a.example --at https://b.example";
const REGISTER: &str = "  tandem service register --slasher 0x… --recipient 0x… --veto-window 2d --largest-slash 50% \\
      --operators-max 100 --least-native 1000 --least-external 32 --keys owner.json --dry-run";
const RULES: &str =
    "  tandem service rules --operators-max 50 --least-native 1000 --least-external 32 --keys owner.json";
const APPROVE: &str = "  tandem service approve 0x… --keys owner.json
  tandem service approve 0x… --revoke --keys owner.json";
const EJECT: &str = "  tandem service eject 0x… --keys owner.json --dry-run";
const REFRESH: &str = "  tandem service refresh --keys any.json";
const SLASH: &str =
    "  tandem service slash 0x… --native 30% --external 30% --fault-at 1795344763 --evidence 0x… --keys slasher.json";
const VETO: &str = "  tandem service veto-slash 3 --keys resolver.json";
const EXECUTE: &str = "  tandem service execute-slash 3 --keys any.json";
const PAY: &str = "  tandem service pay-slashed TDM --keys any.json --dry-run";

#[derive(Debug, clap::Args)]
struct Show {
    /// List all operators, not only the 20 with the most stake; --json always has all
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Debug, clap::Args)]
struct PaySlashed {
    /// What: a token's symbol or address, or a strategy's address
    token: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Whom a service takes.
#[derive(Debug, clap::Args)]
struct Membership {
    /// Take only operators that the owner approved
    #[arg(long)]
    approval_required: bool,
    /// Most operators, 1 to 1000; below 1000 at least one minimum stake is needed, to rank operators by when the service is full
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    operators_max: u16,
    /// Least stake of the native token that an operator needs, in whole tokens, such as 12.5
    #[arg(long, value_name = "AMOUNT", default_value = "0", allow_hyphen_values = true, value_parser = units::parse_decimal)]
    least_native: String,
    /// Least stake of the external token that an operator needs, in whole tokens, such as 12.5
    #[arg(long, value_name = "AMOUNT", default_value = "0", allow_hyphen_values = true, value_parser = units::parse_decimal)]
    least_external: String,
}

#[derive(Debug, clap::Args)]
struct Register {
    /// May ask for slashes; without it the service never slashes
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address)]
    slasher: Option<Address>,
    /// May stop slashes while they wait
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address)]
    resolver: Option<Address>,
    /// Receives what is slashed; without it, it is burned
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address)]
    recipient: Option<Address>,
    /// How long a slash waits for the resolver before anyone can execute it, such as 2d, 12h, 30min or 0s
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = units::parse_duration)]
    veto_window: u32,
    /// Most that one slash may take of an operator's allocation, such as 50%; 0% for a service without slasher
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = units::parse_bps)]
    largest_slash: u16,
    #[command(flatten)]
    membership: Membership,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Rules {
    #[command(flatten)]
    membership: Membership,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Approve {
    /// The operator's address
    #[arg(value_parser = units::parse_address)]
    operator: Address,
    /// Take the approval back, which ejects nobody
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct OfOperator {
    /// The operator's address
    #[arg(value_parser = units::parse_address)]
    operator: Address,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Slash {
    /// The operator's address
    #[arg(value_parser = units::parse_address)]
    operator: Address,
    /// Proportion of its allocation of the native token to be taken, such as 30% or 3000bps; 0% for none
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = units::parse_bps)]
    native: u16,
    /// Proportion of its allocation of the external token to be taken; 0% for none
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = units::parse_bps)]
    external: u16,
    /// When the fault happened, in Unix seconds; the slash must be executed within the withdrawal delay after it
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, value_parser = units::parse_time)]
    fault_at: u64,
    /// What shows the fault: 32 bytes in hexadecimal, such as the hash of a document; the service defines it
    #[arg(long, value_name = "HEX", value_parser = units::parse_word)]
    evidence: B256,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct OfRequest {
    /// Number of the request, as `tandem service show` lists it
    #[arg(allow_negative_numbers = true, value_parser = units::parse_number)]
    id: u64,
    #[command(flatten)]
    common: CommonArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Show(args) => session::run(&args.network, |session| show::run(session, args.all)),
        Command::Triggers(args) => triggers::run(&args),
        Command::Register(args) => session::run(&args.common.network, |session| manage::register(session, &args)),
        Command::Rules(args) => session::run(&args.common.network, |session| manage::rules(session, &args)),
        Command::Approve(args) => session::run(&args.common.network, |session| manage::approve(session, &args)),
        Command::Eject(args) => session::run(&args.common.network, |session| manage::eject(session, &args)),
        Command::Refresh(common) => session::run(&common.network, |session| manage::refresh(session, &common)),
        Command::Slash(args) => session::run(&args.common.network, |session| manage::slash(session, &args)),
        Command::VetoSlash(args) => session::run(&args.common.network, |session| manage::veto(session, &args)),
        Command::ExecuteSlash(args) => session::run(&args.common.network, |session| manage::execute(session, &args)),
        Command::PaySlashed(args) => session::run(&args.common.network, |session| manage::pay(session, &args)),
    }
}
