//! The crate against a real chain: an Anvil process per test.

mod delivery;
mod endpoint;
mod endpoints;
mod events;
mod logs;
mod proxy;
mod support;
mod transactions;
