//! A network with four operators of equal stake, and what they would do.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_chain::admin::{
    self, CreatedTask, Deployment, OracleSettings, ServiceSettings, StakingSettings, TaskRequest,
};
use tandem_chain::staking::Registration;
use tandem_chain::{
    Account, AnnouncedManifest, Anvil, Delivery, Mining, Route, ServiceReader, TaskOutput, TransactionConfig,
    TransactionManager,
};
use tandem_crypto::{KeyTable, SecretKey, Share};
use tandem_types::{
    Address, B256, Batch, BatchEntry, Bps, ComponentDigest, Epoch, ManifestHash, OperatorId, PerToken, Policy,
    Requirement, Task, TaskResult, U256, WorkflowId,
};

/// The game that is asked for.
pub(crate) const GAME: &str = "fa15684d-0966-46e7-a3f8-f1d378692109";
/// What its component would answer.
pub(crate) const ANSWER: &str = r#"{"id":"fa15684d"}"#;
/// Stake of every operator in each token.
pub(crate) const STAKE: u64 = 1_000;
/// Operators of the network.
pub(crate) const OPERATORS: usize = 4;

pub(crate) async fn anvil(mining: Mining) -> Anvil {
    let binary = Anvil::find(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("run scripts/setup-foundry for anvil");
    Anvil::start(&binary, mining).await.expect("anvil starts")
}

pub(crate) fn quick() -> TransactionConfig {
    let poll_interval = Duration::from_millis(50);
    TransactionConfig { poll_interval, replace_after: Duration::from_millis(300), ..TransactionConfig::default() }
}

pub(crate) async fn manager(anvil: &Anvil, account: &Account, config: TransactionConfig) -> TransactionManager {
    TransactionManager::start(anvil.client().clone(), account.clone(), config).await.expect("anvil answers")
}

/// A contract that emits its call data, under its first word as the only topic.
pub(crate) const EMITTER: Address = Address::repeat_byte(0xe1);

pub(crate) async fn emitter(anvil: &Anvil) {
    anvil.control("anvil_setCode", json!([EMITTER, "0x365f5f375f35365fa100"])).await.expect("anvil obeys");
}

/// Sends a transaction that emits a log with that number in it.
pub(crate) async fn submit(anvil: &Anvil, number: u64) -> Value {
    let data = B256::from(U256::from(number));
    let from = anvil.accounts()[0].address();
    let call = json!([{ "from": from, "to": EMITTER, "data": data, "gas": "0x186a0" }]);
    anvil.control("eth_sendTransaction", call).await.expect("anvil takes it")
}

/// Has a log emitted with that number in it.
pub(crate) async fn emit(anvil: &Anvil, number: u64) {
    let hash = submit(anvil, number).await;
    // Anvil takes a transaction before it mines it.
    let is_mined = || async {
        let receipt = anvil.control("eth_getTransactionReceipt", json!([hash])).await;
        !receipt.expect("anvil answers").is_null()
    };
    until("it is mined", is_mined).await;
}

/// Asks until it is so, for at most 20 seconds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not within 20 seconds");
}

pub(crate) struct Operator {
    pub(crate) manager: TransactionManager,
    pub(crate) secret: SecretKey,
}

impl Operator {
    pub(crate) fn id(&self) -> OperatorId {
        OperatorId(self.manager.address())
    }
}

pub(crate) struct Network {
    pub(crate) anvil: Anvil,
    pub(crate) owner: TransactionManager,
    pub(crate) deployment: Deployment,
    pub(crate) operators: Vec<Operator>,
    pub(crate) service: ServiceReader,
    /// Block from which its manifest is in force.
    pub(crate) announced: u64,
}

