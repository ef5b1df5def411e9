//! `tandem test`: runs a project's component on recorded cases and compares what comes out. HTTP answers from the recording, so that it needs no network
//! and no secret; `--record` asks the network once and writes the recording.

mod case;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use tandem_engine::{Component, Engine, HttpTape, Limits, Secrets, TaskInput};
use tandem_types::{Workflow, WorkflowId};
use zeroize::Zeroizing;

use crate::project::{self, Project};
use crate::{Failure, exec, report};
use case::{Blob, Case, File, Outcome};

/// Exit codes; [`EXIT_CODES`] explains them.
mod code {
    pub(super) const USAGE: u8 = 2;
    pub(super) const FAILED: u8 = 10;
}

const EXIT_CODES: &str = "\
Exit codes:
  0   every case passed
  1   this machine failed
  2   bad usage: arguments, tandem.toml, a case's file, or a secret that recording needs
  7   the component cannot be run
  10  at least one case failed

A case is a file of tests/recorded. To make one:
  tandem test --record NAME --input TEXT";

/// Where a project's cases are.
const DIRECTORY: &str = "tests/recorded";

/// Run the project's component on recorded HTTP exchanges, and compare what it returns.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Only the cases of these names
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,

    /// Ask the network, and write the exchanges into the cases' files; what has to come out is written where it is not there yet
    #[arg(long)]
    record: bool,

    /// With --record and one NAME: make this case, for a task with this input, text or 0xHEX
    #[arg(long, value_name = "TEXT|0xHEX", requires = "record", allow_hyphen_values = true)]
    input: Option<String>,

    /// With --input: the workflow that the case is for, when tandem.toml has several
    #[arg(long, value_name = "NAME", requires = "input")]
    workflow: Option<WorkflowId>,

    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    json: bool,
}

/// What became of one case.
#[derive(Debug, Serialize)]
struct Verdict {
    name: String,
    ok: bool,
    /// Whether its file was written.
    recorded: bool,
    /// What is wrong, one sentence each; of a case that passed, what the author may want to know.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Summary<'a> {
    ok: bool,
    passed: usize,
    failed: usize,
    cases: &'a [Verdict],
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let verdicts = match verdicts(&args) {
        Err(failure) if args.json => return Err(exec::failure_as_json(failure)),
        outcome => outcome?,
    };
    let failed = verdicts.iter().filter(|verdict| !verdict.ok).count();
    let summary = Summary { ok: failed == 0, passed: verdicts.len() - failed, failed, cases: &verdicts };
    if args.json {
        exec::write_json(&summary)?;
    } else {
        report::print(&text(&summary))?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure { reported: true, ..Failure::new(code::FAILED, anyhow!("{failed} cases failed")) }),
    }
}

fn verdicts(args: &Args) -> Result<Vec<Verdict>, Failure> {
    let project = Project::find()?;
    let files = chosen(args, &project.root().join(DIRECTORY))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let engine = exec::engine(Limits::manifest_max(), usize::MAX)?;
    // All of them before the first is run, so that the component is compiled once.
    let trials: Vec<_> =
        files.into_iter().map(|file| Trial::new(&engine, &project, file, args.record)).collect::<Result<_, _>>()?;
    trials.into_iter().map(|trial| runtime.block_on(trial.verdict())).collect()
}

/// The cases that the arguments name.
fn chosen(args: &Args, directory: &Path) -> Result<Vec<File>, Failure> {
    let mut files = case::read_all(directory)?;
    if let Some(input) = &args.input {
        return Ok(vec![new_case(args, input, directory, &files)?]);
    }
    if let Some(missing) = args.names.iter().find(|&name| files.iter().all(|file| &file.name != name)) {
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        let hint = format!("there are: {}; to make it: tandem test --record {missing} --input TEXT", names.join(", "));
        return Err(Failure::new(code::USAGE, anyhow!("there is no case `{missing}` in {DIRECTORY}")).hint(hint));
    }
    files.retain(|file| args.names.is_empty() || args.names.contains(&file.name));
    if files.is_empty() {
        return Err(Failure::new(code::USAGE, anyhow!("there is no case in {DIRECTORY}"))
            .hint("make one: tandem test --record NAME --input TEXT"));
    }
    Ok(files)
}

