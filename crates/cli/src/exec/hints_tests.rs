//! One table of every error that the engine has. A variant that is added there fails a test here until it is in the table, and one without a hint fails
//! another.

use std::net::{IpAddr, Ipv4Addr};

use tandem_engine::{ChainError, LimitBreach};
use tandem_types::{ComponentDigest, Determinism, WorkflowId};

use super::*;

/// The engine's own definitions, to see that nothing is left out: from outside, its enums are never complete.
const ERRORS: &str = include_str!("../../../engine/src/error.rs");
const LIMITS: &str = include_str!("../../../engine/src/limits.rs");

fn workflow() -> WorkflowId {
    "reader".parse().expect("it is a name")
}

fn load_errors() -> Vec<LoadError> {
    let digest = ComponentDigest::of(b"");
    let reason = || "of a reason".to_owned();
    let import = || "wasi:nn/graph@0.2.0".to_owned();
    vec![
        LoadError::Invalid { digest, reason: reason() },
        LoadError::TooLarge { digest, what: "functions", found: 2, most: 1 },
        LoadError::CoreModule { digest },
        LoadError::Import { digest, import: import(), reason: reason() },
        LoadError::Forbidden { digest, import: import(), profile: Determinism::Strict, reason: "of a reason" },
        LoadError::Export { digest, export: "run", reason: reason() },
        LoadError::LimitAboveNode { kind: LimitKind::Fuel, asked: 2, lent: 1 },
        LoadError::StrictCalls { callee: workflow() },
        LoadError::CallDepth { depth: 9 },
        LoadError::CallSlots { depth: 2, slots: 1 },
        LoadError::CallMemory { asked: 2, lent: 1 },
    ]
}

const GUEST_ERROR_KINDS: [GuestErrorKind; 4] =
    [GuestErrorKind::InvalidInput, GuestErrorKind::NotReady, GuestErrorKind::Unavailable, GuestErrorKind::Failed];

fn refusals() -> Vec<Refusal> {
    let host = || "api.example.com".to_owned();
    vec![
        Refusal::HttpHost { host: host() },
        Refusal::HttpAddress { host: host(), address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
        Refusal::HttpDestination { destination: "user@api.example.com".to_owned() },
        Refusal::HttpTunnel,
        Refusal::HttpMethod { method: "TRACE".to_owned() },
        Refusal::Store,
        Refusal::Chain,
        Refusal::Component { workflow: "reader".to_owned() },
    ]
}

fn run_errors() -> Vec<RunError> {
    let guests = GUEST_ERROR_KINDS.map(|kind| GuestError { kind, message: "told so".to_owned() }.into());
    let limits = LimitKind::ALL.map(|kind| LimitBreach { kind, limit: 64 }.into());
    let others = [
        RunError::Trap { reason: "unreachable".to_owned() },
        RunError::Chain(ChainError::Failed("it is silent".to_owned())),
        RunError::Callee { workflow: workflow(), error: Box::new(Refusal::Store.into()) },
        RunError::Host { reason: "no memory".to_owned() },
    ];
    guests.into_iter().chain(limits).chain(refusals().into_iter().map(RunError::from)).chain(others).collect()
}

/// Names of the variants of `name` where `source` defines it.
fn variants<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let from = source.find(&format!("pub enum {name} {{")).expect("the engine defines it");
    let lines = source[from..].lines().skip(1).take_while(|line| *line != "}");
    // Fields are further in, and comments and attributes begin with no capital letter.
    let names = lines.filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    names.map(|line| line.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default()).collect()
}

/// The variant's name, as `Debug` begins with it.
fn name(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(|character| character.is_alphanumeric()).collect()
}

fn names<T: std::fmt::Debug>(values: &[T]) -> Vec<String> {
    values.iter().map(name).collect()
}

/// What, and what to do: neither empty, neither repeating the other, no wider than people read.
#[track_caller]
fn assert_helps(what: &str, hint: Option<&str>) {
    let hint = hint.unwrap_or_else(|| panic!("nothing says what to do about: {what}"));
    assert!(what.len() > 10 && hint.len() > 7 && !what.contains(hint), "{what}\n{hint}");
    assert!(hint.len() <= 130 && !hint.ends_with('.'), "{hint}");
}

#[test]
fn table_is_complete() {
    assert_eq!(names(&load_errors()), variants(ERRORS, "LoadError"));
    assert_eq!(names(&refusals()), variants(ERRORS, "Refusal"));
    assert_eq!(names(&GUEST_ERROR_KINDS), variants(ERRORS, "GuestErrorKind"));
    assert_eq!(names(&LimitKind::ALL), variants(LIMITS, "LimitKind"));
    let mut run_errors = names(&run_errors());
    run_errors.dedup();
    assert_eq!(run_errors, variants(ERRORS, "RunError"));
}

#[test]
fn every_load_error_says_what_to_do() {
    for error in load_errors() {
        assert_helps(&error.to_string(), load(&error));
    }
}

#[test]
fn every_run_error_says_what_to_do() {
    for error in run_errors() {
        for in_project in [false, true] {
            let what = match &error {
                RunError::Guest(error) => format!("the component says: {error}"),
                error => error.to_string(),
            };
            assert_helps(&what, run(&error, in_project).as_deref());
        }
    }
}

#[test]
fn what_is_missing_has_a_place() {
    let failed = |message: &str| GuestError { kind: GuestErrorKind::Failed, message: message.to_owned() }.into();
    let cases = [
        ("secret KEY is not supplied", "secrets = [\"NAME\"] in tandem.toml", "--secret-env NAME"),
        ("config `a` is not set", "under config in tandem.toml", "--config KEY=VALUE"),
    ];
    for (message, in_toml, argument) in cases {
        let hint = |in_project| run(&failed(message), in_project).expect("it has a hint");
        assert!(hint(true).contains(in_toml) && hint(true).contains(argument), "{}", hint(true));
        assert!(!hint(false).contains("tandem.toml") && hint(false).contains(argument), "{}", hint(false));
    }
}
