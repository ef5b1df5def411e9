//! `vectors/quorum.json` is what this code decides; Solidity reads the same file. `UPDATE_VECTORS=1` writes it anew.

use std::path::PathBuf;

use serde_json::{Value, json};
use tandem_protocol::quorum::shortfall;
use tandem_types::{Bps, PerToken, Quorum, Weight};

#[test]
fn quorum_decisions_match_the_committed_ones() {
    let max = Weight::MAX.units();
    let pairs: [(u128, u128, u16); 16] = [
        (0, 0, 6_667),
        (0, 0, 1),
        (0, 1, 1),
        (1, 1, 10_000),
        (2, 3, 6_667),
        (2, 3, 6_666),
        (3, 3, 6_667),
        (6_666, 10_000, 6_667),
        (6_667, 10_000, 6_667),
        (max, max, 10_000),
        (max - 1, max, 10_000),
        (max - 1, max, 9_999),
        (max / 3 * 2, max, 6_667),
        (max / 3 * 2 + 1, max, 6_666),
        (1, max, 1),
        (max / 10_000 + 1, max, 1),
    ];
    let mut rows = Vec::new();
    for native in pairs {
        for external in [(1, 1, 6_667), (0, 1, 6_667), native] {
            rows.push(row(native, external));
        }
    }
    let text = serde_json::to_string_pretty(&Value::Array(rows)).expect("JSON serialises") + "\n";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/quorum.json");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, &text).expect("vectors/ is writable");
    }
    assert!(std::fs::read_to_string(&path).expect("the vectors are committed") == text, "vectors/quorum.json differs");
}

fn row(native: (u128, u128, u16), external: (u128, u128, u16)) -> Value {
    let weight = |units| Weight::new(units).expect("fits 96 bits");
    let bps = |bps| Bps::new(bps).expect("in range");
    let signed = PerToken { native: weight(native.0), external: weight(external.0) };
    let total = PerToken { native: weight(native.1), external: weight(external.1) };
    let quorum = Quorum { native: bps(native.2), external: bps(external.2) };
    json!({
        "signedNative": signed.native, "totalNative": total.native, "nativeBps": native.2,
        "signedExternal": signed.external, "totalExternal": total.external, "externalBps": external.2,
        "met": shortfall(&quorum, &signed, &total).is_none(),
    })
}
