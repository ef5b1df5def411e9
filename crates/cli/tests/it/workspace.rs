//! The rules of ARCHITECTURE.md that Cargo can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// For each crate, the crates of the workspace that it may depend on.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("tandem-types", &[]),
    ("tandem-crypto", &["tandem-types"]),
    ("tandem-protocol", &["tandem-types", "tandem-crypto"]),
    ("tandem-sim", &["tandem-types", "tandem-crypto", "tandem-protocol"]),
    ("tandem-economics", &["tandem-types"]),
    ("tandem-engine", &["tandem-types"]),
    ("tandem-chain", &["tandem-types", "tandem-crypto"]),
    ("tandem-node", &["tandem-types", "tandem-crypto", "tandem-protocol", "tandem-engine", "tandem-chain"]),
    (
        "tandem-cli",
        &["tandem-types", "tandem-crypto", "tandem-protocol", "tandem-engine", "tandem-chain", "tandem-node"],
    ),
];

/// Foreign vocabularies, and the crates that may speak each.
const FENCED: [(&str, &[&str]); 7] = [
    ("wasmtime", &["tandem-engine"]),
    ("wasmparser", &["tandem-cli", "tandem-engine"]),
    ("wasmtime-wasi-http", &["tandem-engine"]),
    ("alloy", &["tandem-chain"]),
    ("quinn", &["tandem-node"]),
    ("rusqlite", &["tandem-node"]),
    ("clap", &["tandem-cli"]),
];

/// What pure crates must not have.
const IMPURE: [&str; 6] = ["tokio", "rand", "getrandom", "reqwest", "rusqlite", "tracing"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let name = |value: &Value| value["name"].as_str().expect("packages have names").to_owned();
    let normal = |package: &Value| {
        let all = package["dependencies"].as_array().expect("packages list dependencies").iter();
        all.filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    let packages = metadata["packages"].as_array().expect("there are packages");
    packages.iter().map(|package| (name(package), normal(package))).collect()
}

#[test]
fn dependencies_point_one_way() {
    let found = dependencies();
    for (name, allowed) in ALLOWED {
        let ours = found[name].iter().filter(|dependency| dependency.starts_with("tandem-"));
        let strange: Vec<_> = ours.filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(strange.is_empty(), "{name} depends on {strange:?}");
    }
}

#[test]
fn foreign_vocabularies_are_fenced() {
    for (name, dependencies) in dependencies() {
        for (foreign, homes) in FENCED {
            assert!(homes.contains(&name.as_str()) || !dependencies.contains(foreign), "{name} depends on {foreign}");
        }
    }
}

#[test]
fn pure_crates_are_pure() {
    let found = dependencies();
    for name in ["tandem-types", "tandem-crypto", "tandem-protocol", "tandem-economics", "tandem-sim"] {
        for impure in IMPURE {
            assert!(!found[name].contains(impure), "{name} depends on {impure}");
        }
    }
}
