//! The simulator's tests: a few seeds, every bug that was found, and every way to break what is simulated.

mod regressions;
mod sabotage;
mod seeds;
