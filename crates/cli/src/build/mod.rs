//! `tandem build`: compiles a project into a component, checks with the engine that operators can run it, and writes its digest into `tandem.toml`.

mod cargo;
mod imports;
mod inputs;
mod javascript;
mod language;
mod python;
mod tools;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use tandem_engine::{Limits, Secrets};
use tandem_types::{ComponentDigest, Determinism, WorkflowId};

use crate::project::Project;
use crate::{Failure, exec, report};
use imports::Import;
use language::{Language, Options};

pub(crate) use imports::names as imports;

/// Exit codes; [`EXIT_CODES`] explains them.
mod code {
    pub(super) const USAGE: u8 = 2;
    pub(super) const NOT_A_SERVICE: u8 = 7;
    pub(super) const BUILD: u8 = 8;
    pub(super) const STALE: u8 = 9;
}

const EXIT_CODES: &str = "\
Exit codes:
  0  the component is built, and tandem.toml names it
  1  this machine failed
  2  bad usage: arguments, tandem.toml, or no tools for components
  7  what was built is not a component that operators can run
  8  the project does not compile
  9  --locked was given, and tandem.toml names another component";

/// Compile the project into a component, check it, and write its digest into tandem.toml.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The workflow that runs the component; needed when tandem.toml names several components
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowId>,

    /// Optimise the component for what matters; `size` takes longer to compile, and shows what it is worth
    #[arg(long, value_enum)]
    optimize: Option<Optimize>,

    /// Change neither tandem.toml nor Cargo.lock: fail if they are not up to date
    #[arg(long)]
    locked: bool,

    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Optimize {
    /// As few bytes as the compiler manages
    Size,
}

/// A component that was built and found good.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    /// Digest of its bytes.
    component: ComponentDigest,
    /// Where it is kept.
    path: PathBuf,
    /// Its size.
    bytes: usize,
    /// Its size without `--optimize`.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_before: Option<usize>,
    #[serde(skip)]
    language: Language,
    /// What it asks for, and what it gets.
    imports: Vec<Import>,
    /// The workflows that run it.
    workflows: Vec<WorkflowId>,
    /// Whether tandem.toml was changed.
    pub(crate) manifest_updated: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let json = args.json;
    match Project::find().and_then(|mut project| Ok((build(&args, &mut project)?, project))) {
        Ok((built, _)) if json => exec::write_json(&Success { ok: true, built: &built }),
        Ok((built, project)) => Ok(report::print(&text(&built, project.root()))?),
        Err(failure) if json => Err(exec::failure_as_json(failure)),
        Err(failure) => Err(failure),
    }
}

#[derive(Serialize)]
struct Success<'a> {
    ok: bool,
    #[serde(flatten)]
    built: &'a Built,
}

impl Args {
    /// As without any argument, for the workflow called `name`.
    pub(crate) fn plain(workflow: Option<WorkflowId>) -> Self {
        Self { workflow, ..Self::default() }
    }
}

/// Builds the project's component; its manifest names it afterwards.
pub(crate) fn build(args: &Args, project: &mut Project) -> Result<Built, Failure> {
    let old = project.digest(args.workflow.as_ref())?;
    let (bytes, bytes_before) = compile(args, project, old)?;
    let component = check(project, old, &bytes)?;
    let manifest_updated = component != old;
    if manifest_updated && args.locked {
        return Err(Failure::new(code::STALE, anyhow!("the sources make {component}, and tandem.toml names {old}"))
            .hint("run `tandem build` without --locked, and publish the manifest anew"));
    }
    let path = project.keep(&bytes)?;
    if manifest_updated {
        project.replace_digest(old, component)?;
    }
    let names = imports::names(&bytes).context("cannot read the component's imports")?;
    let workflow = project.workflows_of(component).next().context("tandem.toml does not name the component")?;
    Ok(Built {
        component,
        path,
        bytes: bytes.len(),
        bytes_before,
        language: Language::of(project.root())?,
        imports: imports::granted(&names, workflow),
        workflows: project.workflows_of(component).map(|workflow| workflow.name.clone()).collect(),
        manifest_updated,
    })
}

