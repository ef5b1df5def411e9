//! The chain as components see it; what every chain does is in `tandem_engine::chain::suite`.

use std::sync::Arc;

use tandem_engine::chain::{Answer, ChainError, Pending, Query};
use tandem_engine::{
    ChainLimits, ChainState, Component, Fault, Grants, LimitBreach, LimitKind, Limits, MemoryChain, Refusal, RunError,
    TaskInput,
};
use tandem_types::{Address, B256, Determinism, TaskBlock, U256};

use crate::{bytes, engine};

const CONTRACT: &str = "0707070707070707070707070707070707070707";
const BLOCK: TaskBlock = TaskBlock { number: 9, hash: B256::repeat_byte(9), time: 1_700_000_000 };

/// A chain on which the contract returns or reverts with what it is sent.
fn chain() -> MemoryChain {
    let contract = Address::repeat_byte(7);
    let echo = |data: &[u8]| (0, Answer::Returned(data.to_vec()));
    MemoryChain::new(5)
        .balance(BLOCK.hash, contract, U256::from(12))
        .storage(BLOCK.hash, (contract, B256::ZERO), U256::from(34))
        .call(BLOCK.hash, (contract, vec![0xaa; 10]), echo(&[0xbb; 10]))
        .call(BLOCK.hash, (contract, vec![1]), (0, Answer::Reverted(vec![1, 2])))
        .call(BLOCK.hash, (contract, vec![2]), (1_000, echo(&[2]).1))
}

fn with(chain: impl ChainState + 'static, limits: ChainLimits, determinism: Determinism) -> Component {
    let limits = Limits { chain: limits, ..Limits::default() };
    let grants = Grants { chain: Some(Arc::new(chain)), determinism, limits, ..Grants::default() };
    engine().load(&bytes("errand"), grants).expect("the fixture is a strict service")
}

fn errand() -> Component {
    with(chain(), defaults(), Determinism::Strict)
}

fn defaults() -> ChainLimits {
    Limits::default().chain
}

async fn ask(component: &Component, input: &str) -> Result<String, RunError> {
    let execution = component.run(TaskInput { block: BLOCK, ..TaskInput::manual(input.into()) }).await?;
    Ok(String::from_utf8(execution.output).expect("the output is text"))
}

#[tokio::test]
async fn every_function_reaches_the_chain() {
    let (block, contract) = ("09".repeat(32), CONTRACT);
    for (input, output) in [
        ("block".to_owned(), format!("5 9 {block} 1700000000")),
        (format!("call {contract} {}", "aa".repeat(10)), "bb".repeat(10)),
        (format!("call {contract} 0000"), String::new()),
        (format!("call-or {contract} 01"), "Reverted([1, 2])".to_owned()),
        (format!("balance {contract}"), format!("{:064x}", 12)),
        (format!("storage {contract} {:064x}", 0), format!("{:064x}", 34)),
        (format!("storage {contract} {:064x}", 1), format!("{:064x}", 0)),
    ] {
        assert_eq!(ask(&errand(), &input).await, Ok(output), "{input}");
    }
}

#[tokio::test]
async fn lengths_that_are_wrong_are_told() {
    let malformed = ["Err(Error::Malformed)"; 5].join(", ");
    assert_eq!(ask(&errand(), "malformed").await, Ok(format!("[{malformed}]")));
}

#[tokio::test]
async fn chain_that_is_not_granted_is_refused() {
    let grants = Grants { determinism: Determinism::Strict, ..Grants::default() };
    let component = engine().load(&bytes("errand"), grants).expect("the fixture is a strict service");
    for input in ["block".to_owned(), format!("balance {CONTRACT}")] {
        let error = ask(&component, &input).await.expect_err("there is no chain");
        assert_eq!((error.fault(), error), (Fault::Component, RunError::Refused(Refusal::Chain)));
    }
}

