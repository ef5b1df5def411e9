//! A local chain for the demo and for tests: an Anvil process on a free port of 127.0.0.1, ended with its handle. Nothing of value belongs
//! on it: its accounts' keys are public.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_types::{Address, U256};
use url::Url;

use crate::accounts::Account;
use crate::client::ChainClient;
use crate::error::RpcError;

/// Chain id that Anvil serves.
pub const ANVIL_CHAIN_ID: u64 = 31_337;
/// Environment variable that names the binary.
pub const ANVIL_VARIABLE: &str = "TANDEM_ANVIL";
/// Time in which Anvil must be up.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest output that is read until then, in lines.
const START_LINES_MAX: usize = 1_000;

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mining {
    /// At once, one per transaction.
    #[default]
    Auto,
    /// Every so many seconds.
    Interval(u32),
    /// Only by [`Anvil::mine`].
    Manual,
}

/// Why there is no local chain.
#[derive(Debug, thiserror::Error)]
pub enum AnvilError {
    /// No binary was found; these places were tried.
    #[error("anvil was not found (looked in {})", .0.join(", "))]
    Missing(Vec<String>),
    /// It could not be started.
    #[error("anvil at {path} could not be started: {source}")]
    Start {
        /// The binary.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It ended, or said nothing, before it listened.
    #[error("anvil did not come up: {0}")]
    NotUp(String),
    /// Its chain is not kept, or was not written.
    #[error("the chain is not in {0}")]
    State(PathBuf),
    /// It does not answer as it should.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

impl AnvilError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing(_) => Some("run scripts/setup-foundry, or set TANDEM_ANVIL to the binary"),
            Self::Start { .. } => Some("check that TANDEM_ANVIL names an executable for this machine"),
            _ => None,
        }
    }
}

/// Ends the process when dropped, also while a panic unwinds.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running Anvil.
#[derive(Debug)]
pub struct Anvil {
    process: Option<Process>,
    launch: Launch,
    client: ChainClient,
    url: Url,
    accounts: Vec<Account>,
}

/// How it is started.
#[derive(Debug)]
struct Launch {
    binary: PathBuf,
    mining: Mining,
    /// Where it keeps its chain, if it does.
    state: Option<PathBuf>,
}

impl Launch {
    /// Starts the process; with port 0, on any that is free.
    fn start(&self, port: u16) -> Result<Process, AnvilError> {
        let mut command = Command::new(&self.binary);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        match self.mining {
            Mining::Auto => {}
            Mining::Interval(seconds) => drop(command.arg("--block-time").arg(seconds.to_string())),
            Mining::Manual => drop(command.arg("--no-mining")),
        }
        if let Some(state) = &self.state {
            command.arg("--state").arg(state).args(["--state-interval", "1"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = command.spawn();
        started.map(Process).map_err(|source| AnvilError::Start { path: self.binary.clone(), source })
    }
}

impl Anvil {
    /// Finds the binary: `TANDEM_ANVIL`, else `.tools/bin/anvil` in `root` or a directory above it, else `anvil` in `PATH`.
    ///
    /// # Errors
    /// [`AnvilError::Missing`].
    pub fn find(root: &Path) -> Result<PathBuf, AnvilError> {
        if let Some(path) = std::env::var_os(ANVIL_VARIABLE).map(PathBuf::from) {
            let named = format!("{} from {ANVIL_VARIABLE}", path.display());
            return if path.is_file() { Ok(path) } else { Err(AnvilError::Missing(vec![named])) };
        }
        let tools = root.ancestors().map(|directory| directory.join(".tools/bin/anvil"));
        let variable = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::split_paths(&variable).map(|directory| directory.join("anvil"));
        let missing = || AnvilError::Missing(vec![ANVIL_VARIABLE.into(), ".tools/bin".into(), "PATH".into()]);
        tools.chain(path).find(|candidate| candidate.is_file()).ok_or_else(missing)
    }

    /// Starts `binary` and waits until it answers.
    ///
    /// # Errors
    /// [`AnvilError::Start`], [`AnvilError::NotUp`], [`AnvilError::Rpc`].
    pub async fn start(binary: &Path, mining: Mining) -> Result<Self, AnvilError> {
        Self::launch(Launch { binary: binary.to_owned(), mining, state: None }).await
    }

    /// As [`start`](Self::start), mining at once, of a chain that is kept in the file `state`, and so outlives the process: see [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_keeping(binary: &Path, state: &Path) -> Result<Self, AnvilError> {
        Self::launch(Launch { binary: binary.to_owned(), mining: Mining::Auto, state: Some(state.to_owned()) }).await
    }

    async fn launch(launch: Launch) -> Result<Self, AnvilError> {
        let mut process = launch.start(0)?;
        let greeting = Greeting::read(&mut process).await?;
        let client = ChainClient::connect(greeting.url.clone(), ANVIL_CHAIN_ID).await?;
        Ok(Self { process: Some(process), launch, client, url: greeting.url, accounts: greeting.accounts })
    }

    /// Waits until the chain as it is now is in its file, and puts a copy aside for [`restart`](Self::restart). Nothing is mined meanwhile: Anvil writes blocks and
    /// accounts one after the other, and a block between them would be in the accounts alone.
    ///
    /// # Errors
    /// [`AnvilError::State`] for a chain that is not kept, or whose file does not come; [`AnvilError::Rpc`] when Anvil does not answer.
    pub async fn save(&self) -> Result<(), AnvilError> {
        let (state, saved) = self.state()?;
        self.set_automine(false).await?;
        let written = tokio::time::timeout(START_TIMEOUT, write_after_next(&state, &saved)).await;
        self.set_automine(true).await?;
        written.unwrap_or(Err(AnvilError::State(state)))
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts again where it listened, with the chain as it was when it was [saved](Self::save) last. Blocks since then are lost.
    ///
    /// # Errors
    /// [`AnvilError::State`] when it was not saved; as [`start`](Self::start).
    pub async fn restart(&mut self) -> Result<(), AnvilError> {
        let (state, saved) = self.state()?;
        self.kill();
        std::fs::copy(saved, &state).map_err(|_| AnvilError::State(state))?;
        let mut process = self.launch.start(self.url.port().unwrap_or_default())?;
        Greeting::read(&mut process).await?;
        self.process = Some(process);
        Ok(())
    }

    fn state(&self) -> Result<(PathBuf, PathBuf), AnvilError> {
        let state = self.launch.state.clone().ok_or_else(|| AnvilError::State(PathBuf::new()))?;
        let saved = state.with_extension("saved");
        Ok((state, saved))
    }

    /// Where it listens.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A client for it.
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// Its funded accounts, whose keys everybody knows.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Makes that many blocks.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn mine(&self, blocks: u64) -> Result<(), RpcError> {
        self.control("anvil_mine", json!([blocks])).await.map(drop)
    }

    /// Whether a block is made for every transaction.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn set_automine(&self, on: bool) -> Result<(), RpcError> {
        self.control("evm_setAutomine", json!([on])).await.map(drop)
    }

    /// Gives an account that many wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn set_balance(&self, account: Address, wei: U256) -> Result<(), RpcError> {
        self.control("anvil_setBalance", json!([account, wei])).await.map(drop)
    }

