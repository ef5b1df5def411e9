//! The `tandem` binary as people use it: real processes, a real chain, real HTTP.

mod arguments;
mod authoring;
mod callers;
mod capabilities;
mod demo;
mod ether;
mod exec;
mod faults;
mod guide;
mod languages;
mod membership;
mod network;
mod operator;
mod pages;
mod recorded;
mod rotation;
mod sources;
mod staking;
mod traces;
mod triggers;
mod upkeep;
mod workspace;
mod world;
