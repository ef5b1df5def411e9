//! The determinism profile `strict`: the same task gives the same output for the same fuel, whatever machine, time and seed; and what cannot is not
//! let in.

use std::path::Path;

use tandem_engine::{CacheConfig, Component, Engine, EngineConfig, Execution, Grants, Limits, LoadError, TaskInput};
use tandem_types::{B256, Determinism, TaskBlock, TaskId};

use crate::{bytes, engine};

/// Engines, each with one run in a fresh slot: every run sees another time of the machine and another seed.
const ENGINES: usize = 1000;
/// Every so many engines, one compiles for itself; the others take what it compiled.
const COMPILED: usize = 100;

fn strict() -> Grants {
    Grants { determinism: Determinism::Strict, ..Grants::default() }
}

/// A task of its own, in a block of its own.
fn task(number: u8, input: &[u8]) -> TaskInput {
    TaskInput {
        task_id: TaskId(B256::repeat_byte(number)),
        block: TaskBlock { number: 7, hash: B256::repeat_byte(7), time: 1_700_000_000 + u64::from(number) },
        ..TaskInput::manual(input.to_vec())
    }
}

fn fresh_engine(slots: u32, cache: Option<&Path>) -> Engine {
    let config = EngineConfig { concurrent_max: slots, cache: cache.map(CacheConfig::new), ..EngineConfig::default() };
    Engine::new(config).expect("there is address space")
}

async fn run(component: &Component, task: &TaskInput) -> Execution {
    component.run(task.clone()).await.expect("the component behaves")
}

/// Runs `task` 1,000 times, and asserts that all of it is one and the same. The limits of the log differ between runs, as those of operators may.
async fn reproduced(wasm: &[u8], task: &TaskInput) -> Execution {
    let mut first: Option<Execution> = None;
    let mut cache = tempfile::tempdir().expect("there is room for a directory");
    for number in 0..ENGINES {
        if number % COMPILED == 0 {
            cache = tempfile::tempdir().expect("there is room for a directory");
        }
        let limits = Limits { log_bytes: number as u64 * 2, ..Limits::default() };
        let engine = fresh_engine(1 + number as u32 % 20, Some(cache.path()));
        let component = engine.load(wasm, Grants { limits, ..strict() }).expect("the component is strict");
        let next = run(&component, task).await;
        let first = first.get_or_insert_with(|| next.clone());
        assert_eq!((&next.output, next.fuel), (&first.output, first.fuel));
    }
    first.expect("it ran")
}

fn text(execution: &Execution) -> &str {
    std::str::from_utf8(&execution.output).expect("the report is text")
}

/// The line of the witness's report that begins with `name`.
fn line<'a>(execution: &'a Execution, name: &str) -> &'a str {
    text(execution).lines().find(|line| line.starts_with(name)).expect("the line is there")
}

#[tokio::test]
async fn witness_sees_the_same_a_thousand_times() {
    let seen = reproduced(&bytes("witness"), &task(1, b"input")).await;
    assert!(line(&seen, "clocks: 1700000001.0 1700000001s ").ends_with(" 1700000001000000000 1000000000"), "{seen:?}");
    assert_eq!(line(&seen, "timers"), "timers: true [0, 1, 2] 0ns");
    assert_eq!(line(&seen, "environment"), "environment: [] Args { inner: [] } true");
}

/// Written down, and computed apart from this code, so that another version of the host that draws otherwise is found before operators disagree.
#[tokio::test]
async fn randomness_is_a_function_of_the_task() {
    let component = engine().load(&bytes("witness"), strict()).expect("the witness is strict");
    let seen = run(&component, &task(1, b"")).await;
    let expected = "random: [169, 97, 151, 196, 83, 160, 168, 2, 144, 199, 194, 143, 46, 139, 56, 46, 73, 19, 77, 188, 146] \
                    3de895641d7cfef1 [132, 148, 60]";
    assert_eq!(line(&seen, "random"), expected);
}

/// WebAssembly leaves open which NaN arithmetic gives; the change of its sign is not arithmetic.
#[tokio::test]
async fn nans_have_one_form() {
    let component = engine().load(&bytes("witness"), strict()).expect("the witness is strict");
    let seen = run(&component, &task(1, b"")).await;
    let (nan, negated) = ("7ff8000000000000 ", "fff8000000000000 ");
    assert_eq!(line(&seen, "floats"), format!("floats: {nan}{negated}{}7fc00000", nan.repeat(4)));
}

#[tokio::test]
async fn twap_is_the_same_a_thousand_times() {
    let input = br#"{"window":100,"points":[[1699999900,"100"],[1699999961,"200"],[1699999991,"50"]]}"#;
    let execution = reproduced(&bytes("twap"), &task(1, input)).await;
    assert_eq!(text(&execution), r#"{"average":"125","from":1699999901,"to":1700000001}"#);
}

/// What the other tests would find if the profile did nothing.
#[tokio::test]
async fn witness_sees_differences_when_it_is_open() {
    let component = engine().load(&bytes("witness"), Grants::default()).expect("the witness is a service");
    let (first, second) = (run(&component, &task(1, b"")).await, run(&component, &task(1, b"")).await);
    for name in ["clocks", "timers", "random", "hash order"] {
        assert_ne!(line(&first, name), line(&second, name));
    }
}

#[tokio::test]
async fn other_task_sees_another_time_and_other_randomness() {
    let component = engine().load(&bytes("witness"), strict()).expect("the witness is strict");
    let (first, second) = (run(&component, &task(1, b"")).await, run(&component, &task(2, b"")).await);
    for name in ["clocks", "random", "hash order"] {
        assert_ne!(line(&first, name), line(&second, name));
    }
}

/// A component that imports an interface of that name, with one function, and nothing else.
pub(crate) fn importing(interface: &str) -> Vec<u8> {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const INTERFACE: &[u8] = &[7, 14, 1, 0x42, 2, 1, 0x40, 0, 1, 0, 4, 0, 1, b'f', 1, 0];
    let length = u8::try_from(interface.len()).expect("names of interfaces are short");
    let import = [&[1, 0, length], interface.as_bytes(), &[5, 0]].concat();
    [COMPONENT, INTERFACE, &[10, import.len() as u8], &import].concat()
}

fn refused(wasm: &[u8], interface: &str) {
    let error = engine().load(wasm, strict()).expect_err("it is not strict");
    let LoadError::Forbidden { import, profile: Determinism::Strict, .. } = &error else { panic!("{error:?}") };
    assert!(import.starts_with(interface), "{error}");
    assert!(error.to_string().contains("`strict`") && error.to_string().contains("determinism = \"open\""), "{error}");
}

#[test]
fn forbidden_imports_are_refused_by_name() {
    for interface in [
        "wasi:http/outgoing-handler@0.2.12",
        "wasi:http/types@0.2.0",
        "wasi:sockets/tcp@0.2.6",
        "wasi:sockets/ip-name-lookup@0.2.0",
        "tandem:service/secrets@0.1.0",
    ] {
        refused(&importing(interface), interface);
    }
    refused(&bytes("sockets"), "wasi:sockets/");
}

#[test]
fn profiles_of_one_component_are_apart() {
    let wasm = bytes("sports_scores");
    assert!(engine().load(&wasm, Grants::default()).is_ok());
    assert!(matches!(engine().load(&wasm, strict()), Err(LoadError::Forbidden { .. })));
}
