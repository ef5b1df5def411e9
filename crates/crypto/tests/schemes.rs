//! `vectors/schemes.json`: keys, possessions and certificates of every scheme, as the contracts take them. `UPDATE_VECTORS=1` writes it anew.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde_json::{Value, json};
use tandem_crypto::{KeyTable, Share, bls12381, secp256k1};
use tandem_types::{BatchRoot, Domain, Epoch, OperatorEntry, OperatorId, OperatorTable, PerToken, Weight};

const CHAIN_ID: u64 = 31_337;
const EPOCH: Epoch = Epoch(3);
const OPERATORS: u64 = 10;
/// Size of the table, and the positions of its absent operators.
const CASES: [(u64, &[u64]); 6] =
    [(1, &[]), (4, &[]), (4, &[2]), (10, &[]), (10, &[0, 4, 9]), (10, &[0, 1, 2, 4, 5, 6, 8, 9])];

fn domain() -> Domain {
    Domain { chain_id: CHAIN_ID, verifying_contract: Address::repeat_byte(0x5e) }
}

fn root() -> BatchRoot {
    BatchRoot(keccak256("root"))
}

fn operator(index: u64) -> OperatorId {
    OperatorId(Address::from_word(B256::from(U256::from(0x1_0000 + index))))
}

fn seed(index: u64) -> [u8; 32] {
    keccak256(format!("tandem vector operator {index}")).0
}

fn random(index: u64) -> [u8; 48] {
    let mut random = [0; 48];
    random[16..].copy_from_slice(&seed(index));
    random
}

fn bytes(data: &[u8]) -> Value {
    json!(Bytes::copy_from_slice(data))
}

fn operator_row(index: u64, secret: &[u8; 32], key: &[u8], possession: &[u8]) -> Value {
    json!({ "operator": operator(index), "secret": B256::from(*secret), "key": bytes(key), "possession": bytes(possession) })
}

/// The certificates that `prove` makes of the signers' positions in tables of some sizes.
fn certificates(prove: impl Fn(u64, &[u64]) -> Vec<u8>) -> Value {
    let row = |&(size, absent): &(u64, &[u64])| {
        let signers: Vec<_> = (0..size).filter(|index| !absent.contains(index)).collect();
        let bits: u64 = signers.iter().map(|index| 1 << index).sum();
        let sum = |list: &[u64], weight: fn(u64) -> u64| list.iter().copied().map(weight).sum::<u64>().to_string();
        let all: Vec<_> = (0..size).collect();
        json!({
            "operators": size,
            "epoch": EPOCH.0,
            "root": root(),
            "signers": B256::from(U256::from(bits)),
            "proof": bytes(&prove(size, &signers)),
            "signedNative": sum(&signers, native),
            "signedExternal": sum(&signers, external),
            "totalNative": sum(&all, native),
            "totalExternal": sum(&all, external),
        })
    };
    CASES.iter().map(row).collect()
}

fn native(index: u64) -> u64 {
    100 + index
}

fn external(index: u64) -> u64 {
    1_000 - index
}

fn bn254() -> Value {
    let secret = |index| tandem_crypto::SecretKey::from_random(&random(index)).expect("a hash is not zero");
    let rows = (0..OPERATORS).map(|index| {
        let (secret, key) = (secret(index), secret(index).public_key());
        let possession = secret.prove_key_possession(&domain(), operator(index)).encode();
        operator_row(index, &secret.to_bytes(), &key.encode(), &possession.0)
    });
    let prove = |size, signers: &[u64]| {
        let entry = |index| {
            let key = secret(index).public_key();
            let weight = PerToken { native: Weight::from(native(index)), external: Weight::from(external(index)) };
            OperatorEntry { operator: operator(index), key_g1: key.g1(), key_g2: key.g2(), weight }
        };
        let table = OperatorTable::new(EPOCH, (0..size).map(entry).collect()).expect("distinct operators make a table");
        let keys = KeyTable::new(domain(), table).expect("the keys are points");
        let share = |&index: &u64| Share {
            position: usize::try_from(index).expect("small"),
            signature: secret(index).sign_batch(&domain(), EPOCH, root()),
        };
        let shares: Vec<_> = signers.iter().map(share).collect();
        let certified = keys.aggregate(root(), &shares).expect("honest shares verify");
        let certificate = certified.certificate();
        let hashed = keys.hint(root());
        let hint = [U256::from(hashed.passed), hashed.point().to_words()[1]];
        let hint = hint.iter().flat_map(U256::to_be_bytes::<32>);
        certificate.sigma.0.into_iter().chain(certificate.apk.0).chain(hint).collect()
    };
    json!({ "operators": rows.collect::<Vec<_>>(), "certificates": certificates(prove) })
}

fn bls12381() -> Value {
    let secret = |index| bls12381::SecretKey::from_random(&random(index)).expect("a hash is not zero");
    let rows = (0..OPERATORS).map(|index| {
        let (secret, key) = (secret(index), secret(index).public_key());
        let possession = secret.prove_possession(&domain(), operator(index));
        assert!(bls12381::verify_possession(&domain(), operator(index), &key, &possession));
        operator_row(index, &secret.to_bytes(), &key.encode(), &possession.encode())
    });
    let prove = |_, signers: &[u64]| {
        let keys = signers.iter().map(|&index| secret(index).public_key());
        let shares = signers.iter().map(|&index| secret(index).sign_batch(&domain(), EPOCH, root()));
        let key = bls12381::PublicKey::aggregate(keys).expect("honest keys do not cancel out");
        let sigma = bls12381::Signature::aggregate(shares).expect("honest shares do not cancel out");
        assert!(bls12381::verify_batch(&domain(), EPOCH, root(), &key, &sigma));
        sigma.encode().to_vec()
    };
    json!({ "operators": rows.collect::<Vec<_>>(), "certificates": certificates(prove) })
}

fn secp256k1() -> Value {
    let secret = |index| secp256k1::SecretKey::from_bytes(&seed(index)).expect("a hash is in range");
    let rows = (0..OPERATORS).map(|index| {
        let possession = secret(index).prove_possession(&domain(), operator(index));
        assert!(secp256k1::verify_possession(&domain(), operator(index), secret(index).address(), &possession));
        operator_row(index, &seed(index), secret(index).address().as_slice(), &possession.0)
    });
    let prove = |_, signers: &[u64]| {
        let share = |&index: &u64| secret(index).sign_batch(&domain(), EPOCH, root());
        secp256k1::proof(&signers.iter().map(share).collect::<Vec<_>>())
    };
    json!({ "operators": rows.collect::<Vec<_>>(), "certificates": certificates(prove) })
}

#[test]
fn scheme_vectors() {
    let computed = json!({
        "chainId": CHAIN_ID,
        "verifyingContract": domain().verifying_contract,
        "weights": "operator i has 100 + i native and 1000 - i external",
        "schemes": { "bn254": bn254(), "bls12381": bls12381(), "secp256k1": secp256k1() },
    });
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/schemes.json");
    let text = serde_json::to_string_pretty(&computed).expect("JSON serialises") + "\n";
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, text).expect("vectors/ is writable");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("the vectors are committed");
    assert!(committed == text, "vectors/schemes.json differs from what the code computes; see UPDATE_VECTORS");
}
