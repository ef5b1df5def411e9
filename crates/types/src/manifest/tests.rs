use super::*;

const TOML: &str = r#"
name = "sports-scores"

[[workflow]]
name = "score"
trigger = "request"
component = { digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
config = { base_url = "https://api.sportradar.com" }
secrets = ["SPORTRADAR_API_KEY"]
http = { hosts = ["api.sportradar.com"] }
limits = { fuel = 5 }
"#;

#[test]
fn hash_does_not_depend_on_the_notation() {
    let manifest = Manifest::from_toml(TOML).expect("the manifest is valid");
    let published = Manifest::from_json(&manifest.to_canonical_json()).expect("what it writes it reads");
    assert_eq!(published, manifest);
    assert_eq!(published.hash(), manifest.hash());
}

#[test]
fn missing_limits_get_the_default() {
    let manifest = Manifest::from_toml(TOML).expect("the manifest is valid");
    let limits = manifest.workflows[0].limits;
    assert_eq!(limits, Limits { fuel: 5, ..Limits::default() });
}

#[test]
fn store_is_granted_by_name_only() {
    let store = |text: &str| Manifest::from_toml(text).expect("the manifest is valid").workflows[0].store;
    assert_eq!(store(TOML), None);
    let granted = TOML.replace("secrets =", "store = { keys = 5 }\nsecrets =");
    assert_eq!(store(&granted), Some(StoreGrant { keys: 5, ..StoreGrant::default() }));
}

#[test]
fn chain_is_granted_by_name_only_and_to_strict_components_too() {
    let chain = |text: &str| Manifest::from_toml(text).expect("the manifest is valid").workflows[0].chain;
    assert_eq!(chain(TOML), None);
    let strict = "determinism = \"strict\"\nchain = { gas = 5 }";
    let granted =
        TOML.replace("secrets = [\"SPORTRADAR_API_KEY\"]\nhttp = { hosts = [\"api.sportradar.com\"] }", strict);
    assert_eq!(chain(&granted), Some(ChainGrant { gas: 5, ..ChainGrant::default() }));
}

#[test]
fn sources_are_part_of_the_hash_only_where_there_are_any() {
    let plain = Manifest::from_toml(TOML).expect("the manifest is valid");
    let toml = TOML.replace("aaaa\" }", "aaaa\", sources = [\"oci://ghcr.io/team/scores:1\"] }");
    let hinted = Manifest::from_toml(&toml).expect("the manifest is valid");
    assert!(!String::from_utf8_lossy(&plain.to_canonical_json()).contains("sources"));
    assert_eq!(hinted.workflows[0].component.sources[0].as_str(), "oci://ghcr.io/team/scores:1");
    assert_ne!(hinted.hash(), plain.hash());
}

#[test]
fn faults_are_named() {
    let cases = [
        (TOML.replace("fuel = 5", "fuell = 5"), "fuell"),
        (TOML.replace("fuel = 5", "fuel = 0"), "limit `fuel` is 0"),
        (TOML.replace("fuel = 5", "memory-mib = 4096"), "expected 1 to 1024"),
        (TOML.replace("name = \"score\"", "name = \"Score\""), "is not a name"),
        (TOML.replace("sha256:a", "sha256:"), "is not a component digest"),
        (TOML.replace("aaaa\" }", "aaaa\", sources = [\"ftp://a/b\"] }"), "is not a source of components"),
        (
            TOML.replace("aaaa\" }", &format!("aaaa\", sources = [{}] }}", "\"https://a/b\",".repeat(9))),
            "the component has 9 sources, expected at most 8",
        ),
        (
            TOML.replace("trigger = \"request\"", "trigger = \"request\"\ndeterminism = \"strict\""),
            "is `strict` and lists HTTP hosts",
        ),
        (
            TOML.replace("http = { hosts = [\"api.sportradar.com\"] }", "determinism = \"strict\""),
            "is `strict` and names secrets",
        ),
        (
            TOML.replace("http = { hosts = [\"api.sportradar.com\"] }", "determinism = \"strict\"")
                .replace("secrets = [\"SPORTRADAR_API_KEY\"]", "store = {}"),
            "is `strict` and uses the store",
        ),
        (TOML.replace("secrets =", "store = { keys = 0 }\nsecrets ="), "limit `store.keys` is 0"),
        (TOML.replace("secrets =", "scratch = { bytes = 0 }\nsecrets ="), "limit `scratch.bytes` is 0"),
        (TOML.replace("secrets =", "scratch = { files = 10001 }\nsecrets ="), "expected 1 to 10000"),
        (TOML.replace("secrets =", "store = { value-bytes = 9999999 }\nsecrets ="), "expected 1 to 1048576"),
        (TOML.replace("secrets =", "chain = { calls = 0 }\nsecrets ="), "limit `chain.calls` is 0"),
        (TOML.replace("secrets =", "chain = { gas = 30000000 }\nsecrets ="), "expected 1 to 16777216"),
        (format!("{TOML}{}", &TOML[TOML.find("[[").expect("it has a workflow")..]), "is there twice"),
        ("name = \"x\"\nworkflow = []".to_owned(), "0 workflows"),
        (format!("#{}", "x".repeat(MANIFEST_BYTES_MAX)), "larger than"),
    ];
    for (text, message) in cases {
        let error = Manifest::from_toml(&text).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
}
