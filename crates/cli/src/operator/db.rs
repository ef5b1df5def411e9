//! `tandem operator db`: looks after the journal while the node is stopped. Never signs anything.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde_json::json;
use tandem_chain::{ChainClient, ServiceReader};
use tandem_node::config::Config;
use tandem_node::journal::{Checked, Exchanged, Floor, Identity, Journal, Offline};
use tandem_node::node::present;

use super::node_args::{NodeArgs, hinted, of_journal, of_open};
use crate::report::print;
use crate::session::code;
use crate::table::lines;
use crate::{Failure, keys, units};

/// Look after the journal, which keeps the operator from signing twice
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the file, the schema, and what must hold between the rows; says what is wrong and what to do
    ///
    /// Reads only, also while the node runs. Ends with 3 when something is wrong.
    Check(NodeArgs),
    /// Write what was signed to a file that another machine's journal takes up
    Export(Export),
    /// Take up what an export says was signed, all or nothing
    ///
    /// What is there already is passed over; what contradicts the journal, or is another operator's or service's, is refused. Tasks that were asked for before the import
    /// are not signed anew. Makes the journal if there is none.
    Import(Import),
    /// Give the disk back what the database does not need
    Compact(NodeArgs),
    /// Sign again with a journal that may not know all that was signed, or without the one that was lost
    ///
    /// Tasks that were asked for until now are left alone: this operator may have signed them. Tasks that are asked for from now on are signed. Run it only
    /// when no other node runs with these keys, here or elsewhere.
    #[command(verbatim_doc_comment)]
    Recover(Recover),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Have this journal sign nothing any more, so that a node that is started here by mistake does not either
    #[arg(long)]
    retire: bool,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// What `tandem operator db export` wrote
    #[arg(value_name = "FILE")]
    input: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, clap::Args)]
struct Recover {
    /// You say that no other node runs with these keys
    #[arg(long)]
    no_other_node: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(super) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Check(args) => args.run(|config| check(&config, args.json)),
        Command::Export(args) => args.node.run(|config| export(&config, &args)),
        Command::Import(args) => args.node.run(|config| import(&config, &args)),
        Command::Compact(args) => args.run(|config| compact(&config, args.json)),
        Command::Recover(args) => args.node.run(|config| recover(&config, &args)),
    }
}

fn check(config: &Config, json: bool) -> Result<(), Failure> {
    let checked = Offline::look(&config.storage.place()).map_err(of_open)?.check().map_err(of_journal)?;
    let is_sound = checked.faults.is_empty();
    let text = if json { format!("{}\n", json!({ "ok": is_sound, "journal": checked })) } else { check_text(&checked) };
    print(&text)?;
    if is_sound {
        return Ok(());
    }
    let error = anyhow!("the journal has {} faults", checked.faults.len());
    Err(Failure { reported: true, ..Failure::new(code::REFUSED, error) })
}

fn check_text(checked: &Checked) -> String {
    let Checked { version, bytes, free_bytes, tasks, signed, sequence, floor, faults } = checked;
    let mut text = lines(
        &[
            ("journal", if faults.is_empty() { "sound".to_owned() } else { format!("{} faults", faults.len()) }),
            ("schema", format!("version {version}")),
            ("size", format!("{bytes} bytes, of which {free_bytes} are free")),
            ("tasks", tasks.to_string()),
            ("signed", format!("{signed} tasks kept, {sequence} signatures ever")),
            ("floor", floor_text(*floor)),
        ],
        0,
    );
    for fault in faults {
        text += "\n";
        text += &lines(&[("fault", fault.problem.clone()), ("do", fault.remedy.to_owned())], 0);
    }
    text
}

fn exchanged_text(exchanged: Exchanged) -> String {
    let Exchanged { signed, vetoed, votes } = exchanged;
    format!("{signed} signed tasks, {vetoed} vetoes, {votes} votes")
}

fn floor_text(floor: Option<Floor>) -> String {
    match floor {
        None => "none yet: nothing is signed".to_owned(),
        Some(Floor { number, before }) => {
            let time = units::time(before);
            format!("requests after number {number}, asked for since {time}, and what fires after that are signed anew")
        }
    }
}

