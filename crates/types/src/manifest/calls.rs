//! Which workflows call which. What is checked here is what a run relies on: it ends, it needs no more than so many instances and so much memory at a time, and a
//! result that can be proven rests on nothing that cannot.

use std::collections::BTreeMap;
use std::fmt;

use super::{Determinism, Limits, Manifest, ManifestError, Workflow};
use crate::WorkflowId;

/// Most calls within each other.
pub const CALL_DEPTH_MAX: usize = 8;

/// Workflows of which each calls the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallChain(pub Vec<WorkflowId>);

impl fmt::Display for CallChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|name| format!("`{name}`")).collect();
        f.write_str(&names.join(" → "))
    }
}

impl Manifest {
    /// The workflow called `name` and all that it calls, directly or not: what is called comes before its callers.
    ///
    /// # Errors
    /// [`ManifestError::UnknownCallee`] and [`ManifestError::CallCircle`], which a manifest that was read does not have.
    pub fn callees_first(&self, name: &WorkflowId) -> Result<Vec<&Workflow>, ManifestError> {
        self.order(self.workflow(name).into_iter())
    }

    /// All workflows: what is called comes before its callers.
    ///
    /// # Errors
    /// As [`callees_first`](Self::callees_first).
    pub fn in_call_order(&self) -> Result<Vec<&Workflow>, ManifestError> {
        self.order(self.workflows.iter())
    }

    pub(super) fn check_calls(&self) -> Result<(), ManifestError> {
        let mut seen = BTreeMap::new();
        for workflow in self.in_call_order()? {
            self.check_callees(workflow)?;
            let deepest = Chains::of(workflow, &seen);
            deepest.check()?;
            seen.insert(&workflow.name, deepest);
        }
        Ok(())
    }

    fn check_callees(&self, workflow: &Workflow) -> Result<(), ManifestError> {
        let is_open =
            |name: &&WorkflowId| self.workflow(name).is_some_and(|callee| callee.determinism == Determinism::Open);
        match workflow.calls.iter().find(is_open) {
            Some(callee) if workflow.determinism == Determinism::Strict => {
                Err(ManifestError::StrictCalls { workflow: workflow.name.clone(), callee: callee.clone() })
            }
            _ => Ok(()),
        }
    }

    fn order<'a>(&'a self, roots: impl Iterator<Item = &'a Workflow>) -> Result<Vec<&'a Workflow>, ManifestError> {
        let mut order = Vec::new();
        for root in roots {
            self.visit(root, &mut Vec::new(), &mut order)?;
        }
        Ok(order)
    }

    /// Appends `workflow` behind all that it calls. No deeper than there are workflows, as none is on `path` twice.
    fn visit<'a>(
        &'a self,
        workflow: &'a Workflow,
        path: &mut Vec<&'a WorkflowId>,
        order: &mut Vec<&'a Workflow>,
    ) -> Result<(), ManifestError> {
        let name = &workflow.name;
        if let Some(start) = path.iter().position(|above| *above == name) {
            let circle = path[start..].iter().copied().chain([name]).cloned().collect();
            return Err(ManifestError::CallCircle(CallChain(circle)));
        }
        if order.iter().any(|visited| &visited.name == name) {
            return Ok(());
        }
        path.push(name);
        for callee in &workflow.calls {
            let unknown = || ManifestError::UnknownCallee { workflow: name.clone(), callee: callee.clone() };
            self.visit(self.workflow(callee).ok_or_else(unknown)?, path, order)?;
        }
        path.pop();
        order.push(workflow);
        Ok(())
    }
}

/// What a run of a workflow needs at most, over all ways down.
struct Chains {
    /// The longest.
    longest: Vec<WorkflowId>,
    /// The one with the most memory.
    largest: Vec<WorkflowId>,
    memory_mib: u64,
}

