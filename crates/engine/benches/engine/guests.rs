//! The components that are measured, and the engines they run in.

use std::path::Path;

use tandem_engine::{Component, Engine, EngineConfig, Grants, Secrets, TaskInput};
use zeroize::Zeroizing;

/// A component and a task for it.
pub(crate) struct Guest {
    name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) input: Vec<u8>,
}

impl Guest {
    /// The fixture of the engine's tests, which returns what it is given: 256 bytes with the verb.
    pub(crate) fn echo() -> Self {
        let mut input = b"echo ".to_vec();
        input.resize(256, b'x');
        Self { name: "echo of 256 bytes", bytes: bytes("hostile"), input }
    }

    /// The component that ships, up to where it would send a request: it refuses a game id of 256 bytes.
    pub(crate) fn shipped() -> Self {
        Self { name: "sports-scores, to its first check", bytes: bytes("sports_scores"), input: vec![b'x'; 256] }
    }

    /// What it does, and its size.
    pub(crate) fn title(&self) -> String {
        format!("{} ({} KB)", self.name, self.bytes.len() / 1000)
    }

    pub(crate) fn task(&self) -> TaskInput {
        TaskInput::manual(self.input.clone())
    }

    /// The same code under another digest.
    pub(crate) fn variant(&self, number: u32) -> Vec<u8> {
        // A custom section: its id, its length, a name of one byte and four bytes of content.
        let [a, b, c, d] = number.to_le_bytes();
        [&self.bytes[..], &[0, 6, 1, b'n', a, b, c, d]].concat()
    }
}

/// A component as `make components` leaves it.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../components/target/wasm32-wasip2/release")
        .join(name)
        .with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make components` first", path.display()))
}

/// Grants of every kind, with the limits that a manifest gets when it says nothing.
pub(crate) fn grants() -> Grants {
    let secrets = (0..4).map(|at| (format!("SECRET_{at}"), Zeroizing::new(format!("a-secret-value-{at}"))));
    Grants {
        config: (0..4).map(|at| (format!("key-{at}"), format!("value {at}"))).collect(),
        secrets: Secrets::from_iter(secrets),
        http_hosts: ["api.example.com", "*.example.org"].map(|host| host.parse().expect("it is a host")).into(),
        ..Grants::default()
    }
}

/// An engine as the node has it, but for the cache.
pub(crate) fn engine() -> Engine {
    Engine::new(EngineConfig::default()).expect("there is address space")
}

pub(crate) fn load(engine: &Engine, bytes: &[u8]) -> Component {
    engine.load(bytes, grants()).expect("the component is a service")
}
