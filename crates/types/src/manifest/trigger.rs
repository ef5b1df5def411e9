//! What starts a workflow. Who looks out for it, and when it may be believed, is the node's.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::Schedule;

/// Longest time between a firing and its deadline, in seconds: the ServiceManager's for requests.
const DEADLINE_S_MAX: u64 = 30 * 24 * 3_600;
const DEADLINE_S: u64 = 600;
/// Most blocks that a trigger may wait for.
const CONFIRMATIONS_MAX: u64 = 10_000;
/// Most contracts, and most values of one topic, that a trigger may name.
const FILTER_MAX: usize = 64;
/// Most callers that a trigger may name.
const CALLERS_MAX: usize = 256;
/// Topics that a log has at most.
const TOPICS_MAX: usize = 4;

/// Why a trigger is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// It ends before it starts.
    #[error("the trigger ends with {end}, before it starts with {start}")]
    Span {
        /// Where it starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// No block is the zeroth.
    #[error("the trigger fires every 0 blocks, expected 1 or more")]
    Every,
    /// The deadline is out of bounds.
    #[error("`deadline-s` is {0}, expected 1 to {DEADLINE_S_MAX}")]
    Deadline(u64),
    /// No contract, or too many.
    #[error("the trigger names {0} addresses, expected 1 to {FILTER_MAX}")]
    Addresses(usize),
    /// Nobody may call, or too many may.
    #[error("the trigger names {0} callers, expected 1 to {CALLERS_MAX}")]
    Callers(usize),
    /// More topics than a log has.
    #[error("the trigger filters {0} topics, a log has at most {TOPICS_MAX}")]
    Topics(usize),
    /// Too many values of one topic.
    #[error("topic {topic} of the trigger has {found} values, expected at most {FILTER_MAX}")]
    TopicValues {
        /// Which topic.
        topic: usize,
        /// How many values it has.
        found: usize,
    },
    /// Two answers to one question.
    #[error("the trigger has both `confirmations` and `tag`: use one of them")]
    Finality,
    /// Too many confirmations.
    #[error("`confirmations` is {0}, expected at most {CONFIRMATIONS_MAX}")]
    Confirmations(u64),
}

/// What starts a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// `createTask` on the ServiceManager.
    Request,
    /// A component of another workflow. Nothing is delivered.
    Call,
    /// A schedule.
    Cron(CronTrigger),
    /// Blocks of a chain, at an interval.
    Block(BlockTrigger),
    /// Logs of contracts.
    Log(LogTrigger),
    /// Callers who send an operator what they sign.
    Http(HttpTrigger),
}

/// Fires at the seconds of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CronTrigger {
    /// When.
    pub schedule: Schedule,
    /// First second (Unix time) at which it may fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Last second at which it may fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// Seconds after it fired within which the result may be delivered.
    #[serde(default = "deadline_s")]
    pub deadline_s: u64,
}

/// Fires at every so many blocks: those whose number less `start` is a multiple of `every`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BlockTrigger {
    /// Blocks from one firing to the next.
    pub every: u64,
    /// EIP-155 id of the chain; the service's own when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<u64>,
    /// First block at which it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Last block at which it may fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// Blocks that must follow one before it is believed; the operator's own setting when this and `tag` are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<u64>,
    /// What the chain must say of a block before it is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<BlockTag>,
    /// Seconds after its block within which the result may be delivered.
    #[serde(default = "deadline_s")]
    pub deadline_s: u64,
}

/// Fires at logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogTrigger {
    /// EIP-155 id of the chain; the service's own when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<u64>,
    /// The contracts whose logs fire.
    pub addresses: Vec<Address>,
    /// For each topic, the values of which it must have one; none when it may have any. The first topic is the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<Vec<B256>>,
    /// As of [`BlockTrigger`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmations: Option<u64>,
    /// As of [`BlockTrigger`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<BlockTag>,
    /// Seconds after the log's block within which the result may be delivered.
    #[serde(default = "deadline_s")]
    pub deadline_s: u64,
}