impl Chains {
    fn of(workflow: &Workflow, seen: &BTreeMap<&WorkflowId, Self>) -> Self {
        let callees = || workflow.calls.iter().filter_map(|callee| seen.get(callee));
        let after =
            |chain: Option<&[WorkflowId]>| [std::slice::from_ref(&workflow.name), chain.unwrap_or_default()].concat();
        let longest = callees().map(|callee| callee.longest.as_slice()).max_by_key(|chain| chain.len());
        let largest = callees().max_by_key(|callee| callee.memory_mib);
        Self {
            longest: after(longest),
            memory_mib: largest.map_or(0, |callee| callee.memory_mib).saturating_add(workflow.limits.memory_mib),
            largest: after(largest.map(|callee| callee.largest.as_slice())),
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.longest.len() > CALL_DEPTH_MAX + 1 {
            return Err(ManifestError::CallDepth { chain: CallChain(self.longest.clone()) });
        }
        if self.memory_mib > Limits::MAX.memory_mib {
            return Err(ManifestError::CallMemory { chain: CallChain(self.largest.clone()), mib: self.memory_mib });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest of workflows in the form `name: callee callee`, each with `more` in it.
    fn manifest(workflows: &[&str], more: &str) -> Result<Manifest, ManifestError> {
        let digest = "a".repeat(64);
        let workflow = |line: &&str| {
            let (name, callees) = line.split_once(':').expect("a name and what it calls");
            let callees: Vec<_> = callees.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            format!(
                "[[workflow]]\nname = \"{name}\"\ntrigger = \"call\"\ncomponent = {{ digest = \"sha256:{digest}\" }}\ncalls = [{}]\n{more}\n",
                callees.join(", ")
            )
        };
        Manifest::from_toml(&format!("name = \"x\"\n{}", workflows.iter().map(workflow).collect::<String>()))
    }

    fn refused(workflows: &[&str], more: &str) -> String {
        manifest(workflows, more).expect_err("it must be refused").to_string()
    }

    fn chain(workflows: usize) -> Vec<String> {
        let calls = |at: usize| if at + 1 < workflows { format!("w{at}: w{}", at + 1) } else { format!("w{at}:") };
        (0..workflows).map(calls).collect()
    }

    fn lines(lines: &[String]) -> Vec<&str> {
        lines.iter().map(String::as_str).collect()
    }

    #[test]
    fn callees_come_first_and_once() {
        let manifest = manifest(&["a: b c", "b: d", "c: d", "d:", "e: a"], "").expect("it has no circle");
        let order = |name: &str| -> Vec<String> {
            let name = name.parse().expect("a name");
            let order = manifest.callees_first(&name).expect("it has no circle");
            order.iter().map(|workflow| workflow.name.to_string()).collect()
        };
        assert_eq!(order("a"), ["d", "b", "c", "a"]);
        assert_eq!(order("d"), ["d"]);
        assert!(order("x").is_empty());
    }

    #[test]
    fn circles_are_named() {
        assert!(refused(&["a: a"], "").ends_with("`a` → `a`"));
        assert!(refused(&["x: a", "a: b", "b: c", "c: a"], "").ends_with("`a` → `b` → `c` → `a`"));
    }

    #[test]
    fn unknown_names_are_named() {
        assert_eq!(refused(&["a: b"], ""), "workflow `a` calls `b`, which is not in the manifest");
    }

    #[test]
    fn depth_is_limited_and_the_chain_named() {
        assert!(manifest(&lines(&chain(9)), "").is_ok());
        let error = refused(&lines(&chain(10)), "");
        assert!(error.contains("9 deep, 8 at most: `w0` → `w1`") && error.ends_with("`w9`"), "{error}");
    }

    /// 63 layers would be too many ways to walk.
    #[test]
    fn many_ways_to_one_workflow_are_walked_once() {
        let mut workflows: Vec<String> = Vec::new();
        for layer in 0..8 {
            let below: String = (0..7).map(|at| format!(" w{}-{at}", layer + 1)).collect();
            workflows.extend((0..7).map(|at| format!("w{layer}-{at}:{below}")));
        }
        workflows.extend((0..7).map(|at| format!("w8-{at}:")));
        assert!(manifest(&lines(&workflows), "limits = { memory-mib = 10 }").is_ok());
    }

    #[test]
    fn memory_of_a_run_is_limited_over_its_longest_way() {
        let wide = ["a: b c d", "b:", "c:", "d:"];
        assert!(manifest(&wide, "limits = { memory-mib = 512 }").is_ok());
        let error = refused(&["a: b", "b: c", "c:"], "limits = { memory-mib = 512 }");
        assert!(error.contains("`a` → `b` → `c`") && error.contains("1536 MiB"), "{error}");
    }

    #[test]
    fn strict_calls_strict_only() {
        let text = |callee| {
            let digest = "a".repeat(64);
            format!(
                "name = \"x\"\n[[workflow]]\nname = \"a\"\ntrigger = \"request\"\ndeterminism = \"strict\"\ncalls = [\"b\"]\n\
                 component = {{ digest = \"sha256:{digest}\" }}\n[[workflow]]\nname = \"b\"\ntrigger = \"call\"\n\
                 determinism = \"{callee}\"\ncomponent = {{ digest = \"sha256:{digest}\" }}\n"
            )
        };
        assert!(Manifest::from_toml(&text("strict")).is_ok());
        let error = Manifest::from_toml(&text("open")).expect_err("`b` is open").to_string();
        assert!(error.starts_with("workflow `a` is `strict` and calls `b`, which is `open`"), "{error}");
    }
}
