//! The cache of compiled code from outside: whatever lies in it, results are the same.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tandem_engine::{CacheConfig, Engine, EngineConfig, Grants};
use tandem_types::Determinism;

use crate::{bytes, output};

/// Starts an engine, as a node does at each start, and asks the fixture for an answer.
async fn restart(cache: &Path) {
    let config = EngineConfig { concurrent_max: 1, cache: Some(CacheConfig::new(cache)), ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space for a slot");
    let component = engine.load(&bytes("hostile"), Grants::default()).expect("the fixture is a service");
    assert_eq!(output(&component, "echo hello").await, "hello");
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(cache).expect("it is there").map(|file| file.expect("it is readable").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "code")).collect()
}

fn entry(cache: &Path) -> PathBuf {
    let entries = entries(cache);
    assert_eq!(entries.len(), 1, "one component, one entry");
    entries[0].clone()
}

/// Changes whenever the entry is written anew.
fn inode(cache: &Path) -> u64 {
    fs::metadata(entry(cache)).expect("it is there").ino()
}

#[tokio::test]
async fn known_component_is_not_compiled_again() {
    let directory = tempfile::tempdir().expect("there is room");
    let cache = directory.path().join("cache");
    restart(&cache).await;
    let before = inode(&cache);
    restart(&cache).await;
    assert_eq!(inode(&cache), before);
}

/// What is compiled is written to the cache: with the entry gone, a second compilation would show.
#[tokio::test]
async fn component_under_both_profiles_is_compiled_once() {
    let directory = tempfile::tempdir().expect("there is room");
    let cache = directory.path().join("cache");
    let config = EngineConfig { concurrent_max: 1, cache: Some(CacheConfig::new(&cache)), ..EngineConfig::default() };
    let engine = Engine::new(config).expect("there is address space for a slot");
    let load = |determinism| {
        let grants = Grants { determinism, ..Grants::default() };
        engine.load(&bytes("witness"), grants).expect("the component is strict")
    };
    let open = load(Determinism::Open);
    fs::remove_file(entry(&cache)).expect("it is there");
    let strict = load(Determinism::Strict);
    assert_eq!(entries(&cache), [] as [PathBuf; 0]);
    assert_ne!(output(&open, "").await, output(&strict, "").await, "each has the time of its profile");
}

#[tokio::test]
async fn damaged_entry_is_compiled_again_and_replaced() {
    let directory = tempfile::tempdir().expect("there is room");
    let cache = directory.path().join("cache");
    restart(&cache).await;
    let right = fs::read(entry(&cache)).expect("it is readable");
    let middle = right.len() / 2;
    let mut flipped = right.clone();
    flipped[middle] ^= 0x10;
    for wrong in [&flipped[..], &right[..middle], &[]] {
        fs::write(entry(&cache), wrong).expect("it is writable");
        let before = inode(&cache);
        restart(&cache).await;
        assert_ne!(inode(&cache), before);
        let after = inode(&cache);
        restart(&cache).await;
        assert_eq!(inode(&cache), after, "the replacement is used");
    }
}

#[tokio::test]
async fn node_runs_without_a_cache_that_it_cannot_use() {
    let directory = tempfile::tempdir().expect("there is room");
    let cache = directory.path().join("in the way");
    fs::write(&cache, b"").expect("it is writable");
    restart(&cache).await;
    assert_eq!(fs::read(&cache).expect("it is readable"), b"");
}
