//! The crate against a real chain: an Anvil process per test.

mod delivery;
mod endpoint;
mod events;
mod support;
mod transactions;
