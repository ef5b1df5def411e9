//! What each workflow has: its component, or why it has none. A slot that holds a component, or the reason why there never will be one, does not change
//! any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tandem_engine::{Component, Fault, LoadError};
use tandem_types::{ManifestHash, WorkflowId};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::journal::bearable;

/// Why a component that is here never runs on this node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unusable {
    /// Why.
    pub reason: String,
    /// Whose fault that is.
    pub fault: Fault,
}

/// What is lent is this node's to say. All else is the component's, or its manifest's, and so on every node.
impl From<&LoadError> for Unusable {
    fn from(error: &LoadError) -> Self {
        let fault = match error {
            LoadError::LimitAboveNode { .. } | LoadError::CallSlots { .. } | LoadError::CallMemory { .. } => {
                Fault::Host
            }
            _ => Fault::Component,
        };
        // Names in a component are as long as its author likes.
        Self { reason: bearable(&error.to_string()).to_owned(), fault }
    }
}

impl Unusable {
    /// What this makes of a workflow that calls the one it is about.
    fn of_caller(&self, callee: &WorkflowId) -> Self {
        Self { reason: format!("it calls `{callee}`, which cannot run here: {}", self.reason), fault: self.fault }
    }
}

/// Why a task has no component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MissingComponent {
    /// The task's manifest came after this node started, or was never given to it.
    #[error(
        "manifest {manifest} with workflow `{workflow}` is not among this node's manifests: add it and its components, and restart"
    )]
    Manifest {
        /// The manifest.
        manifest: ManifestHash,
        /// Its workflow.
        workflow: WorkflowId,
    },
    /// The workflow has no trigger of its own.
    #[error("workflow `{0}` has the trigger `call`: it runs when another component calls it, and for no task")]
    OnlyCalled(WorkflowId),
    /// The component, or one that it calls, is not here yet.
    #[error("the workflow waits for its component: {0}")]
    Awaited(String),
    /// The component is here, and it or one that it calls cannot run.
    #[error("the workflow's component cannot run on this node: {0}")]
    Unusable(Unusable),
}

/// A workflow of a manifest.
pub(crate) type Key = (ManifestHash, WorkflowId);

/// What a workflow has.
#[derive(Clone)]
pub(crate) enum Slot {
    Ready(Component),
    /// Nothing yet, and why.
    Awaited(String),
    /// Nothing, ever.
    Unusable(Unusable),
}

/// The slots of all workflows.
#[derive(Default)]
pub(crate) struct Slots {
    slots: RwLock<HashMap<Key, Slot>>,
    /// Told whenever a slot is settled.
    settled: Notify,
}

impl Slots {
    /// The component of a workflow.
    pub(crate) fn component(&self, key: Key) -> Result<Component, MissingComponent> {
        match self.read().get(&key) {
            Some(Slot::Ready(component)) => Ok(component.clone()),
            Some(Slot::Awaited(reason)) => Err(MissingComponent::Awaited(reason.clone())),
            Some(Slot::Unusable(unusable)) => Err(MissingComponent::Unusable(unusable.clone())),
            None => Err(MissingComponent::Manifest { manifest: key.0, workflow: key.1 }),
        }
    }

    /// The components that a workflow calls; or the slot of the workflow itself, when it cannot have them.
    pub(crate) fn callees(
        &self,
        manifest: ManifestHash,
        calls: &BTreeSet<WorkflowId>,
    ) -> Result<BTreeMap<WorkflowId, Component>, Slot> {
        let slots = self.read();
        let called = || calls.iter().map(|name| (name, slots.get(&(manifest, name.clone()))));
        // One that never comes outweighs those that are late.
        let never = |(name, slot): (&WorkflowId, Option<&Slot>)| match slot {
            Some(Slot::Unusable(unusable)) => Some(unusable.of_caller(name)),
            _ => None,
        };
        if let Some(unusable) = called().find_map(never) {
            return Err(Slot::Unusable(unusable));
        }
        let component = |(name, slot): (&WorkflowId, Option<&Slot>)| match slot {
            Some(Slot::Ready(component)) => Ok((name.clone(), component.clone())),
            _ => Err(Slot::Awaited(format!("it calls `{name}`, which has no component yet"))),
        };
        called().map(component).collect()
    }

    /// How many workflows have a component that cannot run.
    pub(crate) fn unusable(&self) -> usize {
        self.read().values().filter(|slot| matches!(slot, Slot::Unusable(_))).count()
    }

    pub(crate) fn set(&self, key: Key, slot: Slot) {
        let is_settled = !matches!(slot, Slot::Awaited(_));
        self.slots.write().unwrap_or_else(PoisonError::into_inner).insert(key, slot);
        if is_settled {
            self.settled.notify_waiters();
        }
    }

    /// Ends when a slot is settled after this call.
    pub(crate) fn settled(&self) -> Notified<'_> {
        self.settled.notified()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Key, Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tandem_engine::LimitKind;
    use tandem_types::{B256, ComponentDigest};

    use super::*;

    #[test]
    fn what_this_node_does_not_lend_is_its_own_fault_and_all_else_the_components() {
        let digest = ComponentDigest::of(b"x");
        let cases = [
            (LoadError::LimitAboveNode { kind: LimitKind::Memory, asked: 2, lent: 1 }, Fault::Host),
            (LoadError::CallSlots { depth: 3, slots: 2 }, Fault::Host),
            (LoadError::CallMemory { asked: 2, lent: 1 }, Fault::Host),
            (LoadError::Invalid { digest, reason: "bad magic".to_owned() }, Fault::Component),
            (LoadError::CoreModule { digest }, Fault::Component),
            (LoadError::CallDepth { depth: 9 }, Fault::Component),
        ];
        for (error, fault) in cases {
            assert_eq!(Unusable::from(&error), Unusable { reason: error.to_string(), fault });
        }
        let long = LoadError::Invalid { digest, reason: "é".repeat(9_999) };
        assert!(Unusable::from(&long).reason.len() <= crate::journal::FAILURE_MESSAGE_BYTES_MAX);
    }

    #[test]
    fn caller_of_one_that_cannot_run_does_not_wait_for_another_that_is_late() {
        let name = |text: &str| text.parse::<WorkflowId>().expect("a name");
        let manifest = ManifestHash(B256::ZERO);
        let slots = Slots::default();
        let calls = BTreeSet::from([name("bad"), name("awaited")]);
        slots.set((manifest, name("awaited")), Slot::Awaited("late".to_owned()));
        let of_caller = || match slots.callees(manifest, &calls) {
            Ok(_) => panic!("neither is there"),
            Err(slot) => {
                slots.set((manifest, name("caller")), slot);
                slots.component((manifest, name("caller"))).err()
            }
        };
        let waits = "it calls `awaited`, which has no component yet".to_owned();
        assert_eq!(of_caller(), Some(MissingComponent::Awaited(waits)));
        assert_eq!(slots.unusable(), 0);
        let unusable = Unusable { reason: "no".to_owned(), fault: Fault::Host };
        slots.set((manifest, name("bad")), Slot::Unusable(unusable));
        let reason = "it calls `bad`, which cannot run here: no".to_owned();
        let expected = MissingComponent::Unusable(Unusable { reason, fault: Fault::Host });
        assert_eq!(of_caller(), Some(expected));
        assert_eq!(slots.unusable(), 2);
    }
}
