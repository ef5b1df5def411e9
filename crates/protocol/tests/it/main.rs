//! The agreement among several operators: everything but the transport, the journal and the clock is real.

mod adversaries;
mod conditions;
mod harness;
mod honest;
mod policy_properties;
mod policy_vectors;
mod tables;
mod vetoes;
