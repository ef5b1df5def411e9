//! Whether endpoints say the same of a block or of logs: answers are reduced to what identifies them, and counted. Believes nobody, and
//! hides no disagreement.

use std::fmt;

use alloy::primitives::{Bytes, U64};
use serde::Deserialize;
use serde_json::value::RawValue;
use tandem_types::{Address, B256, keccak256};

use crate::endpoint::Endpoint;

/// Endpoints of one chain, by their place in its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Witnesses(u32);

impl Witnesses {
    /// The first so many.
    #[cfg(test)]
    pub(crate) fn first(count: usize) -> Self {
        (0..count).fold(Self::default(), Self::with)
    }

    pub(crate) fn with(self, member: usize) -> Self {
        Self(self.0 | 1 << member)
    }

    pub(crate) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those who are in both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn members(self) -> impl Iterator<Item = usize> {
        (0..u32::BITS as usize).filter(move |member| self.0 & 1 << member != 0)
    }
}

/// What endpoints said of the same thing, when they did not all say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// What was asked, such as `eth_getLogs`.
    pub what: &'static str,
    /// The endpoints, grouped by what they said.
    pub groups: Vec<Vec<Endpoint>>,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoints contradict each other about {}: ", self.what)?;
        for (index, group) in self.groups.iter().enumerate() {
            let names: Vec<_> = group.iter().map(ToString::to_string).collect();
            write!(f, "{}{}", if index == 0 { "" } else { " against " }, names.join(" and "))?;
        }
        Ok(())
    }
}

/// What a request asks of, as far as endpoints can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The header of a block.
    Block,
    /// Logs.
    Logs,
}

