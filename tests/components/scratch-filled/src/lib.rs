//! Fills its scratch directory, and goes on.

use tandem_sdk::{Error, Task};

tandem_sdk::export!(run);

fn run(_: Task) -> Result<Vec<u8>, Error> {
    let mut number = 0_u32;
    loop {
        std::fs::write(format!("/scratch/{number}"), vec![1; 1 << 20])
            .map_err(|error| Error::failed(error.to_string()))?;
        number += 1;
    }
}
