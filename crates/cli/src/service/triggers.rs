//! `tandem service triggers`: which chains the triggers of a manifest watch, said before it is announced, and who reads them of the operators that can be asked. Believes what operators
//! say of themselves, and asks no chain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tandem_types::{Address, Manifest, OperatorId, ServiceId, WorkflowId};
use url::Url;

use crate::Failure;
use crate::report::print;
use crate::session::code;
use crate::table::Table;
use crate::units;

/// For one operator.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const HINT: &str =
    "every operator that is to serve it needs an entry [[watched-chains]] with chain-id and rpc in its operator.toml";

/// Which manifest, and who is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Triggers {
    /// The manifest: tandem.toml, or the JSON that is published
    manifest: PathBuf,
    /// Where an operator takes in callers, to be asked which chains it reads; give all that you know
    #[arg(long = "at", value_name = "URL", env = "TANDEM_OPERATORS", value_delimiter = ',')]
    operators: Vec<Url>,
    /// The service: its ServiceManager. Operators of another one are not counted
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, env = "TANDEM_SERVICE")]
    service: Option<Address>,
    /// EIP-155 id of the service's chain
    #[arg(long, value_name = "ID", env = "TANDEM_CHAIN_ID")]
    chain_id: u64,
    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    json: bool,
}

/// What an operator says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Reads {
    service: ServiceId,
    operator: OperatorId,
    chains: Vec<u64>,
}

/// A workflow that fires, and the chain that it watches.
type Watch = (WorkflowId, u64);

/// Who was asked, and what came of it.
#[derive(Debug, Default)]
struct Asked {
    /// By operator, so that two addresses of one count once.
    reads: BTreeMap<OperatorId, Vec<u64>>,
    /// Those of whom nothing is known, and why.
    silent: Vec<String>,
}

impl Asked {
    fn serving(&self, chain_id: u64) -> usize {
        self.reads.values().filter(|chains| chains.contains(&chain_id)).count()
    }
}

pub(super) fn run(args: &Triggers) -> Result<(), Failure> {
    let manifest = read(&args.manifest)?;
    let fires = manifest.workflows.iter().filter(|workflow| workflow.trigger.fires());
    let watches: Vec<Watch> =
        fires.map(|workflow| (workflow.name.clone(), workflow.trigger.chain().unwrap_or(args.chain_id))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime.context("cannot start the runtime")?.block_on(args.ask())?;
    let home = args.chain_id;
    let text = if args.json { format!("{}\n", page(home, &watches, &asked)) } else { text(home, &watches, &asked) };
    print(&text)?;
    match unserved(home, &watches, &asked) {
        None => Ok(()),
        Some((workflow, chain_id)) => {
            let error =
                anyhow!("none of the operators can serve workflow `{workflow}`: it is triggered by chain {chain_id}");
            Err(Failure { reported: args.json, ..Failure::new(code::REFUSED, error).hint(HINT) })
        }
    }
}

fn read(path: &Path) -> Result<Manifest, Failure> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let bytes = bytes.map_err(|error| Failure::new(code::USAGE, error))?;
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let manifest =
        if is_toml { Manifest::from_toml(&String::from_utf8_lossy(&bytes)) } else { Manifest::from_json(&bytes) };
    manifest.map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("{} is not a manifest", path.display()));
        Failure::new(code::USAGE, error)
    })
}

/// A trigger of another chain that nobody serves of those who answered.
fn unserved<'a>(home: u64, watches: &'a [Watch], asked: &Asked) -> Option<&'a Watch> {
    let is_unserved = |(_, chain_id): &&Watch| *chain_id != home && asked.serving(*chain_id) == 0;
    watches.iter().find(is_unserved).filter(|_| !asked.reads.is_empty())
}

impl Triggers {
    async fn ask(&self) -> Result<Asked, Failure> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().context("cannot speak HTTP")?;
        let mut asked = Asked::default();
        for operator in &self.operators {
            let host = operator.host_str().unwrap_or("an operator");
            match reads(&http, operator).await {
                Ok(reads) if !self.is_of_service(reads.service) => {
                    asked.silent.push(format!("{host} serves another service, {}", reads.service));
                }
                Ok(reads) => _ = asked.reads.insert(reads.operator, reads.chains),
                Err(error) => asked.silent.push(format!("{host} does not say which chains it reads: {error}")),
            }
        }
        Ok(asked)
    }

    fn is_of_service(&self, found: ServiceId) -> bool {
        found.chain_id == self.chain_id && self.service.is_none_or(|service| service == found.manager)
    }
}

