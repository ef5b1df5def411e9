//! Components that call components: what a callee has of its own, what it has of its caller, and whose fault it is when it fails.

use std::sync::Arc;
use std::time::Duration;

use tandem_engine::{
    Component, Engine, EngineConfig, Execution, Fault, Grants, GuestErrorKind, LimitBreach, LimitKind, Limits,
    LoadError, MemoryChain, Refusal, RunError, Secrets, TaskInput,
};
use tandem_types::{B256, Determinism, TaskBlock, TaskId, WorkflowId};

use crate::secrecy::Trace;
use crate::{bytes, engine};

fn name(name: &str) -> WorkflowId {
    name.parse().expect("a name")
}

fn limited(limits: Limits) -> Grants {
    Grants { limits, ..Grants::default() }
}

fn errand(grants: Grants) -> Component {
    engine().load(&bytes("errand"), grants).expect("the fixture is a service")
}

fn hostile(grants: Grants) -> Component {
    engine().load(&bytes("hostile"), grants).expect("the fixture is a service")
}

/// With `callee` as what it may call.
fn calling(callee: Component, grants: Grants) -> Component {
    errand(Grants { calls: [(name("callee"), callee)].into(), ..grants })
}

async fn run(component: &Component, input: &str) -> Result<Execution, RunError> {
    component.run(TaskInput::manual(input.into())).await
}

async fn output(component: &Component, input: &str) -> String {
    String::from_utf8(run(component, input).await.expect("all behave").output).expect("the output is text")
}

/// What ended the callee, and whose fault it was to the caller.
async fn callee_error(component: &Component, input: &str) -> (RunError, Fault) {
    let error = run(component, input).await.expect_err("the callee does not end well");
    let fault = error.fault();
    match error {
        RunError::Callee { workflow, error } if workflow == name("callee") => (*error, fault),
        other => panic!("expected an error that names the callee, not {other:?}"),
    }
}

#[tokio::test]
async fn callee_has_its_own_grants_and_the_callers_task() {
    let config = |value: &str| Grants { config: [("a".to_owned(), value.to_owned())].into(), ..Grants::default() };
    let component = calling(errand(config("callee's")), config("caller's"));
    assert_eq!(output(&component, "config a").await, "caller's");
    assert_eq!(output(&component, "delegate callee config a").await, "callee's");

    let strict = || Grants { determinism: Determinism::Strict, ..Grants::default() };
    let component = calling(errand(strict()), strict());
    let block = TaskBlock { time: 1_700_000_000, ..TaskBlock::default() };
    let task = TaskInput {
        task_id: TaskId(B256::repeat_byte(7)),
        block,
        ..TaskInput::manual(b"delegate callee who".to_vec())
    };
    let who = component.run(task).await.expect("all behave").output;
    assert_eq!(String::from_utf8(who).expect("text"), format!("{} callee 1700000000", "07".repeat(32)));
}

#[tokio::test]
async fn callee_that_is_not_granted_is_refused() {
    let component = calling(errand(Grants::default()), Grants::default());
    for other in ["other", "Callee", "", &"x".repeat(10_000)] {
        let error = run(&component, &format!("delegate {other} echo")).await.expect_err("it is not granted");
        let RunError::Refused(Refusal::Component { workflow }) = &error else { panic!("{error:?}") };
        assert!(workflow.len() < 100 && error.is_guest_fault(), "{error}");
    }
    assert_eq!(output(&component, "delegate-or other echo").await, "Err(NotGranted)");
    // What the caller may call is not for the callee.
    assert_eq!(output(&component, "delegate callee delegate-or callee echo").await, "Err(NotGranted)");
}

#[tokio::test]
async fn error_of_the_callees_own_is_told_to_the_caller() {
    let component = calling(errand(Grants::default()), Grants::default());
    let told = output(&component, "delegate-or callee fail not yet").await;
    assert_eq!(told, "Err(Failed(Error { kind: NotReady, message: \"not yet\" }))");
    let error = run(&component, "delegate callee fail not yet").await.expect_err("it is handed on");
    let RunError::Guest(error) = error else { panic!("{error:?}") };
    assert_eq!((error.kind, error.message.as_str()), (GuestErrorKind::NotReady, "not yet"));
}

