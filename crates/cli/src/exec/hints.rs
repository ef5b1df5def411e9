//! What an author can do about an error of the engine. Every error has a hint; the tests go through all of them.

use tandem_engine::{GuestError, GuestErrorKind, LimitKind, LoadError, Refusal, RunError};

/// What to do about a component that is not loaded.
pub(super) fn load(error: &LoadError) -> Option<&'static str> {
    Some(match error {
        LoadError::CoreModule { .. } => "build it for a component target: cargo build --release --target wasm32-wasip2",
        LoadError::Invalid { .. } => {
            "expected a WebAssembly component in binary form, such as cargo writes for the target wasm32-wasip2"
        }
        LoadError::TooLarge { .. } => {
            "leave out what it does not need; `tandem build --optimize size` makes it smaller"
        }
        LoadError::Import { .. } => {
            "components get nothing beyond what wit/service.wit and the language's own library import"
        }
        LoadError::Forbidden { .. } => "run it without --strict to try it under the profile `open`",
        LoadError::Export { .. } => {
            "export a service with `tandem_sdk::export!(run)`, for the world `tandem:service/service`"
        }
        LoadError::LimitAboveNode { .. } => "lower it under limits in tandem.toml: no operator would run the component",
        LoadError::StrictCalls { .. } => "let it be `strict` too, or the component that calls it `open`",
        LoadError::CallDepth { .. } => "let one component do the work of two that call each other",
        LoadError::CallSlots { .. } => "run more components at a time on this node, or let calls go less deep",
        LoadError::CallMemory { .. } => "lower limits = { memory-mib = N } of the workflows that are called",
        _ => return None,
    })
}

/// What to do about an execution without an output. Grants come from tandem.toml or from arguments.
pub(super) fn run(error: &RunError, in_project: bool) -> Option<String> {
    match error {
        RunError::Guest(error) => Some(guest(error, in_project)),
        RunError::Limit(breach) => limit(breach.kind).map(str::to_owned),
        RunError::Refused(refusal) => refused(refusal, in_project),
        RunError::Callee { error, .. } => run(error, in_project),
        RunError::Chain(_) => {
            Some("it is the endpoint's fault, not the component's: try again, or pass another --rpc URL".to_owned())
        }
        RunError::Trap { .. } => {
            Some("the lines above that begin with WARN are what the component wrote to its standard error".to_owned())
        }
        RunError::Host { .. } => {
            Some("this machine is at fault, not the component: RUST_LOG=debug shows more; try again".to_owned())
        }
        _ => None,
    }
}

fn choose(in_project: bool, in_toml: &str, argument: &str) -> String {
    match in_project {
        true => format!("{in_toml} in tandem.toml, or for one run {argument}"),
        false => argument.to_owned(),
    }
}

fn guest(error: &GuestError, in_project: bool) -> String {
    // What the SDKs say of what was not set for a component.
    let is_missing = |before, after| error.message.starts_with(before) && error.message.ends_with(after);
    if is_missing("secret ", " is not supplied") {
        let argument = "set an environment variable of that name and pass --secret-env NAME";
        return choose(in_project, "name it with secrets = [\"NAME\"]", argument);
    }
    if is_missing("config `", "` is not set") {
        return choose(in_project, "set it under config", "set it with --config KEY=VALUE");
    }
    let hint = match error.kind {
        GuestErrorKind::InvalidInput => "the component takes another --input; operators do not try this task again",
        GuestErrorKind::NotReady => "operators try the task again until its deadline",
        GuestErrorKind::Unavailable => {
            "a source did not answer as it should; operators try the task again until its deadline"
        }
        GuestErrorKind::Failed => {
            "the component, its config or its grants are wrong; lines above that begin with ERROR or WARN are its own"
        }
    };
    hint.to_owned()
}

fn limit(kind: LimitKind) -> Option<&'static str> {
    Some(match kind {
        LimitKind::Fuel => "raise it with --fuel N, and in the manifest",
        LimitKind::Time => "raise it with --time-limit SECONDS, and in the manifest",
        LimitKind::Memory => "raise it with --memory-limit MIB, and in the manifest",
        LimitKind::TableElements => "it is the same on every node: leave out code that the component does not need",
        LimitKind::Stack => "it is the same on every node: turn deep recursion into a loop",
        LimitKind::Handles => "it is the same on every node: drop requests, responses and streams that are done with",
        LimitKind::Output => {
            "return less, such as a digest of it, or raise it: limits = { output-bytes = N } in tandem.toml"
        }
        LimitKind::Log => "log less",
        LimitKind::HttpRequests => "ask less often, or raise it: limits = { http-requests = N } in tandem.toml",
        LimitKind::HttpRequestBytes => "it is the same for all components: send less",
        LimitKind::HttpResponseBytes => {
            "ask for less, or raise it: limits = { http-response-bytes = N } in tandem.toml"
        }
        LimitKind::HttpTime => "the server is slow or silent: operators try the task again until its deadline",
        LimitKind::StoreCalls => "name fewer keys, or raise it: store = { calls = N } in tandem.toml",
        LimitKind::StoreKeys => "delete keys, or raise it: store = { keys = N } in tandem.toml",
        LimitKind::StoreKeyBytes => "use shorter keys, or raise it: store = { key-bytes = N } in tandem.toml",
        LimitKind::StoreValueBytes => "write smaller values, or raise it: store = { value-bytes = N } in tandem.toml",
        LimitKind::StoreBytes => "delete what is not needed, or raise it: store = { bytes = N } in tandem.toml",
        LimitKind::StoreBatch => "it is the same on every node: split the command",
        LimitKind::ScratchBytes => "keep less in /scratch, or raise it: scratch = { bytes = N } in tandem.toml",
        LimitKind::ScratchFiles => "keep fewer files, or raise it: scratch = { files = N } in tandem.toml",
        LimitKind::CallBytes => "it is the same on every node: hand over less at once",
        LimitKind::ChainCalls => "read less often, or raise it: chain = { calls = N } in tandem.toml",
        LimitKind::ChainBytes => "read less, or raise it: chain = { bytes = N } in tandem.toml",
        LimitKind::ChainGas => "ask for less gas, or raise it: chain = { gas = N } in tandem.toml",
        LimitKind::ComponentCalls => "call less often, or raise it: limits = { component-calls = N } in tandem.toml",
        LimitKind::CallInput => "it is the same on every node: hand over less, such as a part at a time",
        _ => return None,
    })
}

fn refused(refusal: &Refusal, in_project: bool) -> Option<String> {
    Some(match refusal {
        Refusal::Component { workflow } if in_project => {
            format!("list it with calls = [\"{workflow}\"] in tandem.toml")
        }
        Refusal::Component { .. } => "components call each other within a project only".to_owned(),
        Refusal::Chain => choose(in_project, "grant it with chain = {} and pass --rpc URL", "grant it with --rpc URL"),
        Refusal::Store => choose(in_project, "grant it with store = {}", "grant it with --store"),
        Refusal::HttpHost { host } => choose(
            in_project,
            &format!("list it with http = {{ hosts = [\"{host}\"] }}"),
            &format!("grant it with --allow-host {host}"),
        ),
        Refusal::HttpAddress { address, .. } => {
            format!("if that is meant, grant the address too: --allow-host {address}")
        }
        Refusal::HttpDestination { .. } => {
            "ask for https://host/path or https://host:port/path, without a user name".to_owned()
        }
        Refusal::HttpMethod { .. } => "use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS".to_owned(),
        Refusal::HttpTunnel => "use another method: a component cannot open a tunnel".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "hints_tests.rs"]
mod tests;