impl Subject {
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Block => "eth_getBlockByNumber",
            Self::Logs => "eth_getLogs",
        }
    }

    /// What identifies an answer: all that is believed of it later. Endpoints may differ in the rest.
    pub(crate) fn essence(self, answer: &RawValue) -> serde_json::Result<B256> {
        match self {
            Self::Block => {
                serde_json::from_str::<Option<BlockEssence>>(answer.get()).map(|block| block_essence(&block))
            }
            Self::Logs => serde_json::from_str::<Vec<LogEssence>>(answer.get()).map(logs_essence),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockEssence {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEssence {
    block_number: U64,
    log_index: U64,
    block_hash: B256,
    transaction_hash: B256,
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
}

fn block_essence(block: &Option<BlockEssence>) -> B256 {
    let Some(BlockEssence { number, hash, parent_hash, timestamp }) = block else {
        return B256::ZERO;
    };
    let (number, timestamp) = (number.to_be_bytes::<8>(), timestamp.to_be_bytes::<8>());
    keccak256([&number[..], hash.as_slice(), parent_hash.as_slice(), &timestamp].concat())
}

/// In chain order, whatever the order in the answer.
fn logs_essence(mut logs: Vec<LogEssence>) -> B256 {
    logs.sort_by_key(|log| (log.block_number, log.log_index));
    let mut bytes = Vec::with_capacity(logs.len() * 256);
    for log in &logs {
        bytes.extend_from_slice(&log.block_number.to_be_bytes::<8>());
        bytes.extend_from_slice(&log.log_index.to_be_bytes::<8>());
        bytes.extend_from_slice(log.block_hash.as_slice());
        bytes.extend_from_slice(log.transaction_hash.as_slice());
        bytes.extend_from_slice(log.address.as_slice());
        bytes.extend_from_slice(&(log.topics.len() as u64).to_be_bytes());
        log.topics.iter().for_each(|topic| bytes.extend_from_slice(topic.as_slice()));
        bytes.extend_from_slice(keccak256(&log.data).as_slice());
    }
    keccak256(bytes)
}

/// Answers of several endpoints to one question, as they come in.
#[derive(Debug)]
pub(crate) struct Tally {
    subject: Subject,
    needed: usize,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    essence: B256,
    answer: Box<RawValue>,
    by: Witnesses,
}

/// What the answers come to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// One answer has its witnesses, and is the only one that has.
    Believed(Box<RawValue>, Witnesses),
    /// Too few answered, and they agree.
    TooFew(usize),
    /// They do not agree, and no answer is the only one with enough witnesses.
    Undecided,
}

impl Tally {
    pub(crate) fn new(subject: Subject, needed: usize) -> Self {
        Self { subject, needed, groups: Vec::new() }
    }

    /// Counts an answer.
    pub(crate) fn add(&mut self, member: usize, answer: Box<RawValue>) -> serde_json::Result<()> {
        let essence = self.subject.essence(&answer)?;
        match self.groups.iter_mut().find(|group| group.essence == essence) {
            Some(group) => group.by = group.by.with(member),
            None => self.groups.push(Group { essence, answer, by: Witnesses::default().with(member) }),
        }
        Ok(())
    }

    /// Whether they say different things.
    pub(crate) fn is_split(&self) -> bool {
        self.groups.len() > 1
    }

    /// Who said what, if they said different things.
    pub(crate) fn split(&self) -> Vec<Witnesses> {
        if self.is_split() { self.groups.iter().map(|group| group.by).collect() } else { Vec::new() }
    }

    /// How many answered.
    pub(crate) fn answers(&self) -> usize {
        self.groups.iter().map(|group| group.by.count()).sum()
    }

    pub(crate) fn outcome(self) -> Outcome {
        let (is_split, answers) = (self.is_split(), self.answers());
        let mut enough = self.groups.into_iter().filter(|group| group.by.count() >= self.needed);
        match (enough.next(), enough.next()) {
            (Some(group), None) => Outcome::Believed(group.answer, group.by),
            (None, _) if !is_split => Outcome::TooFew(answers),
            _ => Outcome::Undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).expect("it is JSON")
    }

    fn log(index: u64, data: &str) -> Value {
        json!({
            "address": Address::repeat_byte(1), "topics": [B256::repeat_byte(2)], "data": data, "blockNumber": "0x5",
            "blockHash": B256::repeat_byte(5), "transactionHash": B256::repeat_byte(6), "logIndex": format!("{index:#x}"), "removed": false,
        })
    }

    fn tally(needed: usize, answers: &[Value]) -> Tally {
        let mut tally = Tally::new(Subject::Logs, needed);
        for (member, answer) in answers.iter().enumerate() {
            tally.add(member, raw(answer)).expect("the logs are well-formed");
        }
        tally
    }

    #[test]
    fn logs_are_the_same_in_any_order_and_with_more_or_less_beside() {
        let mut with_time = log(1, "0x01");
        with_time["blockTimestamp"] = json!("0x7");
        let tally = tally(2, &[json!([log(1, "0x01"), log(2, "0x02")]), json!([log(2, "0x02"), with_time])]);
        assert!(matches!(tally.outcome(), Outcome::Believed(_, by) if by == Witnesses::first(2)));
    }

    #[test]
    fn each_part_of_a_log_matters() {
        let honest = log(1, "0x01");
        for (key, other) in [
            ("address", json!(Address::repeat_byte(9))),
            ("topics", json!([])),
            ("data", json!("0x02")),
            ("blockNumber", json!("0x6")),
            ("blockHash", json!(B256::ZERO)),
            ("transactionHash", json!(B256::ZERO)),
            ("logIndex", json!("0x2")),
        ] {
            let mut forged = honest.clone();
            forged[key] = other;
            assert!(tally(2, &[json!([honest.clone()]), json!([forged])]).is_split(), "{key}");
        }
        assert!(tally(2, &[json!([honest]), json!([])]).is_split());
    }

    #[test]
    fn answer_with_enough_witnesses_is_believed_and_the_split_is_kept() {
        let answers = [json!([log(1, "0x01")]), json!([]), json!([log(1, "0x01")])];
        assert_eq!(tally(2, &answers).split(), [Witnesses(0b101), Witnesses(0b010)]);
        assert!(matches!(tally(2, &answers).outcome(), Outcome::Believed(_, Witnesses(0b101))));
        assert!(matches!(tally(3, &answers).outcome(), Outcome::Undecided));
    }

    #[test]
    fn two_answers_with_enough_witnesses_each_are_both_not_believed() {
        let answers = [json!([]), json!([log(1, "0x01")]), json!([]), json!([log(1, "0x01")])];
        assert!(matches!(tally(2, &answers).outcome(), Outcome::Undecided));
    }

    #[test]
    fn too_few_answers_are_no_contradiction() {
        assert!(matches!(tally(2, &[json!([])]).outcome(), Outcome::TooFew(1)));
    }

    #[test]
    fn blocks_are_told_apart_by_number_hash_and_time() {
        let block = |number: &str, byte: u8, time: &str| {
            let (hash, parent) = (B256::repeat_byte(byte), B256::ZERO);
            raw(&json!({ "number": number, "hash": hash, "parentHash": parent, "timestamp": time }))
        };
        let essence = |block: &RawValue| Subject::Block.essence(block).expect("it is a header");
        let all = [
            block("0x1", 1, "0x1"),
            block("0x2", 1, "0x1"),
            block("0x1", 2, "0x1"),
            block("0x1", 1, "0x2"),
            raw(&Value::Null),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(all.iter().filter(|other| essence(other) == essence(one)).count(), 1, "{at}");
        }
    }

    #[test]
    fn malformed_answers_are_errors() {
        for answer in [json!({}), json!([{ "address": "0x" }]), json!("logs")] {
            assert!(Subject::Logs.essence(&raw(&answer)).is_err(), "{answer}");
        }
    }

    #[test]
    fn contradictions_name_the_endpoints() {
        let endpoint =
            |name: &str| Endpoint::from(&url::Url::parse(&format!("https://{name}/KEY")).expect("it is a URL"));
        let groups = vec![vec![endpoint("a.example"), endpoint("b.example")], vec![endpoint("c.example")]];
        let text = Contradiction { what: "eth_getLogs", groups }.to_string();
        assert_eq!(
            text,
            "endpoints contradict each other about eth_getLogs: https://a.example and https://b.example against https://c.example"
        );
    }
}