/// `delegate-or` would make an output of any error that it is told.
#[tokio::test]
async fn what_else_ends_a_callee_ends_the_run_and_names_it() {
    let small = |limits: Limits| calling(hostile(limited(limits)), Grants::default());
    let defaults = Limits::default;
    for (component, input, kind, limit) in [
        (small(Limits { fuel: 5_000_000, ..defaults() }), "spin", LimitKind::Fuel, 5_000_000),
        (small(Limits { memory_bytes: 8 << 20, ..defaults() }), "grow", LimitKind::Memory, 8 << 20),
        (small(Limits { output_bytes: 10, ..defaults() }), "output 11", LimitKind::Output, 10),
    ] {
        let (error, fault) = callee_error(&component, &format!("delegate-or callee {input}")).await;
        assert_eq!((error, fault), (RunError::Limit(LimitBreach { kind, limit }), Fault::Component), "{input}");
    }
    let component = small(defaults());
    let (error, fault) = callee_error(&component, "delegate-or callee panic").await;
    assert!(matches!(error, RunError::Trap { .. }) && fault == Fault::Component, "{error:?}");
    let (error, fault) = callee_error(&component, "delegate-or callee recall key").await;
    assert_eq!((error, fault), (RunError::Refused(Refusal::Store), Fault::Component));

    let reader = errand(Grants { chain: Some(Arc::new(MemoryChain::new(1))), ..Grants::default() });
    let account = "07".repeat(20);
    let (error, fault) =
        callee_error(&calling(reader, Grants::default()), &format!("delegate-or callee balance {account}")).await;
    assert!(matches!(error, RunError::Chain(_)) && fault == Fault::Host, "{error:?}");
}

#[tokio::test]
async fn error_says_which_workflow_it_was() {
    let component = calling(calling(errand(Grants::default()), Grants::default()), Grants::default());
    let error = run(&component, "delegate callee delegate callee panic").await.expect_err("it panics");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "in workflow `callee`, which is called: in workflow `callee`, which is called: the component crashed"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn fuel_of_callees_is_the_callers_and_the_same_every_time() {
    let component = calling(errand(Grants::default()), Grants::default());
    let alone = run(&errand(Grants::default()), "echo x").await.expect("it echoes").fuel;
    let first = run(&component, "delegate-many 3 callee echo x").await.expect("it echoes").fuel;
    assert!(first > 3 * alone, "{first} is more than three times {alone}");
    for _ in 0..20 {
        assert_eq!(run(&component, "delegate-many 3 callee echo x").await.expect("it echoes").fuel, first);
    }
    // Wherever it runs out, it is the caller that has too little. Fuel is checked where functions and loops begin, so one less may still be enough.
    let with = |fuel| calling(errand(Grants::default()), limited(Limits { fuel, ..Limits::default() }));
    assert_eq!(run(&with(first + 1), "delegate-many 3 callee echo x").await.map(|ran| ran.fuel), Ok(first));
    for limit in [first / 4, first / 2, first - first / 10] {
        let error = run(&with(limit), "delegate-many 3 callee echo x").await.expect_err("it is too little");
        assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::Fuel, limit }));
    }
}

#[tokio::test]
async fn fuel_of_an_error_is_used_too() {
    let component = calling(errand(Grants::default()), Grants::default());
    let alone = run(&errand(Grants::default()), "echo x").await.expect("it echoes").fuel;
    let used = run(&component, "delegate-or callee fail x").await.expect("it gets over it").fuel;
    assert!(used > 2 * alone - alone / 10, "{used}, where one takes {alone}");
}

/// Whoever's limit is met is named: the callee's own, or that of the one whose fuel it uses.
#[tokio::test]
async fn who_has_too_little_fuel_is_named() {
    let fuel = |fuel| limited(Limits { fuel, ..Limits::default() });
    let own = calling(errand(fuel(20_000_000)), fuel(100_000_000));
    let (error, _) = callee_error(&own, "delegate callee spin").await;
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::Fuel, limit: 20_000_000 }));
    let callers = calling(calling(errand(fuel(90_000_000)), fuel(80_000_000)), fuel(20_000_000));
    let error = run(&callers, "delegate callee delegate callee spin").await.expect_err("it spins");
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::Fuel, limit: 20_000_000 }));
}

