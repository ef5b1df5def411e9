//! Firings: what starts tasks that nobody asked the ServiceManager for. A firing is hashed by its kind, its task's id follows from that and the workflow
//! alone, and its component is given the firing itself. What else its task has follows from the manifest in force and is agreed on with the result.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};

use crate::digest::typed;
use crate::{Domain, ManifestHash, Requirement, ServiceId, Task, TaskId, WorkflowId};

/// Longest data of a log that fires, in bytes; others fire nothing, for any operator.
pub const LOG_DATA_BYTES_MAX: usize = 16 * 1024;

/// Number of the task of a firing with ordinal 0. Requests have smaller numbers, firings without ordinals have none.
const FIRST: u64 = 1 << 63;

/// Whether a task of that number was fired, and not asked for.
pub fn is_firing(number: u64) -> bool {
    number == 0 || number >= FIRST
}

/// What fired.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Firing {
    /// A second of a schedule.
    Cron(CronFiring),
    /// A block.
    Block(BlockFiring),
    /// A log.
    Log(LogFiring),
    /// Something that a caller signed.
    Http(HttpFiring),
}

/// A second of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronFiring {
    /// The scheduled second, in Unix time.
    pub instant: u64,
}

/// A block of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockFiring {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Number of the block.
    pub number: u64,
}

/// A log, by its place in its transaction: the same when that is mined again in another block.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFiring {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// The transaction.
    pub tx_hash: B256,
    /// How many logs of the transaction are before it.
    pub position: u64,
    /// The contract that emitted it.
    pub emitter: Address,
    /// Its topics.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Bytes,
}

/// Something that a caller signed and sent to an operator. What it says is what is signed, as EIP-712 data of the service's domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpFiring {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The account that signed.
    pub caller: Address,
    /// The caller's idempotency key: it signs two things with one key only if it wants one of them to be ignored.
    pub key: B256,
    /// The second (Unix time) that it was signed for.
    pub instant: u64,
    /// The component's input.
    pub input: Bytes,
}

impl HttpFiring {
    fn typed(&self) -> typed::HttpFiring {
        let Self { workflow, caller, key, instant, input } = self;
        typed::HttpFiring {
            workflow: workflow.to_word(),
            caller: *caller,
            key: *key,
            instant: *instant,
            input: input.clone(),
        }
    }

    /// The digest that the caller signs.
    pub fn digest(&self, service: ServiceId) -> B256 {
        Domain::from(service).hash(&self.typed())
    }
}

/// A firing as its caller sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignedFiring {
    /// What was signed.
    pub firing: HttpFiring,
    /// The caller's signature over its digest: r, s, and the recovery id plus 27, as Ethereum's wallets have it.
    pub signature: Bytes,
}

impl SignedFiring {
    /// Its task's identity in `service`.
    pub fn task_id(&self, service: ServiceId) -> TaskId {
        let firing = Firing::Http(self.firing.clone()).hash();
        let fired = typed::Fired { workflow: self.firing.workflow.to_word(), firing };
        TaskId(Domain::from(service).hash(&fired))
    }
}

