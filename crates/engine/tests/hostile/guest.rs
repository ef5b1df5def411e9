//! Makes components of what folders hold: WebAssembly text; a crate, which `make components` compiles; or bytes.

use std::fs;

use crate::case::{Expect, file};
use crate::text::{self, root};

pub(crate) fn build(name: &str, expect: &Expect) -> Result<Vec<u8>, String> {
    let mut bytes = source(name, expect)?;
    if let Some(keep) = expect.keep_bytes {
        bytes.truncate(keep);
    }
    pad(&mut bytes, expect.pad_mib);
    Ok(bytes)
}

fn source(name: &str, expect: &Expect) -> Result<Vec<u8>, String> {
    let folder = root().join("tests/components").join(name);
    if folder.join("component.wat").exists() {
        return text::component(&file(name, "component.wat")?, expect.as_it_is);
    }
    let path = match folder.join("Cargo.toml").exists() {
        true => compiled(&format!("hostile_{}", name.replace('-', "_"))),
        false => folder.join("component.wasm"),
    };
    fs::read(&path)
        .map_err(|error| format!("{}: {error}: is there a source, and did you `make components`?", path.display()))
}

fn compiled(name: &str) -> std::path::PathBuf {
    root().join("components/target/wasm32-wasip2/release").join(name).with_extension("wasm")
}

/// Adds custom sections of a mebibyte each.
fn pad(bytes: &mut Vec<u8>, mebibytes: u32) {
    for _ in 0..mebibytes {
        // Section 0, its size in LEB128, and an empty name.
        bytes.extend([0, 0x80, 0x80, 0x40, 0]);
        bytes.resize(bytes.len() + (1 << 20) - 1, 0);
    }
}
