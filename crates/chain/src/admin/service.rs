//! What a service's owner and its consumers do: operator tables, manifests, tasks; and reading a score.

use alloy::sol_types::SolCall;
use tandem_types::{Address, Epoch, PerToken, Requirement, ServiceId, Task, TaskId, WorkflowId};

use super::{AdminError, Done, execute, perform};
use crate::bindings::{ScoreBoard, ServiceManager};
use crate::client::ChainClient;
use crate::error::RpcError;
use crate::event::{self, Route, ServiceEvent};
use crate::service::{AnnouncedManifest, ServiceReader};
use crate::tx::{Call, Receipt, TransactionManager, TransactionOutcome};

/// A request for one execution of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRequest {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Input of its component.
    pub input: Vec<u8>,
    /// What is demanded beside the service's policy.
    pub requirement: Requirement,
    /// Last second (block time, Unix) at which the result may be delivered.
    pub deadline: u64,
}

/// A task that the chain recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTask {
    /// Its identity.
    pub task_id: TaskId,
    /// What was recorded.
    pub task: Task,
    /// The transaction.
    pub outcome: TransactionOutcome,
}

/// A verified score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// What the component returned.
    pub json: String,
    /// Task that it answers.
    pub task_id: TaskId,
    /// Block time of its delivery, in Unix seconds.
    pub timestamp: u64,
}

/// The event of that kind among those of a receipt.
fn find<T>(service: ServiceId, receipt: &Receipt, pick: impl Fn(ServiceEvent) -> Option<T>) -> Option<T> {
    let ours = receipt.logs.iter().filter(|log| log.log.address == service.manager);
    ours.filter_map(|log| event::decode(service, log).ok().flatten()).find_map(pick)
}

/// Writes a new operator table with all operators that serve the service, from their stake as it is now.
///
/// # Errors
/// [`AdminError`], with `EmptyTable` and `TooManyOperators` among the reverts, and `IncompleteOperators` when an operator came or went meanwhile.
pub async fn refresh_table(manager: &TransactionManager, service: Address) -> Result<Done<Epoch>, AdminError> {
    let reader = ServiceReader::open(manager.client().clone(), service).await?;
    let mut gas_used = 0;
    let mut last = None;
    for call in reader.next_table().await?.calls() {
        let receipt = execute(manager, call).await?;
        gas_used += receipt.outcome.gas_used;
        last = Some(receipt);
    }
    let receipt = last.ok_or(AdminError::NotOurs { contract: service, what: "take an operator table" })?;
    let id = ServiceId { chain_id: manager.client().chain_id(), manager: service };
    let epoch = find(id, &receipt, |event| match event {
        ServiceEvent::TableRefreshed { epoch, .. } => Some(epoch),
        _ => None,
    });
    let value = epoch.ok_or(AdminError::NotOurs { contract: service, what: "announce the operator table" })?;
    Ok(Done { value, gas_used })
}

/// Announces a manifest with the workflows that deliver on this chain, each with its handler. The sender owns the service.
///
/// # Errors
/// [`AdminError`], with `ActivationNotInFuture`, `HandlerWithoutCode` and `OwnableUnauthorizedAccount` among the reverts.
pub async fn announce_manifest(
    manager: &TransactionManager,
    service: Address,
    manifest: &AnnouncedManifest,
    workflows: &[Route],
) -> Result<Done<()>, AdminError> {
    let workflow = |route: &Route| ServiceManager::Workflow {
        name: route.workflow.to_word(),
        handler: route.handler,
        fires: route.fires,
    };
    let call = ServiceManager::announceManifestCall {
        manifest: manifest.hash.0,
        uri: manifest.uri.clone(),
        activationBlock: manifest.activation_block,
        workflows: workflows.iter().map(workflow).collect(),
    };
    perform(manager, Call::new(service, call.abi_encode())).await
}

/// Asks for one execution of a workflow of the manifest in force.
///
/// # Errors
/// [`AdminError`], with `UnknownWorkflow`, `InputTooLong`, `DeadlineOutOfBounds` and `QuorumOutOfBounds` among the reverts.
pub async fn create_task(
    manager: &TransactionManager,
    service: Address,
    request: &TaskRequest,
) -> Result<Done<CreatedTask>, AdminError> {
    let call = ServiceManager::createTaskCall {
        workflow: request.workflow.to_word(),
        input: request.input.clone().into(),
        requirement: ServiceManager::Requirement {
            nativeBps: request.requirement.native.get(),
            externalBps: request.requirement.external.get(),
            combinedBps: request.requirement.combined.get(),
        },
        deadline: request.deadline,
    };
    let receipt = execute(manager, Call::new(service, call.abi_encode())).await?;
    let id = ServiceId { chain_id: manager.client().chain_id(), manager: service };
    let created = find(id, &receipt, |event| match event {
        ServiceEvent::TaskCreated { task_id, task, .. } => Some((task_id, task)),
        _ => None,
    });
    let (task_id, task) = created.ok_or(AdminError::NotOurs { contract: service, what: "record the task" })?;
    let outcome = receipt.outcome;
    Ok(Done { value: CreatedTask { task_id, task, outcome }, gas_used: outcome.gas_used })
}

/// The latest verified score of a game; none when there is none yet.
///
/// # Errors
/// [`RpcError`].
pub async fn score_of(client: &ChainClient, score_board: Address, game_id: &str) -> Result<Option<Score>, RpcError> {
    let score = client.call(score_board, &ScoreBoard::scoreOfCall { gameId: game_id.to_owned() }).await?;
    let found = Score { json: score.json, task_id: TaskId(score.taskId), timestamp: score.timestamp };
    Ok((!found.task_id.0.is_zero()).then_some(found))
}

/// The strategies whose stake counts for a service.
///
/// # Errors
/// [`RpcError`].
pub async fn strategies_of(client: &ChainClient, service: Address) -> Result<PerToken<Address>, RpcError> {
    Ok(PerToken {
        native: client.call(service, &ServiceManager::nativeStrategyCall {}).await?,
        external: client.call(service, &ServiceManager::externalStrategyCall {}).await?,
    })
}
