//! What people type wrong, and what they only want to look at: every argument is checked by name before anything is asked, and every command that sends
//! can be shown first.

use serde_json::Value;
use tandem_types::{Address, PerToken};

use crate::world::{Person, World};

const WORD: &str = "0x00000000000000000000000000000000000000000000000000000000000000fa";
/// Numbers that are none, or none that anybody can mean.
const NONSENSE: [&str; 8] = ["-1", "-1.5", "1e30", "NaN", "0x10", "1,5", "inf", "½"];

/// Runs `tandem` without any network.
fn offline(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"));
    let output = command.args(arguments).env_clear().output().expect("tandem starts");
    (output.status.code(), String::from_utf8(output.stderr).expect("tandem prints text"))
}

/// Every argument that is a number: how it is given (`@` stands for it), and its name in the error.
fn numeric() -> Vec<(String, &'static str)> {
    let operator = Address::repeat_byte(0x11).to_string();
    let slash = |rest: &str| format!("service slash {operator} --evidence {WORD} {rest}");
    let rules = "service rules --operators-max 10";
    let register = "service register --veto-window 1h --largest-slash 0% --operators-max 10";
    [
        ("stake deposit @ TDM".to_owned(), "<AMOUNT>"),
        ("stake withdraw @ TDM".to_owned(), "<AMOUNT>"),
        ("stake complete @".to_owned(), "<ID>"),
        ("stake complete 1 @".to_owned(), "<ID>"),
        ("stake undelegate --fee-max @".to_owned(), "--fee-max <GWEI>"),
        ("stake undelegate --confirmations @".to_owned(), "--confirmations <N>"),
        ("stake show --chain-id @".to_owned(), "--chain-id <ID>"),
        ("operator set --commission @".to_owned(), "--commission <PERCENT>"),
        ("operator opt-in --external 1% --native @".to_owned(), "--native <PERCENT>"),
        ("operator opt-in --native 1% --external @".to_owned(), "--external <PERCENT>"),
        ("operator allocate --native @".to_owned(), "--native <PERCENT>"),
        ("operator allocate --external @".to_owned(), "--external <PERCENT>"),
        ("service rules --operators-max @".to_owned(), "--operators-max <N>"),
        (format!("{rules} --least-native @"), "--least-native <AMOUNT>"),
        (format!("{rules} --least-external @"), "--least-external <AMOUNT>"),
        (register.replace("1h", "@"), "--veto-window <DURATION>"),
        (register.replace("0%", "@"), "--largest-slash <PERCENT>"),
        (slash("--external 1% --fault-at 1 --native @"), "--native <PERCENT>"),
        (slash("--native 1% --fault-at 1 --external @"), "--external <PERCENT>"),
        (slash("--native 1% --external 1% --fault-at @"), "--fault-at <SECONDS>"),
        ("service veto-slash @".to_owned(), "<ID>"),
        ("service execute-slash @".to_owned(), "<ID>"),
    ]
    .to_vec()
}

fn assert_named(line: &str, value: &str, name: &str) {
    let arguments: Vec<_> = line.split(' ').map(|word| if word == "@" { value } else { word }).collect();
    let (code, error) = offline(&arguments);
    assert_eq!(code, Some(2), "{line} with `{value}`: {error}");
    let named = error.contains(&format!("for '{name}'")) || error.contains(&format!("for '{name}...'"));
    assert!(named && !error.contains("panicked"), "{line} with `{value}`: {error}");
}

#[test]
fn nonsense_is_refused_with_the_arguments_name() {
    for (line, name) in numeric() {
        for value in NONSENSE {
            assert_named(&line, value, name);
        }
        assert_named(&line, "", name);
    }
}

