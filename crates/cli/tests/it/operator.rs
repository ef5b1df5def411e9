//! What an operator does with a node besides running it: set it up, look at it, look after its journal, and get out of trouble, through the binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tandem_cli::boxscore;
use tandem_cli::local::{Network, Options};

use crate::network::{PATIENCE, delivered, options, start};
use crate::world::Run;

const GUIDE: &str = include_str!("../../../../docs/guide/operator.md");

/// Runs `tandem` with the words of `line`, and nothing of this process's environment.
fn tandem(line: &str, config: Option<&Path>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(line.split_whitespace()).env_clear().env("SPORTRADAR_API_KEY", "of-no-use");
    if let Some(config) = config {
        command.env("TANDEM_CONFIG", config);
    }
    let output = command.output().expect("tandem starts");
    let text = |bytes| String::from_utf8(bytes).expect("tandem prints text");
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The page of a command for people and for machines.
fn shown(line: &str, config: &Path) -> (String, Value) {
    let run = tandem(line, Some(config));
    let text = run.done_text().to_owned();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let page = tandem(&format!("{line} --json"), Some(config)).done();
    assert_eq!(page["ok"], true);
    (text, page)
}

/// A network of three, all of whom have to sign, with one delivered task.
struct Trio {
    network: Network,
    options: Options,
}

impl Trio {
    async fn start(directory: &Path) -> Self {
        let options = options(directory, 3, "info");
        let network = start(&options).await;
        let trio = Self { network, options };
        trio.deliver().await;
        trio
    }

    /// Asks for a score and waits until it is delivered, signed by all, and all know.
    async fn deliver(&self) {
        let task = self.network.ask(boxscore::CLOSED, 60).await.expect("the contract takes it");
        assert_eq!(delivered(&self.network, task.task_id).await, 3);
        let known = async {
            for operator in &self.network.operators {
                while operator.task(task.task_id).await.is_none_or(|page| page.state != "delivered") {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, known).await.expect("every operator reads of the delivery");
    }

    fn config(&self) -> PathBuf {
        self.network.operators[0].directory.join("operator.toml")
    }

    async fn stop(&mut self) {
        self.network.operators[0].kill().await.expect("it can be killed");
    }

    async fn run(&mut self) {
        let operator = &mut self.network.operators[0];
        operator.spawn(&self.options).expect("it starts");
        let up = tokio::time::timeout(PATIENCE, operator.wait_until_connected(2)).await;
        up.expect("it comes up in time").expect("it comes up");
    }

    /// Runs the first operator's node until it ends by itself.
    async fn refused(&self) -> Run {
        let config = self.config();
        let ended =
            tokio::task::spawn_blocking(move || tandem(&format!("operator run --config {}", config.display()), None));
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends by itself").expect("no panic")
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read").map(|entry| entry.expect("read")) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => _ = std::fs::copy(entry.path(), target).expect("copied"),
        }
    }
}

#[test]
fn init_writes_a_configuration_once_and_typos_are_answered() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let place = directory.path().display();
    let line = format!(
        "operator init --service 0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e --chain-id 31337 --rpc http://127.0.0.1:1 --directory {place}"
    );
    assert!(tandem(&line, None).done_text().contains("tandem operator run --config"));
    let again = tandem(&line, None);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("hint: give --directory"), "{}", again.stderr);

    let config = directory.path().join("operator.toml");
    let none = tandem("operator status", Some(&config));
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("there is no journal there") && none.stderr.contains("hint:"), "{}", none.stderr);
    let text = std::fs::read_to_string(&config).expect("read");
    std::fs::write(&config, text.replace("listen =", "listne =")).expect("written");
    for line in ["operator status", "operator tasks", "operator peers", "operator db check", "operator run --config"] {
        let line = if line.ends_with("--config") { format!("{line} {}", config.display()) } else { line.to_owned() };
        let typo = tandem(&line, Some(&config));
        assert_eq!(typo.code, Some(2), "{line}: {}", typo.stderr);
        assert!(typo.stderr.contains("did you mean `listen`?"), "{line}: {}", typo.stderr);
    }
    let missing = tandem("operator status --json", Some(Path::new("/nowhere/operator.toml")));
    assert_eq!((missing.code, &missing.json()["exit_code"]), (Some(2), &2.into()));
}

