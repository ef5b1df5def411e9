//! The engine from outside, with guests that behave badly. They are built apart: `make components`.

mod cache;
mod chain;
mod components;
mod conformance;
mod http;
mod limits;
mod scratch;
mod secrecy;
mod store;
mod strict;
mod threads;
mod world;

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use tandem_engine::{Component, Engine, EngineConfig, Execution, Grants, RunError, TaskInput};

/// One engine for all tests, as in a node.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        Engine::new(EngineConfig { concurrent_max: 16, ..EngineConfig::default() })
            .expect("there is address space for 16 slots")
    });
    &ENGINE
}

/// A path below where components are built.
fn path_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/target").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    let path = path_of("wasm32-wasip2/release").join(name).with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make components` first", path.display()))
}

/// The component that does what its input says.
fn hostile(grants: Grants) -> Component {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    engine().load(BYTES.get_or_init(|| bytes("hostile")), grants).expect("the fixture is a service")
}

async fn run(component: &Component, input: &str) -> Result<Execution, RunError> {
    component.run(TaskInput::manual(input.into())).await
}

async fn output(component: &Component, input: &str) -> String {
    String::from_utf8(run(component, input).await.expect("the component behaves").output).expect("the output is text")
}