fn new_case(args: &Args, input: &str, directory: &Path, files: &[File]) -> Result<File, Failure> {
    let usage = |error: anyhow::Error, hint: &str| Failure::new(code::USAGE, error).hint(hint);
    let [name] = args.names.as_slice() else {
        return Err(usage(
            anyhow!("--input makes one case, and needs its name"),
            "tandem test --record NAME --input TEXT",
        ));
    };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.chars().all(is_plain) {
        return Err(usage(anyhow!("`{name}` is not a name for a case"), "use letters, digits, - and _"));
    }
    if files.iter().any(|file| &file.name == name) {
        let hint = format!("to record it anew: tandem test --record {name}; to begin it anew, remove its file");
        return Err(usage(anyhow!("there is a case `{name}` already"), &hint));
    }
    let input = Blob::try_from(input.to_owned())
        .context("--input begins with 0x and is not hexadecimal")
        .map_err(|error| Failure::new(code::USAGE, error))?;
    Ok(File::new(directory, name, Case { input, workflow: args.workflow.clone(), ..Case::default() }))
}

/// One case, ready to run.
struct Trial {
    file: File,
    recording: bool,
    tape: HttpTape,
    component: Component,
    task: TaskInput,
}

impl Trial {
    fn new(engine: &Engine, project: &Project, file: File, recording: bool) -> Result<Self, Failure> {
        let workflow = project.workflow(file.case.workflow.as_ref())?;
        let secrets =
            |workflow: &Workflow| if recording { project::secrets(workflow) } else { Ok(stand_ins(workflow)) };
        // One tape for all that take part: it knows the secrets of each.
        let mut known = Secrets::default();
        for workflow in project.callees_first(&workflow.name)? {
            known.extend(secrets(workflow)?);
        }
        let tape = match recording {
            true => HttpTape::record(&known),
            false => HttpTape::replay(file.case.exchanges.iter().cloned().map(Into::into).collect(), &known),
        };
        let mut parts = project.parts(&workflow.name, secrets, |digest| exec::built(project, digest))?;
        parts.iter_mut().for_each(|part| part.grants.http_tape = Some(tape.clone()));
        if let Some(asked) = parts.last_mut() {
            asked.grants.config.extend(file.case.config.clone());
        }
        let component = exec::load_all(engine, parts)?;
        let task = TaskInput { workflow: workflow.name.clone(), ..TaskInput::manual(file.case.input.0.clone()) };
        Ok(Self { file, recording, tape, component, task })
    }

    async fn verdict(mut self) -> Result<Verdict, Failure> {
        let run = self.component.run(self.task.clone()).await.map(|execution| execution.output);
        let outcome = Outcome::of(run).context("this machine failed")?;
        let mut notes = Vec::new();
        if let Some(expected) = self.file.case.expect.as_ref().filter(|&expected| *expected != outcome) {
            notes.push(format!("expected {}", expected.text()));
            notes.push(format!("found    {}", outcome.text()));
        }
        if self.file.case.expect.is_none() && !self.recording {
            notes.push("it does not say what has to come out: record it".to_owned());
        }
        let unanswered = self.tape.unanswered();
        notes.extend(unanswered.iter().map(|asked| format!("not recorded: {asked}; `--record` records it")));
        let ok = notes.is_empty();
        notes.extend(self.tape.unplayed().iter().map(|asked| format!("recorded, and not asked for: {asked}")));
        if self.recording {
            self.keep(outcome)?;
        }
        Ok(Verdict { name: self.file.name, ok, recorded: self.recording, notes })
    }

    /// Writes what was heard. What has to come out stays as the author wants it.
    fn keep(&mut self, outcome: Outcome) -> Result<(), Failure> {
        self.file.case.exchanges = self.tape.exchanges().into_iter().map(Into::into).collect();
        self.file.case.expect.get_or_insert(outcome);
        self.file.write()
    }
}

/// In the place of secrets, which a replay has no use for; the tape knows them by name.
fn stand_ins(workflow: &Workflow) -> Secrets {
    let stand_in = |name: &String| (name.clone(), Zeroizing::new(format!("stand-in-for-{name}")));
    workflow.secrets.iter().map(stand_in).collect()
}

fn text(summary: &Summary<'_>) -> String {
    let mut text = String::new();
    for verdict in summary.cases {
        let word = match (verdict.ok, verdict.recorded) {
            (false, _) => "FAILED  ",
            (true, true) => "recorded",
            (true, false) => "passed  ",
        };
        writeln!(text, "{word}  {}", verdict.name).expect("a String takes all text");
        for note in &verdict.notes {
            writeln!(text, "            {note}").expect("a String takes all text");
        }
    }
    let failed = summary.failed;
    writeln!(text, "\n{} passed, {failed} failed", summary.passed).expect("a String takes all text");
    text
}
