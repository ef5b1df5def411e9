//! Pages about a node for people: at most 100 columns, and nothing cut but ids, which JSON has whole.

use std::net::SocketAddr;

use serde_json::Value as Json;
use tandem_node::journal::TASK_STATES;
use tandem_types::U256;

use crate::table::{Table, lines};
use crate::units;

/// Decimals of the tokens that pay for gas.
const GAS_DECIMALS: u8 = 18;

fn text(value: &Json) -> String {
    match value {
        Json::Null => "unknown".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn time(value: &Json) -> Option<String> {
    value.as_u64().map(units::time)
}

fn ago(value: &Json, now: u64) -> String {
    match value.as_u64() {
        None => "never".to_owned(),
        Some(at) if at > now => format!("in {}", units::duration(at - now)),
        Some(at) => format!("{} ago", units::duration(now - at)),
    }
}

/// An id as people tell it from others.
fn brief(id: &Json) -> String {
    let id = text(id);
    id.get(..10).map_or(id.clone(), |start| format!("{start}…"))
}

fn ether(wei: &Json) -> Option<String> {
    Some(units::decimal(wei.as_str()?.parse::<U256>().ok()?, GAS_DECIMALS))
}

fn each(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

/// A share of a whole, both decimal numbers.
fn share(part: &Json, whole: &Json) -> String {
    let number = |value: &Json| text(value).parse::<u128>().ok();
    match (number(part), number(whole)) {
        (Some(part), Some(whole)) if whole > 0 => {
            units::percent((part as f64 / whole as f64 * 10_000.0).round() as u64)
        }
        _ => "0 %".to_owned(),
    }
}

pub(super) fn status(page: &Json, node: Option<SocketAddr>) -> String {
    let mut pairs = vec![("node", runs(page, node))];
    pairs.push(("operator", text(&page["operator"])));
    pairs.push(("service", format!("{} on chain {}", text(&page["service"]["manager"]), page["service"]["chain_id"])));
    if node.is_some() {
        pairs.push(("health", if page["healthy"] == true { "serves" } else { "does not serve" }.to_owned()));
        pairs.extend(each(&page["problems"]).map(|problem| ("  problem", text(problem))));
        pairs.extend(each(&page["warnings"]).map(|warning| ("  warning", text(warning))));
        pairs.push(("table", table(page)));
        pairs.push(("account", account(&page["account"])));
        let others = page["operators"].as_u64().unwrap_or(0).saturating_sub(1);
        pairs.push(("peers", format!("{} of {others} connected both ways", page["connected"])));
    }
    pairs.push(("floor", floor(&page["floor"])));
    let mut text = lines(&pairs, 0);
    if page["epoch"].is_number() {
        text += "\n";
        text += &weights(page);
    }
    text += "\n";
    text += &chains(&page["chains"]);
    text += "\n";
    if node.is_some() {
        text += &endpoints(&page["endpoints"]);
        text += "\n";
    }
    text + &counts(&page["tasks"])
}

fn runs(page: &Json, node: Option<SocketAddr>) -> String {
    match node {
        None => "does not run; this is what its journal knows".to_owned(),
        Some(address) => {
            let up = units::duration(page["up_seconds"].as_u64().unwrap_or(0));
            format!("runs for {up}, version {}, at {address}", text(&page["version"]))
        }
    }
}

fn table(page: &Json) -> String {
    match page["epoch"].as_u64() {
        None => "none yet".to_owned(),
        Some(epoch) => format!("epoch {epoch}, {} operators, led by {}", page["operators"], text(&page["leader"])),
    }
}

fn account(account: &Json) -> String {
    let low = if account["is_low"] == true { ", which is low" } else { "" };
    match ether(&account["balance_wei"]) {
        Some(balance) => format!("{} has {balance}{low}", text(&account["address"])),
        None => format!("{}, whose balance is not known yet", text(&account["address"])),
    }
}

fn floor(floor: &Json) -> String {
    match floor["number"].as_u64() {
        None => "none yet: nothing is signed".to_owned(),
        Some(0) => "none: every task is signed".to_owned(),
        Some(number) => format!("tasks after number {number} are signed"),
    }
}

fn weights(page: &Json) -> String {
    let mut table = Table::new(["token", "weight", "of all", "share"]);
    for token in ["native", "external"] {
        let (weight, total) = (&page["weight"][token], &page["total"][token]);
        table.row([token.to_owned(), text(weight), text(total), share(weight, total)]);
    }
    table.text(0)
}

fn chains(chains: &Json) -> String {
    let mut table = Table::new(["chain", "for", "block", "head", "behind", "read", "catching up, blocks"]);
    for chain in each(chains) {
        let read = chain["read_seconds_ago"].as_u64();
        table.row([
            text(&chain["chain_id"]),
            text(&chain["follows"]),
            text(&chain["block"]),
            text(&chain["head"]),
            text(&chain["behind"]),
            read.map_or("never".to_owned(), |seconds| format!("{} ago", units::duration(seconds))),
            progress(&chain["catching_up"]),
        ]);
    }
    table.text(0)
}

/// The endpoints of all chains, and below them in whole what does not fit: hosts, and what last went wrong.
fn endpoints(chains: &Json) -> String {
    let mut table = Table::new(["chain", "endpoint", "state", "head", "behind", "answers in", "requests", "failed"]);
    let mut notes = String::new();
    for chain in each(chains) {
        for (place, endpoint) in each(&chain["endpoints"]).enumerate() {
            let latency = endpoint["latency_ms"].as_f64();
            table.row([
                text(&chain["chain_id"]),
                place.to_string(),
                text(&endpoint["state"]),
                text(&endpoint["head"]),
                text(&endpoint["lag_blocks"]),
                latency.map_or("unknown".to_owned(), |ms| format!("{ms:.0} ms")),
                text(&endpoint["requests"]),
                text(&endpoint["failures"]),
            ]);
            notes += &format!("  chain {} endpoint {place}: {}\n", text(&chain["chain_id"]), host(endpoint));
        }
        let (needed, all) = (&chain["witnesses"], each(&chain["endpoints"]).count());
        if all > 1 {
            notes += &format!("  chain {}: {needed} of {all} have to say the same\n", text(&chain["chain_id"]));
        }
    }
    table.text(0) + &notes
}

/// Where an endpoint is, and what last went wrong there.
fn host(endpoint: &Json) -> String {
    let url = text(&endpoint["url"]);
    let contradictions = match endpoint["contradictions"].as_u64() {
        Some(times @ 1..) => format!(", contradicted others {times} times"),
        _ => String::new(),
    };
    let failure = match (endpoint["last_error"].as_str(), endpoint["last_error_age_s"].as_u64()) {
        (Some(error), Some(age)) => format!("\n    {} ago: {error}", units::duration(age)),
        _ => String::new(),
    };
    format!("{url}{contradictions}{failure}")
}

fn progress(progress: &Json) -> String {
    let Some(rate) = progress["blocks_per_second"].as_f64() else {
        return "no".to_owned();
    };
    let left = progress["seconds_left"].as_u64().map(|seconds| format!(", {} left", units::duration(seconds)));
    format!("{rate:.0}/s{}", left.unwrap_or_default())
}

fn counts(tasks: &Json) -> String {
    let mut table = Table::new(TASK_STATES);
    table.row(TASK_STATES.map(|state| text(&tasks[state])));
    table.text(0)
}

pub(super) fn tasks(page: &Json, now: u64) -> String {
    let mut table = Table::new(["number", "task", "workflow", "state", "recorded", "ended"]);
    for task in each(&page["tasks"]) {
        table.row([
            text(&task["number"]),
            brief(&task["task_id"]),
            text(&task["workflow"]),
            text(&task["state"]),
            ago(&task["recorded_at"], now),
            if task["settled_at"].is_null() { String::new() } else { ago(&task["settled_at"], now) },
        ]);
    }
    if table.has_rows() { table.text(0) } else { "no such tasks\n".to_owned() }
}

pub(super) fn peers(page: &Json, now: u64) -> String {
    let blocks: Vec<_> = each(&page["peers"]).map(|peer| lines(&peer_lines(peer, now), 0)).collect();
    if blocks.is_empty() { "there are no other operators\n".to_owned() } else { blocks.join("\n") }
}

fn peer_lines(peer: &Json, now: u64) -> Vec<(&'static str, String)> {
    let since = ago(&peer["since"], now);
    let connected = match (peer["connected"] == true, peer["accepted"] == true) {
        (true, true) => format!("both ways, changed {since}"),
        (true, false) => format!("from here only, changed {since}"),
        (false, true) => format!("from there only, from here not (changed {since})"),
        (false, false) => format!("no (changed {since}; {} attempts failed)", peer["dials_failed"]),
    };
    let membership = if peer["in_table"] == true { "in it" } else { "not in it" };
    let sent = format!(
        "{} sent, {} received, {} waiting, {} dropped",
        peer["sent"], peer["received"], peer["queued"], peer["dropped"]
    );
    let address = match peer["address"].as_str() {
        None | Some("") => "none: it cannot be reached".to_owned(),
        Some(address) => address.to_owned(),
    };
    vec![
        ("operator", text(&peer["operator"])),
        ("  address", address),
        ("  connected", connected),
        ("  last message", ago(&peer["last_message"], now)),
        ("  messages", sent),
        ("  table", membership.to_owned()),
    ]
}

pub(super) fn task(page: &Json) -> String {
    let mut pairs = vec![
        ("task", text(&page["task_id"])),
        ("number", text(&page["number"])),
        ("workflow", text(&page["workflow"])),
        ("state", text(&page["state"])),
    ];
    if page["is_below_floor"] == true {
        pairs.push(("floor", "below it: this operator does not sign it".to_owned()));
    }
    if let Some(error) = page["error"].as_str() {
        pairs.push(("error", error.to_owned()));
    }
    [lines(&pairs, 0), lines(&times(page), 0), lines(&outcome(page), 0)]
        .into_iter()
        .filter(|block| !block.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What happened when, in its order.
fn times(page: &Json) -> Vec<(&'static str, String)> {
    let (asked, times) = (&page["asked"], &page["times"]);
    let moments = [
        ("asked", &asked["block_time"]),
        ("recorded", &times["recorded"]),
        ("executed", &times["executed"]),
        ("voted", &times["voted"]),
        ("settled", &times["settled"]),
        ("deadline", &page["deadline"]),
    ];
    let mut pairs: Vec<_> = moments.into_iter().filter_map(|(name, at)| Some((name, time(at)?))).collect();
    if let Some((_, asked_at)) = pairs.first_mut().filter(|(name, _)| *name == "asked") {
        *asked_at += &format!(" in block {} by {}", asked["block"], text(&asked["requester"]));
    }
    pairs
}

/// What came of it.
fn outcome(page: &Json) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    let result = &page["result"];
    if result.is_object() {
        let (bytes, fuel, elapsed) = (&result["payload_bytes"], &result["fuel"], &result["elapsed_ms"]);
        pairs.push(("result", format!("{}\n{bytes} bytes, {fuel} fuel, {elapsed} ms", text(&result["leaf"]))));
        pairs.push(("component", text(&result["component"])));
    }
    if page["vote"].is_object() {
        pairs.push(("vote", format!("{} under table {}", text(&page["vote"]["root"]), page["vote"]["epoch"])));
    }
    pairs.extend(each(&page["vetoes"]).map(|veto| ("vetoed", text(&veto["leaf"]))));
    let certificate = &page["certificate"];
    if certificate.is_object() {
        pairs.push(("certificate", self::certificate(certificate)));
    }
    let delivery = &page["delivery"];
    if delivery.is_object() {
        let handled = if delivery["handled"] == false { ", but its handler failed" } else { "" };
        pairs.push(("delivery", format!("{} in block {}{handled}", text(&delivery["tx_hash"]), delivery["block"])));
        pairs.push(("cost", cost(&delivery["cost"])));
    }
    pairs
}

fn certificate(certificate: &Json) -> String {
    let share = |token: &str| share(&certificate["signed"][token], &certificate["total"][token]);
    let own = match certificate["is_own"].as_bool() {
        Some(true) => "with this operator",
        Some(false) => "without this operator",
        None => "whether with this operator is not known",
    };
    let signed = format!("{} of the native and {} of the external stake, {own}", share("native"), share("external"));
    format!("{} under table {}\n{signed}", text(&certificate["root"]), certificate["epoch"])
}

fn cost(cost: &Json) -> String {
    match ether(&cost["wei"]) {
        Some(paid) => format!("{paid} for {} results together, {} gas", cost["results"], cost["gas"]),
        None => "none: another operator paid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assert_fits(text: &str) {
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    fn long_id(byte: &str) -> String {
        format!("0x{}", byte.repeat(32))
    }

    #[test]
    fn status_of_a_running_node_fits_and_says_all() {
        let address = format!("0x{}", "ab".repeat(20));
        let page = json!({
            "service": { "chain_id": u64::MAX, "manager": address }, "operator": address, "healthy": false,
            "problems": ["the chain was not read for a minute"], "warnings": ["the account that pays for deliveries is low: send it the chain's own token"],
            "version": "0.1.0", "up_seconds": 90_061, "epoch": 7, "operators": 1_000, "leader": address, "connected": 998,
            "account": { "address": address, "balance_wei": "12345678901234567890", "is_low": true },
            "weight": { "native": "79228162514264337593543950335", "external": "1" },
            "total": { "native": "79228162514264337593543950335", "external": "3" },
            "chains": [{ "chain_id": u64::MAX, "follows": "triggers", "block": 123_456_789, "head": 123_556_789, "behind": 100_000, "read_seconds_ago": 61,
                         "catching_up": { "blocks_per_second": 812.4, "seconds_left": 123 } }],
            "endpoints": [{ "chain_id": u64::MAX, "witnesses": 2, "endpoints": [
                { "url": "https://rpc.example:8545", "state": "paused", "head": 123_556_789, "lag_blocks": 3, "latency_ms": 12_345.6, "requests": 123_456_789,
                  "failures": 4_567, "contradictions": 2, "last_error": "it answers 429", "last_error_age_s": 61 },
                { "url": "https://b.example", "state": "unknown", "head": null, "lag_blocks": null, "latency_ms": null, "requests": 0,
                  "failures": 0, "contradictions": 0, "last_error": null, "last_error_age_s": null },
            ] }],
            "tasks": { "waiting": 1, "executed": 2, "failed": 3, "pending": 4, "delivered": 1_000_000_000u64, "vetoed": 6, "expired": 7, "skipped": 8 },
            "floor": { "number": 99, "before": 5 },
        });
        let text = status(&page, Some(([127, 0, 0, 1], 7_701).into()));
        assert_fits(&text);
        for part in [
            "runs for 1 d 1 h",
            "does not serve",
            "  problem",
            "12.34567890123456789, which is low",
            "998 of 999 connected",
            "tasks after number 99 are signed",
            "33.33 %",
            "812/s, 2 min 3 s left",
            "1000000000",
            "epoch 7, 1000 operators",
            "triggers",
            "endpoint 0: https://rpc.example:8545, contradicted others 2 times\n    1 min 1 s ago: it answers 429\n",
            "endpoint 1: https://b.example\n",
            "2 of 2 have to say the same",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn status_from_the_journal_does_not_pretend() {
        let page = json!({
            "service": { "chain_id": 1, "manager": "0x5e" }, "operator": "0x01", "floor": null,
            "chains": [{ "chain_id": 1, "follows": "service", "block": 7 }], "tasks": { "waiting": 1 },
        });
        let text = status(&page, None);
        assert_fits(&text);
        assert!(
            text.contains("does not run; this is what its journal knows") && text.contains("nothing is signed"),
            "{text}"
        );
        assert!(!text.contains("health") && !text.contains("weight") && !text.contains("endpoint"), "{text}");
        assert!(text.contains("1      service  7"), "{text}");
    }

    #[test]
    fn list_fits_with_the_longest_names() {
        let task = json!({ "task_id": long_id("ab"), "number": 99_999_999, "workflow": "w".repeat(32), "state": "delivered",
                           "recorded_at": 1, "settled_at": 2_000_000_000u64 });
        let text = tasks(&json!({ "tasks": [task] }), 1_999_999_999);
        assert_fits(&text);
        assert!(text.contains("0xabababab…") && text.contains("in 1 s"), "{text}");
        assert_eq!(tasks(&json!({ "tasks": [] }), 1), "no such tasks\n");
    }

    #[test]
    fn peers_fit_with_the_longest_address() {
        let peer = |connected, accepted| {
            json!({ "operator": format!("0x{}", "ab".repeat(20)), "address": format!("{}:9000", "h".repeat(251)), "connected": connected,
                    "accepted": accepted, "since": 100, "last_message": null, "in_table": true, "queued": 1, "sent": 2, "received": 3, "dropped": 4,
                    "dials_failed": 5 })
        };
        let page = json!({ "peers": [peer(true, true), peer(true, false), peer(false, true), peer(false, false)] });
        let text = peers(&page, 160);
        assert_fits(&text);
        for part in [
            "both ways, changed 1 min ago",
            "from here only",
            "from there only",
            "no (changed 1 min ago; 5 attempts failed)",
            "never",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(peers(&json!({ "peers": [] }), 1), "there are no other operators\n");
    }

    #[test]
    fn life_of_a_task_fits_and_says_all() {
        let weights = |native: &str| json!({ "native": native, "external": "3" });
        let page = json!({
            "task_id": long_id("ab"), "number": 7, "workflow": "score", "state": "delivered", "deadline": 1_700_000_900, "is_below_floor": true,
            "error": "x".repeat(300),
            "asked": { "requester": format!("0x{}", "cd".repeat(20)), "block": 12, "block_time": 1_700_000_000 },
            "times": { "recorded": 1_700_000_001, "executed": 1_700_000_002, "voted": 1_700_000_003, "settled": 1_700_000_004 },
            "result": { "component": format!("sha256:{}", "ab".repeat(32)), "leaf": long_id("01"), "payload_bytes": 64, "fuel": 123, "elapsed_ms": 4 },
            "vote": { "epoch": 3, "root": long_id("02") }, "vetoes": [{ "leaf": long_id("03"), "at": 1 }],
            "certificate": { "epoch": 3, "root": long_id("02"), "block_time": 1, "signed": weights("2"), "total": weights("3"), "is_own": true },
            "delivery": { "tx_hash": long_id("04"), "block": 13, "handled": false, "cost": { "gas": 200_000, "results": 2, "wei": "400000000000000" } },
        });
        let text = task(&page);
        assert_fits(&text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "2023-11-14 22:13:20 UTC in block 12 by 0xcdcd",
            "executed",
            "voted",
            "64 bytes, 123 fuel, 4 ms",
            "under table 3",
            "66.67 % of the native",
            "100 % of the external",
            "with this operator",
            "but its handler failed",
            "0.0004 for 2 results together, 200000 gas",
            "below it",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
