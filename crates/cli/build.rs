//! Lists the SDK's sources, so that `tandem new` can write them into a project: see `src/new/sdk.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crates = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut list = String::from("&[\n");
    add(&mut list, &crates.join("sdk/src"), "src")?;
    add(&mut list, &crates.join("../wit"), "wit")?;
    list.push_str("]\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("sdk.in"), list)
}

/// Adds the files below `directory`, in the order of their names.
fn add(list: &mut String, directory: &Path, name: &str) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add(list, &entry.path(), &name)?;
        } else {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            writeln!(list, "    ({name:?}, include_str!({:?})),", entry.path().canonicalize()?)
                .expect("a String takes all text");
        }
    }
    Ok(())
}
