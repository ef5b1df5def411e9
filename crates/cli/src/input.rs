//! Inputs of components, as arguments give them.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::Failure;

/// Exit code of wrong arguments and files.
const USAGE: u8 = 2;

/// The input that `text` is: as it stands, bytes as 0xHEX, or the content of a file as @FILE.
pub(crate) fn bytes(text: &str, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let input = if let Some(path) = text.strip_prefix('@') {
        file(Path::new(path), bytes_max as u64)
            .map_err(|failure| failure.hint("to begin a text with @, put it into a file"))?
    } else if let Some(digits) = text.strip_prefix("0x") {
        hex::decode(digits).context("--input begins with 0x and is not hexadecimal").map_err(|error| {
            Failure::new(USAGE, error).hint("to begin a text with 0x, put it into a file and pass --input @FILE")
        })?
    } else {
        text.as_bytes().to_vec()
    };
    if input.len() > bytes_max {
        let error = anyhow!("--input has {} bytes; a task takes at most {bytes_max}", input.len());
        return Err(Failure::new(USAGE, error));
    }
    Ok(input)
}

/// A file of at most so many bytes.
pub(crate) fn file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let usage = |error| Failure::new(USAGE, error);
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = read().with_context(|| format!("cannot read {}", path.display())).map_err(usage)?;
    if bytes.len() as u64 > bytes_max {
        return Err(usage(anyhow!("{} is larger than {bytes_max} bytes", path.display())));
    }
    Ok(bytes)
}
