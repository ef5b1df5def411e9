//! A guest beside a neighbour: a well-behaved component of another service whose tasks come at a steady pace. While the guest runs again and again, on more
//! tasks than the engine has slots, the neighbour must finish its tasks at the rate at which they come, as it does without the guest.
//!
//! The machine that tests may be busy with other things. So a window with the guest is compared with one without that comes right before it; pairs are
//! repeated until most of the last ones fit, a few times at most; and a rate is what came out of a window, not the time of any one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tandem_engine::{Component, Engine, Grants, TaskInput};
use tokio::task::JoinSet;

use crate::case::Case;
use crate::outcome::{engine, service, task};
use crate::server::Server;
use crate::text;

/// Between two tasks of the neighbour.
const PACE: Duration = Duration::from_millis(5);
/// How long a window lasts.
const WINDOW: Duration = Duration::from_millis(400);
/// The guest's tasks at a time: more than there are slots.
const HOSTILE_TASKS: usize = 24;
/// Least part of its rate that the neighbour keeps.
const KEPT: f64 = 0.8;
/// Most pairs of windows.
const PAIRS_MAX: usize = 9;

/// Counts to a few hundred thousand, and says so: a fraction of a millisecond of work.
const NEIGHBOUR: &str = r#"(module
  ;; @include guest.wat
  (func (export "run") (param i32 i32 i32 i32 i32 i32) (result i32)
    (local $count i32)
    (loop $next
      (br_if $next (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 200000))))
    (call $output (i32.const 1024) (i32.const 4)))
  (data (i32.const 1024) "good"))"#;

pub(crate) fn keeps_its_rate(name: &str) -> Result<(), String> {
    let server = Case::expect(name, None)?.server.map(Server::start);
    let case = Case::read(name, server.as_ref().map(|server| server.address))?;
    if !case.expect.neighbour {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(compare(&case))
}

async fn compare(case: &Case) -> Result<(), String> {
    let engine = engine();
    let neighbour = neighbour(&engine)?;
    let mut kept = Vec::new();
    while kept.len() < PAIRS_MAX {
        let alone = window(&neighbour).await?;
        let hostile = Attack::start(&engine, case)?;
        let beside = window(&neighbour).await?;
        hostile.stop().await;
        kept.push(beside as f64 / alone as f64);
        if median(&kept) >= KEPT {
            return Ok(());
        }
    }
    Err(format!("the neighbour kept {kept:?} of its rate"))
}

fn neighbour(engine: &Engine) -> Result<Component, String> {
    let grants = Grants { service: Some(service(2)), ..Grants::default() };
    engine.load(&text::component(NEIGHBOUR, false)?, grants).map_err(|error| error.to_string())
}

/// How many of the neighbour's tasks end within a window.
async fn window(neighbour: &Component) -> Result<usize, String> {
    let done = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    let mut pace = tokio::time::interval(PACE);
    let end = tokio::time::Instant::now() + WINDOW;
    while tokio::time::timeout_at(end, pace.tick()).await.is_ok() {
        let (neighbour, done) = (neighbour.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            let outcome = neighbour.run(TaskInput::manual(Vec::new())).await;
            done.fetch_add(1, Ordering::Relaxed);
            outcome.map(drop)
        });
    }
    let rate = done.load(Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| error.to_string())?.map_err(|error| format!("the neighbour failed: {error}"))?;
    }
    Ok(rate)
}

/// The guest, again and again.
struct Attack(JoinSet<()>);

impl Attack {
    fn start(engine: &Engine, case: &Case) -> Result<Self, String> {
        let mut tasks = JoinSet::new();
        let component = match engine.load(&case.component, case.grants(service(1))?) {
            Ok(component) => component,
            // What is refused is loaded again and again instead.
            Err(_) => return Self::load(engine, case),
        };
        for _ in 0..HOSTILE_TASKS {
            let (component, task) = (component.clone(), task(&case.expect));
            tasks.spawn(async move {
                loop {
                    let _ = component.run(task.clone()).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        Ok(Self(tasks))
    }

    fn load(engine: &Engine, case: &Case) -> Result<Self, String> {
        let (engine, bytes, grants) = (engine.clone(), case.component.clone(), case.grants(service(1))?);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (engine, bytes, grants) = (engine.clone(), bytes.clone(), grants.clone());
                let _ = tokio::task::spawn_blocking(move || engine.load(&bytes, grants).is_ok()).await;
            }
        });
        Ok(Self(tasks))
    }

    async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
