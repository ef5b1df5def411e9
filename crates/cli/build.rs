//! Lists the SDKs' sources, so that `tandem new` can write them into a project: see `src/new/sdk.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A list, and the directories in it with their names in a project.
type List = (&'static str, &'static [(&'static str, &'static str)]);

/// All of them, with paths from the root of the repository.
const LISTS: [List; 3] = [
    ("sdk.in", &[("crates/sdk/src", "src/"), ("wit", "wit/")]),
    ("js.in", &[("sdk/js", ""), ("wit", "wit/")]),
    ("python.in", &[("sdk/python", ""), ("wit", "wit/")]),
];

fn main() -> io::Result<()> {
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let root = variable("CARGO_MANIFEST_DIR").join("../..");
    for (file, directories) in LISTS {
        let mut list = String::from("&[\n");
        for (directory, name) in directories {
            add(&mut list, &root.join(directory), name)?;
        }
        list.push_str("]\n");
        fs::write(variable("OUT_DIR").join(file), list)?;
    }
    Ok(())
}

/// Adds the files below `directory`, in the order of their names.
fn add(list: &mut String, directory: &Path, prefix: &str) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_file() {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            writeln!(list, "    ({name:?}, include_str!({:?})),", entry.path().canonicalize()?)
                .expect("a String takes all text");
        } else if entry.file_name() != "__pycache__" {
            add(list, &entry.path(), &format!("{name}/"))?;
        }
    }
    Ok(())
}
