//! The operator daemon as a library: journal, transport, effect loop, HTTP API, metrics.

pub mod journal;
