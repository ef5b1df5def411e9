//! Components from a registry, for operators and for authors: real processes, and a registry that this test runs.

use std::path::Path;
use std::process::Stdio;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tandem_cli::boxscore;
use tandem_node::workflows::component_path;
use tandem_types::ComponentDigest;
use tokio::process::Command;

use crate::network::{delivered, options, start};
use fake_registry::{FakeRegistry, Options};

#[allow(dead_code, reason = "the node's tests use more of it")]
#[path = "../../../node/src/components/fake_registry.rs"]
mod fake_registry;

/// How often the registry is down before it answers.
const REFUSALS: usize = 2;

async fn busy_registry() -> FakeRegistry {
    let fault = |line: &str, before: usize| {
        let is_down = line.contains("/manifests/") && before < REFUSALS;
        is_down.then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    };
    FakeRegistry::start(Options { fault: Some(Box::new(fault)), ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_with_an_empty_store_fetch_the_component_and_deliver() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let registry = busy_registry().await;
    let mut options = options(directory.path(), 3, "info");
    options.sources = vec![format!("oci://{}/team/x:1", registry.host).parse().expect("the source is valid")];
    registry.put_component(&options.component, |_| {});
    let kept = component_path(&directory.path().join("components"), ComponentDigest::of(&options.component));
    let mut network = start(&options).await;
    let task = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    assert_eq!(delivered(&network, task.task_id).await, 3);
    assert_eq!(std::fs::read(&kept).expect("the component is kept"), options.component);
    // Whatever is on disk under that name, only the component itself is run.
    for operator in &mut network.operators {
        operator.kill().await.expect("it can be killed");
    }
    std::fs::write(&kept, b"something else").expect("it is writable");
    for operator in &mut network.operators {
        operator.spawn(&options).expect("it starts again");
    }
    let task = network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
    assert_eq!(delivered(&network, task.task_id).await, 3);
    assert_eq!(std::fs::read(&kept).expect("the component is kept"), options.component);
}

/// Runs `tandem`, and gives exit code, standard output and standard error.
async fn tandem(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    tandem_as(directory, &[], arguments).await
}

/// The same, with these variables in the environment.
async fn tandem_as(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("TANDEM_REGISTRY")
        .env_remove("TANDEM_REGISTRY_USERNAME")
        .env_remove("TANDEM_REGISTRY_PASSWORD")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_shown_to_the_registry_that_they_are_for_and_to_no_other() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    // What `me` and `hunter2` are in a header.
    let basic = "Basic bWU6aHVudGVyMg==";
    let registry = async || {
        let options = Options { tokens: true, basic: Some(basic.to_owned()), ..Options::default() };
        let registry = FakeRegistry::start(options).await;
        registry.put_component(b"looked at by nobody", |_| {});
        registry
    };
    let (own, other) = (registry().await, registry().await);
    let pull = async |registry: &FakeRegistry| {
        let variables = [
            ("TANDEM_REGISTRY", own.host.as_str()),
            ("TANDEM_REGISTRY_USERNAME", "me"),
            ("TANDEM_REGISTRY_PASSWORD", "hunter2"),
        ];
        let reference = format!("oci://{}/team/x:1", registry.host);
        let (code, _, errors) = tandem_as(directory.path(), &variables, &["component", "pull", &reference]).await;
        (code, errors)
    };
    let (code, errors) = pull(&own).await;
    assert_eq!(code, Some(0), "{errors}");
    assert!(own.asked().iter().any(|(_, shown)| shown.as_deref() == Some(basic)), "{:?}", own.asked());
    let (code, errors) = pull(&other).await;
    assert!(code == Some(1) && errors.contains("TANDEM_REGISTRY to the HOST[:PORT]"), "{errors}");
    assert!(!other.asked().is_empty());
    assert!(other.asked().iter().all(|(_, shown)| shown.is_none()), "{:?}", other.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn author_pushes_pulls_and_runs_a_component() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let registry = FakeRegistry::start(Options { tokens: true, ..Options::default() }).await;
    let component = options(directory.path(), 1, "info").component;
    let digest = ComponentDigest::of(&component).to_string();
    std::fs::write(directory.path().join("x.wasm"), &component).expect("it is writable");
    let reference = format!("oci://{}/team/x:1", registry.host);
    let (code, pushed, errors) = tandem(directory.path(), &["component", "push", "x.wasm", &reference]).await;
    assert_eq!(code, Some(0), "{errors}");
    assert!(pushed.contains(&digest) && pushed.contains(&format!("{reference}@sha256:")), "{pushed}");
    let arguments = ["component", "pull", &reference, "--output", "y.wasm"];
    let (code, pulled, errors) = tandem(directory.path(), &arguments).await;
    assert_eq!((code, &pulled), (Some(0), &pushed), "{errors}");
    assert_eq!(std::fs::read(directory.path().join("y.wasm")).expect("it was written"), component);
    let run = async |arguments: &[&str]| {
        let (code, _, errors) =
            tandem(directory.path(), &[&["exec", "--input", "x", "--component"], arguments].concat()).await;
        (code, errors)
    };
    // It runs, and says itself that it is not configured.
    let (code, errors) = run(&[&reference]).await;
    assert_eq!(code, Some(3), "{errors}");
    let (code, errors) = run(&[&reference, "--digest", &ComponentDigest::of(b"another").to_string()]).await;
    assert!(code == Some(1) && errors.contains("in the place of"), "{errors}");
    let url = format!("http://{}/v2/team/x/blobs/{digest}", registry.host);
    let (code, errors) = run(&[&url]).await;
    assert!(code == Some(2) && errors.contains("needs --digest"), "{errors}");
    let (code, errors) = run(&["ftp://a/b"]).await;
    assert!(code == Some(2) && errors.contains("is not a source of components"), "{errors}");
}
