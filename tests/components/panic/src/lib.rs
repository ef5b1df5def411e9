//! Panics, as Rust does: with a message, and a trap.

use tandem_sdk::{Error, Task};

tandem_sdk::export!(run);

fn run(_: Task) -> Result<Vec<u8>, Error> {
    panic!("it cannot go on")
}