impl Firing {
    /// The hash that stands for it in its task.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Cron(CronFiring { instant }) => typed::CronFiring { instant: *instant }.eip712_hash_struct(),
            Self::Block(BlockFiring { chain_id, number }) => {
                typed::BlockFiring { chainId: U256::from(*chain_id), number: *number }.eip712_hash_struct()
            }
            Self::Log(log) => typed::LogFiring {
                chainId: U256::from(log.chain_id),
                txHash: log.tx_hash,
                position: log.position,
                emitter: log.emitter,
                topics: log.topics.clone(),
                data: log.data.clone(),
            }
            .eip712_hash_struct(),
            Self::Http(http) => http.typed().eip712_hash_struct(),
        }
    }

    /// The number of its task: 2^63 and its second or block, which nothing real exceeds; 0 for what has no order.
    pub fn number(&self) -> u64 {
        match self {
            Self::Cron(cron) => FIRST | cron.instant,
            Self::Block(block) => FIRST | block.number,
            Self::Log(_) | Self::Http(_) => 0,
        }
    }

    /// What its component is given: the caller's input, else JSON without white space, the fields in the order in which they are declared here.
    pub fn input(&self) -> Vec<u8> {
        let json = match self {
            Self::Cron(cron) => serde_json::to_vec(cron),
            Self::Block(block) => serde_json::to_vec(block),
            Self::Log(log) => serde_json::to_vec(log),
            Self::Http(http) => return http.input.to_vec(),
        };
        json.expect("numbers and bytes have a form in JSON")
    }

    /// Who asked, if anyone did.
    fn caller(&self) -> Address {
        match self {
            Self::Http(http) => http.caller,
            _ => Address::ZERO,
        }
    }

    /// Its task, under the manifest in force.
    pub fn task(&self, workflow: WorkflowId, manifest: ManifestHash, (handler, deadline): (Address, u64)) -> Task {
        Task {
            number: self.number(),
            workflow,
            manifest,
            handler,
            requester: self.caller(),
            deadline,
            requirement: Requirement::NONE,
            input_hash: self.hash(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> LogFiring {
        LogFiring {
            chain_id: 1,
            tx_hash: B256::repeat_byte(1),
            position: 2,
            emitter: Address::repeat_byte(0xEE),
            topics: vec![B256::repeat_byte(3)],
            data: vec![4, 5].into(),
        }
    }

    fn http() -> HttpFiring {
        HttpFiring {
            workflow: "w".parse().expect("a name"),
            caller: Address::repeat_byte(0xCA),
            key: B256::repeat_byte(1),
            instant: 7,
            input: vec![4, 5].into(),
        }
    }

    fn service() -> ServiceId {
        ServiceId { chain_id: 31_337, manager: Address::repeat_byte(0x5e) }
    }

    fn id(firing: &Firing, workflow: &str, manifest: u8, deadline: u64) -> crate::TaskId {
        let workflow = workflow.parse().expect("the name is valid");
        firing.task(workflow, ManifestHash(B256::repeat_byte(manifest)), (Address::ZERO, deadline)).id(service())
    }

    #[test]
    fn id_depends_on_workflow_and_firing_alone() {
        let firings = [
            Firing::Cron(CronFiring { instant: 7 }),
            Firing::Cron(CronFiring { instant: 8 }),
            Firing::Block(BlockFiring { chain_id: 1, number: 7 }),
            Firing::Block(BlockFiring { chain_id: 2, number: 7 }),
            Firing::Log(log()),
            Firing::Log(LogFiring { chain_id: 2, ..log() }),
            Firing::Log(LogFiring { tx_hash: B256::ZERO, ..log() }),
            Firing::Log(LogFiring { position: 3, ..log() }),
            Firing::Log(LogFiring { emitter: Address::ZERO, ..log() }),
            Firing::Log(LogFiring { topics: vec![], ..log() }),
            Firing::Log(LogFiring { data: vec![4].into(), ..log() }),
            Firing::Http(http()),
            Firing::Http(HttpFiring { caller: Address::ZERO, ..http() }),
            Firing::Http(HttpFiring { key: B256::ZERO, ..http() }),
            Firing::Http(HttpFiring { instant: 8, ..http() }),
            Firing::Http(HttpFiring { input: vec![4].into(), ..http() }),
        ];
        let mut ids = std::collections::BTreeSet::new();
        for firing in &firings {
            assert_eq!(id(firing, "w", 1, 10), id(firing, "w", 2, 20), "{firing:?}");
            assert!(ids.insert(id(firing, "w", 1, 10)), "{firing:?}");
            assert!(ids.insert(id(firing, "v", 1, 10)), "{firing:?}");
        }
    }

    #[test]
    fn digest_depends_on_manifest_and_deadline_too() {
        let firing = Firing::Cron(CronFiring { instant: 7 });
        let digest = |manifest, deadline| {
            let manifest = ManifestHash(B256::repeat_byte(manifest));
            firing.task("w".parse().expect("a name"), manifest, (Address::ZERO, deadline)).digest(service())
        };
        assert_ne!(digest(1, 10), digest(2, 10));
        assert_ne!(digest(1, 10), digest(1, 11));
    }

    #[test]
    fn component_is_given_the_firing_as_json() {
        let input = |firing: Firing| String::from_utf8(firing.input()).expect("JSON is text");
        assert_eq!(input(Firing::Cron(CronFiring { instant: 7 })), r#"{"instant":7}"#);
        assert_eq!(input(Firing::Block(BlockFiring { chain_id: 1, number: 9 })), r#"{"chain_id":1,"number":9}"#);
        let (tx, topic) = ("01".repeat(32), "03".repeat(32));
        let emitter = "ee".repeat(20);
        let expected = format!(
            r#"{{"chain_id":1,"tx_hash":"0x{tx}","position":2,"emitter":"0x{emitter}","topics":["0x{topic}"],"data":"0x0405"}}"#
        );
        assert_eq!(input(Firing::Log(log())), expected);
        assert_eq!(serde_json::from_str::<LogFiring>(&expected).ok(), Some(log()));
        assert_eq!(Firing::Http(http()).input(), [4, 5], "but for what a caller sends");
    }

    #[test]
    fn numbers_tell_firings_from_requests() {
        assert!(is_firing(0) && is_firing(FIRST) && is_firing(u64::MAX));
        assert!(!is_firing(1) && !is_firing(FIRST - 1));
        assert_eq!(Firing::Block(BlockFiring { chain_id: 1, number: 9 }).number(), FIRST + 9);
    }
}
