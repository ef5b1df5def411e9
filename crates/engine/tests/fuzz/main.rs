//! What comes from others, changed at random: manifests, inputs of tasks, bytes of components. Whatever they are, there is an answer with a type, and
//! never a panic, a crash of a component that ships with Tandem, or a fault of the node.
//!
//! Every target runs over its corpus, then for `FUZZ_SECONDS` on changes of it: a few by default, longer with `make fuzz`. Case `n` is a function of
//! `FUZZ_SEED` and `n`. What fails is written to `target/fuzz`, and belongs into the corpus when it is mended.

mod mutate;
#[path = "../hostile/text.rs"]
mod text;

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tandem_engine::{Component, Engine, EngineConfig, Grants, Limits, RunError, TaskInput};
use tandem_types::{Determinism, Manifest, ManifestError, TaskBlock};
use wasm_smith::{Config, Module};

use mutate::{Random, mutated};
use text::root;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The files of a corpus; those of text that stand for a component as the component.
fn corpus(name: &str) -> Vec<Box<[u8]>> {
    let folder = root().join("crates/engine/tests/fuzz/corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the corpus is there").map(|file| file.expect("it is readable").path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let bytes = fs::read(path).expect("it is readable");
            match path.extension().is_some_and(|extension| extension == "wat") {
                true => text::component(&String::from_utf8_lossy(&bytes), false).expect("the text is valid"),
                false => bytes,
            }
        })
        .map(Vec::into_boxed_slice)
        .collect()
}

/// Checks every file of a corpus, and then changes of them until the time is over.
fn fuzz(name: &str, check: impl Fn(&[u8])) {
    let corpus = corpus(name);
    corpus.iter().for_each(|bytes| checked(name, bytes, &check));
    for_a_while(|random| {
        let (seed, other) = (random.pick(&corpus), random.pick(&corpus));
        checked(name, &mutated(random, seed, other), &check);
    });
}

fn for_a_while(mut step: impl FnMut(&mut Random)) {
    let end = Instant::now() + Duration::from_secs(setting("FUZZ_SECONDS", 2));
    let seed = setting("FUZZ_SEED", 0);
    for number in 0.. {
        if Instant::now() > end {
            return;
        }
        step(&mut Random(seed.wrapping_mul(0x1_0000_0000).wrapping_add(number)));
    }
}

/// Keeps what fails.
fn checked(name: &str, bytes: &[u8], check: impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(bytes))) {
        let folder = root().join("target/fuzz");
        let path = folder.join(format!("{name}-{:x}", tandem_types::ComponentDigest::of(bytes).0));
        fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes)).expect("the target directory is writable");
        eprintln!("this input fails: {}", path.display());
        std::panic::resume_unwind(panic);
    }
}

/// What is read is written the same by everybody, and asks for no more than any operator may be asked for.
fn judge(manifest: Result<Manifest, ManifestError>) {
    let Ok(manifest) = manifest else { return };
    let canonical = manifest.to_canonical_json();
    let again = Manifest::from_json(&canonical).expect("what it writes it reads");
    assert_eq!((&again, again.hash(), again.to_canonical_json()), (&manifest, manifest.hash(), canonical));
    for workflow in &manifest.workflows {
        let limits = Limits { store: workflow.store.unwrap_or_default().into(), ..workflow.limits.into() };
        let above = tandem_engine::LimitKind::ALL
            .into_iter()
            .find(|kind| limits.amount(*kind) > Limits::manifest_max().amount(*kind));
        assert_eq!(above, None);
        workflow.http.hosts.iter().for_each(|host| drop(host.parse::<tandem_engine::HttpHost>()));
    }
}

#[test]
fn manifests_in_toml() {
    fuzz("toml", |bytes| judge(Manifest::from_toml(&String::from_utf8_lossy(bytes))));
}

#[test]
fn manifests_in_json() {
    fuzz("json", |bytes| judge(Manifest::from_json(bytes)));
}

/// An engine that lets nothing run long.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        Engine::new(EngineConfig { concurrent_max: 4, ..EngineConfig::default() }).expect("there is address space")
    });
    &ENGINE
}

