//! The files in `vectors/` are what this code computes; Solidity reads the same files. `UPDATE_VECTORS=1` writes them anew.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::{Value, json};
use tandem_crypto::{KeyTable, SecretKey, Share, Signature, Statement, hash_to_curve};
use tandem_types::{
    Batch, BatchEntry, BlockFiring, Certificate, ComponentDigest, CronFiring, Domain, Epoch, Firing, G1Point, G2Point,
    HttpFiring, LogFiring, ManifestHash, OperatorEntry, OperatorId, OperatorTable, PerToken, Requirement, ServiceId,
    Task, TaskResult, Weight,
};

const CHAIN_ID: u64 = 31_337;

fn service() -> ServiceId {
    ServiceId { chain_id: CHAIN_ID, manager: Address::repeat_byte(0x5e) }
}

/// Proofs of possession live in the registry's domain.
fn registry() -> Domain {
    Domain { chain_id: CHAIN_ID, verifying_contract: Address::repeat_byte(0x0e) }
}

fn check(name: &str, computed: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(name);
    let text = serde_json::to_string_pretty(computed).expect("JSON serialises") + "\n";
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, text).expect("vectors/ is writable");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("the vectors are committed");
    assert!(committed == text, "vectors/{name} differs from what the code computes; see UPDATE_VECTORS");
}

fn g1(point: &G1Point) -> Value {
    let [x, y] = point.to_words().map(word);
    json!({ "x": x, "y": y })
}

fn g2(point: &G2Point) -> Value {
    let [x_im, x_re, y_im, y_re] = point.to_words().map(word);
    json!({ "x": [x_im, x_re], "y": [y_im, y_re] })
}

fn word(value: U256) -> String {
    B256::from(value).to_string()
}

fn secret(index: u64) -> SecretKey {
    let mut random = [0; 48];
    random[16..].copy_from_slice(keccak256(format!("tandem vector operator {index}")).as_slice());
    SecretKey::from_random(&random).expect("a hash does not reduce to zero")
}

fn operator(index: u64) -> OperatorId {
    OperatorId(Address::from_word(B256::from(U256::from(0x1_0000 + index))))
}

fn entry(index: u64, native: u64, external: u64) -> OperatorEntry {
    let key = secret(index).public_key();
    let weight = PerToken { native: Weight::from(native), external: Weight::from(external) };
    OperatorEntry { operator: operator(index), key_g1: key.g1(), key_g2: key.g2(), weight }
}

fn task(number: u64) -> Task {
    let input = format!("input {number}");
    Task {
        number,
        workflow: "score".parse().expect("the name is valid"),
        manifest: ManifestHash(keccak256("manifest")),
        handler: Address::repeat_byte(0x4a),
        requester: Address::repeat_byte(0x9e),
        deadline: 1_900_000_000 + number,
        requirement: Requirement::new(6_667, 7_500, if number.is_multiple_of(2) { 8_000 } else { 0 })
            .expect("in range"),
        input_hash: keccak256(input),
    }
}

fn result(number: u64) -> TaskResult {
    TaskResult {
        task_digest: task(number).digest(service()),
        component: ComponentDigest(keccak256("component")),
        chain_id: CHAIN_ID,
        handler: Address::repeat_byte(0x4a),
        payload: format!("payload {number}").into_bytes(),
    }
}

fn batch(results: impl Iterator<Item = u64>) -> Batch {
    let mut entries: Vec<_> =
        results.map(|number| BatchEntry { task_id: task(number).id(service()), leaf: result(number).leaf() }).collect();
    entries.sort_by_key(|entry| entry.task_id);
    Batch::new(entries).expect("distinct tasks make a batch")
}

#[test]
fn hash_to_curve_vectors() {
    // Digests reach the hash only through a purpose, so the vectors are batch digests under counting epochs.
    let domain = Domain::from(service());
    let rows: Vec<_> = (1..=64)
        .map(|epoch| {
            let digest = domain.batch(Epoch(epoch), batch([1].into_iter()).root());
            let hashed = hash_to_curve(&digest);
            let [x, y] = hashed.point().to_words().map(word);
            json!({ "digest": digest.as_word(), "passed": hashed.passed, "x": x, "y": y })
        })
        .collect();
    check("hash_to_curve.json", &Value::Array(rows));
}

