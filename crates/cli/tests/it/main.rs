//! The `tandem` binary as people use it: real processes, a real chain, real HTTP.

mod arguments;
mod demo;
mod ether;
mod exec;
mod membership;
mod network;
mod pages;
mod rotation;
mod staking;
mod upkeep;
mod workspace;
mod world;
