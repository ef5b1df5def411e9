//! Runs WebAssembly components for operators: compiled once, instantiated afresh for every task, shut in.
//!
//! A component reaches exactly what its [`Grants`] name and nothing else: no disk, no environment, no sockets, no standard streams, HTTP only to
//! listed hosts, and its service's [store] and [chain] only where they are granted. Under the determinism profile `strict` it reaches nothing that differs between
//! operators, and the same task gives the same output for the same fuel. Every execution ends within its [`Limits`], with an [`Execution`] or with a [`RunError`] that says which limit was met or what
//! was refused, and whose fault it was.
//!
//! The one crate that knows wasmtime; no type of it appears in the interface. What it refuses: to compile anything that is not a component of the world
//! `tandem:service/service`, to lend a limit above the node's own, to log or report a secret.
//!
//! ```no_run
//! # async fn example(bytes: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use tandem_engine::{Engine, EngineConfig, Grants, TaskInput};
//!
//! let engine = Engine::new(EngineConfig::default())?;
//! let grants = Grants { http_hosts: ["api.example.com".parse()?].into(), ..Grants::default() };
//! let component = engine.load(bytes, grants)?;
//! let execution = component.run(TaskInput::manual(b"input".to_vec())).await?;
//! println!("{} bytes for {} fuel", execution.output.len(), execution.fuel);
//! # Ok(())
//! # }
//! ```

mod bindings;
mod cache;
mod capability;
pub mod chain;
mod component;
mod engine;
mod error;
mod grants;
mod limits;
mod linker;
mod pool;
mod secrets;
mod share;
mod size;
mod state;
pub mod store;
mod threads;
mod turn;
mod work;

pub use cache::CacheConfig;
pub use capability::http::{HostError, HttpExchange, HttpHost, HttpHosts, HttpTape};
pub use chain::{ChainError, ChainLimits, ChainState, MemoryChain};
pub use component::{Component, Execution, TaskInput};
pub use engine::{Engine, EngineConfig, EngineError};
pub use error::{Fault, GuestError, GuestErrorKind, LoadError, Refusal, RunError};
pub use grants::Grants;
pub use limits::{LimitBreach, LimitKind, Limits, ScratchLimits};
pub use secrets::Secrets;
pub use size::{COMPONENT_BYTES_MAX, COMPONENT_FUNCTIONS_MAX, FUNCTION_BYTES_MAX};
pub use store::{MemoryStore, ServiceStore, StoreLimits};
