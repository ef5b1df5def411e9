//! Runs Cargo for the target of components, and finds what it made. Cargo's own progress and errors go to standard error as they are.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use super::code;
use super::language::Options;
use crate::Failure;

/// The target of components.
const TARGET: &str = "wasm32-wasip2";

/// Settings of Cargo's release profile that make components small.
pub(super) const SMALL: [(&str, &str); 5] =
    [("opt-level", "\"z\""), ("codegen-units", "1"), ("lto", "true"), ("strip", "true"), ("panic", "\"abort\"")];

/// One line of what Cargo says in JSON; the rest of it is not of interest.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the project in `root`, and gives the component's file.
pub(super) fn build(root: &Path, options: Options) -> Result<PathBuf, Failure> {
    check_target(root)?;
    let mut child = command(root, options).spawn().map_err(|error| no_tool("cargo", error))?;
    let stdout = child.stdout.take().expect("it is piped");
    let made = BufReader::new(stdout).lines().map_while(Result::ok).filter_map(|line| component(&line, root)).last();
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        return Err(Failure::new(code::BUILD, anyhow!("cargo could not build the project"))
            .hint("the errors above say where; `cargo test` runs the same code on this machine"));
    }
    made.ok_or_else(|| {
        Failure::new(code::BUILD, anyhow!("the project has no library for components"))
            .hint("in Cargo.toml: [lib] crate-type = [\"cdylib\"]")
    })
}

fn command(root: &Path, options: Options) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root).stdout(Stdio::piped());
    command.args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    if options.locked {
        command.arg("--locked");
    }
    if options.small {
        for (key, value) in SMALL {
            command.args(["--config", &format!("profile.release.{key}={value}")]);
        }
    }
    command
}

/// The project's own component, if `line` is about it.
fn component(line: &str, root: &Path) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    let is_ours = message.reason == "compiler-artifact" && message.manifest_path == root.join("Cargo.toml");
    let is_component = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    message.filenames.into_iter().find(|path| is_ours && is_component(path))
}

/// Cargo's own message for a missing target is about a missing crate `core`.
fn check_target(root: &Path) -> Result<(), Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root)
        .output()
        .map_err(|error| no_tool("rustc", error))?;
    let directory = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(directory.trim_end()).is_dir() {
        return Ok(());
    }
    Err(Failure::new(code::USAGE, anyhow!("this Rust cannot build components: its target {TARGET} is not installed"))
        .hint(format!("install it with: rustup target add {TARGET}")))
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn no_tool(name: &str, error: std::io::Error) -> Failure {
    Failure::new(code::USAGE, error)
        .context(format!("cannot run {name}"))
        .hint("components are built with Rust: https://rustup.rs installs it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_component_is_found_among_messages() {
        let root = Path::new("/p");
        let line = |manifest: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","filenames":["{file}"],"target":{{}}}}"#
            )
        };
        assert_eq!(component(&line("/p/Cargo.toml", "/t/a.wasm"), root), Some("/t/a.wasm".into()));
        assert_eq!(component(&line("/p/vendor/x/Cargo.toml", "/t/a.wasm"), root), None);
        assert_eq!(component(&line("/p/Cargo.toml", "/t/a.rlib"), root), None);
        assert_eq!(component(r#"{"reason":"build-finished","success":true}"#, root), None);
        assert_eq!(component("no JSON", root), None);
    }
}
