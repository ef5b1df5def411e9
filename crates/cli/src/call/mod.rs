//! `tandem call`: starts a workflow whose trigger names the caller, by hand. Signs here, sends it to one operator, and waits for what comes of it.

mod ask;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use serde_json::Value as Json;
use tandem_chain::{Account, random_bytes};
use tandem_types::{Address, B256, HttpFiring, INPUT_BYTES_MAX, ServiceId, SignedFiring, WorkflowId, keccak256};
use url::Url;

use crate::report::print;
use crate::{Failure, input, keys, units};
use ask::Operators;

/// Exit codes, as `--help` explains them.
mod code {
    pub(super) const USAGE: u8 = 2;
    pub(super) const REFUSED: u8 = 3;
    pub(super) const UNDELIVERED: u8 = 4;
}

const AFTER_HELP: &str = "\
Examples:
  tandem call score --at https://operator.example --service 0x5e… --chain-id 1 --keys caller.json --input 79
  tandem call score --at https://a.example --at https://b.example --service 0x5e… --chain-id 1 --keys caller.json \\
    --input @request.json --key order-4711 --json

What was sent under a key is run once, however often it is sent: after a failure, repeat the command with the key that it printed, and with its --instant.

Exit codes:
  0  delivered; with --no-wait, taken in
  1  no operator could be reached
  2  bad usage: arguments, files or environment
  3  the operator refuses what was sent
  4  it was taken in, and was not delivered: vetoed, expired, or not known yet when --timeout passed";

/// Start a workflow whose trigger names you as a caller: sign what is to be run, send it to an operator, wait for the result.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The workflow
    workflow: WorkflowId,
    /// Where an operator takes in callers; give several, and the next is asked when one does not answer
    #[arg(long = "at", value_name = "URL", env = "TANDEM_OPERATORS", value_delimiter = ',', required = true)]
    operators: Vec<Url>,
    /// The service: its ServiceManager
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, env = "TANDEM_SERVICE")]
    service: Address,
    /// EIP-155 id of the service's chain
    #[arg(long, value_name = "ID", env = "TANDEM_CHAIN_ID")]
    chain_id: u64,
    /// Keystore of the caller's account: a Web3 keystore file, or a directory that `tandem keys new` wrote
    #[arg(long, value_name = "PATH", env = "TANDEM_KEYS")]
    keys: PathBuf,
    /// File whose first line is the keystore's password. Without it, TANDEM_PASSWORD; without that, the terminal is asked
    #[arg(long, value_name = "FILE", env = "TANDEM_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// The component's input: text, bytes as 0xHEX, or the content of a file as @FILE
    #[arg(long, value_name = "INPUT", default_value = "", hide_default_value = true)]
    input: String,
    /// Name of this run, under which it is run once: text, or 32 bytes as 0xHEX [default: drawn at random]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The second to sign for, in Unix time; deadlines count from it [default: now]
    #[arg(long, value_name = "SECONDS")]
    instant: Option<u64>,
    /// Do not wait for the result
    #[arg(long)]
    no_wait: bool,
    /// Longest wait for the result
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let signed = args.sign()?;
    let service = args.service_id();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    if !args.json {
        eprintln!("key {}, signed by {} for second {}", signed.firing.key, signed.firing.caller, signed.firing.instant);
    }
    let page = runtime.block_on(args.follow(&signed, service))?;
    args.show(&page)?;
    match page["state"].as_str() {
        _ if args.no_wait => Ok(()),
        Some("delivered") => Ok(()),
        state => {
            let state = state.unwrap_or("unknown");
            let error = anyhow!("the task is {state}, and not delivered");
            Err(Failure { reported: args.json, ..Failure::new(code::UNDELIVERED, error) })
        }
    }
}

impl Args {
    fn service_id(&self) -> ServiceId {
        ServiceId { chain_id: self.chain_id, manager: self.service }
    }

    fn sign(&self) -> Result<SignedFiring, Failure> {
        let input = input::bytes(&self.input, INPUT_BYTES_MAX)?;
        let key = match &self.key {
            Some(text) => key_of(text)?,
            None => B256::from(*random_bytes::<32>()),
        };
        let account = account(&self.keys, self.password_file.as_deref())?;
        let firing = HttpFiring {
            workflow: self.workflow.clone(),
            caller: account.address(),
            key,
            instant: self.instant.unwrap_or_else(now),
            input: input.into(),
        };
        Ok(account.sign_firing(firing, self.service_id()))
    }

    async fn follow(&self, signed: &SignedFiring, service: ServiceId) -> Result<Json, Failure> {
        let mut operators = Operators::new(&self.operators)?;
        operators.send(signed).await?;
        let task = signed.task_id(service);
        let end = tokio::time::Instant::now() + Duration::from_secs(self.timeout);
        loop {
            let page = operators.ask(task).await?;
            let is_over = matches!(page["state"].as_str(), Some("delivered" | "vetoed" | "expired" | "skipped"));
            if self.no_wait || is_over || tokio::time::Instant::now() >= end {
                return Ok(page);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    fn show(&self, page: &Json) -> Result<(), Failure> {
        if self.json {
            return Ok(print(&format!("{page}\n"))?);
        }
        let mut text = String::new();
        let mut line = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                text.push_str(&format!("{name:<12} {value}\n"));
            }
        };
        line("task", page["task_id"].as_str());
        line("state", page["state"].as_str());
        line("error", page["error"].as_str());
        line("result", page["result"]["payload"].as_str());
        let words = page["result"]["payload"].as_str().and_then(text_of);
        line("as text", words.as_deref());
        line("transaction", page["tx_hash"].as_str());
        Ok(print(&text)?)
    }
}

fn account(path: &Path, password_file: Option<&Path>) -> Result<Account, Failure> {
    let path = if path.is_dir() { path.join("transaction.json") } else { path.to_owned() };
    let password = keys::password(password_file)?;
    Account::load(&path, &password).map_err(|error| {
        let hint = error.hint().unwrap_or("`tandem keys new` makes keystores");
        Failure::new(code::USAGE, error).hint(hint)
    })
}

/// 32 bytes as they are; the hash of any other text.
fn key_of(text: &str) -> Result<B256, Failure> {
    match text.strip_prefix("0x") {
        None => Ok(keccak256(text)),
        Some(_) => text.parse().map_err(|_| {
            Failure::new(code::USAGE, anyhow!("--key begins with 0x and has not 64 hexadecimal digits after it"))
                .hint("any other text is a key, too")
        }),
    }
}

/// A payload that is text of one line.
fn text_of(payload: &str) -> Option<String> {
    let text = String::from_utf8(hex::decode(payload.strip_prefix("0x")?).ok()?).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_text_or_whole_words() {
        assert_eq!(key_of("order-4711").expect("any text"), keccak256("order-4711"));
        let word = format!("0x{}", "ab".repeat(32));
        assert_eq!(key_of(&word).expect("32 bytes"), B256::repeat_byte(0xab));
        for wrong in ["0x", "0x12", "0xzz"] {
            assert_eq!(key_of(wrong).expect_err("no word").code, code::USAGE, "{wrong}");
        }
    }

    #[test]
    fn payloads_are_shown_as_text_when_they_are() {
        assert_eq!(text_of("0x3739"), Some("79".to_owned()));
        for other in ["0x", "0xff", "0x0a", "79", "0x1"] {
            assert_eq!(text_of(other), None, "{other}");
        }
    }
}
