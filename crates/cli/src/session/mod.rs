//! A command's connection to the staking contracts: reads what it needs to show values in their units, opens the account, and sends or only
//! shows what is to be done. Knows no command.

mod args;
mod names;
mod sentences;
mod transact;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::{Value as Json, json};
use tandem_chain::admin::AdminError;
use tandem_chain::staking::{StakingContracts, StakingError, StakingReader, StrategyInfo};
use tandem_chain::{Account, ChainClient, Password, Revert, RpcError, SendError};
use tandem_node::config::Config;
use tandem_types::Address;

pub(crate) use args::{CommonArgs, NetworkArgs, SenderArgs};
pub(crate) use names::Names;
pub(crate) use transact::{Report, Sender};

#[cfg(test)]
pub(crate) use names::tests::names as names_for_tests;

use crate::report::print;
use crate::{Failure, keys};
use sentences::Refused;

/// Exit codes of all commands on the staking contracts; [`EXIT_CODES`] explains them.
pub(crate) mod code {
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const REFUSED: u8 = 3;
    pub(crate) const UNKNOWN: u8 = 4;
}

/// What a help page says of them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done, or shown
  1  this machine or the endpoint failed; nothing was sent
  2  bad usage: arguments, files or environment
  3  the contract refuses; nothing was sent, or nothing more
  4  a transaction was sent, and failed on the chain or is not known to be mined";

/// The file of a directory of keys that holds the account.
const ACCOUNT_FILE: &str = "transaction.json";

/// An open connection.
pub(crate) struct Session {
    pub(crate) client: ChainClient,
    pub(crate) reader: StakingReader,
    pub(crate) names: Names,
    pub(crate) json: bool,
    service: Option<Address>,
    config: Option<Config>,
}

/// Runs a command with a session: answers with JSON if asked to, failures included.
pub(crate) fn run<F>(args: &NetworkArgs, command: impl FnOnce(Session) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let outcome = runtime.block_on(async { command(Session::open(args).await?).await });
    outcome.map_err(|failure| if args.json { as_json(failure) } else { failure })
}

fn as_json(failure: Failure) -> Failure {
    let error = details(&failure);
    let page = json!({ "ok": false, "exit_code": failure.code, "error": error, "hint": failure.hint });
    let reported = print(&format!("{page}\n")).is_ok();
    Failure { reported, ..failure }
}

fn details(failure: &Failure) -> Json {
    let error = &failure.error;
    if let Some(interrupted) = error.downcast_ref::<transact::Interrupted>() {
        return interrupted.json();
    }
    let refused = error.downcast_ref::<Refused>().map(Refused::json);
    refused.unwrap_or_else(|| json!({ "kind": "failure", "message": format!("{error:#}") }))
}

impl Session {
    async fn open(args: &NetworkArgs) -> Result<Self, Failure> {
        let network = args.resolve()?;
        let client = ChainClient::connect(network.rpc, network.chain_id).await.map_err(rpc)?;
        let contracts = match (network.restaking_manager, network.service) {
            (Some(manager), _) => StakingContracts::of_restaking_manager(&client, manager).await,
            (None, Some(service)) => StakingContracts::of_service(&client, service).await,
            (None, None) => {
                return Err(Failure::new(code::USAGE, anyhow!("the network's contracts are not named"))
                    .hint("give --restaking-manager, or --service to use what keeps its stake"));
            }
        };
        let reader = StakingReader::new(client.clone(), contracts.map_err(staking)?);
        let strategies = reader.strategies().await.map_err(rpc)?;
        let now = client.latest_block().await.map_err(rpc)?.timestamp;
        let names = Names { strategies, service: None, focus: None, now };
        Ok(Self { client, reader, names, json: args.json, service: network.service, config: network.config })
    }

    /// The contracts.
    pub(crate) fn contracts(&self) -> &StakingContracts {
        self.reader.contracts()
    }

    /// The service that the arguments name, which from now on gives weights their unit.
    pub(crate) async fn service(&mut self) -> Result<Address, Failure> {
        let service = self.unregistered_service()?;
        self.names.service = Some(self.reader.strategies_of(service).await.map_err(|error| self.read(error))?);
        Ok(service)
    }

    /// The service that the arguments name, whether it is registered or not.
    pub(crate) fn unregistered_service(&self) -> Result<Address, Failure> {
        self.service.ok_or_else(|| Failure::new(code::USAGE, anyhow!("--service is not given")))
    }

