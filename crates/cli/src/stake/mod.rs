//! `tandem stake`: what a staker does with its tokens, and what it has. Amounts are written in whole tokens.

mod show;

use clap::Subcommand;
pub(crate) use show::lost;
use tandem_chain::staking::{Action, StrategyInfo};
use tandem_types::{Address, U256};

use crate::session::{self, CommonArgs, EXIT_CODES, SenderArgs, Session};
use crate::{Failure, units};

/// Deposit, delegate and withdraw stake.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stake tokens: approve them to their strategy if need be, then deposit them
    #[command(after_help = examples(DEPOSIT))]
    Deposit(Deposit),
    /// Put all of the account's stake, now and later, behind an operator
    #[command(after_help = examples(DELEGATE))]
    Delegate(Delegate),
    /// Take all of the account's stake from its operator; it waits for the withdrawal delay, one withdrawal per token
    #[command(after_help = examples(UNDELEGATE))]
    Undelegate(CommonArgs),
    /// Queue a withdrawal, to be completed after the withdrawal delay; until then slashing can reach it
    #[command(after_help = examples(WITHDRAW))]
    Withdraw(Withdraw),
    /// Pay out withdrawals that are mature, or turn them back into stake
    #[command(after_help = examples(COMPLETE))]
    Complete(Complete),
    /// Show an account's stake, its operator and its withdrawals
    #[command(after_help = examples(SHOW))]
    Show(Show),
}

const DEPOSIT: &str = "  tandem stake deposit 32 ETH --keys keys/ --config operator.toml
  tandem stake deposit 1000.5 TDM --keys staker.json --rpc https://… --chain-id 1 --service 0x… --dry-run";
const DELEGATE: &str = "  tandem stake delegate 0x… --keys staker.json --dry-run
  tandem stake delegate 0x… --keys staker.json";
const UNDELEGATE: &str = "  tandem stake undelegate --keys staker.json";
const WITHDRAW: &str = "  tandem stake withdraw 10 ETH --keys staker.json
  tandem stake withdraw all TDM --keys staker.json --json";
const COMPLETE: &str = "  tandem stake complete 7 --keys staker.json
  tandem stake complete 7 8 --to 0x… --keys staker.json
  tandem stake complete 7 --restake --keys staker.json";
const SHOW: &str = "  tandem stake show 0x… --service 0x… --rpc https://… --chain-id 1
  tandem stake show --keys staker.json --json";

/// Examples, then exit codes.
pub(crate) fn examples(lines: &str) -> String {
    format!(
        "Examples (with TANDEM_RPC, TANDEM_CHAIN_ID and TANDEM_SERVICE set where they are left out):\n{lines}\n\n{EXIT_CODES}"
    )
}

#[derive(Debug, clap::Args)]
struct Deposit {
    /// How much, in whole tokens, such as 12.5
    #[arg(allow_negative_numbers = true, value_parser = units::parse_decimal)]
    amount: String,
    /// What: a token's symbol or address, or a strategy's address. ETH is the chain's own, sent along; wrapped ether is named by its token's address
    token: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Delegate {
    /// The operator's address; one's own, once registered with `tandem operator register`, to operate one's own stake
    #[arg(value_parser = units::parse_address)]
    operator: Address,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Withdraw {
    /// How much, in whole tokens, such as 12.5, or `all`
    #[arg(allow_negative_numbers = true, value_parser = units::parse_decimal_or_all)]
    amount: String,
    /// What: a token's symbol or address, or a strategy's address; ETH is paid out as ether
    token: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Complete {
    /// Numbers of the withdrawals, as `tandem stake show` lists them
    #[arg(required = true, value_name = "ID", allow_negative_numbers = true, value_parser = units::parse_number)]
    ids: Vec<u64>,
    /// Who receives the tokens [default: the account itself]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "restake", value_parser = units::parse_address)]
    to: Option<Address>,
    /// Turn them into stake again, behind the account's operator of now
    #[arg(long)]
    restake: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The account's address [default: that of --keys]
    #[arg(value_parser = units::parse_address)]
    account: Option<Address>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Deposit(args) => session::run(&args.common.network, |session| deposit(session, &args)),
        Command::Delegate(args) => session::run(&args.common.network, async |session| {
            let action = session.contracts().delegate(args.operator);
            act(&session, &args.common.sender, action).await
        }),
        Command::Undelegate(common) => session::run(&common.network, async |session| {
            let action = session.contracts().undelegate();
            act(&session, &common.sender, action).await
        }),
        Command::Withdraw(args) => session::run(&args.common.network, |session| withdraw(session, &args)),
        Command::Complete(args) => session::run(&args.common.network, |session| complete(session, &args)),
        Command::Show(args) => session::run(&args.common.network, async |session| {
            let account = session.subject(args.account, &args.common.sender)?;
            show::run(&session, account).await
        }),
    }
}

async fn act(session: &Session, sender: &SenderArgs, action: Action) -> Result<(), Failure> {
    let sender = session.sender(sender).await?;
    session.carry_out(&sender, &[action]).await
}

async fn deposit(mut session: Session, args: &Deposit) -> Result<(), Failure> {
    let strategy = session.strategy(&args.token)?;
    let amount = parse(&args.amount, &strategy)?;
    let sender = session.sender(&args.common.sender).await?;
    let contracts = session.contracts();
    if strategy.is_ether && !names_wrapper(&args.token, &strategy) {
        return session.carry_out(&sender, &[contracts.deposit_ether(strategy.address, amount)]).await;
    }
    let allowed = session.reader.allowance(&strategy, sender.address()).await.map_err(|error| session.read(error))?;
    let approve = Action::approve(strategy.token.address, strategy.address, amount);
    let deposit = contracts.deposit(strategy.address, amount);
    let actions = if allowed < amount { vec![approve, deposit] } else { vec![deposit] };
    session.carry_out(&sender, &actions).await
}

/// Whoever names the wrapper's own address wants to stake wrapped ether.
fn names_wrapper(name: &str, strategy: &StrategyInfo) -> bool {
    name.parse::<Address>().is_ok_and(|address| address == strategy.token.address)
}

async fn withdraw(mut session: Session, args: &Withdraw) -> Result<(), Failure> {
    let strategy = session.strategy(&args.token)?;
    let shares = if args.amount == "all" {
        U256::MAX
    } else {
        let amount = parse(&args.amount, &strategy)?;
        session.reader.shares_for(strategy.address, amount).await.map_err(|error| session.read(error))?
    };
    let action = session.contracts().queue_withdrawal(strategy.address, shares);
    act(&session, &args.common.sender, action).await
}

async fn complete(session: Session, args: &Complete) -> Result<(), Failure> {
    let sender = session.sender(&args.common.sender).await?;
    let recipient = args.to.unwrap_or(sender.address());
    let contracts = session.contracts();
    let action = |id: &u64| {
        if args.restake { contracts.complete_as_stake(*id) } else { contracts.complete_withdrawal(*id, recipient) }
    };
    let actions: Vec<_> = args.ids.iter().map(action).collect();
    session.carry_out(&sender, &actions).await
}

/// An amount of a strategy's token.
fn parse(text: &str, strategy: &StrategyInfo) -> Result<U256, Failure> {
    units::parse_amount(text, &strategy.token)
        .map_err(|words| Failure::new(session::code::USAGE, anyhow::anyhow!("<AMOUNT>: {words}")))
}
