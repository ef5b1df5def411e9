//! The operator daemon as a library: journal, transport, effect loop, HTTP API, metrics.
//!
//! A [`Node`](node::Node) follows one service for one operator: it reads tasks from the chain, runs their components, agrees with the
//! other operators on the results, and submits what is certified. Whatever it must still know after a crash is in its
//! [`journal`] before anything that depends on it leaves the process.
//!
//! The binary owns the world: arguments, environment, signals and the log subscriber are handed in.

mod agree;
mod alone;
pub mod api;
mod callers;
pub mod caps;
pub mod chains;
mod clock;
pub mod components;
mod conditions;
pub mod config;
mod executor;
mod funds;
pub mod journal;
pub mod keys;
pub mod metrics;
pub mod node;
pub mod pinned_chain;
mod progress;
mod retention;
mod slots;
mod source;
mod status;
mod submit;
mod supply;
mod telemetry;
pub mod transport;
mod upkeep;
mod witness;
pub mod workflows;
