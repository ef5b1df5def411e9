//! The contracts' calls, events and creation code, from the compiled artifacts, and their conversion to Tandem's types. Nothing of
//! this leaves the crate.

use tandem_types::{
    BpsError, DemandError, FallbackError, G1Point, G2Point, IdError, ManifestHash, Requirement, Task, WorkflowId,
};

use crate::abi::Contract;

mod allocation_manager {
    alloy::sol!(AllocationManager, "artifacts/AllocationManager.json");
}
mod chainlink_prices {
    alloy::sol!(ChainlinkPrices, "artifacts/ChainlinkPrices.json");
}
mod demo_feed {
    alloy::sol!(DemoFeed, "artifacts/DemoFeed.json");
}
mod demo_token {
    alloy::sol!(DemoToken, "artifacts/DemoToken.json");
}
mod ether_strategy {
    alloy::sol!(EtherStrategy, "artifacts/EtherStrategy.json");
}
mod fallback_monitor {
    alloy::sol!(FallbackMonitor, "artifacts/FallbackMonitor.json");
}
mod operator_registry {
    alloy::sol!(OperatorRegistry, "artifacts/OperatorRegistry.json");
}
mod restaking_manager {
    alloy::sol!(RestakingManager, "artifacts/RestakingManager.json");
}
mod score_board {
    alloy::sol!(ScoreBoard, "artifacts/ScoreBoard.json");
}
#[expect(clippy::too_many_arguments, reason = "generated: an event has as many fields")]
mod service_manager {
    alloy::sol!(ServiceManager, "artifacts/ServiceManager.json");
}
mod strategy {
    alloy::sol!(Strategy, "artifacts/Strategy.json");
}
mod wrapped_ether {
    alloy::sol!(WrappedEther, "artifacts/WrappedEther.json");
}

pub(crate) use allocation_manager::AllocationManager;
pub(crate) use chainlink_prices::ChainlinkPrices;
pub(crate) use demo_feed::DemoFeed;
pub(crate) use demo_token::DemoToken;
pub(crate) use ether_strategy::EtherStrategy;
pub(crate) use fallback_monitor::FallbackMonitor;
pub(crate) use operator_registry::OperatorRegistry;
pub(crate) use restaking_manager::RestakingManager;
pub(crate) use score_board::ScoreBoard;
pub(crate) use service_manager::ServiceManager;
pub(crate) use strategy::Strategy;
pub(crate) use wrapped_ether::WrappedEther;

/// The artifacts' text, for the names in their ABIs.
pub(crate) const ARTIFACTS: [(Contract, &str); 9] = [
    (Contract::AllocationManager, include_str!("../artifacts/AllocationManager.json")),
    (Contract::OperatorRegistry, include_str!("../artifacts/OperatorRegistry.json")),
    (Contract::RestakingManager, include_str!("../artifacts/RestakingManager.json")),
    (Contract::ServiceManager, include_str!("../artifacts/ServiceManager.json")),
    (Contract::Strategy, include_str!("../artifacts/Strategy.json")),
    (Contract::Token, include_str!("../artifacts/DemoToken.json")),
    (Contract::ScoreBoard, include_str!("../artifacts/ScoreBoard.json")),
    (Contract::ChainlinkPrices, include_str!("../artifacts/ChainlinkPrices.json")),
    (Contract::FallbackMonitor, include_str!("../artifacts/FallbackMonitor.json")),
];

/// What a contract holds that Tandem's types do not admit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// The workflow is no name.
    #[error(transparent)]
    Workflow(#[from] IdError),
    /// A threshold is out of range.
    #[error(transparent)]
    Threshold(#[from] BpsError),
    /// A requirement is out of range.
    #[error(transparent)]
    Requirement(#[from] DemandError),
    /// A fallback would be the cheaper way.
    #[error(transparent)]
    Fallback(#[from] FallbackError),
    /// A kind of policy that Tandem does not know.
    #[error("{0} is no kind of policy")]
    PolicyKind(u8),
    /// A policy with vetoes gives no time for them.
    #[error("results wait 0 seconds for vetoes")]
    NoVetoWindow,
    /// A policy that names one token names none or both.
    #[error("a policy for one token has the thresholds {native} and {external}")]
    NotOneToken {
        /// Threshold of the native token, 0 for none.
        native: u16,
        /// Threshold of the external token, 0 for none.
        external: u16,
    },
}

impl From<&Task> for ServiceManager::Task {
    fn from(task: &Task) -> Self {
        Self {
            number: task.number,
            workflow: task.workflow.to_word(),
            manifest: task.manifest.0,
            handler: task.handler,
            requester: task.requester,
            deadline: task.deadline,
            nativeBps: task.requirement.native.get(),
            externalBps: task.requirement.external.get(),
            combinedBps: task.requirement.combined.get(),
            inputHash: task.input_hash,
        }
    }
}

impl TryFrom<ServiceManager::Task> for Task {
    type Error = ConversionError;

    fn try_from(task: ServiceManager::Task) -> Result<Self, ConversionError> {
        Ok(Self {
            number: task.number,
            workflow: WorkflowId::from_word(task.workflow)?,
            manifest: ManifestHash(task.manifest),
            handler: task.handler,
            requester: task.requester,
            deadline: task.deadline,
            requirement: Requirement::new(task.nativeBps, task.externalBps, task.combinedBps)?,
            input_hash: task.inputHash,
        })
    }
}

/// The contracts' points, once per contract that has them.
macro_rules! points {
    ($contract:ident) => {
        impl From<&G1Point> for $contract::G1 {
            fn from(point: &G1Point) -> Self {
                let [x, y] = point.to_words();
                Self { x, y }
            }
        }

        impl From<&G2Point> for $contract::G2 {
            #[allow(non_snake_case, reason = "the fields' names in Solidity")]
            fn from(point: &G2Point) -> Self {
                let [xIm, xRe, yIm, yRe] = point.to_words();
                Self { xIm, xRe, yIm, yRe }
            }
        }
    };
}

points!(OperatorRegistry);
points!(ServiceManager);

impl From<&OperatorRegistry::G1> for G1Point {
    fn from(point: &OperatorRegistry::G1) -> Self {
        Self::from_words([point.x, point.y])
    }
}

impl From<&OperatorRegistry::G2> for G2Point {
    fn from(point: &OperatorRegistry::G2) -> Self {
        Self::from_words([point.xIm, point.xRe, point.yIm, point.yRe])
    }
}

impl From<&ServiceManager::G1> for G1Point {
    fn from(point: &ServiceManager::G1) -> Self {
        Self::from_words([point.x, point.y])
    }
}