async fn reads(http: &reqwest::Client, operator: &Url) -> anyhow::Result<Reads> {
    let unreached = |error: reqwest::Error| error.without_url();
    let mut answer = http.get(operator.join("v1/chains")?).send().await.map_err(unreached)?;
    ensure!(answer.status().is_success(), "it answers {}", answer.status());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreached)? {
        body.extend_from_slice(&chunk);
        ensure!(body.len() <= ANSWER_BYTES_MAX, "its answer is too long");
    }
    serde_json::from_slice(&body).context("it does not answer like an operator")
}

fn text(home: u64, watches: &[Watch], asked: &Asked) -> String {
    let mut table = Table::new(["workflow", "chain", "operators"]);
    for (workflow, chain_id) in watches {
        let operators = match asked.reads.len() {
            _ if *chain_id == home => "all: it is the service's own chain".to_owned(),
            0 => format!("those with an endpoint of chain {chain_id}; none was asked, or none answered"),
            all => format!("{} of {all} that answered", asked.serving(*chain_id)),
        };
        table.row([workflow.to_string(), chain_id.to_string(), operators]);
    }
    if !table.has_rows() {
        return "no trigger of the manifest fires by itself\n".to_owned();
    }
    let mut text = table.text(0);
    text.extend(asked.silent.iter().map(|reason| format!("not known: {reason}\n")));
    if watches.iter().any(|(_, chain_id)| *chain_id != home) {
        text += &format!(
            "\n{HINT};\none that lacks it does not start, and without a quorum of them nothing is delivered\n"
        );
    }
    text
}

fn page(home: u64, watches: &[Watch], asked: &Asked) -> Json {
    let triggers = watches.iter().map(|(workflow, chain_id)| {
        json!({ "workflow": workflow, "chain_id": chain_id, "operators": asked.serving(*chain_id) })
    });
    json!({
        "ok": unserved(home, watches, asked).is_none(),
        "triggers": triggers.collect::<Vec<_>>(),
        "answered": asked.reads.len(),
        "not_known": asked.silent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watches() -> Vec<Watch> {
        [("home", 1), ("tick", 777)].map(|(name, chain)| (name.parse().expect("a name"), chain)).to_vec()
    }

    fn asked(chains: &[&[u64]]) -> Asked {
        let reads = (0..).zip(chains).map(|(byte, chains)| (OperatorId(Address::repeat_byte(byte)), chains.to_vec()));
        Asked { reads: reads.collect(), silent: Vec::new() }
    }

    #[test]
    fn trigger_that_nobody_serves_is_refused_once_anybody_answered() {
        let watches = watches();
        assert_eq!(unserved(1, &watches, &asked(&[])), None);
        assert_eq!(unserved(1, &watches, &asked(&[&[1, 777], &[1]])), None);
        assert_eq!(unserved(1, &watches, &asked(&[&[1], &[1]])), Some(&watches[1]));
    }

    #[test]
    fn what_operators_need_is_said_before_there_are_any() {
        let text = text(1, &watches(), &asked(&[]));
        assert!(text.contains("with an endpoint of chain 777") && text.contains("[[watched-chains]]"), "{text}");
        assert!(text.contains("all: it is the service's own chain"), "{text}");
    }

    #[test]
    fn operators_are_counted_by_trigger() {
        let asked = asked(&[&[1, 777], &[1], &[777, 1]]);
        assert!(text(1, &watches(), &asked).contains("2 of 3 that answered"));
        let page = page(1, &watches(), &asked);
        assert_eq!((&page["answered"], &page["triggers"][1]["operators"]), (&3.into(), &2.into()));
    }

    #[test]
    fn manifest_of_the_own_chain_needs_nothing() {
        let own = &watches()[..1];
        assert!(!text(1, own, &asked(&[])).contains("[[watched-chains]]"));
        assert!(text(1, &[], &asked(&[])).contains("no trigger"));
    }
}
