//! From registration to a score that anyone can read.

use tandem_chain::admin::{self, TaskRequest};
use tandem_chain::staking::Registration;
use tandem_chain::{AnnouncedManifest, ReaderConfig, ServiceError, ServiceEvent, ServiceReader, TransactionStatus};
use tandem_types::{Address, B256, Bps, Epoch, OperatorId, PerToken, Policy, Requirement, Weight};

use crate::support::{self, ANSWER, GAME, Network, OPERATORS, STAKE, manifest};

#[tokio::test]
async fn table_read_back_is_what_was_registered() {
    let network = Network::start().await;
    let table = network.service.operator_table(Epoch(1)).await.expect("the table is there");
    let mut expected: Vec<_> =
        network.operators.iter().map(|operator| (operator.id(), operator.secret.public_key())).collect();
    expected.sort_by_key(|(id, _)| *id);
    let found: Vec<_> = table.entries().iter().map(|entry| (entry.operator, entry.key_g1, entry.key_g2)).collect();
    assert_eq!(found, expected.iter().map(|(id, key)| (*id, key.g1(), key.g2())).collect::<Vec<_>>());
    let total = Weight::from(STAKE * OPERATORS as u64);
    assert_eq!(table.total(), PerToken { native: total, external: total });
}

#[tokio::test]
async fn service_is_read_as_it_was_set_up() {
    let network = Network::start().await;
    let service = &network.service;
    assert_eq!(service.id(), network.deployment.service());
    assert_eq!(service.policy(), Policy::Both { native: Bps::TWO_THIRDS, external: Bps::TWO_THIRDS });
    assert_eq!(service.stake_source(), network.deployment.allocation_manager);
    assert_eq!(service.current_epoch().await, Ok(Some(Epoch(1))));
    let info = service.table_info(Epoch(1)).await.expect("the table is there");
    assert_eq!((usize::from(info.operators), info.valid_until), (OPERATORS, info.taken_at + 86_400));
    assert_eq!(service.operator_table(Epoch(2)).await, Err(ServiceError::UnknownEpoch(Epoch(2))));
    let manifest = AnnouncedManifest { activation_block: network.announced, ..manifest() };
    assert_eq!(service.manifest_in_force().await, Ok(Some(manifest)));
    assert_eq!(service.manifest_to_come().await, Ok(None));
}

#[tokio::test]
async fn manifest_to_come_is_told_from_the_one_in_force() {
    let network = Network::bare().await;
    let head = network.anvil.client().block_number().await.expect("anvil answers");
    let mut next = manifest();
    (next.hash.0, next.activation_block) = (B256::repeat_byte(0x4b), head + 3);
    let announced = admin::announce_manifest(&network.owner, network.deployment.service_manager, &next, &[]).await;
    announced.expect("the block is in the future");
    let before = network.service.manifest_in_force().await.expect("anvil answers");
    assert_eq!(before.map(|manifest| manifest.hash), Some(manifest().hash));
    assert_eq!(network.service.manifest_to_come().await, Ok(Some(next.clone())));
    network.anvil.mine(3).await.expect("anvil mines");
    assert_eq!(network.service.manifest_in_force().await, Ok(Some(next)));
    assert_eq!(network.service.manifest_to_come().await, Ok(None));
}

#[tokio::test]
async fn peers_are_known_and_follow_their_sockets() {
    let network = Network::start().await;
    let staking = network.deployment.staking();
    let moved = &network.operators[2];
    assert_eq!(network.service.peers().await.expect("anvil answers").len(), OPERATORS);
    staking.perform(&moved.manager, &staking.update_socket("10.0.0.9:1")).await.expect("it is an operator");
    let peers = network.service.peers().await.expect("anvil answers");
    assert!(peers.is_sorted_by_key(|peer| peer.operator));
    let peer = peers.iter().find(|peer| peer.operator == moved.id()).expect("it serves");
    assert_eq!((peer.socket.as_str(), peer.transport_key), ("10.0.0.9:1", B256::with_last_byte(3)));
}