/// A callee below another, and so on: `depth` calls within each other.
fn nested(engine: &Engine, depth: usize, limits: &Limits) -> Result<Component, LoadError> {
    let mut component = engine.load(&bytes("errand"), limited(limits.clone()))?;
    for _ in 0..depth {
        let calls = [(name("callee"), component)].into();
        component = engine.load(&bytes("errand"), Grants { calls, ..limited(limits.clone()) })?;
    }
    Ok(component)
}

fn down(depth: usize) -> String {
    format!("{}echo below", "delegate callee ".repeat(depth))
}

#[tokio::test]
async fn calls_go_eight_deep_and_no_deeper() {
    let limits = Limits::default();
    let deepest = nested(engine(), 8, &limits).expect("eight are allowed");
    assert_eq!(output(&deepest, &down(8)).await, "below");
    assert_eq!(nested(engine(), 9, &limits).expect_err("nine are not"), LoadError::CallDepth { depth: 9 });
}

fn small_engine(slots: u32) -> Engine {
    Engine::new(EngineConfig { concurrent_max: slots, ..EngineConfig::default() }).expect("there is address space")
}

#[test]
fn chain_that_needs_more_than_the_node_has_is_refused() {
    let engine = small_engine(2);
    assert!(nested(&engine, 1, &Limits::default()).is_ok());
    let error = nested(&engine, 2, &Limits::default()).expect_err("it needs three slots");
    assert_eq!(error, LoadError::CallSlots { depth: 2, slots: 2 });
    let half = Limits { memory_bytes: 512 << 20, ..Limits::default() };
    assert!(nested(&small_engine(3), 1, &half).is_ok());
    let error = nested(&small_engine(3), 2, &half).expect_err("it may need 1.5 GiB");
    assert_eq!(error, LoadError::CallMemory { asked: 3 << 29, lent: 1 << 30 });
}

#[test]
fn strict_components_call_strict_ones_only() {
    let strict = |calls| Grants { calls, determinism: Determinism::Strict, ..Grants::default() };
    let load = |callee| engine().load(&bytes("errand"), strict([(name("callee"), callee)].into()));
    assert!(load(errand(strict(Default::default()))).is_ok());
    let error = load(errand(Grants::default())).expect_err("the callee is open");
    assert_eq!(error, LoadError::StrictCalls { callee: name("callee") });
}

/// Each run needs all slots but one, so that any two that hold some of them would wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nested_runs_with_few_slots_all_end() {
    let engine = small_engine(4);
    let components = [3, 2, 1, 0].map(|depth| nested(&engine, depth, &Limits::default()).expect("there are slots"));
    let all: Vec<_> = (0..80)
        .map(|number| {
            let component = components[number % 4].clone();
            tokio::spawn(async move { output(&component, &down(3 - number % 4)).await })
        })
        .collect();
    let end = async {
        for one in all {
            assert_eq!(one.await.expect("no run panics"), "below");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), end).await.expect("none waits for ever");
}

#[tokio::test]
async fn calls_are_limited_over_the_whole_run() {
    let calls = |component_calls| limited(Limits { component_calls, ..Limits::default() });
    let component = calling(errand(calls(1)), calls(3));
    assert_eq!(output(&component, "delegate-many 3 callee echo x").await, "x");
    let error = run(&component, "delegate-many 4 callee echo x").await.expect_err("it is one too many");
    let breach = LimitBreach { kind: LimitKind::ComponentCalls, limit: 3 };
    assert_eq!(error, RunError::Limit(breach));
    // The middle one may make many, but its caller may not.
    let component = calling(calling(errand(calls(1)), calls(100)), calls(4));
    assert_eq!(output(&component, "delegate callee delegate-many 3 callee echo x").await, "x");
    let (error, _) = callee_error(&component, "delegate callee delegate-many 4 callee echo x").await;
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::ComponentCalls, limit: 3 }));
    let twice = run(&component, "delegate-many 2 callee delegate-many 2 callee echo x").await;
    assert!(matches!(twice, Err(RunError::Callee { .. })), "two calls of three each are more than four: {twice:?}");
}