/// The component's bytes, and its size without `--optimize`.
fn compile(args: &Args, project: &Project, old: ComponentDigest) -> Result<(Vec<u8>, Option<usize>), Failure> {
    let language = Language::of(project.root())?;
    if args.optimize.is_some() {
        language.check_optimizes()?;
    }
    let strict = project.workflows_of(old).any(|workflow| workflow.determinism == Determinism::Strict);
    let profile = if strict { Determinism::Strict } else { Determinism::Open };
    let compile = |small| {
        let path = language.build(project.root(), Options { small, locked: args.locked, profile })?;
        Ok::<_, Failure>(std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)
    };
    let plain = compile(false)?;
    match args.optimize {
        None => Ok((plain, None)),
        Some(Optimize::Size) => Ok((compile(true)?, Some(plain.len()))),
    }
}

/// Whether operators can run the component as every workflow that has it asks.
fn check(project: &Project, old: ComponentDigest, bytes: &[u8]) -> Result<ComponentDigest, Failure> {
    // A node's caps hold: no operator would run it otherwise.
    let engine = exec::engine(Limits::manifest_max(), usize::MAX)?;
    let component = |digest| if digest == old { Ok(bytes.to_vec()) } else { exec::built(project, digest) };
    for workflow in project.workflows_of(old) {
        // A component is checked without its secrets: they are the operators' own.
        let parts = project.parts(&workflow.name, |_| Ok(Secrets::default()), component)?;
        exec::load_all(&engine, parts).map_err(|failure| match failure.code {
            code::NOT_A_SERVICE => failure.context(format!("operators cannot run workflow `{}`", workflow.name)),
            _ => failure,
        })?;
    }
    Ok(ComponentDigest::of(bytes))
}

fn text(built: &Built, root: &Path) -> String {
    let path = built.path.strip_prefix(root).unwrap_or(&built.path);
    let mut text = format!("Component  {}\nDigest     {}\n", path.display(), built.component);
    let manifest = if built.manifest_updated { "now names it" } else { "names it already" };
    writeln!(text, "Size       {}", size(built)).expect("a String takes all text");
    writeln!(text, "Manifest   tandem.toml {manifest}: workflow {}", names(&built.workflows))
        .expect("a String takes all text");
    text.push_str("Imports\n");
    for import in &built.imports {
        let sign = if import.granted { ' ' } else { '!' };
        writeln!(text, "  {sign} {:<25} {}", import.name, import.grant).expect("a String takes all text");
    }
    text.push_str(&advice(built));
    text
}

fn names(workflows: &[WorkflowId]) -> String {
    workflows.iter().map(WorkflowId::as_str).collect::<Vec<_>>().join(", ")
}

fn size(built: &Built) -> String {
    let kib = |bytes: usize| match bytes {
        1_048_576.. => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} KiB", bytes as f64 / 1024.0),
    };
    match built.bytes_before {
        None => kib(built.bytes),
        Some(before) => {
            let change = (built.bytes as f64 / before as f64 - 1.0) * 100.0;
            format!("{} with --optimize size, {} without ({change:+.0} %)", kib(built.bytes), kib(before))
        }
    }
}

/// How to keep the size: operators compare digests, so the next build has to have the same settings.
fn advice(built: &Built) -> String {
    match built.bytes_before {
        _ if built.language != Language::Rust => String::new(),
        None => "\nSmaller: tandem build --optimize size\n".to_owned(),
        Some(_) => {
            let lines = cargo::SMALL.iter().map(|(key, value)| format!("  {key} = {value}\n")).collect::<String>();
            format!("\nTo have it so with every build, write into Cargo.toml, under [profile.release]:\n{lines}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(bytes_before: Option<usize>) -> Built {
        Built {
            component: ComponentDigest::of(b"x"),
            path: "/p/target/tandem/x.wasm".into(),
            bytes: 61_440,
            bytes_before,
            language: Language::Rust,
            imports: vec![Import { name: "wasi:http".to_owned(), granted: false, grant: "no host".to_owned() }],
            workflows: vec!["a".parse().expect("a name"), "b".parse().expect("a name")],
            manifest_updated: true,
        }
    }

    #[test]
    fn what_was_built_is_told() {
        let text = text(&built(None), Path::new("/p"));
        for part in [
            "target/tandem/x.wasm\n",
            "60.0 KiB\n",
            "now names it: workflow a, b\n",
            "  ! wasi:http ",
            "--optimize size",
        ] {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
    }

    #[test]
    fn worth_of_optimising_is_told() {
        let text = text(&built(Some(122_880)), Path::new("/p"));
        assert!(text.contains("60.0 KiB with --optimize size, 120.0 KiB without (-50 %)"), "{text}");
        assert!(text.contains("  opt-level = \"z\"\n"), "{text}");
    }
}
