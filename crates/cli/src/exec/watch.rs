//! `tandem exec --watch`: builds and runs a project again after every change. Ends with Ctrl-C only; what fails is told, and the next change tried.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::{Args, once};
use crate::project::{Project, Snapshot};
use crate::{Failure, build};

/// Time between two looks at the files; a change is taken up when it has lasted for one of them.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs the command.
pub(super) fn run(args: Args) -> Result<(), Failure> {
    let root = Project::find()?.root().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = watch(args, root) => outcome,
            signal = tokio::signal::ctrl_c() => Ok(signal.context("cannot wait for Ctrl-C")?),
        }
    });
    // A build that is under way gets Ctrl-C by itself, and is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn watch(args: Args, root: PathBuf) -> Result<(), Failure> {
    loop {
        let mut seen = look(&args, &root);
        let round = args.clone();
        let rewritten =
            tokio::task::spawn_blocking(move || build_and_run(&round)).await.context("building or running crashed")?;
        if let Some(manifest) = rewritten {
            seen.look_at(&manifest);
        }
        eprintln!("\nWaiting for changes in {}; Ctrl-C ends.", root.display());
        changed(&args, &root, seen).await;
    }
}

/// One round. Gives the manifest's path if it was rewritten, which is no change of the author's.
fn build_and_run(args: &Args) -> Option<PathBuf> {
    let built = Project::find().and_then(|mut project| {
        let built = build::build(&build::Args::plain(args.workflow.clone()), &mut project)?;
        Ok(built.manifest_updated.then(|| project.manifest_path()))
    });
    match built {
        Ok(rewritten) => {
            if let Err(failure) = once(args) {
                failure.report();
            }
            rewritten
        }
        Err(failure) => {
            failure.report();
            None
        }
    }
}

/// Waits until the files differ from `seen`, and have settled.
async fn changed(args: &Args, root: &Path, seen: Snapshot) {
    let mut before = seen.clone();
    loop {
        tokio::time::sleep(PAUSE).await;
        let now = look(args, root);
        if now != seen && now == before {
            return;
        }
        before = now;
    }
}

/// The project's files, and the input's. Cargo keeps its lock file by itself.
fn look(args: &Args, root: &Path) -> Snapshot {
    let mut snapshot = Snapshot::of(root, |path| !path.ends_with("Cargo.lock"));
    if let Some(input) = args.input_file() {
        snapshot.look_at(input);
    }
    snapshot
}