#[tokio::test]
async fn input_of_a_callee_is_limited() {
    let component = calling(errand(Grants::default()), Grants::default());
    let error = run(&component, "delegate-bytes 1048577 callee").await.expect_err("it is one byte too many");
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::CallInput, limit: 1 << 20 }));
    let error = run(&component, "delegate-bytes 1048576 callee").await.expect_err("the verb is unknown");
    assert!(matches!(&error, RunError::Guest(error) if error.message == "unknown verb"), "{error:?}");
}

#[tokio::test]
async fn time_of_a_callee_is_the_callers_too() {
    let time = |ms| limited(Limits { time: Duration::from_millis(ms), ..Limits::default() });
    let callees = calling(hostile(time(50)), time(60_000));
    let (error, fault) = callee_error(&callees, "delegate callee sleep 60000").await;
    assert_eq!((error, fault), (RunError::Limit(LimitBreach { kind: LimitKind::Time, limit: 50 }), Fault::Source));
    let callers = calling(hostile(time(60_000)), time(50));
    let error = run(&callers, "delegate callee sleep 60000").await.expect_err("it sleeps");
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::Time, limit: 50 }));
    // What was stopped leaves its slots to others.
    assert_eq!(output(&callers, "delegate callee echo on").await, "on");
}

#[tokio::test]
async fn secrets_of_a_callee_are_blotted_out_of_its_caller() {
    const SECRET: &str = "s3cr3t/key";
    let secrets: Secrets = [("KEY".to_owned(), SECRET.to_owned().into())].into_iter().collect();
    let component = calling(hostile(Grants { secrets, ..Grants::default() }), Grants::default());
    let trace = Trace::default();
    let tracing = trace.start();
    let error = run(&component, "delegate-tell callee secret KEY").await.expect_err("it fails");
    let refused = run(&component, &format!("delegate {SECRET} echo")).await.expect_err("there is no such workflow");
    let told = run(&component, "delegate callee leak KEY").await.expect_err("it fails");
    drop(tracing);
    assert_eq!(error.to_string(), "error [secret KEY]");
    assert_eq!(told.to_string(), "error [secret KEY] [secret KEY]");
    let trace = trace.text();
    assert!(trace.contains("log [secret KEY]") && trace.contains("stdout [secret KEY]"), "{trace}");
    for text in [trace, format!("{error:?} {told:?} {refused:?} {refused} {component:?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn lines_of_callees_count_with_the_callers_and_name_their_workflow() {
    let limits = Limits { log_bytes: 30, ..Limits::default() };
    let component = calling(errand(Grants::default()), limited(limits));
    let trace = Trace::default();
    let tracing = trace.start();
    assert_eq!(output(&component, "delegate-many 3 callee log 2").await, "");
    drop(tracing);
    let trace = trace.text();
    assert_eq!((trace.matches("line ").count(), trace.matches("limit of log bytes").count()), (4, 1), "{trace}");
    assert!(trace.lines().all(|line| line.ends_with("callee")), "{trace}");
}

#[tokio::test]
async fn strict_components_that_call_are_the_same_in_every_engine() {
    let mut seen: Option<Execution> = None;
    for slots in 3..8 {
        let engine = small_engine(slots);
        let mut component = None;
        for _ in 0..3 {
            let calls = component.map(|callee| (name("callee"), callee)).into_iter().collect();
            let grants = Grants { calls, determinism: Determinism::Strict, ..Grants::default() };
            component = Some(engine.load(&bytes("errand"), grants).expect("the fixture is strict"));
        }
        for _ in 0..20 {
            let input = "delegate-many 2 callee delegate-many 2 callee who";
            let next = run(component.as_ref().expect("it is loaded"), input).await.expect("all behave");
            let first = seen.get_or_insert_with(|| next.clone());
            assert_eq!((&next.output, next.fuel), (&first.output, first.fuel));
        }
    }
}