/// Fires when one of its callers signs and sends so to any operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpTrigger {
    /// The accounts that may call.
    pub callers: Vec<Address>,
    /// Seconds after the second that the caller signed within which the result may be delivered.
    #[serde(default = "deadline_s")]
    pub deadline_s: u64,
}

fn deadline_s() -> u64 {
    DEADLINE_S
}

/// A block that a chain calls by a name, instead of counting confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockTag {
    /// Attested by enough of the chain's own validators that honest ones will not replace it.
    Safe,
    /// Final by the chain's own rules.
    Finalized,
}

impl BlockTag {
    /// As JSON-RPC and configurations spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Finalized => "finalized",
        }
    }
}

/// When a block is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finality {
    /// When so many blocks follow it.
    Confirmations(u64),
    /// When the chain says so.
    Tag(BlockTag),
}

impl Trigger {
    /// Whether tasks of it come about without anyone asking the ServiceManager.
    pub fn fires(&self) -> bool {
        !matches!(self, Self::Request | Self::Call)
    }

    /// The chain that it watches, if that is named.
    pub fn chain(&self) -> Option<u64> {
        match self {
            Self::Request | Self::Call | Self::Cron(_) | Self::Http(_) => None,
            Self::Block(block) => block.chain,
            Self::Log(log) => log.chain,
        }
    }

    /// When a block of its chain is believed, if it says so.
    pub fn finality(&self) -> Option<Finality> {
        let (confirmations, tag) = match self {
            Self::Request | Self::Call | Self::Cron(_) | Self::Http(_) => (None, None),
            Self::Block(block) => (block.confirmations, block.tag),
            Self::Log(log) => (log.confirmations, log.tag),
        };
        tag.map(Finality::Tag).or(confirmations.map(Finality::Confirmations))
    }

    /// Seconds after a firing within which its result may be delivered; 0 for what does not fire.
    pub fn deadline_s(&self) -> u64 {
        match self {
            Self::Request | Self::Call => 0,
            Self::Cron(cron) => cron.deadline_s,
            Self::Block(block) => block.deadline_s,
            Self::Log(log) => log.deadline_s,
            Self::Http(http) => http.deadline_s,
        }
    }

    pub(super) fn check(&self) -> Result<(), TriggerError> {
        match self {
            Self::Request | Self::Call => return Ok(()),
            Self::Cron(cron) => check_span(cron.start, cron.end)?,
            Self::Block(block) => {
                check_span(block.start, block.end)?;
                check_finality(block.confirmations, block.tag)?;
                if block.every == 0 {
                    return Err(TriggerError::Every);
                }
            }
            Self::Log(log) => log.check()?,
            Self::Http(http) => match http.callers.len() {
                1..=CALLERS_MAX => {}
                found => return Err(TriggerError::Callers(found)),
            },
        }
        match self.deadline_s() {
            1..=DEADLINE_S_MAX => Ok(()),
            found => Err(TriggerError::Deadline(found)),
        }
    }
}

impl LogTrigger {
    fn check(&self) -> Result<(), TriggerError> {
        check_finality(self.confirmations, self.tag)?;
        if !(1..=FILTER_MAX).contains(&self.addresses.len()) {
            return Err(TriggerError::Addresses(self.addresses.len()));
        }
        if self.topics.len() > TOPICS_MAX {
            return Err(TriggerError::Topics(self.topics.len()));
        }
        match self.topics.iter().position(|values| values.len() > FILTER_MAX) {
            Some(topic) => Err(TriggerError::TopicValues { topic, found: self.topics[topic].len() }),
            None => Ok(()),
        }
    }
}

fn check_span(start: Option<u64>, end: Option<u64>) -> Result<(), TriggerError> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => Err(TriggerError::Span { start, end }),
        _ => Ok(()),
    }
}