fn export(config: &Config, args: &Export) -> Result<(), Failure> {
    let place = config.storage.place();
    let exported = {
        let _held = Offline::hold(&place.data).map_err(of_open)?;
        let journal = Offline::look(&place).map_err(of_open)?;
        write_whole(&args.output, |file| journal.export(file).map_err(of_journal))?
    };
    if args.retire {
        let identity = Offline::look(&place).map_err(of_open)?.identity();
        let journal = Journal::open(&place, identity).map_err(of_open)?;
        let reason = format!("what it signed was exported to {} to be imported elsewhere", args.output.display());
        block_on(async {
            let retired = journal.doubt(reason).await;
            journal.close().await;
            retired
        })?
        .map_err(of_journal)?;
    }
    let mut pairs = vec![("exported", exchanged_text(exported)), ("file", args.output.display().to_string())];
    if args.retire {
        pairs.push(("journal", "signs nothing any more".to_owned()));
    }
    let text = lines(&pairs, 0);
    answer(
        args.node.json,
        &text,
        json!({ "ok": true, "file": args.output, "exported": exported, "retired": args.retire }),
    )
}

/// Writes a file that is there whole or not at all.
fn write_whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let doing = || format!("cannot write {}", path.display());
    let file = File::options().create_new(true).write(true).open(path).with_context(doing);
    let file = file.map_err(|error| Failure::new(code::USAGE, error).hint("choose a file that does not exist yet"))?;
    let mut buffered = BufWriter::new(&file);
    let written = write(&mut buffered)
        .and_then(|value| Ok(buffered.flush().and_then(|()| file.sync_all()).map(|()| value).with_context(doing)?));
    if written.is_err() {
        // Half of a file is no export; that it cannot be removed is said by the error before.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn import(config: &Config, args: &Import) -> Result<(), Failure> {
    let file = File::open(&args.input).with_context(|| format!("cannot read {}", args.input.display()));
    let file = file.map_err(|error| Failure::new(code::USAGE, error))?;
    let identity = identity(config)?;
    let (imported, floor) = block_on(async {
        let floor = asked_until_now(config).await?;
        let journal = Journal::open(&config.storage.place(), identity).map_err(of_open)?;
        let imported = journal.import(identity, floor, BufReader::new(file)).await;
        let floor = journal.floor().await;
        journal.close().await;
        Ok::<_, Failure>((imported.map_err(of_journal)?, floor.map_err(of_journal)?))
    })??;
    let text = lines(&[("new", exchanged_text(imported)), ("floor", floor_text(floor))], 0);
    answer(args.node.json, &text, json!({ "ok": true, "imported": imported, "floor": floor }))
}

fn compact(config: &Config, json: bool) -> Result<(), Failure> {
    let place = config.storage.place();
    let _held = Offline::hold(&place.data).map_err(of_open)?;
    let (before, after) = Offline::compact(&place).map_err(of_open)?;
    let text = format!("{before} bytes became {after}\n");
    answer(json, &text, json!({ "ok": true, "bytes_before": before, "bytes_after": after }))
}

fn recover(config: &Config, args: &Recover) -> Result<(), Failure> {
    if !args.no_other_node {
        let error = anyhow!("a recovery is safe only when no other node runs with these keys, here or elsewhere");
        return Err(Failure::new(code::USAGE, error).hint("stop every other node for good, then give --no-other-node"));
    }
    let identity = identity(config)?;
    let floor = block_on(async {
        let floor = asked_until_now(config).await?;
        let journal = Journal::recover(&config.storage.place(), identity, floor).map_err(of_open)?;
        let floor = journal.floor().await;
        journal.close().await;
        floor.map_err(of_journal)
    })??;
    let text = lines(
        &[
            ("journal", "signs again".to_owned()),
            ("operator", identity.operator.to_string()),
            ("service", identity.service.to_string()),
            ("floor", floor_text(floor)),
        ],
        0,
    );
    answer(args.node.json, &text, json!({ "ok": true, "floor": floor }))
}

/// Whose journal it is to be: the account's of the keys, so that only who has them makes or changes one.
fn identity(config: &Config) -> Result<Identity, Failure> {
    let keys = keys::open(&config.keys.directory, config.keys.password_file.as_deref())?;
    Ok(Identity { service: config.service.into(), operator: keys.operator() })
}

/// The floor below all that was asked for until now.
async fn asked_until_now(config: &Config) -> Result<Floor, Failure> {
    let reading = async {
        let client = ChainClient::connect(config.chain.rpc.clone(), config.service.chain_id).await?;
        let service = ServiceReader::open(client, config.service.manager).await?;
        present(&service).await
    };
    reading.await.map_err(|error| {
        let hint = error.hint();
        hinted(Failure::new(1, error), hint).context("cannot ask the chain which tasks there are")
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?.block_on(future))
}

fn answer(as_json: bool, text: &str, page: serde_json::Value) -> Result<(), Failure> {
    Ok(print(&if as_json { format!("{page}\n") } else { text.to_owned() })?)
}