#[test]
fn percentages_above_a_hundred_or_too_fine_are_refused() {
    for (line, name) in numeric().into_iter().filter(|(_, name)| name.ends_with("<PERCENT>")) {
        for value in ["100.01%", "1e2%", "-5%", "1.234%", "10001bps", "50", "%", "1.5bps"] {
            assert_named(&line, value, name);
        }
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    assert_named("service rules --operators-max @", "0", "--operators-max <N>");
    assert_named("service rules --operators-max @", "1001", "--operators-max <N>");
    assert_named("stake undelegate --fee-max @", "0", "--fee-max <GWEI>");
    assert_named("stake undelegate --confirmations @", "1001", "--confirmations <N>");
    assert_named("stake complete @", "18446744073709551616", "<ID>");
    let slash =
        format!("service slash 0x1111111111111111111111111111111111111111 --native 1% --external 1% --evidence {WORD}");
    assert_named(&format!("{slash} --fault-at @"), "281474976710656", "--fault-at <SECONDS>");
    let register = "service register --largest-slash 0% --operators-max 10 --veto-window @";
    assert_named(register, "99999999999d", "--veto-window <DURATION>");
}

#[test]
fn addresses_are_checked_to_the_last_digit() {
    let typo = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let cases = [
        ("stake delegate @", "<OPERATOR>"),
        ("stake show @", "[ACCOUNT]"),
        ("stake complete 1 --to @", "--to <ADDRESS>"),
        ("stake show --service @", "--service <ADDRESS>"),
        ("stake show --restaking-manager @", "--restaking-manager <ADDRESS>"),
        ("stake undelegate --dry-run --from @", "--from <ADDRESS>"),
        ("operator show @", "[OPERATOR]"),
        ("operator opt-in --native 1% --external 1% --replace @", "--replace <OPERATOR>"),
        ("service approve @", "<OPERATOR>"),
        ("service eject @", "<OPERATOR>"),
    ];
    for (line, name) in cases {
        for value in ["", "0x", "0x12", "alice.eth", typo, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"] {
            assert_named(line, value, name);
        }
    }
    let (_, error) = offline(&["stake", "delegate", typo]);
    assert!(error.contains("there is a typing error"), "{error}");
}

async fn world() -> (World, Person, Person) {
    let world = World::start().await;
    let alice = world.staker("alice", PerToken { native: 1_000, external: 100 }).await;
    let one = world.operator("one", PerToken { native: 1_000, external: 100 }).await;
    (world, alice, one)
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_that_the_token_cannot_have_are_refused_by_name() {
    let (world, alice, _) = world().await;
    let most = "9".repeat(80);
    let cases = [
        ("stake deposit 1.0000000000000000001 TDM".to_owned(), "<AMOUNT>: TDM has 18 digits behind the point"),
        (format!("stake deposit {most} TDM"), "is more than there can be"),
        (format!("stake withdraw {most} TDM"), "is more than there can be"),
        (
            "service rules --operators-max 9 --least-native 0.0000000000000000001".to_owned(),
            "--least-native: TDM has 18",
        ),
        (
            "service rules --operators-max 9 --least-external 79228162514.3".to_owned(),
            "--least-external: 79228162514.3 is more",
        ),
    ];
    for (line, words) in cases {
        let run = world.tandem(&alice, &line);
        assert_eq!(run.code, Some(2), "{line}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{line}: {}", run.stderr);
    }
    assert!(world.tandem(&alice, "stake deposit 0 TDM").refusal().starts_with("error: ZeroAmount: the amount is zero"));
    let huge = world.tandem(&alice, "stake withdraw 1000000000000000000000000000000 TDM");
    assert!(huge.refusal().starts_with("error: InsufficientShares: "), "{}", huge.stderr);
}

/// What each command sends when it is run in this order, by whom.
const COMMANDS: [(&str, &str, &[&str]); 21] = [
    ("operator", "operator register --socket 127.0.0.1:9000", &["registerOperator"]),
    (
        "operator",
        "operator set --socket a:1 --metadata b --commission 5%",
        &["updateSocket", "updateMetadata", "announceCommission"],
    ),
    ("operator", "stake deposit 100 TDM", &["approve", "deposit"]),
    ("operator", "stake deposit 50 stETH", &["approve", "deposit"]),
    ("operator", "stake delegate OPERATOR", &["delegateTo"]),
    (
        "owner",
        "service register --slasher OWNER --resolver OWNER --veto-window 0s --largest-slash 50% --operators-max 10 --least-native 1",
        &["registerService"],
    ),
    ("owner", "service rules --operators-max 9 --least-native 2 --approval-required", &["setMembershipRules"]),
    ("owner", "service approve OPERATOR", &["approveOperator"]),
    ("operator", "operator opt-in --native 50% --external 50%", &["optIn"]),
    ("operator", "operator allocate --native 60%", &["allocate"]),
    ("owner", "service refresh", &["refreshTable"]),
    ("owner", "service slash OPERATOR --native 10% --external 0% --fault-at NOW --evidence WORD", &["requestSlash"]),
    ("owner", "service execute-slash 1", &["executeSlash"]),
    ("owner", "service pay-slashed TDM", &["paySlashed"]),
    ("owner", "service eject OPERATOR", &["ejectOperator"]),
    ("operator", "stake withdraw 1 TDM", &["queueWithdrawal"]),
    ("operator", "stake undelegate", &["undelegate"]),
    ("later", "stake complete 1", &["completeWithdrawal"]),
    ("operator", "stake complete 2 3 --restake", &["completeAsStake", "completeAsStake"]),
    ("operator", "operator deregister", &["deregisterOperator"]),
    ("operator", "stake withdraw all TDM", &["queueWithdrawal"]),
];

/// Every amount in a page is text with its unit beside it.
fn assert_amounts_have_units(page: &Value) {
    match page {
        Value::Object(object) => {
            if let Some(units) = object.get("units") {
                assert!(units.is_string() && object["symbol"].is_string() && object["amount"].is_string(), "{page}");
            }
            object.values().for_each(assert_amounts_have_units);
        }
        Value::Array(values) => values.iter().for_each(assert_amounts_have_units),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_shown_with_its_gas_before_it_is_sent() {
    let (world, _, operator) = world().await;
    let (owner, service) = (world.owner(), world.service().await);
    let mut registered = false;
    for (who, line, functions) in COMMANDS {
        if who == "later" {
            world.wait(crate::world::WITHDRAWAL_DELAY).await;
        }
        let person = if who == "owner" { &owner } else { &operator };
        let line = line
            .replace("OPERATOR", &operator.address.to_string())
            .replace("OWNER", &owner.address.to_string())
            .replace("NOW", &world.now().await.to_string())
            .replace("WORD", WORD);
        let before = world.anvil.client().block_number().await.expect("anvil answers");
        let text = world.run(person, service, &format!("{line} --dry-run"));
        assert!(
            text.done_text().contains("  gas  ") && text.stdout.contains("Nothing was sent"),
            "{line}: {}",
            text.stdout
        );
        let page = world.run(person, service, &format!("{line} --dry-run --json")).done();
        let calls = page["calls"].as_array().expect("a list");
        let shown: Vec<_> = calls.iter().map(|call| call["function"].as_str().expect("a name")).collect();
        assert_eq!(shown, functions, "{line}");
        assert!(calls.iter().all(|call| call["gas"].as_u64().is_some_and(|gas| gas > 21_000)), "{line}: {page}");
        assert_eq!(world.anvil.client().block_number().await.expect("anvil answers"), before, "{line}");

        let page = world.run(person, service, &format!("{line} --json")).done();
        let sent = page["transactions"].as_array().expect("a list");
        assert_eq!(sent.len(), functions.len(), "{line}");
        assert!(sent.iter().all(|done| done["fee_wei"].is_string() && done["events"].is_array()), "{line}: {page}");
        registered |= functions == ["registerService"];
        for show in ["stake show", "operator show", "service show"].iter().take(if registered { 3 } else { 2 }) {
            assert_amounts_have_units(&world.run(&operator, service, &format!("{show} --json")).done());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staker_operates_its_own_stake_and_takes_it_back() {
    let (world, alice, one) = world().await;
    let done = |person: &Person, line: &str| world.tandem(person, &format!("{line} --json")).done();
    let unregistered = world.tandem(&one, &format!("stake delegate {}", one.address));
    assert!(unregistered.refusal().starts_with("error: NotAnOperator: "), "{}", unregistered.stderr);
    done(&one, "operator register");
    done(&one, "stake deposit 10 TDM");
    done(&one, "stake deposit 3 stETH");
    done(&one, &format!("stake delegate {}", one.address));
    let text = world.tandem(&one, "stake show");
    assert!(text.done_text().contains("operator  itself"), "{}", text.stdout);
    done(&alice, "stake deposit 5 TDM");
    done(&alice, &format!("stake delegate {}", one.address));
    assert_eq!(done(&one, "operator show")["stake"][0]["assets"]["amount"], "15");
    let again = world.tandem(&alice, &format!("stake delegate {}", alice.address));
    assert!(again.refusal().starts_with("error: AlreadyDelegated: "), "{}", again.stderr);
    assert!(again.stderr.contains("hint: undelegate first"), "{}", again.stderr);

    // One withdrawal per token; the other staker's stake stays.
    done(&one, "stake undelegate");
    let page = done(&one, "stake show");
    let queued: Vec<_> =
        page["withdrawals"].as_array().expect("a list").iter().map(|of| &of["assets"]["amount"]).collect();
    assert_eq!((queued, &page["operator"]), (vec![&Value::from("10"), &Value::from("3")], &Value::Null));
    assert_eq!(done(&one, "operator show")["stake"][0]["assets"]["amount"], "5");
    let text = world.tandem(&one, "operator show");
    assert!(text.done_text().contains("on its way out, and slashable until it is mature: ≈ 10 TDM"), "{}", text.stdout);
    world.wait(crate::world::WITHDRAWAL_DELAY).await;
    let text = world.tandem(&one, "stake show");
    assert!(text.done_text().contains("10 TDM      now"), "{}", text.stdout);
    done(&one, "stake complete 1 2");
    let whole = crate::world::whole;
    assert_eq!(world.balance(world.deployment.native_token, one.address).await, whole(1_000));
    assert_eq!(world.balance(world.deployment.external_token, one.address).await, whole(100));
}
