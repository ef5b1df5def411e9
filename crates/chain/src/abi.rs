//! What contracts are called with, emit and revert with, by name, from the ABIs of all our contracts. Values keep the names and types that
//! Solidity gives them, so that whoever shows them can choose units; text from outside is cut and made harmless here.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use alloy::dyn_abi::{DynSolValue, ErrorExt, EventExt, JsonAbiExt};
use alloy::json_abi::{Error as AbiError, EventParam, JsonAbi, Param};
use alloy::primitives::Selector;
use serde::Deserialize;
use tandem_types::{Address, U256};

use crate::bindings::ARTIFACTS;
use crate::log::LogRecord;

/// Longest text or bytes that are kept, in bytes.
const VALUE_BYTES_MAX: usize = 200;

/// The contracts whose calls and events are known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contract {
    /// Allocations and slashing.
    AllocationManager,
    /// Operators and their keys.
    OperatorRegistry,
    /// Deposits, delegation and withdrawals.
    RestakingManager,
    /// A service.
    ServiceManager,
    /// What keeps a staked token.
    Strategy,
    /// A token (ERC-20).
    Token,
    /// The handler that stores scores.
    ScoreBoard,
    /// Prices from feeds.
    ChainlinkPrices,
    /// What tells when the native token has failed.
    FallbackMonitor,
}

impl Contract {
    /// Its name in Solidity.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllocationManager => "AllocationManager",
            Self::OperatorRegistry => "OperatorRegistry",
            Self::RestakingManager => "RestakingManager",
            Self::ServiceManager => "ServiceManager",
            Self::Strategy => "Strategy",
            Self::Token => "ERC20",
            Self::ScoreBoard => "ScoreBoard",
            Self::ChainlinkPrices => "ChainlinkPrices",
            Self::FallbackMonitor => "FallbackMonitor",
        }
    }
}

/// A value with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name of the parameter; may be empty.
    pub name: String,
    /// Its type in Solidity: `uint96`, `enum Token`, `contract IStrategy`.
    pub kind: String,
    /// The value.
    pub value: Value,
}

/// A value of a call, an event or an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number that is not negative; enums too.
    Number(U256),
    /// An account or contract.
    Address(Address),
    /// Bytes of any length, cut to a bearable one.
    Bytes(Vec<u8>),
    /// Text, cut to a bearable length, without control characters.
    Text(String),
    /// Several values of one type.
    List(Vec<Value>),
    /// A struct.
    Fields(Vec<Field>),
}

impl Value {
    /// The number, if it is one.
    pub fn number(&self) -> Option<U256> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<Address> {
        match self {
            Self::Address(address) => Some(*address),
            _ => None,
        }
    }
}

/// Numbers in decimal, bytes and addresses in hexadecimal.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Address(value) => write!(f, "{value}"),
            Self::Bytes(value) => f.write_str(&alloy::hex::encode_prefixed(value)),
            Self::Text(value) => f.write_str(value),
            Self::List(values) => {
                f.write_str("[")?;
                separated(f, values, |f, value| write!(f, "{value}"))?;
                f.write_str("]")
            }
            Self::Fields(fields) => {
                f.write_str("(")?;
                separated(f, fields, |f, field| write!(f, "{field}"))?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() { write!(f, "{}", self.value) } else { write!(f, "{}: {}", self.name, self.value) }
    }
}

/// Writes `items` with commas between them.
pub(crate) fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// A call as its contract understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedCall {
    /// What is called.
    pub contract: Contract,
    /// Name of the function.
    pub function: String,
    /// Its arguments, in order.
    pub arguments: Vec<Field>,
}

/// An event of one of our contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedEvent {
    /// What emitted it.
    pub contract: Contract,
    /// Name of the event.
    pub name: String,
    /// Its values, in order.
    pub fields: Vec<Field>,
}

impl DecodedEvent {
    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}

/// The part of an artifact that names things.
#[derive(Deserialize)]
struct Artifact {
    abi: JsonAbi,
}

static ABIS: LazyLock<Vec<(Contract, JsonAbi)>> = LazyLock::new(|| {
    let abi = |text| serde_json::from_str::<Artifact>(text).expect("artifacts are compiler output, checked by a test");
    ARTIFACTS.into_iter().map(|(contract, text)| (contract, abi(text).abi)).collect()
});

static ERRORS: LazyLock<HashMap<Selector, &AbiError>> = LazyLock::new(|| {
    let errors = ABIS.iter().flat_map(|(_, abi)| abi.errors());
    errors.map(|error| (error.selector(), error)).collect()
});