    /// Looks up which service asked for a slash, so that its shares have a unit.
    pub(crate) async fn service_of_slash(&mut self, id: u64) -> Result<(), Failure> {
        let request = self.reader.slash_request(id).await.map_err(|error| self.read(error))?;
        if let Some(request) = request {
            self.service = Some(request.service);
            self.service().await?;
        }
        Ok(())
    }

    /// The strategy that `name` means, which from now on gives amounts their unit.
    pub(crate) fn strategy(&mut self, name: &str) -> Result<StrategyInfo, Failure> {
        let strategy = self.names.find(name).map_err(|words| Failure::new(code::USAGE, anyhow!(words)))?.clone();
        self.names.focus = Some(strategy.address);
        Ok(strategy)
    }

    /// Opens the account that acts.
    pub(crate) async fn sender(&self, args: &SenderArgs) -> Result<Sender, Failure> {
        if let Some(address) = args.from {
            return Ok(Sender::shown(address));
        }
        let path = args.keys(self.config.as_ref())?;
        let account = self.account(args, &path)?;
        self.sender_of(args, account).await
    }

    /// Directory and password of the operator's keys.
    pub(crate) fn keystores(&self, args: &SenderArgs) -> Result<(PathBuf, Password), Failure> {
        let directory = args.keys(self.config.as_ref())?;
        Ok((directory, keys::password(args.password_file(self.config.as_ref()).as_deref())?))
    }

    /// The account that a page is about: the one named, else the one that would act.
    pub(crate) fn subject(&self, named: Option<Address>, args: &SenderArgs) -> Result<Address, Failure> {
        match named.or(args.from) {
            Some(address) => Ok(address),
            None if args.names_account(self.config.as_ref()) => {
                Ok(self.account(args, &args.keys(self.config.as_ref())?)?.address())
            }
            None => Err(Failure::new(code::USAGE, anyhow!("no account is named")).hint("give an address, or --keys")),
        }
    }

    fn account(&self, args: &SenderArgs, path: &Path) -> Result<Account, Failure> {
        let path = if path.is_dir() { path.join(ACCOUNT_FILE) } else { PathBuf::from(path) };
        let password = keys::password(args.password_file(self.config.as_ref()).as_deref())?;
        Account::load(&path, &password).map_err(|error| {
            let hint = error.hint().unwrap_or("`tandem keys new` makes keystores");
            Failure::new(code::USAGE, error).hint(hint)
        })
    }

    /// The account that acts, once its keystore is open.
    pub(crate) async fn sender_of(&self, args: &SenderArgs, account: Account) -> Result<Sender, Failure> {
        if args.dry_run {
            return Ok(Sender::shown(account.address()));
        }
        let fee_per_gas_max = args.fee_per_gas_max(self.config.as_ref());
        Sender::open(&self.client, account, (args.confirmations, fee_per_gas_max)).await.map_err(rpc)
    }

    /// Why something could not be read; a contract's refusal is explained.
    pub(crate) fn read(&self, error: RpcError) -> Failure {
        match error.revert() {
            Some(revert) => self.refused(revert),
            None => rpc(error),
        }
    }

    /// Why something was not done.
    pub(crate) fn undone(&self, error: AdminError) -> Failure {
        if let Some(revert) = error.revert() {
            return self.refused(revert);
        }
        let unknown = matches!(
            &error,
            AdminError::Failed(_)
                | AdminError::Send(
                    SendError::NotMined { .. } | SendError::NotConfirmed { .. } | SendError::Displaced { .. }
                )
        );
        let code = if unknown { code::UNKNOWN } else { 1 };
        let hint = error.hint();
        hinted(Failure::new(code, error), hint)
    }

    fn refused(&self, revert: &Revert) -> Failure {
        let refused = Refused::new(revert, &self.names);
        let hint = refused.hint;
        hinted(Failure::new(code::REFUSED, refused), hint)
    }
}

fn rpc(error: RpcError) -> Failure {
    let hint = error.hint();
    hinted(Failure::new(1, error), hint)
}

fn staking(error: StakingError) -> Failure {
    let hint = error.hint();
    let code = if matches!(error, StakingError::NotThere { .. }) { code::USAGE } else { 1 };
    hinted(Failure::new(code, error), hint)
}

fn hinted(failure: Failure, hint: Option<&'static str>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