fn firings() -> Vec<Firing> {
    let log = LogFiring {
        chain_id: 1,
        tx_hash: keccak256("transaction"),
        position: 3,
        emitter: Address::repeat_byte(0xe0),
        topics: vec![keccak256("Scored(uint256)"), B256::with_last_byte(7)],
        data: b"not a whole word".to_vec().into(),
    };
    vec![
        Firing::Cron(CronFiring { instant: 0 }),
        Firing::Cron(CronFiring { instant: 1_900_000_000 }),
        Firing::Block(BlockFiring { chain_id: 1, number: 1_900_000_000 }),
        Firing::Block(BlockFiring { chain_id: CHAIN_ID, number: 20 }),
        Firing::Log(LogFiring { topics: Vec::new(), data: Default::default(), ..log.clone() }),
        Firing::Log(log),
        Firing::Http(HttpFiring {
            workflow: "tick".parse().expect("the name is valid"),
            caller: Address::repeat_byte(0xca),
            key: keccak256("key"),
            instant: 1_900_000_000,
            input: b"not a whole word".to_vec().into(),
        }),
    ]
}

fn firing_vector(firing: &Firing) -> Value {
    let workflow = "tick".parse().expect("the name is valid");
    let task = firing.task(workflow, ManifestHash(keccak256("manifest")), (Address::repeat_byte(0x4a), 1_900_000_600));
    let mut vector = match firing {
        Firing::Cron(cron) => json!({ "kind": "cron", "instant": cron.instant }),
        Firing::Block(block) => json!({ "kind": "block", "chainId": block.chain_id, "number": block.number }),
        Firing::Log(log) => json!({
            "kind": "log",
            "chainId": log.chain_id,
            "txHash": log.tx_hash,
            "position": log.position,
            "emitter": log.emitter,
            "topics": log.topics,
            "data": log.data,
        }),
        Firing::Http(http) => json!({
            "kind": "http",
            "caller": http.caller,
            "key": http.key,
            "instant": http.instant,
            "data": http.input,
            "signed": http.digest(service()),
        }),
    };
    let common = json!({
        "hash": firing.hash(),
        "input": String::from_utf8(firing.input()).expect("JSON is text"),
        "workflow": task.workflow.to_word(),
        "manifest": task.manifest,
        "handler": task.handler,
        "requester": task.requester,
        "deadline": task.deadline,
        // As text: not every reader of JSON has whole numbers of 64 bits.
        "taskNumber": task.number.to_string(),
        "taskId": task.id(service()),
        "taskDigest": task.digest(service()),
    });
    let (vector_fields, common) = (vector.as_object_mut().expect("an object"), common);
    vector_fields.extend(common.as_object().expect("an object").clone());
    vector
}

#[test]
fn digest_vectors() {
    let domain = Domain::from(service());
    let tasks: Vec<_> = (1..=5)
        .map(|number| {
            let (task, result) = (task(number), result(number));
            json!({
                "number": number,
                "workflow": task.workflow.to_word(),
                "manifest": task.manifest,
                "handler": task.handler,
                "requester": task.requester,
                "deadline": task.deadline,
                "nativeBps": task.requirement.native,
                "externalBps": task.requirement.external,
                "combinedBps": task.requirement.combined,
                "inputHash": task.input_hash,
                "taskId": task.id(service()),
                "component": result.component.0,
                "payload": format!("0x{}", hex::encode(&result.payload)),
                "leaf": result.leaf(),
            })
        })
        .collect();
    let batches: Vec<_> = [1, 2, 3, 4, 5, 128]
        .into_iter()
        .map(|size| {
            let batch = batch(1..=size);
            let leaves: Vec<_> = batch.entries().iter().map(|entry| entry.leaf).collect();
            let digest = domain.batch(Epoch(7), batch.root()).as_word();
            json!({ "leaves": leaves, "root": batch.root(), "epoch": 7, "digest": digest })
        })
        .collect();
    let vetoes: Vec<_> = (1..=3)
        .map(|number| {
            let leaf = result(number).leaf();
            json!({ "epoch": 7, "leaf": leaf, "digest": domain.veto(Epoch(7), leaf).as_word() })
        })
        .collect();
    let value = json!({
        "chainId": CHAIN_ID,
        "verifyingContract": service().manager,
        "domainSeparator": domain.separator(),
        "tasks": tasks,
        "firings": firings().iter().map(firing_vector).collect::<Vec<_>>(),
        "batches": batches,
        "vetoes": vetoes,
    });
    check("digests.json", &value);
}

