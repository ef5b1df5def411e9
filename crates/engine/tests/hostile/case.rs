//! What a folder holds.

use std::fs;
use std::net::SocketAddr;

use serde::Deserialize;
use tandem_engine::{Grants, HttpHosts, Limits, MemoryStore, Secrets};
use tandem_types::{ComponentDigest, Manifest, ServiceId, Workflow};

use crate::guest;
use crate::server::ServerKind;
use crate::text::root;

/// The secret that guests get, and that nobody may ever read.
pub(crate) const SECRET: &str = "hunter2 hunter3";

/// What must come of a guest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Expect {
    /// The task's input.
    #[serde(default)]
    pub(crate) input: String,
    /// The server that the guest talks to, `{server}` in all texts.
    pub(crate) server: Option<ServerKind>,
    /// The component's file is what the source says, not made into a component.
    #[serde(default)]
    pub(crate) as_it_is: bool,
    /// Bytes of the component that are left.
    pub(crate) keep_bytes: Option<usize>,
    /// Mebibytes that are added to the component.
    #[serde(default)]
    pub(crate) pad_mib: u32,
    /// Time of one HTTP request, which no manifest sets.
    pub(crate) http_time_ms: Option<u64>,
    /// The output, where there is one.
    pub(crate) output: Option<String>,
    /// The type of the error.
    pub(crate) error: Option<String>,
    /// Which limit, import, export, refusal or kind of error; imports by their beginning.
    #[serde(default)]
    pub(crate) names: String,
    /// Part of the error's text.
    #[serde(default)]
    pub(crate) says: String,
    /// Whose fault it is.
    pub(crate) fault: Option<String>,
    /// Parts of what is logged.
    #[serde(default)]
    pub(crate) logs: Vec<String>,
    /// Most bytes of the log; the default is what a component may log, and what the node writes with each of its lines.
    pub(crate) log_bytes: Option<usize>,
    /// Most bytes of the error's text.
    pub(crate) message_bytes: Option<usize>,
    /// Longest time, where it is shorter than the manifest's.
    pub(crate) seconds: Option<f64>,
    /// Longest time of processors to load it.
    #[serde(default = "load_seconds")]
    pub(crate) load_seconds: f64,
    /// Most memory to load it.
    #[serde(default = "load_memory_mib")]
    pub(crate) load_memory_mib: u64,
    /// Whether it is run beside a neighbour too. Not where to load it takes long: that is done once, before anything runs.
    #[serde(default = "yes")]
    pub(crate) neighbour: bool,
}

fn load_seconds() -> f64 {
    10.0
}

fn load_memory_mib() -> u64 {
    256
}

fn yes() -> bool {
    true
}

/// A folder, read and built.
pub(crate) struct Case {
    pub(crate) expect: Expect,
    pub(crate) component: Vec<u8>,
    workflow: Workflow,
}

impl Case {
    /// Reads a folder for a server that listens at `server`.
    pub(crate) fn read(name: &str, server: Option<SocketAddr>) -> Result<Self, String> {
        let expect = Self::expect(name, server)?;
        let component = guest::build(name, &expect)?;
        let digest = ComponentDigest::of(&component).to_string();
        let text = filled(file(name, "manifest.toml")?, server).replace("{digest}", &digest);
        let mut manifest = Manifest::from_toml(&text).map_err(|error| format!("manifest.toml: {error}"))?;
        let workflow = manifest.workflows.pop().ok_or("manifest.toml: no workflow")?;
        Ok(Self { expect, component, workflow })
    }

    /// Reads only what must come of it.
    pub(crate) fn expect(name: &str, server: Option<SocketAddr>) -> Result<Expect, String> {
        toml::from_str(&filled(file(name, "expect.toml")?, server)).map_err(|error| format!("expect.toml: {error}"))
    }

    /// Its grants, as a node makes them.
    pub(crate) fn grants(&self, service: ServiceId) -> Result<Grants, String> {
        let Workflow { http, store, .. } = &self.workflow;
        let hosts: Result<HttpHosts, _> = http.hosts.iter().map(|host| host.parse()).collect();
        let mut limits = Limits::from(&self.workflow);
        limits.http_time = self.expect.http_time_ms.map_or(limits.http_time, std::time::Duration::from_millis);
        Ok(Grants {
            service: Some(service),
            determinism: self.workflow.determinism,
            config: self.workflow.config.clone(),
            secrets: secrets(&self.workflow),
            store: store.map(|_| std::sync::Arc::new(MemoryStore::default()) as _),
            http_hosts: hosts.map_err(|error| error.to_string())?,
            limits,
            ..Grants::default()
        })
    }
}

fn secrets(workflow: &Workflow) -> Secrets {
    workflow.secrets.iter().map(|name| (name.clone(), zeroize::Zeroizing::new(SECRET.to_owned()))).collect()
}

pub(crate) fn file(name: &str, file: &str) -> Result<String, String> {
    fs::read_to_string(root().join("tests/components").join(name).join(file))
        .map_err(|error| format!("{file}: {error}"))
}

fn filled(text: String, server: Option<SocketAddr>) -> String {
    server.map_or_else(|| text.clone(), |server| text.replace("{server}", &server.to_string()))
}
