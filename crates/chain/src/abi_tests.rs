//! Tests of reading calls, events and errors by name.

use alloy::primitives::Log;
use alloy::sol_types::{SolCall, SolEvent};
use tandem_types::B256;

use super::*;
use crate::bindings::{AllocationManager, RestakingManager};

fn names(fields: &[Field]) -> Vec<(&str, &str)> {
    fields.iter().map(|field| (field.name.as_str(), field.kind.as_str())).collect()
}

#[test]
fn call_is_read_with_the_names_and_types_of_its_source() {
    let call = RestakingManager::depositCall { strategy: Address::repeat_byte(1), amount: U256::from(32) };
    let decoded = super::call(Contract::RestakingManager, &call.abi_encode()).expect("the ABI knows it");
    assert_eq!(decoded.function, "deposit");
    assert_eq!(names(&decoded.arguments), [("strategy", "contract IStrategy"), ("amount", "uint256")]);
    assert_eq!(decoded.arguments[1].value.number(), Some(U256::from(32)));
}

#[test]
fn struct_in_a_call_keeps_the_names_of_its_fields() {
    let allocation = AllocationManager::AllocationBps { native: 2_500, ext: 10_000 };
    let call = AllocationManager::allocateCall { service: Address::repeat_byte(2), allocation };
    let decoded = super::call(Contract::AllocationManager, &call.abi_encode()).expect("the ABI knows it");
    assert_eq!(decoded.arguments[1].to_string(), "allocation: (native: 2500, ext: 10000)");
}

#[test]
fn call_of_another_contract_or_cut_short_is_not_read() {
    let call = RestakingManager::undelegateCall {}.abi_encode();
    assert_eq!(super::call(Contract::OperatorRegistry, &call), None);
    assert_eq!(super::call(Contract::RestakingManager, &call[..3]), None);
    let deposit = RestakingManager::depositCall { strategy: Address::ZERO, amount: U256::from(1) }.abi_encode();
    assert_eq!(super::call(Contract::RestakingManager, &deposit[..40]), None);
}

#[test]
fn event_is_read_in_the_order_of_its_source_not_that_of_topics_and_data() {
    let event = RestakingManager::Slashed {
        operator: Address::repeat_byte(1),
        strategy: Address::repeat_byte(2),
        factor: alloy::primitives::Uint::from(7),
        shares: U256::from(9),
        recipient: Address::repeat_byte(3),
    };
    let log = LogRecord {
        log: Log { address: Address::ZERO, data: event.encode_log_data() },
        block_number: 1,
        block_hash: B256::ZERO,
        block_time: None,
        tx_hash: B256::ZERO,
        log_index: 0,
        removed: false,
    };
    let decoded = super::event(Contract::RestakingManager, &log).expect("the ABI knows it");
    let order: Vec<_> = decoded.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(order, ["operator", "strategy", "factor", "shares", "recipient"]);
    assert_eq!(decoded.value("recipient").and_then(Value::address), Some(Address::repeat_byte(3)));
    assert_eq!(decoded.value("shares").and_then(Value::number), Some(U256::from(9)));
}

#[test]
fn text_from_outside_cannot_steer_a_terminal() {
    assert_eq!(harmless("a\u{1b}[2Jb\n\u{202e}c", 200), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c");
    assert_eq!(harmless("äöü", 3), "ä");
}