    /// Lets the next block be that many seconds later.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn increase_time(&self, seconds: u64) -> Result<(), RpcError> {
        self.control("evm_increaseTime", json!([seconds])).await.map(drop)
    }

    /// Replaces the last `depth` blocks by as many empty ones.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn reorganise(&self, depth: u64) -> Result<(), RpcError> {
        self.control("anvil_reorg", json!([depth, []])).await.map(drop)
    }

    /// Forgets all transactions that wait.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn drop_transactions(&self) -> Result<(), RpcError> {
        self.control("anvil_dropAllTransactions", json!([])).await.map(drop)
    }

    /// Any method of Anvil's that has no function of its own here.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn control(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        self.client.request(method, params).await
    }
}

/// Copies a file that is written now and then, as it is after the second write from now: the first may have begun before.
async fn write_after_next(file: &Path, copy: &Path) -> Result<(), AnvilError> {
    let gone = |_| AnvilError::State(file.to_owned());
    let written_at = || std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    let (mut before, mut writes) = (written_at(), 0);
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if written_at() == before {
            continue;
        }
        // It is whole when it can be read.
        let text = std::fs::read(file).map_err(gone)?;
        if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() {
            continue;
        }
        (before, writes) = (written_at(), writes + 1);
        if writes == 2 {
            return std::fs::write(copy, text).map_err(gone);
        }
    }
}

/// What Anvil prints before it serves.
#[derive(Debug)]
struct Greeting {
    url: Url,
    accounts: Vec<Account>,
}

impl Greeting {
    /// Reads it on a thread, which goes on draining the output until the process ends: a full pipe would stop it.
    async fn read(process: &mut Process) -> Result<Self, AnvilError> {
        let output = process.0.stdout.take().ok_or_else(|| AnvilError::NotUp("it has no output".to_owned()))?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let greeting = Self::parse(&mut lines);
            // The receiver is gone when the time is up.
            let _ = sender.send(greeting);
            lines.for_each(drop);
        });
        let waited = tokio::task::spawn_blocking(move || receiver.recv_timeout(START_TIMEOUT)).await;
        waited
            .map_err(|error| AnvilError::NotUp(error.to_string()))?
            .map_err(|_| AnvilError::NotUp(format!("it did not listen within {START_TIMEOUT:?}")))?
    }

    fn parse(lines: &mut impl Iterator<Item = String>) -> Result<Self, AnvilError> {
        let mut accounts = Vec::new();
        for line in lines.take(START_LINES_MAX) {
            accounts.extend(key(&line));
            if let Some(address) = line.strip_prefix("Listening on ") {
                let url = Url::parse(&format!("http://{}", address.trim()));
                let url = url.map_err(|error| AnvilError::NotUp(format!("it listens on {address}: {error}")))?;
                return Ok(Self { url, accounts });
            }
        }
        Err(AnvilError::NotUp("it ended".to_owned()))
    }
}

/// The key in a line like `(3) 0x7c85…07a6`.
fn key(line: &str) -> Option<Account> {
    let (_, digits) = line.strip_prefix('(')?.split_once(") 0x")?;
    let bytes: [u8; 32] = alloy::hex::decode(digits.trim()).ok()?.try_into().ok()?;
    Account::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greeting_yields_address_and_keys() {
        let key = format!("(0) 0x{}", "07".repeat(32));
        let lines = ["Available Accounts", "(0) 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 (10000 ETH)", &key];
        let lines = lines.into_iter().chain(["Listening on 127.0.0.1:4321", "eth_chainId"]).map(str::to_owned);
        let greeting = Greeting::parse(&mut lines.into_iter()).expect("it listens");
        assert_eq!(greeting.url.as_str(), "http://127.0.0.1:4321/");
        assert_eq!(greeting.accounts.len(), 1);
    }

    #[test]
    fn silence_is_an_error() {
        let error = Greeting::parse(&mut std::iter::empty()).expect_err("nothing was said");
        assert_eq!(error.to_string(), "anvil did not come up: it ended");
    }
}