fn run(component: &Component, input: &[u8]) -> Result<Vec<u8>, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let block = TaskBlock { time: 1_700_000_000, ..TaskBlock::default() };
    let task = TaskInput { block, ..TaskInput::manual(input.to_vec()) };
    runtime.block_on(component.run(task)).map(|execution| execution.output)
}

/// A component that ships with Tandem, without a network.
fn shipped(name: &str, determinism: Determinism) -> Component {
    let path = root().join("components/target/wasm32-wasip2/release").join(name).with_extension("wasm");
    let bytes =
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make components` first", path.display()));
    engine().load(&bytes, Grants { determinism, ..Grants::default() }).expect("it is a service")
}

/// Whoever asks for a task chooses its input, and must not be able to crash a component that does its work.
#[test]
fn inputs_of_tasks() {
    let components = [shipped("sports_scores", Determinism::Open), shipped("twap", Determinism::Strict)];
    fuzz("input", |bytes| {
        for component in &components {
            let outcome = run(component, bytes);
            assert!(
                !matches!(outcome, Err(RunError::Trap { .. } | RunError::Limit(_) | RunError::Host { .. })),
                "{outcome:?}"
            );
        }
    });
}

fn small() -> Grants {
    let limits = Limits { fuel: 10_000_000, memory_bytes: 8 << 20, time: Duration::from_secs(5), ..Limits::default() };
    Grants { limits, ..Grants::default() }
}

/// What loads runs, well or badly, and the node has no part in it. Says whether it loads.
fn judge_component(bytes: &[u8]) -> bool {
    let Ok(component) = engine().load(bytes, small()) else { return false };
    let outcome = run(&component, b"input");
    assert!(!matches!(outcome, Err(RunError::Host { .. })), "{outcome:?}");
    true
}

#[test]
fn bytes_of_components() {
    fuzz("component", |bytes| {
        judge_component(bytes);
    });
}

/// Valid modules of every kind of instruction, whose start functions run.
#[test]
fn generated_modules() {
    let host = corpus("component").into_iter().next().expect("the corpus has a component");
    let loaded = Cell::new(0);
    for_a_while(|random| {
        let noise: Vec<u8> = (0..512).flat_map(|_| random.next().to_le_bytes()).collect();
        if let Some(module) = generated(&noise) {
            let judge = |bytes: &[u8]| loaded.set(loaded.get() + u32::from(judge_component(bytes)));
            checked("generated", &with_module(&host, &module), judge);
        }
    });
    assert!(loaded.get() > 0, "no generated module was let in");
}

fn generated(noise: &[u8]) -> Option<Vec<u8>> {
    let config = Config {
        max_imports: 0,
        max_memories: 1,
        max_tables: 4,
        memory64_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let module = Module::new(config, &mut arbitrary::Unstructured::new(noise)).ok()?;
    Some(module.to_bytes())
}

/// `component` with one more core module, which is instantiated after the others.
fn with_module(component: &[u8], module: &[u8]) -> Vec<u8> {
    const CORE_MODULE: u8 = 1;
    const CORE_INSTANCE: u8 = 2;
    let index = u8::try_from(sections(component).filter(|id| *id == CORE_MODULE).count()).expect("there are few");
    let mut bytes = component.to_vec();
    bytes.push(CORE_MODULE);
    leb128(&mut bytes, module.len());
    bytes.extend_from_slice(module);
    // One instance of that module, without arguments.
    bytes.extend([CORE_INSTANCE, 4, 1, 0, index, 0]);
    bytes
}

/// Kinds of the sections of a component, in order.
fn sections(component: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = &component[8..];
    std::iter::from_fn(move || {
        let (&id, after) = rest.split_first()?;
        let (mut size, mut shift, mut read) = (0usize, 0, 0);
        loop {
            let byte = after[read];
            size |= usize::from(byte & 0x7f) << shift;
            (shift, read) = (shift + 7, read + 1);
            if byte < 0x80 {
                break;
            }
        }
        rest = &after[read + size..];
        Some(id)
    })
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