/// Names of all errors that the ABIs know, for who writes sentences about them.
pub fn error_names() -> impl Iterator<Item = &'static str> {
    ERRORS.values().map(|error| error.name.as_str())
}

/// Name and values of a custom error; none when no ABI knows it.
pub(crate) fn error(selector: Selector, data: &[u8]) -> Option<(String, Vec<Field>)> {
    let error = ERRORS.get(&selector)?;
    let values = error.decode_error(data).ok()?.body;
    Some((error.name.clone(), fields(error.inputs.iter().map(Spec::from), &values)))
}

/// The call that `data` makes of `contract`; none when its ABI knows no such function.
pub(crate) fn call(contract: Contract, data: &[u8]) -> Option<DecodedCall> {
    let (selector, arguments) = data.split_first_chunk::<4>()?;
    let (_, abi) = ABIS.iter().find(|(known, _)| *known == contract)?;
    let function = abi.functions().find(|function| function.selector() == *selector)?;
    let values = function.abi_decode_input(arguments).ok()?;
    let arguments = fields(function.inputs.iter().map(Spec::from), &values);
    Some(DecodedCall { contract, function: function.name.clone(), arguments })
}

/// The event that a log of `contract` records; none when its ABI knows no such event.
pub(crate) fn event(contract: Contract, log: &LogRecord) -> Option<DecodedEvent> {
    let (_, abi) = ABIS.iter().find(|(known, _)| *known == contract)?;
    let kind = log.log.topics().first()?;
    let event = abi.events().find(|event| event.selector() == *kind)?;
    let decoded = event.decode_log(log.data()).ok()?;
    let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
    let values = event.inputs.iter().map(|input| if input.indexed { indexed.next() } else { body.next() });
    let fields = event.inputs.iter().zip(values).filter_map(|(input, value)| Some(field(Spec::from(input), value?)));
    Some(DecodedEvent { contract, name: event.name.clone(), fields: fields.collect() })
}

/// What an ABI says of a parameter.
#[derive(Clone, Copy)]
struct Spec<'a> {
    name: &'a str,
    kind: &'a str,
    /// The type's name in the source, where that says more.
    source: Option<&'a alloy::json_abi::InternalType>,
    components: &'a [Param],
}

impl<'a> From<&'a Param> for Spec<'a> {
    fn from(param: &'a Param) -> Self {
        let Param { name, ty, components, internal_type } = param;
        Self { name, kind: ty, source: internal_type.as_ref(), components }
    }
}

impl<'a> From<&'a EventParam> for Spec<'a> {
    fn from(param: &'a EventParam) -> Self {
        let EventParam { name, ty, components, internal_type, .. } = param;
        Self { name, kind: ty, source: internal_type.as_ref(), components }
    }
}

fn fields<'a>(specs: impl Iterator<Item = Spec<'a>>, values: &[DynSolValue]) -> Vec<Field> {
    specs.zip(values).map(|(spec, value)| field(spec, value)).collect()
}

fn field(spec: Spec<'_>, value: &DynSolValue) -> Field {
    let kind = spec.source.map_or_else(|| spec.kind.to_owned(), ToString::to_string);
    Field { name: spec.name.to_owned(), kind, value: convert(value, spec.components) }
}

fn convert(value: &DynSolValue, components: &[Param]) -> Value {
    match value {
        DynSolValue::Bool(value) => Value::Bool(*value),
        DynSolValue::Uint(value, _) => Value::Number(*value),
        DynSolValue::Address(value) => Value::Address(*value),
        DynSolValue::FixedBytes(value, size) => Value::Bytes(value[..*size].to_vec()),
        DynSolValue::Bytes(value) => Value::Bytes(value[..value.len().min(VALUE_BYTES_MAX)].to_vec()),
        DynSolValue::String(value) => Value::Text(harmless(value, VALUE_BYTES_MAX)),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) => {
            Value::List(values.iter().map(|value| convert(value, components)).collect())
        }
        DynSolValue::Tuple(values) => Value::Fields(fields(components.iter().map(Spec::from), values)),
        DynSolValue::Int(value, _) => Value::Text(value.to_string()),
        other => Value::Text(harmless(&format!("{other:?}"), VALUE_BYTES_MAX)),
    }
}

/// The beginning of `text`, at most that many bytes, with control characters and what changes the direction of writing replaced: it may come
/// from anyone and ends up on a terminal.
pub(crate) fn harmless(text: &str, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let directs = |char: char| matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text[..end].chars().map(|char| if char.is_control() || directs(char) { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
#[path = "abi_tests.rs"]
mod tests;