#[test]
fn every_command_of_the_operators_guide_is_known() {
    let blocks = GUIDE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands: Vec<_> = blocks.flat_map(str::lines).filter(|line| line.starts_with("tandem ")).collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let line = command.trim_start_matches("tandem ").split(" #").next().expect("a command");
        let help = if line.contains("--help") { line.to_owned() } else { format!("{line} --help") };
        let run = tandem(&help, None);
        assert_eq!(run.code, Some(0), "{command}: {}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_seen_the_same_running_and_stopped() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut trio = Trio::start(directory.path()).await;
    let config = trio.config();

    let (text, page) = shown("operator status", &config);
    assert!(text.contains("health    serves") && text.contains("2 of 2 connected both ways"), "{text}");
    assert!(text.contains("33.33 %") && text.contains("runs for"), "{text}");
    assert!(page["epoch"].is_u64(), "{page}");
    assert_eq!((&page["source"], &page["tasks"]["delivered"]), (&"node".into(), &1.into()));
    assert!(page["account"]["balance_wei"].as_str().is_some_and(|wei| wei.len() > 18), "{page}");
    assert_eq!((&page["account"]["is_low"], &page["chains"][0]["behind"]), (&false.into(), &0.into()));

    let (text, page) = shown("operator peers", &config);
    assert_eq!(text.matches("both ways").count(), 2, "{text}");
    assert!(
        page["peers"].as_array().is_some_and(|peers| peers.iter().any(|peer| peer["last_message"].is_u64())),
        "{page}"
    );

    let (running_list, list) = shown("operator tasks --state delivered --since 1h", &config);
    assert!(running_list.contains("score") && list["tasks"][0]["number"] == 1, "{running_list}");
    let (text, running) = shown("operator task 1", &config);
    for part in ["voted", "executed", "certificate", "100 % of the native", "with this operator", "delivery"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let none = tandem("operator task 99", Some(&config));
    assert_eq!(none.code, Some(3), "{}", none.stderr);
    assert!(none.stderr.contains("hint: `tandem operator tasks`"), "{}", none.stderr);

    let paid = async {
        for operator in &trio.network.operators {
            let life = tandem("operator task 1 --json", Some(&operator.directory.join("operator.toml"))).done();
            if life["delivery"]["cost"]["gas"].as_u64().is_some_and(|gas| gas > 100_000) {
                return 1;
            }
        }
        0
    };
    assert_eq!(paid.await, 1, "whoever delivered knows what it cost");

    assert_eq!(shown("operator db check", &config).1["journal"]["faults"], Value::Array(vec![]));
    let held = tandem("operator db compact", Some(&config));
    assert!(held.code == Some(1) && held.stderr.contains("in use by another process"), "{}", held.stderr);

    trio.stop().await;
    let (text, page) = shown("operator status", &config);
    assert!(text.contains("does not run; this is what its journal knows"), "{text}");
    assert_eq!((&page["source"], &page["tasks"]["delivered"]), (&"journal".into(), &1.into()));
    let (_, stopped) = shown("operator task 1", &config);
    for key in ["task_id", "state", "times", "result", "vote", "certificate", "delivery", "asked"] {
        assert_eq!(stopped[key], running[key], "{key}");
    }
    let by_id = format!("operator task {}", running["task_id"].as_str().expect("an id"));
    assert_eq!(shown(&by_id, &config).1["number"], 1);
    assert_eq!(shown("operator tasks --state delivered", &config).1["tasks"], list["tasks"]);
    let peers = tandem("operator peers", Some(&config));
    assert!(peers.code == Some(1) && peers.stderr.contains("the node does not run"), "{}", peers.stderr);
    assert!(shown("operator db compact", &config).1["bytes_after"].as_u64() > Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_restarters_alarms_and_eigenlayer() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let trio = Trio::start(directory.path()).await;
    let data = trio.network.operators[0].directory.join("data");
    let address = tandem_node::node::Addresses::read(&data).and_then(|addresses| addresses.http).expect("it listens");
    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}/{path}")).await.expect("the node answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    for path in ["livez", "readyz", "healthz", "eigen/node/health", "eigen/node/services/journal/health"] {
        assert_eq!(get(path).await.0, 200, "{path}");
    }
    assert_eq!(get("eigen/node/services/nothing/health").await.0, 404);
    let json = async |path: &str| serde_json::from_str::<Value>(&get(path).await.1).expect("JSON");
    let node = json("eigen/node").await;
    assert_eq!((&node["node_name"], &node["spec_version"]), (&"tandem".into(), &"v0.0.1".into()));
    let services = json("eigen/node/services").await;
    let parts = services["services"].as_array().expect("a list");
    assert!(parts.len() == 5 && parts.iter().all(|part| part["status"] == "Up"), "{services}");
    for (path, words) in
        [("v1/tasks?state=lost", "a state is"), ("v1/tasks?sate=open", "asked for by"), ("v1/tasks/x", "a task is")]
    {
        let (code, body) = get(path).await;
        assert!(code == 400 && body.contains(words), "{path}: {body}");
    }
    assert_eq!(get("v1/tasks/77").await.0, 404);
    let metrics = get("metrics").await.1;
    for line in ["tandem_healthy 1", "tandem_open{state=\"Waiting\"} 0", "tandem_floor 0"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_copy_of_the_journal_signs_nothing_until_it_is_recovered() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut trio = Trio::start(directory.path()).await;
    let (config, home) = (trio.config(), trio.network.operators[0].directory.clone());
    trio.stop().await;
    copy(&home.join("data"), &home.join("backup"));
    trio.run().await;
    trio.deliver().await;
    trio.stop().await;
    copy(&home.join("backup"), &home.join("data"));

    for _ in 0..2 {
        let refused = trio.refused().await;
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("it is an old copy") && refused.stderr.contains("tandem operator db recover"),
            "{}",
            refused.stderr
        );
    }
    let checked = tandem("operator db check", Some(&config));
    assert!(checked.code == Some(3) && checked.stdout.contains("old copy"), "{}{}", checked.stdout, checked.stderr);
    let unsure = tandem("operator db recover", Some(&config));
    assert!(unsure.code == Some(2) && unsure.stderr.contains("--no-other-node"), "{}", unsure.stderr);
    let (_, recovered) = shown("operator db recover --no-other-node", &config);
    assert_eq!(recovered["floor"]["number"], 2);
    trio.run().await;
    // All three have to sign.
    trio.deliver().await;
    assert_eq!(shown("operator status", &config).1["floor"]["number"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_was_set_back_as_a_whole_stops_when_the_chain_shows_its_signature() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut trio = Trio::start(directory.path()).await;
    let home = trio.network.operators[0].directory.clone();
    trio.stop().await;
    copy(&home.join("data"), &home.join("backup"));
    std::fs::copy(home.join("data.guard"), home.join("backup.guard")).expect("copied");
    trio.run().await;
    trio.deliver().await;
    trio.stop().await;
    copy(&home.join("backup"), &home.join("data"));
    std::fs::copy(home.join("backup.guard"), home.join("data.guard")).expect("copied");

    let refused = trio.refused().await;
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the chain has a certificate with this operator's signature"),
        "{}",
        refused.stderr
    );
    let again = trio.refused().await;
    assert!(again.code == Some(3) && again.stderr.contains("may not know all"), "{}", again.stderr);
    shown("operator db recover --no-other-node", &trio.config());
    trio.run().await;
    trio.deliver().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_moves_with_what_it_signed_and_leaves_nothing_that_signs() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut trio = Trio::start(directory.path()).await;
    let (config, home) = (trio.config(), trio.network.operators[0].directory.clone());
    let file = home.join("signed.jsonl");
    let export = format!("operator db export --output {} --retire", file.display());
    let held = tandem(&export, Some(&config));
    assert!(held.code == Some(1) && held.stderr.contains("in use by another process"), "{}", held.stderr);
    trio.stop().await;
    assert_eq!(tandem(&format!("{export} --json"), Some(&config)).done()["exported"]["signed"], 1);
    assert_eq!(tandem(&export, Some(&config)).code, Some(2), "the file is there");
    let retired = trio.refused().await;
    assert!(retired.code == Some(3) && retired.stderr.contains("was exported to"), "{}", retired.stderr);

    // The new machine has the keys and the configuration, and a directory of its own.
    let text = std::fs::read_to_string(&config).expect("read");
    std::fs::write(&config, text.replace("data = \"data\"", "data = \"moved\"")).expect("written");
    let import = format!("operator db import {}", file.display());
    let (_, imported) = shown(&import, &config);
    assert_eq!(imported["floor"]["number"], 1);
    assert_eq!(tandem(&format!("{import} --json"), Some(&config)).done()["imported"]["signed"], 0);
    let half = std::fs::read_to_string(&file).expect("read").lines().next().expect("a header").to_owned();
    std::fs::write(&file, half).expect("written");
    let refused = tandem(&import, Some(&config));
    assert!(refused.code == Some(3) && refused.stderr.contains("ends before its last line"), "{}", refused.stderr);
    let lost = tandem("operator db import nowhere", Some(&config));
    assert_eq!(lost.code, Some(2), "{}", lost.stderr);

    std::fs::rename(home.join("data"), home.join("old")).expect("moved");
    std::fs::rename(home.join("moved"), home.join("data")).expect("moved");
    std::fs::rename(home.join("moved.guard"), home.join("data.guard")).expect("moved");
    std::fs::write(&config, std::fs::read_to_string(&config).expect("read").replace("\"moved\"", "\"data\""))
        .expect("written");
    trio.run().await;
    trio.deliver().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_node_with_the_same_keys_is_refused_on_one_machine() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let trio = Trio::start(directory.path()).await;
    let (config, home) = (trio.config(), trio.network.operators[0].directory.clone());
    let copied = home.join("copied.toml");
    let text = std::fs::read_to_string(&config).expect("read");
    let ports = format!("listen = \"{}\"", "127.0.0.1:0");
    let text = text.lines().map(|line| if line.starts_with("listen") { ports.clone() } else { line.to_owned() });
    let text = text.collect::<Vec<_>>().join("\n").replace("data = \"data\"", "data = \"another\"");
    std::fs::write(&copied, text).expect("written");
    let line = format!("operator run --config {}", copied.display());
    let refused = tokio::task::spawn_blocking(move || tandem(&line, None)).await.expect("no panic");
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("another process on this machine runs as operator"), "{}", refused.stderr);
}