#[tokio::test]
async fn result_of_three_of_four_is_delivered_and_read_back() {
    let network = Network::start().await;
    let created = network.create_task().await;
    let delivery = network.delivery(&created.task, 3).await;
    delivery.simulate(&network.operators[0].manager).await.expect("it would be accepted");
    let outcome = delivery.submit(&network.operators[0].manager).await.expect("it is accepted");
    assert_eq!(outcome.status, TransactionStatus::Succeeded);

    let service = network.deployment.service();
    let config = ReaderConfig { confirmations: 0, ..ReaderConfig::default() };
    let mut reader = support::reader(&network, config);
    let span = reader.read(None).await.expect("anvil answers").expect("there are blocks");
    assert_eq!((span.rejected.len(), span.rewind), (0, None));
    let events: Vec<_> = span.events.into_iter().map(|placed| (placed.place.tx_hash, placed.event)).collect();
    let created_event =
        ServiceEvent::TaskCreated { task_id: created.task.id(service), task: created.task.clone(), input: GAME.into() };
    assert!(events.contains(&(created.outcome.tx_hash, created_event)));
    let handler = network.deployment.score_board;
    let delivered = ServiceEvent::TaskDelivered { task_id: created.task_id, handler, handled: true };
    assert!(events.contains(&(outcome.tx_hash, delivered)));
    let part = PerToken { native: Weight::from(3 * STAKE), external: Weight::from(3 * STAKE) };
    let verified =
        |event: &ServiceEvent| matches!(event, ServiceEvent::CertificateVerified { signed, .. } if *signed == part);
    assert!(events.iter().any(|(_, event)| verified(event)));

    let score = admin::score_of(network.anvil.client(), network.deployment.score_board, GAME).await;
    let score = score.expect("anvil answers").expect("there is a score");
    assert_eq!((score.json.as_str(), score.task_id), (ANSWER, created.task_id));
}

#[tokio::test]
async fn two_of_four_are_refused_with_the_quorum_named() {
    let network = Network::start().await;
    let created = network.create_task().await;
    let delivery = network.delivery(&created.task, 2).await;
    let error = delivery.submit(&network.operators[0].manager).await.expect_err("half is too little");
    let text = error.revert().expect("the contract refused").to_string();
    assert_eq!(text, "QuorumNotReached(token: 0, signed: 2000, total: 4000, bps: 6667)");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn second_delivery_of_a_task_is_refused_before_it_is_sent() {
    let network = Network::start().await;
    let created = network.create_task().await;
    let delivery = network.delivery(&created.task, 4).await;
    delivery.submit(&network.operators[0].manager).await.expect("the first is accepted");
    let balance = network.anvil.client().balance(network.operators[1].manager.address()).await;
    let error = delivery.submit(&network.operators[1].manager).await.expect_err("the task is settled");
    assert_eq!(error.revert().map(|revert| revert.name.as_str()), Some("NothingToDeliver"));
    assert_eq!(network.anvil.client().balance(network.operators[1].manager.address()).await, balance);
}

#[tokio::test]
async fn refusals_of_the_contracts_are_named_with_their_values() {
    let network = Network::bare().await;
    let latest = network.anvil.client().latest_block().await.expect("anvil answers");
    let request = TaskRequest {
        workflow: "unknown".parse().expect("the name is valid"),
        input: Vec::new(),
        requirement: Requirement::NONE,
        deadline: latest.timestamp + 600,
    };
    let service = network.deployment.service_manager;
    let error = admin::create_task(&network.owner, service, &request).await.expect_err("there is no such workflow");
    let revert = error.revert().expect("the contract refused");
    assert_eq!(revert.name, "UnknownWorkflow");
    assert_eq!(revert.value("manifest").map(ToString::to_string), Some(manifest().hash.to_string()));
    let error = admin::refresh_table(&network.owner, service).await.expect_err("nobody serves");
    assert_eq!(error.revert().map(|revert| revert.name.as_str()), Some("EmptyTable"));
}

#[tokio::test]
async fn key_of_another_operator_is_refused() {
    let network = Network::start().await;
    let thief = support::manager(&network.anvil, &network.anvil.accounts()[7], support::quick()).await;
    let staking = network.deployment.staking();
    let victim = &network.operators[0].secret;
    let registration = Registration {
        key: victim.public_key(),
        possession: victim.prove_possession(&staking.registry_domain(), OperatorId(thief.address())),
        transport_key: B256::repeat_byte(9),
        socket: String::new(),
        metadata_uri: String::new(),
    };
    let error = staking.perform(&thief, &staking.register_operator(&registration)).await.expect_err("it is taken");
    assert_eq!(error.revert().map(|revert| revert.name.as_str()), Some("KeyInUse"));
}

#[tokio::test]
async fn address_without_a_service_is_named() {
    let network = Network::bare().await;
    for address in [Address::repeat_byte(9), network.deployment.native_token] {
        let opened = ServiceReader::open(network.anvil.client().clone(), address).await;
        assert!(matches!(opened, Err(ServiceError::NotAService(id)) if id.manager == address), "{address}");
    }
}
