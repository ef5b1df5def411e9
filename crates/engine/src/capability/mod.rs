//! What a component can reach beyond itself: one module per capability, each with its own rules, bounds and tests.
//!
//! A capability holds the grants of one execution and nothing of another. None falls back to something wider when it was granted nothing.

pub(crate) mod chain;
pub(crate) mod components;
pub(crate) mod config;
pub(crate) mod http;
pub(crate) mod logging;
pub(crate) mod scratch;
pub(crate) mod secrets;
pub(crate) mod stdio;
pub(crate) mod store;
pub(crate) mod strict;
