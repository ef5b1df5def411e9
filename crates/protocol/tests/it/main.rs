//! The agreement among several operators: everything but the transport, the journal and the clock is real.

mod adversaries;
mod harness;
mod honest;
mod policy_properties;
mod policy_vectors;
