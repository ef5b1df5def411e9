//! The `tandem` binary as people use it: real processes, a real chain, real HTTP.

mod demo;
mod exec;
mod network;
mod staking;
mod workspace;
mod world;
