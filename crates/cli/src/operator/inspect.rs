//! `tandem operator status`, `tasks`, `task` and `peers`: what a node knows, from the node where it runs and else from its journal. Reads only.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::builder::PossibleValuesParser;
use serde_json::{Value as Json, json};
use tandem_node::api::pages::{TaskPage, TaskView};
use tandem_node::config::Config;
use tandem_node::journal::{Offline, TASK_STATES, TASKS_MAX, TaskQuery};
use tandem_node::node::Addresses;
use tandem_types::{B256, TaskId, WorkflowId};

use super::node_args::{NodeArgs, of_journal, of_open};
use super::pages;
use crate::local::unix_seconds;
use crate::report::print;
use crate::session::code;
use crate::{Failure, units};

/// How long a node has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which tasks to list.
#[derive(Debug, clap::Args)]
pub(super) struct Tasks {
    /// Only tasks in this state; `open` are all that have not ended
    #[arg(long, value_parser = PossibleValuesParser::new(TASK_STATES.into_iter().chain(["open"])))]
    state: Option<String>,
    /// Only tasks of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowId>,
    /// Only tasks that the node recorded in so much time, such as 30min, 12h or 7d
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    since: Option<u32>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = limit)]
    limit: usize,
    #[command(flatten)]
    node: NodeArgs,
}

/// Which task to show.
#[derive(Debug, clap::Args)]
pub(super) struct Task {
    /// Its number, or its id
    #[arg(value_name = "ID", value_parser = subject)]
    task: Subject,
    #[command(flatten)]
    node: NodeArgs,
}

/// A task as people name it.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Number(u64),
    Id(TaskId),
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=TASKS_MAX).contains(limit));
    limit.ok_or_else(|| format!("expected 1 to {TASKS_MAX}"))
}

fn subject(text: &str) -> Result<Subject, String> {
    match (text.parse::<u64>(), text.parse::<B256>()) {
        (Ok(number), _) => Ok(Subject::Number(number)),
        (_, Ok(id)) if text.starts_with("0x") => Ok(Subject::Id(TaskId(id))),
        _ => Err("expected a task's number, or its id: 0x and 64 hexadecimal digits".to_owned()),
    }
}

/// Where a page comes from.
enum Source {
    /// A node that runs, at that address.
    Node(SocketAddr),
    /// The journal: no node answers.
    Journal,
}

/// What was found, and where.
struct Found {
    source: Source,
    page: Json,
}

impl Found {
    fn show(self, as_json: bool, text: impl FnOnce(&Json, Option<SocketAddr>) -> String) -> Result<(), Failure> {
        let Self { source, mut page } = self;
        let node = match source {
            Source::Node(address) => Some(address),
            Source::Journal => None,
        };
        if !as_json {
            return Ok(print(&text(&page, node))?);
        }
        if let Some(page) = page.as_object_mut() {
            page.insert("ok".to_owned(), json!(true));
            page.insert("source".to_owned(), json!(if node.is_some() { "node" } else { "journal" }));
        }
        Ok(print(&format!("{page}\n"))?)
    }
}

pub(super) fn status(args: &NodeArgs) -> Result<(), Failure> {
    args.run(|config| {
        let found = find(&config, "v1/status", |journal| {
            let identity = journal.identity();
            let tasks = journal.counts().map_err(of_journal)?;
            let cursor = journal.cursor().map_err(of_journal)?;
            let block = cursor.map(|cursor| cursor.block_number);
            let chain = json!({ "chain_id": identity.service.chain_id, "follows": "service", "block": block });
            Ok(json!({
                "service": identity.service,
                "operator": identity.operator,
                "chains": [chain],
                "tasks": tasks,
                "floor": journal.floor().map_err(of_journal)?,
            }))
        })?;
        found.show(args.json, pages::status)
    })
}