#[tokio::test]
async fn limits_are_named() {
    let twenty_bytes = format!("{CONTRACT} {}", "aa".repeat(10));
    for (limits, input, kind, limit) in [
        (ChainLimits { calls: 2, ..defaults() }, format!("calls 3 {twenty_bytes}"), LimitKind::ChainCalls, 2),
        (ChainLimits { bytes: 19, ..defaults() }, format!("call {twenty_bytes}"), LimitKind::ChainBytes, 19),
        (ChainLimits { bytes: 9, ..defaults() }, format!("call {twenty_bytes}"), LimitKind::ChainBytes, 9),
        (ChainLimits { bytes: 2, ..defaults() }, format!("call {CONTRACT} 01"), LimitKind::ChainBytes, 2),
        (ChainLimits { bytes: 31, ..defaults() }, format!("balance {CONTRACT}"), LimitKind::ChainBytes, 31),
    ] {
        let error = ask(&with(chain(), limits, Determinism::Strict), &input).await.expect_err("the limit is met");
        assert_eq!(error, RunError::Limit(LimitBreach { kind, limit }), "{input}");
        assert!(error.is_guest_fault());
    }
    let enough = ChainLimits { calls: 3, bytes: 60, ..defaults() };
    let component = with(chain(), enough, Determinism::Strict);
    assert_eq!(ask(&component, &format!("calls 3 {twenty_bytes}")).await, Ok(String::new()));
}

#[tokio::test]
async fn gas_is_that_of_the_manifest() {
    let input = format!("call {CONTRACT} 02");
    let enough = ChainLimits { gas: 1_000, ..defaults() };
    assert_eq!(ask(&with(chain(), enough, Determinism::Strict), &input).await, Ok("02".to_owned()));
    let little = ChainLimits { gas: 999, ..defaults() };
    let error = ask(&with(chain(), little, Determinism::Strict), &input).await.expect_err("it needs more");
    assert_eq!(error, RunError::Chain(ChainError::Failed("out of gas".to_owned())));
}

/// An endpoint that answers what it was not asked for, or nothing ever.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Mismatch,
    Silent,
}

impl ChainState for Broken {
    fn chain_id(&self) -> u64 {
        1
    }

    fn read(&self, _: B256, query: Query) -> Pending<'_> {
        let answer = match query {
            Query::Call { .. } => Answer::Word(U256::ZERO),
            _ => Answer::Returned(Vec::new()),
        };
        match self {
            Self::Mismatch => Box::pin(std::future::ready(Ok(answer))),
            Self::Silent => Box::pin(std::future::pending()),
        }
    }
}

/// `call-or` would make an output of any error that it is told.
#[tokio::test]
async fn failing_endpoint_is_never_seen() {
    let elsewhere = MemoryChain::new(5);
    let input = format!("call-or {CONTRACT} 01");
    for profile in [Determinism::Strict, Determinism::Open] {
        let error = ask(&with(elsewhere.clone(), defaults(), profile), &input).await.expect_err("it has no such block");
        assert!(matches!(&error, RunError::Chain(ChainError::UnknownBlock { block, .. }) if *block == BLOCK.hash));
        assert!(error.fault() == Fault::Host && error.is_retryable(), "{error:?}");
        for input in [&input, &format!("balance {CONTRACT}")] {
            let error = ask(&with(Broken::Mismatch, defaults(), profile), input).await.expect_err("it is no answer");
            assert!(matches!(error, RunError::Chain(ChainError::Failed(_))), "{error:?}");
        }
    }
}

#[tokio::test]
async fn silent_endpoint_meets_the_time_of_the_run() {
    let limits = Limits { time: std::time::Duration::from_millis(50), ..Limits::default() };
    let grants = Grants { chain: Some(Arc::new(Broken::Silent)), limits, ..Grants::default() };
    let component = engine().load(&bytes("errand"), grants).expect("the fixture is a service");
    let error = ask(&component, &format!("balance {CONTRACT}")).await.expect_err("nobody answers");
    assert_eq!(error, RunError::Limit(LimitBreach { kind: LimitKind::Time, limit: 50 }));
    assert!(error.is_retryable());
}
