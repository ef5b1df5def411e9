//! What the journals say afterwards, as `tandem operator db` reads them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tandem_cli::local::Operator;
use tandem_types::TaskId;

use super::stop;

/// Over all journals: they are sound, no task is signed with two results, be it by two operators, and what was delivered was signed by more than half.
pub(super) async fn nothing_is_signed_twice(operators: &mut [Operator], ends: &BTreeMap<TaskId, usize>) {
    let mut signed: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let count = operators.len();
    for operator in operators {
        stop(operator).await;
        let config = operator.directory.join("operator.toml");
        db(&config, &["check"]);
        let file = operator.directory.join("signed.jsonl");
        db(&config, &["export", "--output", &file.display().to_string()]);
        for line in std::fs::read_to_string(&file).expect("it was written").lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let Some(row) = line.get("signed") else { continue };
            let text = |name: &str| row[name].as_str().expect("a hash").to_owned();
            let (leaf, times) = signed.entry(text("task-id")).or_insert_with(|| (text("leaf"), 0));
            assert_eq!(*leaf, text("leaf"), "two results of one task are signed");
            *times += 1;
        }
    }
    for task in ends.keys() {
        let times = signed.get(&task.to_string()).map_or(0, |(_, times)| *times);
        assert!(times * 2 > count, "{task} was delivered, and is signed in {times} journals");
    }
}

fn db(config: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["operator", "db"])
        .args(arguments)
        .arg("--config")
        .arg(config)
        .output()
        .expect("tandem starts");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