pub(super) fn tasks(args: &Tasks) -> Result<(), Failure> {
    args.node.run(|config| {
        let since = args.since.map_or(0, |since| unix_seconds().saturating_sub(since.into()));
        let mut path = format!("v1/tasks?limit={}&since={since}", args.limit);
        for (name, value) in
            [("state", args.state.clone()), ("workflow", args.workflow.as_ref().map(ToString::to_string))]
        {
            if let Some(value) = value {
                path += &format!("&{name}={value}");
            }
        }
        let query = TaskQuery { state: args.state.clone(), workflow: args.workflow.clone(), since, limit: args.limit };
        let found = find(&config, &path, |journal| Ok(json!({ "tasks": journal.tasks(&query).map_err(of_journal)? })))?;
        found.show(args.node.json, |page, _| pages::tasks(page, unix_seconds()))
    })
}

pub(super) fn task(args: &Task) -> Result<(), Failure> {
    args.node.run(|config| {
        let name = match args.task {
            Subject::Number(number) => number.to_string(),
            Subject::Id(id) => id.to_string(),
        };
        let found = find(&config, &format!("v1/tasks/{name}"), |journal| {
            let id = match args.task {
                Subject::Id(id) => Some(id),
                Subject::Number(number) => journal.numbered(number).map_err(of_journal)?.last().copied(),
            };
            let life = id.map(|id| journal.life(id)).transpose().map_err(of_journal)?.flatten();
            let life = life.ok_or_else(|| unknown("the journal has no such task, or has forgotten it"))?;
            Ok(json!(TaskPage::new(&life, TaskView::default())))
        })?;
        found.show(args.node.json, |page, _| pages::task(page))
    })
}

pub(super) fn peers(args: &NodeArgs) -> Result<(), Failure> {
    args.run(|config| {
        let found = find(&config, "v1/peers", |_| {
            let error = anyhow!("the node does not run, and its journal does not know the other operators");
            Err(Failure::new(1, error)
                .hint("start it with `tandem operator run`; `tandem service show` lists who serves"))
        })?;
        found.show(args.json, |page, _| pages::peers(page, unix_seconds()))
    })
}

fn unknown(message: &str) -> Failure {
    Failure::new(code::REFUSED, anyhow!("{message}")).hint("`tandem operator tasks` lists what it knows")
}

/// The node's answer, or what `offline` reads from the journal of one that does not run.
fn find(
    config: &Config,
    path: &str,
    offline: impl FnOnce(&Offline) -> Result<Json, Failure>,
) -> Result<Found, Failure> {
    if let Some((address, page)) = ask(config, path)? {
        return Ok(Found { source: Source::Node(address), page });
    }
    let journal = Offline::look(&config.storage.place()).map_err(of_open)?;
    Ok(Found { source: Source::Journal, page: offline(&journal)? })
}

/// What the node answers; none when nobody does.
fn ask(config: &Config, path: &str) -> Result<Option<(SocketAddr, Json)>, Failure> {
    let Some(address) = Addresses::read(&config.storage.data).and_then(|addresses| addresses.http) else {
        return Ok(None);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("cannot speak HTTP")?;
        let Ok(answer) = client.get(format!("http://{}/{path}", reachable(address))).send().await else {
            return Ok(None);
        };
        let status = answer.status();
        let stranger = || format!("{address} does not answer like a node");
        let text = answer.text().await.with_context(stranger)?;
        let page: Json = serde_json::from_str(&text).with_context(stranger)?;
        match status.as_u16() {
            200 => Ok(Some((address, page))),
            404 => Err(unknown(page["error"].as_str().unwrap_or("the node has no such task"))),
            _ => {
                let words = page["error"].as_str().unwrap_or_default();
                Err(Failure::new(1, anyhow!("the node answers {status}: {words}")).hint("its log says why"))
            }
        }
    })
}

/// A node that listens on all addresses is reached on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, v6.port()).into(),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_named_by_number_or_id() {
        assert!(matches!(subject("17"), Ok(Subject::Number(17))));
        let id = format!("0x{}", "ab".repeat(32));
        assert!(matches!(subject(&id), Ok(Subject::Id(TaskId(word))) if word == B256::repeat_byte(0xab)));
        for wrong in ["", "-1", "0x12", "seventeen"] {
            assert!(subject(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn node_that_listens_everywhere_is_asked_here() {
        for (listens, asked) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")] {
            assert_eq!(reachable(listens.parse().expect("an address")), asked.parse().expect("an address"));
        }
    }
}
