//! A host for tests: runs a component's functions on the author's machine, with the settings, secrets, HTTP answers and state of the chain that a test lays out.
//!
//! It reaches no network and no environment, and it enforces no limits: `tandem exec` and `tandem test` run the component as operators do.
//!
//! ```
//! use tandem_sdk::testing::{Host, task};
//! use tandem_sdk::{Error, Task, config, http};
//!
//! fn run(task: Task) -> Result<Vec<u8>, Error> {
//!     let base: String = config::require("base_url")?;
//!     Ok(http::get(&format!("{base}/{}", task.text()?))?.ok()?.body)
//! }
//!
//! let host = Host::new().config("base_url", "https://api.example").answer("https://api.example/1", 200, "one");
//! assert_eq!(host.run(|| run(task("1"))), Ok(b"one".to_vec()));
//! ```

mod chain;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::bindings::Output;
use crate::bindings::tandem::service::components::CallError;
use crate::bindings::tandem::service::logging::Level;
use crate::http::{HttpError, Method, Request, Response};
use crate::{Error, Task};

use chain::Chain;
pub(crate) use chain::{chain_balance, chain_call, chain_id, chain_storage, task_block};

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// What the component finds around it.
#[derive(Debug, Clone, Default)]
pub struct Host {
    config: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    answers: Vec<Answer>,
    chain: Option<Chain>,
    components: BTreeMap<String, Run>,
    logged: RefCell<Vec<String>>,
    asked: RefCell<Vec<Request>>,
}

/// What a component exports.
type Run = fn(Task) -> Result<Vec<u8>, Error>;

#[derive(Debug, Clone)]
struct Answer {
    method: Method,
    url: String,
    outcome: Result<Response, HttpError>,
}

impl Host {
    /// A host that grants nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`, as `config` in `tandem.toml` does.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Supplies the secret `name`, as each operator does.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers every `GET` of exactly `url`. Of two answers for one URL the later holds.
    #[must_use]
    pub fn answer(self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.outcome(Method::Get, url, Ok(Response { status, body: body.into() }))
    }

    /// Answers every `POST` to exactly `url`.
    #[must_use]
    pub fn answer_post(self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.outcome(Method::Post, url, Ok(Response { status, body: body.into() }))
    }

    /// Lets every `GET` of exactly `url` fail.
    #[must_use]
    pub fn failure(self, url: &str, error: HttpError) -> Self {
        self.outcome(Method::Get, url, Err(error))
    }

    fn outcome(mut self, method: Method, url: &str, outcome: Result<Response, HttpError>) -> Self {
        self.answers.push(Answer { method, url: url.to_owned(), outcome });
        self
    }

    /// Lets `run` be what the component of `workflow` does when it is called. It finds this host around it, with these settings and grants.
    #[must_use]
    pub fn component(mut self, workflow: &str, run: fn(Task) -> Result<Vec<u8>, Error>) -> Self {
        self.components.insert(workflow.to_owned(), run);
        self
    }

    /// Calls `component` with this host around it.
    ///
    /// # Panics
    /// When called inside itself, and when `component` panics.
    pub fn run<T>(&self, component: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        assert!(before.is_none(), "a host runs inside another");
        let guard = Leave(self);
        let outcome = component();
        drop(guard);
        outcome
    }

    /// The lines that the component logged, in all runs, each after its level: `info: a line`.
    pub fn logged(&self) -> Vec<String> {
        self.logged.borrow().clone()
    }

    /// The HTTP requests that the component sent, in all runs.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.borrow().clone()
    }
}

/// Takes what the run left behind, also when it panics, so that the thread's next test starts clean.
struct Leave<'a>(&'a Host);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some(after) = CURRENT.take() {
            self.0.logged.replace(after.logged.into_inner());
            self.0.asked.replace(after.asked.into_inner());
        }
    }
}

/// A task that carries `input`, as `tandem exec` makes it: its id is all zeros, its workflow `manual`.
pub fn task(input: impl Into<Vec<u8>>) -> Task {
    Task { id: vec![0; 32], workflow: "manual".to_owned(), input: input.into() }
}

/// What the thread's host makes of a call. Outside of [`Host::run`] nothing is granted.
fn ask<T>(call: impl FnOnce(&Host) -> T) -> T {
    CURRENT.with_borrow(|host| match host {
        Some(host) => call(host),
        None => call(&Host::new()),
    })
}

pub(crate) fn config(key: &str) -> Option<String> {
    ask(|host| host.config.get(key).cloned())
}

pub(crate) fn secret(name: &str) -> Option<String> {
    ask(|host| host.secrets.get(name).cloned())
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    ask(|host| host.logged.borrow_mut().push(format!("{level}: {message}")));
}

pub(crate) fn call(workflow: &str, input: &[u8]) -> Result<Output, CallError> {
    let run = ask(|host| host.components.get(workflow).copied()).ok_or(CallError::NotGranted)?;
    let outcome = run(Task { workflow: workflow.to_owned(), ..task(input) });
    outcome.map(|payload| Output { payload }).map_err(|error| CallError::Failed(error.into()))
}

/// A URL that no answer was laid out for is a host that was not granted.
pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
    ask(|host| {
        host.asked.borrow_mut().push(request.clone());
        let fits = |answer: &&Answer| answer.method == request.method() && answer.url == request.url();
        host.answers.iter().rev().find(fits).map_or(Err(HttpError::NotGranted), |answer| answer.outcome.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, http, log, secrets};

    #[test]
    fn component_finds_what_was_laid_out() {
        let host = Host::new().config("a", "1").secret("KEY", "k").answer("https://x.y/", 404, "gone");
        host.run(|| {
            assert_eq!(config::get("a").as_deref(), Some("1"));
            assert_eq!(secrets::get("KEY").expect("it is supplied").expose(), "k");
            assert_eq!(http::get("https://x.y/").expect("it is answered").status, 404);
        });
    }

    #[test]
    fn nothing_is_granted_by_default() {
        Host::new().run(|| {
            assert_eq!(config::get("a"), None);
            assert!(secrets::get("KEY").is_err());
            assert_eq!(http::get("https://x.y/"), Err(HttpError::NotGranted));
        });
        assert_eq!(config::get("a"), None);
    }

    #[test]
    fn later_answer_holds() {
        let host = Host::new().answer("https://x.y/", 200, "a").failure("https://x.y/", HttpError::Timeout);
        assert_eq!(host.run(|| http::get("https://x.y/")), Err(HttpError::Timeout));
    }

    #[test]
    fn logs_and_requests_are_kept_over_runs() {
        let host = Host::new();
        host.run(|| log::info("one"));
        host.run(|| (log::warn("two"), http::get("https://x.y/").is_ok()));
        assert_eq!(host.logged(), ["info: one", "warn: two"]);
        assert_eq!(host.asked()[0].url(), "https://x.y/");
    }

    #[test]
    fn panic_leaves_the_thread_clean() {
        let host = Host::new().config("a", "1");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.run(|| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(Host::new().run(|| config::get("a")), None);
    }

    #[test]
    fn tasks_carry_their_input() {
        let outcome: Result<Vec<u8>, Error> = task("x").text().map(|text| text.as_bytes().to_vec());
        assert_eq!(outcome, Ok(b"x".to_vec()));
    }
}
