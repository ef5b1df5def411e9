//! Who takes part: operators with real BLS keys, made once per process, and tables of them.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use tandem_crypto::{KeyTable, PublicKey, SecretKey};
use tandem_types::{
    Address, ComponentDigest, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, ServiceId, Task,
    TaskId, TaskResult, Weight,
};

/// Most operators of a run.
pub(crate) const OPERATORS_MAX: usize = 10;

/// What each operator has at stake, by its place; none for those outside the table.
pub(crate) type Stakes = Vec<Option<PerToken<u64>>>;

pub(crate) fn service() -> ServiceId {
    ServiceId { chain_id: 31_337, manager: Address::repeat_byte(0xaa) }
}

/// The operator at a place. Places ascend as operators do.
pub(crate) fn operator(place: usize) -> OperatorId {
    OperatorId(Address::repeat_byte(byte(place)))
}

/// Where an operator is, if it is one.
pub(crate) fn place(operator: OperatorId) -> Option<usize> {
    (0..OPERATORS_MAX).find(|&place| self::operator(place) == operator)
}

pub(crate) fn secret(place: usize) -> SecretKey {
    SecretKey::from_random(&[byte(place); 48]).expect("the bytes do not reduce to zero")
}

fn byte(place: usize) -> u8 {
    u8::try_from(place + 1).expect("there are few operators")
}

fn public(place: usize) -> &'static PublicKey {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    &KEYS.get_or_init(|| (0..OPERATORS_MAX).map(|place| secret(place).public_key()).collect())[place]
}

/// The table of an epoch, without the weight of those that lost it.
pub(crate) fn key_table(epoch: Epoch, stakes: &Stakes, revoked: &BTreeSet<OperatorId>) -> Arc<KeyTable> {
    let entry = |(place, stake): (usize, &Option<PerToken<u64>>)| {
        let weight = (*stake)?.map(Weight::from);
        Some(OperatorEntry {
            operator: operator(place),
            key_g1: public(place).g1(),
            key_g2: public(place).g2(),
            weight,
        })
    };
    let entries = stakes.iter().enumerate().filter_map(entry).collect();
    let table = OperatorTable::new(epoch, entries).expect("places ascend, and there is one at least");
    let lost: Vec<_> = revoked.iter().filter_map(|operator| table.position(*operator)).collect();
    Arc::new(KeyTable::new(Domain::from(service()), table.without(&lost)).expect("the keys are points"))
}

/// What a component returned.
pub(crate) fn result(task_id: TaskId, task: &Task, payload: Vec<u8>) -> TaskResult {
    TaskResult {
        task_digest: task_id.0,
        component: ComponentDigest(tandem_types::B256::repeat_byte(0xcc)),
        chain_id: service().chain_id,
        handler: task.handler,
        payload,
    }
}
