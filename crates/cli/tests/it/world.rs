//! A chain with the staking contracts, and accounts that use them through the `tandem` binary only.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tandem_chain::admin::{self, Deployment, OracleSettings, ServiceSettings, StakingSettings};
use tandem_chain::{Account, Anvil, Mining, Password, TransactionConfig, TransactionManager};
use tandem_crypto::Strength;
use tandem_node::keys::OperatorKeys;
use tandem_types::{Address, Bps, PerToken, Policy, U256};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
pub(crate) const PASSWORD: &str = "local";
/// Seconds that leaving stake waits.
pub(crate) const WITHDRAWAL_DELAY: u64 = 14 * 24 * 3_600;

/// What a run of the binary came to.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {}{}", self.stdout, self.stderr))
    }

    /// The object of a run that succeeded.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.json()
    }

    /// Standard output of a run that succeeded.
    pub(crate) fn done_text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        &self.stdout
    }

    /// What people are told when the contract refuses.
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.code, Some(3), "{}{}", self.stdout, self.stderr);
        self.stderr.lines().next().unwrap_or_default()
    }
}

/// Somebody with a keystore.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) address: Address,
    pub(crate) keys: PathBuf,
}

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) owner: TransactionManager,
    pub(crate) deployment: Deployment,
    pub(crate) directory: tempfile::TempDir,
}

impl World {
    /// Contracts with a leverage cap of 150 % on both tokens.
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binary = Anvil::find(Path::new(ROOT)).expect("run scripts/setup-foundry first");
        let anvil = Anvil::start(&binary, Mining::Auto).await.expect("anvil starts");
        let directory = tempfile::tempdir().expect("there is room for a directory");
        std::fs::write(directory.path().join("password"), PASSWORD).expect("the directory is writable");
        let account = anvil.accounts()[0].clone();
        let owner = TransactionManager::start(anvil.client().clone(), account, TransactionConfig::default()).await;
        let owner = owner.expect("anvil answers");
        let staking = StakingSettings {
            withdrawal_delay_s: WITHDRAWAL_DELAY as u32,
            leverage_cap_bps: PerToken { native: 15_000, external: 15_000 },
            ..StakingSettings::default()
        };
        let deployment = admin::deploy(&owner, &settings(), &staking).await.expect("the contracts deploy").value;
        Self { anvil, owner, deployment, directory }
    }

    /// A service that is not registered with the AllocationManager.
    pub(crate) async fn service(&self) -> Address {
        admin::deploy_service(&self.owner, &self.deployment, &settings()).await.expect("the contract deploys").value
    }

    /// The same, under another policy.
    pub(crate) async fn service_under(&self, policy: Policy) -> Address {
        let answers = PerToken { native: 200_000_000, external: 345_000_000_000 };
        let settings = settings();
        let settings = ServiceSettings { policy, oracle: OracleSettings { answers, ..settings.oracle }, ..settings };
        admin::deploy_service(&self.owner, &self.deployment, &settings).await.expect("the contracts deploy").value
    }

    /// A strategy for ether, with a leverage cap of 150 %.
    pub(crate) async fn ether_strategy(&self) -> Address {
        let manager = self.deployment.restaking_manager;
        admin::deploy_ether_strategy(&self.owner, manager, 15_000).await.expect("the contracts deploy").value
    }

    /// The account that owns the contracts.
    pub(crate) fn owner(&self) -> Person {
        self.keep("owner", &self.anvil.accounts()[0])
    }

    /// An account with ether and that many whole tokens of each kind.
    pub(crate) async fn staker(&self, name: &str, tokens: PerToken<u128>) -> Person {
        let account = Account::random();
        self.endow(account.address(), tokens).await;
        self.keep(name, &account)
    }

    /// The same, with an operator's keys.
    pub(crate) async fn operator(&self, name: &str, tokens: PerToken<u128>) -> Person {
        let keys = self.directory.path().join(name);
        let made = OperatorKeys::create(&keys, &Password::from(PASSWORD.to_owned()), Strength::Light);
        let address = made.expect("the directory is new").operator().0;
        self.endow(address, tokens).await;
        Person { address, keys }
    }

    fn keep(&self, name: &str, account: &Account) -> Person {
        let keys = self.directory.path().join(format!("{name}.json"));
        if !keys.exists() {
            account.store(&keys, &Password::from(PASSWORD.to_owned())).expect("the file is new");
        }
        Person { address: account.address(), keys }
    }

    async fn endow(&self, account: Address, tokens: PerToken<u128>) {
        let ether = U256::from(10).pow(U256::from(20));
        self.anvil.set_balance(account, ether).await.expect("anvil answers");
        self.mint(self.deployment.native_token, account, whole(tokens.native)).await;
        self.mint(self.deployment.external_token, account, whole(tokens.external)).await;
    }

    pub(crate) async fn mint(&self, token: Address, account: Address, amount: U256) {
        admin::mint(&self.owner, token, account, amount).await.expect("anyone may mint");
    }

    /// Runs `tandem` as `person` for `service`; the words of `line` are the arguments.
    pub(crate) fn run(&self, person: &Person, service: Address, line: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(line.split_whitespace())
            .env_clear()
            .env("TANDEM_RPC", self.anvil.url().as_str())
            .env("TANDEM_CHAIN_ID", self.deployment.chain_id.to_string())
            .env("TANDEM_RESTAKING_MANAGER", self.deployment.restaking_manager.to_string())
            .env("TANDEM_SERVICE", service.to_string())
            .env("TANDEM_KEYS", &person.keys)
            .env("TANDEM_PASSWORD_FILE", self.directory.path().join("password"))
            .output()
            .expect("tandem starts");
        let text = |bytes| String::from_utf8(bytes).expect("tandem prints text");
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// As [`run`](Self::run), with the network's first service.
    pub(crate) fn tandem(&self, person: &Person, line: &str) -> Run {
        self.run(person, self.deployment.service_manager, line)
    }

    /// The chain's time.
    pub(crate) async fn now(&self) -> u64 {
        self.anvil.client().latest_block().await.expect("anvil answers").timestamp
    }

    /// Lets that many seconds pass.
    pub(crate) async fn wait(&self, seconds: u64) {
        self.anvil.increase_time(seconds).await.expect("anvil answers");
        self.anvil.mine(1).await.expect("anvil answers");
    }

    /// Balance of a token, read without Tandem's own code.
    pub(crate) async fn balance(&self, token: Address, account: Address) -> U256 {
        let data = format!("0x70a08231{}", hex::encode(account.into_word()));
        let answer = self.anvil.control("eth_call", json!([{ "to": token, "data": data }, "latest"])).await;
        let answer = answer.expect("anvil answers");
        answer.as_str().expect("a word").parse().expect("a word")
    }
}

/// Whole tokens in the smallest unit.
pub(crate) fn whole(tokens: u128) -> U256 {
    U256::from(tokens) * U256::from(10).pow(U256::from(18))
}

fn settings() -> ServiceSettings {
    ServiceSettings {
        policy: Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS },
        oracle: OracleSettings { answers: PerToken { native: 1, external: 1 }, age_max_s: 3_600, floor: U256::ONE },
        table_window_s: 86_400,
        epoch_s: 3_600,
        move_bps: Bps::new(500).expect("in range"),
        handler_gas: 1_000_000,
    }
}