#[test]
fn operator_vectors() {
    let domain = registry();
    let rows: Vec<_> = (0..200)
        .map(|index| {
            let (secret, id) = (secret(index), operator(index));
            let key = secret.public_key();
            json!({
                "operator": id,
                "sk": B256::from(*secret.to_bytes()),
                "g1": g1(&key.g1()),
                "g2": g2(&key.g2()),
                "possessionDigest": domain.possession(id, &key.g1(), &key.g2()).as_word(),
                "possession": g1(&secret.prove_possession(&domain, id).encode()),
            })
        })
        .collect();
    check(
        "operators.json",
        &json!({ "chainId": CHAIN_ID, "verifyingContract": domain.verifying_contract, "operators": rows }),
    );
}

/// `absent` of `size` operators do not sign; they are spread over the table.
fn shares(size: u64, absent: u64, sign: impl Fn(&SecretKey) -> Signature) -> Vec<Share> {
    let gone = |index: u64| absent > 0 && (index * absent) % size < absent && index * absent / size < absent;
    let present = (0..size).filter(|&index| !gone(index));
    let share = |index| Share { position: usize::try_from(index).expect("small"), signature: sign(&secret(index)) };
    let shares: Vec<_> = present.map(share).collect();
    assert_eq!(shares.len() as u64, size - absent);
    shares
}

fn table(size: u64) -> KeyTable {
    let entries = (0..size).map(|index| entry(index, 100 + index, 1_000 - index)).collect();
    let table = OperatorTable::new(Epoch(3), entries).expect("distinct operators make a table");
    KeyTable::new(service().into(), table).expect("the keys are points")
}

/// A certificate as JSON. `apk` is the sum of the signers' keys in any case; everybody's certificate may leave it out.
fn certificate<S: Statement>(keys: &KeyTable, statement: S, shares: &[Share]) -> Value {
    let certified = keys.aggregate(statement, shares).expect("honest shares verify");
    let certificate = certified.certificate();
    let everybody = shares.len() == keys.table().entries().len();
    let apk = if everybody { keys.aggregate_key() } else { certificate.apk };
    for apk in [certificate.apk, apk] {
        assert_eq!(keys.verify(statement, &Certificate { apk, ..certificate.clone() }), Ok(certified.clone()));
    }
    json!({
        "operators": keys.table().entries().len(),
        "epoch": keys.table().epoch(),
        "digest": statement.digest(keys.domain(), keys.table().epoch()).as_word(),
        "everybody": everybody,
        "signers": certificate.signers.words().iter().copied().map(word).collect::<Vec<_>>(),
        "sigma": g1(&certificate.sigma),
        "apk": g2(&apk),
        "aggregateKey": g2(&keys.aggregate_key()),
        "passed": keys.hint(statement).passed,
        "ordinate": word(keys.hint(statement).point().to_words()[1]),
        "signedNative": certified.signed().native,
        "signedExternal": certified.signed().external,
        "totalNative": keys.table().total().native,
        "totalExternal": keys.table().total().external,
    })
}

#[test]
fn certificate_vectors() {
    let domain = Domain::from(service());
    let (root, leaf) = (batch(1..=3).root(), result(1).leaf());
    let certificates: Vec<_> = [(4, 0), (4, 1), (4, 2), (10, 3), (100, 33), (200, 100)]
        .into_iter()
        .map(|(size, absent)| {
            let shares = shares(size, absent, |secret| secret.sign_batch(&domain, Epoch(3), root));
            let mut row = certificate(&table(size), root, &shares);
            row["root"] = json!(root);
            row
        })
        .collect();
    let vetoes: Vec<_> = [(4, 0), (4, 1), (4, 3), (100, 60)]
        .into_iter()
        .map(|(size, absent)| {
            let shares = shares(size, absent, |secret| secret.sign_veto(&domain, Epoch(3), leaf));
            let mut row = certificate(&table(size), leaf, &shares);
            row["leaf"] = json!(leaf);
            row
        })
        .collect();
    let value = json!({
        "chainId": CHAIN_ID,
        "verifyingContract": service().manager,
        "weights": "operator i has 100 + i native and 1000 - i external",
        "certificates": certificates,
        "vetoes": vetoes,
    });
    check("certificates.json", &value);
}