impl Network {
    /// Contracts, a manifest in force, and no operators.
    pub(crate) async fn bare() -> Self {
        let anvil = anvil(Mining::Auto).await;
        let owner = manager(&anvil, &anvil.accounts()[0], TransactionConfig::default()).await;
        let oracle =
            OracleSettings { answers: PerToken { native: 1, external: 1 }, age_max_s: 3_600, floor: U256::from(1) };
        let settings = ServiceSettings {
            policy: Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS },
            oracle,
            table_window_s: 86_400,
            epoch_s: 3_600,
            move_bps: Bps::new(500).expect("in range"),
            handler_gas: 1_000_000,
        };
        let deployment = admin::deploy(&owner, &settings, &StakingSettings::default()).await;
        let deployment = deployment.expect("the contracts deploy").value;
        let manifest = manifest();
        let workflows = [Route { workflow: workflow(), handler: deployment.score_board, fires: false }];
        let service = deployment.service_manager;
        admin::announce_manifest(&owner, service, &manifest, &workflows).await.expect("the owner may announce");
        let service = ServiceReader::open(anvil.client().clone(), service).await;
        let service = service.expect("the service is there");
        let announced = anvil.client().block_number().await.expect("anvil answers");
        Self { anvil, owner, deployment, operators: Vec::new(), service, announced }
    }

    /// Four operators and their table, of epoch 1.
    pub(crate) async fn start() -> Self {
        let mut network = Self::bare().await;
        for index in 0..OPERATORS {
            network.join(index).await;
        }
        let epoch = admin::refresh_table(&network.owner, network.deployment.service_manager).await;
        assert_eq!(epoch.expect("there are operators").value, Epoch(1));
        network
    }

    async fn join(&mut self, index: usize) {
        let manager = manager(&self.anvil, &self.anvil.accounts()[1 + index], TransactionConfig::default()).await;
        let secret = SecretKey::from_random(&[1 + index as u8; 48]).expect("not zero");
        let deployment = &self.deployment;
        for token in [deployment.native_token, deployment.external_token] {
            admin::mint(&manager, token, manager.address(), U256::from(STAKE)).await.expect("anyone may mint");
        }
        let registration = Registration {
            key: secret.public_key(),
            possession: secret.prove_possession(&deployment.staking().registry_domain(), OperatorId(manager.address())),
            transport_key: B256::with_last_byte(1 + index as u8),
            socket: format!("127.0.0.1:{}", 9_000 + index),
            metadata_uri: String::new(),
        };
        let stake = PerToken { native: U256::from(STAKE), external: U256::from(STAKE) };
        admin::enlist(&manager, deployment, &registration, stake).await.expect("the key is proven");
        self.operators.push(Operator { manager, secret });
    }

    pub(crate) async fn create_task(&self) -> CreatedTask {
        let latest = self.anvil.client().latest_block().await.expect("anvil answers");
        let request = TaskRequest {
            workflow: workflow(),
            input: GAME.into(),
            requirement: Requirement::NONE,
            deadline: latest.timestamp + 600,
        };
        let created = admin::create_task(&self.owner, self.deployment.service_manager, &request).await;
        created.expect("the workflow is announced").value
    }

    /// What the first `signers` operators of the table would deliver for `task`.
    pub(crate) async fn delivery(&self, task: &Task, signers: usize) -> Delivery {
        let service = self.deployment.service();
        let table = self.service.operator_table(Epoch(1)).await.expect("the table is there");
        let keys = KeyTable::new(service.into(), table).expect("the keys are points");
        let output =
            TaskOutput { task: task.clone(), component: ComponentDigest(B256::repeat_byte(7)), payload: ANSWER.into() };
        let batch = batch(service, &output);
        let share = |position: usize| {
            let operator = keys.table().entries()[position].operator;
            let signer = self.operators.iter().find(|other| other.id() == operator).expect("all are ours");
            Share { position, signature: signer.secret.sign_batch(keys.domain(), Epoch(1), batch.root()) }
        };
        let certified = keys.aggregate(batch.root(), &(0..signers).map(share).collect::<Vec<_>>());
        let certified = certified.expect("the shares are honest");
        Delivery::encode(service, &certified, &keys, &[output]).expect("the output is what was certified")
    }
}

fn batch(service: tandem_types::ServiceId, output: &TaskOutput) -> Batch {
    let result = TaskResult {
        task_digest: output.task.digest(service),
        component: output.component,
        chain_id: service.chain_id,
        handler: output.task.handler,
        payload: output.payload.clone(),
    };
    Batch::new(vec![BatchEntry { task_id: output.task.id(service), leaf: result.leaf() }])
        .expect("one result is a batch")
}

pub(crate) fn workflow() -> WorkflowId {
    "score".parse().expect("the name is valid")
}

pub(crate) fn manifest() -> AnnouncedManifest {
    let hash = ManifestHash(B256::repeat_byte(0x3a));
    AnnouncedManifest { hash, uri: "file:///tandem.json".to_owned(), activation_block: 1 }
}

pub(crate) fn reader(network: &Network, config: tandem_chain::ReaderConfig) -> tandem_chain::EventReader {
    let client = network.anvil.client().clone();
    let service = &network.service;
    tandem_chain::EventReader::new(client, service.id(), service.deployment_block(), config)
}
