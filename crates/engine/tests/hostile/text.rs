//! Components from WebAssembly text: of a component, or of a core module, which is wrapped into one for the world `tandem:service/service`.
//!
//! Two comments of the text mean something. `;; @include FILE` is replaced by a file of `tests/components`; `;; @repeat N TEXT` by N times the text, with
//! `@` as the number of the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The component of a WebAssembly text.
pub(crate) fn component(text: &str, as_it_is: bool) -> Result<Vec<u8>, String> {
    let text = expanded(text)?;
    let bytes = wat::parse_str(&text).map_err(|error| error.to_string())?;
    let is_module = bytes.get(4..8) == Some(&[1, 0, 0, 0]);
    if is_module && !as_it_is { wrapped(bytes) } else { Ok(bytes) }
}

fn expanded(text: &str) -> Result<String, String> {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some(file) = line.trim().strip_prefix(";; @include ") {
            let path = root().join("tests/components").join(file);
            let included = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            whole.push_str(&expanded(&included)?);
        } else if let Some(repeated) = line.trim().strip_prefix(";; @repeat ") {
            let (times, text) = repeated.split_once(' ').ok_or("@repeat needs a number and a text")?;
            let times: u32 = times.parse().map_err(|_| "@repeat needs a number")?;
            (0..times).for_each(|time| whole.push_str(&text.replace('@', &time.to_string())));
        } else {
            whole.push_str(line);
        }
        whole.push('\n');
    }
    Ok(whole)
}

fn wrapped(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(root().join("wit")).expect("the WIT package is valid");
        let world = resolve.select_world(&[package], Some("service")).expect("the world is there");
        (resolve, world)
    });
    embed_component_metadata(&mut module, &WORLD.0, WORLD.1, StringEncoding::UTF8).map_err(told)?;
    ComponentEncoder::default().module(&module).and_then(|mut encoder| encoder.encode()).map_err(told)
}

fn told(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}
