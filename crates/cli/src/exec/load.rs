//! Loads a component together with those that it calls.

use std::collections::BTreeMap;
use std::time::Duration;

use tandem_engine::{Component, Engine, Grants, Limits};
use tandem_types::WorkflowId;

use super::not_loaded;
use crate::Failure;
use crate::project::Part;

/// What lends enough for `parts`, and no less than a node: the user's own machine is at stake.
pub(super) fn limits_max(parts: &[Part]) -> Limits {
    let memory_bytes = parts.iter().map(|part| part.grants.limits.memory_bytes).sum();
    Limits { time: Duration::MAX, fuel: u64::MAX, memory_bytes, ..Limits::manifest_max() }
}

/// Compiles `parts`, of which each comes before those that call it, and gives the last.
pub(crate) fn load_all(engine: &Engine, parts: Vec<Part>) -> Result<Component, Failure> {
    let mut loaded: BTreeMap<WorkflowId, Component> = BTreeMap::new();
    let mut last = None;
    for part in parts {
        let callee = |name: &WorkflowId| loaded.get(name).map(|component| (name.clone(), component.clone()));
        let grants = Grants { calls: part.calls.iter().filter_map(callee).collect(), ..part.grants };
        let component = engine.load(&part.component, grants).map_err(not_loaded)?;
        loaded.insert(part.name, component.clone());
        last = Some(component);
    }
    Ok(last.expect("a workflow is a part of itself"))
}
