//! What a component imports, read from its outermost layer; and what a workflow grants of it. Whether the engine has it is the engine's to say.

use std::collections::BTreeMap;

use serde::Serialize;
use tandem_types::{Determinism, Workflow, WorkflowId};
use wasmparser::{Parser, Payload};

/// One capability that a component asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Import {
    /// The interface, without its version, or the package for what is imported as a whole.
    pub(super) name: String,
    /// Whether anything is granted of it.
    pub(super) granted: bool,
    /// What is granted, for people.
    pub(super) grant: String,
}

/// Names of the interfaces that `component` imports, with versions, in its own order.
pub(crate) fn names(component: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    let mut names = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            // Modules and components inside have imports too, which are not the component's.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    names.push(import?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// What `workflow` grants of the interfaces `names`, those of Tandem first.
pub(super) fn granted(names: &[String], workflow: &Workflow) -> Vec<Import> {
    let mut imports = BTreeMap::new();
    // Types are imported too, by names of their own or as the package's; they reach nothing.
    for name in names.iter().filter(|name| name.contains(':') && !name.starts_with("tandem:service/types@")) {
        let (capability, granted, grant) = grant(name, workflow);
        imports.entry(capability).or_insert((granted, grant));
    }
    imports.into_iter().map(|(name, (granted, grant))| Import { name, granted, grant }).collect()
}

fn grant(name: &str, workflow: &Workflow) -> (String, bool, String) {
    let interface = name.split('@').next().unwrap_or(name);
    let package = interface.split('/').next().unwrap_or(interface);
    let list = |items: Vec<&str>, none: &str| match items.is_empty() {
        true => (false, none.to_owned()),
        false => (true, items.join(", ")),
    };
    let strict = workflow.determinism == Determinism::Strict;
    let (granted, grant) = match (interface, package) {
        ("tandem:service/config", _) => list(
            workflow.config.keys().map(String::as_str).collect(),
            "nothing is set: add config = { key = \"value\" }",
        ),
        ("tandem:service/secrets", _) => {
            list(workflow.secrets.iter().map(String::as_str).collect(), "none is named: add secrets = [\"NAME\"]")
        }
        (_, "wasi:http") => list(
            workflow.http.hosts.iter().map(String::as_str).collect(),
            "no host is listed: add http = { hosts = [\"api.example.com\"] }",
        ),
        ("tandem:service/chain", _) => match &workflow.chain {
            Some(chain) => (true, format!("{} reads of the task's block, {} bytes", chain.calls, chain.bytes)),
            None => (false, "no reads: add chain = {}".to_owned()),
        },
        ("tandem:service/store", _) => match &workflow.store {
            Some(store) => (true, format!("{} keys, {} bytes, kept from task to task", store.keys, store.bytes)),
            None => (false, "no store: add store = {}".to_owned()),
        },
        ("tandem:service/components", _) => list(
            workflow.calls.iter().map(WorkflowId::as_str).collect(),
            "no workflow is listed: add calls = [\"NAME\"]",
        ),
        ("tandem:service/logging", _) => (true, "lines for the operator's log".to_owned()),
        (_, "wasi:clocks") if strict => (true, "the task's time".to_owned()),
        (_, "wasi:random") if strict => (true, "the same for every operator".to_owned()),
        (_, "wasi:clocks") => (true, "each operator's own clock: keep it out of the output".to_owned()),
        (_, "wasi:random") => (true, "another for each operator: keep it out of the output".to_owned()),
        (_, "wasi:filesystem") if workflow.scratch.is_some() => (true, "the scratch directory".to_owned()),
        (_, "wasi:cli" | "wasi:filesystem") => {
            (true, "for the language's own library, with nothing behind it".to_owned())
        }
        (_, "wasi:sockets") => (true, "for the language's own library; every socket is refused".to_owned()),
        (_, "wasi:io") => (true, "streams of the others".to_owned()),
        _ => (true, "see wit/service.wit".to_owned()),
    };
    let capability = if package.starts_with("wasi:") { package } else { interface };
    (capability.to_owned(), granted, grant)
}

#[cfg(test)]
mod tests {
    use tandem_types::Manifest;

    use super::*;

    fn workflow(more: &str) -> Workflow {
        let digest = "a".repeat(64);
        let text = format!(
            "name = \"x\"\n[[workflow]]\nname = \"x\"\ntrigger = \"request\"\ncomponent = {{ digest = \"sha256:{digest}\" }}\n{more}"
        );
        Manifest::from_toml(&text).expect("the manifest is valid").workflows.remove(0)
    }

    fn one(name: &str, more: &str) -> Import {
        granted(&[name.to_owned()], &workflow(more)).remove(0)
    }

    #[test]
    fn grants_are_those_of_the_workflow() {
        let cases = [
            ("tandem:service/config@0.1.0", "config = { b = \"1\", a = \"2\" }", true, "a, b"),
            ("tandem:service/config@0.1.0", "", false, "nothing is set"),
            ("tandem:service/secrets@0.1.0", "secrets = [\"KEY\"]", true, "KEY"),
            ("tandem:service/secrets@0.1.0", "", false, "none is named"),
            ("wasi:http/types@0.2.12", "http = { hosts = [\"a.b\"] }", true, "a.b"),
            ("wasi:http/outgoing-handler@0.2.12", "", false, "no host is listed"),
            ("tandem:service/chain@0.1.0", "chain = { calls = 5 }", true, "5 reads"),
            ("tandem:service/components@0.1.0", "", false, "add calls"),
            ("tandem:service/chain@0.1.0", "", false, "add chain = {}"),
            ("tandem:service/store@0.1.0", "store = { keys = 7 }", true, "7 keys"),
            ("tandem:service/store@0.1.0", "", false, "add store = {}"),
            ("wasi:clocks/wall-clock@0.2.12", "", true, "operator's own"),
            ("wasi:clocks/wall-clock@0.2.12", "determinism = \"strict\"", true, "the task's time"),
        ];
        for (name, more, granted, part) in cases {
            let import = one(name, more);
            assert!(import.granted == granted && import.grant.contains(part), "{name} {more}: {import:?}");
        }
    }

    #[test]
    fn wasi_is_shown_by_package_and_types_not_at_all() {
        let names = [
            "wasi:io/streams@0.2.12",
            "task",
            "tandem:service/types@0.1.0",
            "wasi:io/error@0.2.12",
            "tandem:service/logging@0.1.0",
        ];
        let names = names.map(str::to_owned);
        let shown: Vec<_> = granted(&names, &workflow("")).into_iter().map(|import| import.name).collect();
        assert_eq!(shown, ["tandem:service/logging", "wasi:io"]);
    }
}