fn check_finality(confirmations: Option<u64>, tag: Option<BlockTag>) -> Result<(), TriggerError> {
    match confirmations {
        Some(_) if tag.is_some() => Err(TriggerError::Finality),
        Some(found) if found > CONFIRMATIONS_MAX => Err(TriggerError::Confirmations(found)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::Manifest;

    use super::*;

    fn manifest(trigger: &str) -> Result<Trigger, String> {
        let digest = "a".repeat(64);
        let toml = format!(
            "name = \"x\"\n[[workflow]]\nname = \"w\"\ntrigger = {trigger}\ncomponent = {{ digest = \"sha256:{digest}\" }}"
        );
        let manifest = Manifest::from_toml(&toml).map_err(|error| error.to_string())?;
        let published = Manifest::from_json(&manifest.to_canonical_json()).expect("what it writes it reads");
        assert_eq!(published, manifest);
        Ok(manifest.workflows[0].trigger.clone())
    }

    #[test]
    fn triggers_are_read_with_their_defaults() {
        assert_eq!(manifest("\"request\""), Ok(Trigger::Request));
        let cron = manifest(r#"{ cron = { schedule = "*/5 * * * * *", start = 5 } }"#).expect("it is valid");
        let Trigger::Cron(cron) = cron else { panic!("{cron:?}") };
        assert_eq!((cron.schedule.as_str(), cron.start, cron.end), ("*/5 * * * * *", Some(5), None));
        assert_eq!(cron.deadline_s, 600);
        let block = manifest("{ block = { every = 10, chain = 1, tag = \"finalized\" } }").expect("it is valid");
        assert_eq!((block.chain(), block.finality()), (Some(1), Some(Finality::Tag(BlockTag::Finalized))));
        let log = manifest(&format!(
            "{{ log = {{ addresses = [\"{}\"], topics = [[\"{}\"], []], confirmations = 3, deadline-s = 60 }} }}",
            Address::repeat_byte(7),
            B256::repeat_byte(8)
        ))
        .expect("it is valid");
        assert_eq!((log.finality(), log.deadline_s()), (Some(Finality::Confirmations(3)), 60));
        assert!(log.fires() && !Trigger::Call.fires());
        let http =
            manifest(&format!("{{ http = {{ callers = [\"{}\"] }} }}", Address::repeat_byte(7))).expect("it is valid");
        assert_eq!((http.fires(), http.deadline_s(), http.chain()), (true, 600, None));
    }

    #[test]
    fn faults_are_named() {
        let address = Address::ZERO;
        let many = format!("\"{address}\",").repeat(65);
        let values = format!("\"{}\",", B256::ZERO).repeat(65);
        for (trigger, message) in [
            (r#"{ cron = { schedule = "never" } }"#.to_owned(), "`never` is not a schedule"),
            (
                r#"{ cron = { schedule = "* * * * *", start = 9, end = 8 } }"#.to_owned(),
                "ends with 8, before it starts with 9",
            ),
            (
                r#"{ cron = { schedule = "* * * * *", deadline-s = 0 } }"#.to_owned(),
                "`deadline-s` is 0, expected 1 to 2592000",
            ),
            (r#"{ cron = { shedule = "* * * * *" } }"#.to_owned(), "shedule"),
            ("{ block = { every = 0 } }".to_owned(), "workflow `w`: the trigger fires every 0 blocks"),
            ("{ block = { every = 1, confirmations = 1, tag = \"safe\" } }".to_owned(), "use one of them"),
            ("{ block = { every = 1, confirmations = 10001 } }".to_owned(), "expected at most 10000"),
            ("{ block = { every = 1, tag = \"latest\" } }".to_owned(), "latest"),
            ("{ log = { addresses = [] } }".to_owned(), "names 0 addresses"),
            (format!("{{ log = {{ addresses = [{many}] }} }}"), "names 65 addresses"),
            ("{ http = { callers = [] } }".to_owned(), "names 0 callers"),
            (format!("{{ http = {{ callers = [{}] }} }}", many.repeat(4)), "names 260 callers"),
            (format!("{{ log = {{ addresses = [\"{address}\"], topics = [[],[],[],[],[]] }} }}"), "filters 5 topics"),
            (
                format!("{{ log = {{ addresses = [\"{address}\"], topics = [[],[{values}]] }} }}"),
                "topic 1 of the trigger has 65 values",
            ),
        ] {
            let error = manifest(&trigger).expect_err(message);
            assert!(error.contains(message), "{error}");
        }
    }
}
