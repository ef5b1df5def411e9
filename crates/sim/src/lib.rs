//! Many operators' agreements on a simulated network, clock, disk and chain, all from one seed.
//!
//! The agreement is the real one, [`tandem_protocol::Agreement`], with real messages and real BLS signatures. Around it this crate puts
//! what `crates/node` does, effect by effect, so that a process can crash between any two; and around that a world in which everything
//! goes wrong that may. Adversaries hold real keys and break every rule that keys allow to break.
//!
//! A run draws a plan from its seed, lets faults happen for a while, ends them, and waits until all is done. An auditor that
//! sees every signature, certificate and block judges it by arithmetic of its own. What must hold are the variants of [`Violation`].
//! A run writes an audit log; the hash of it is a function of the seed.
//!
//! [`Sabotage`] breaks what is simulated on purpose: the tests hold that the properties notice.
//!
//! It opens no socket and no file, and reads no clock: time is a number. See `docs/reference/simulator.md` for what is modelled and what
//! is not.

mod adversary;
mod audit;
mod chain;
mod disk;
mod env;
mod faults;
mod identity;
mod journal;
mod log;
mod network;
mod operator;
mod plan;
mod quorum;
mod random;
mod report;
mod run;
mod sabotage;
mod violation;
mod workload;
mod world;

pub use journal::Settlement;
pub use log::Listener;
pub use plan::{Power, Scale};
pub use report::{Report, Totals};
pub use run::{run, run_all, run_aloud};
pub use sabotage::{Sabotage, UnknownSabotage};
pub use violation::Violation;
