//! Writes one file anew for ever: it takes no more room, and all the processor's time.

use tandem_sdk::{Error, Task};

tandem_sdk::export!(run);

fn run(_: Task) -> Result<Vec<u8>, Error> {
    let content = vec![1; 4 << 20];
    loop {
        std::fs::write("/scratch/file", &content).map_err(|error| Error::failed(error.to_string()))?;
    }
}
