//! Components in Python, by componentize-py: the project's modules and CPython to run them. The tools are what `requirements.txt` names, in a virtual
//! environment of the project's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::anyhow;
use tandem_types::Determinism;

use super::code;
use super::tools::{self, Lock, Tool};
use crate::Failure;

const PYTHON: Tool = Tool {
    program: "python3",
    version: &["--version"],
    oldest: (3, 10),
    hint: "components in Python are built with Python 3.10 or newer: https://www.python.org",
};
const LOCK: Lock = Lock {
    file: "requirements.txt",
    directory: ".venv",
    hint: "`tandem new NAME --template python` makes a project that has one",
};
/// The tool, once it is installed.
const COMPONENTIZE: &str = ".venv/bin/componentize-py";
/// The module with the service.
const APP: &str = "src/app.py";

/// Builds the project in `root`, and gives the component's file.
pub(super) fn build(root: &Path, profile: Determinism) -> Result<PathBuf, Failure> {
    if !root.join(APP).is_file() {
        return Err(Failure::new(code::USAGE, anyhow!("there is no {APP} in {}", root.display()))
            .hint("the service is a function `run` in that file"));
    }
    tools::component(root, profile, |component| {
        PYTHON.check()?;
        LOCK.install(root, || install(root))?;
        check_installed(root)?;
        eprintln!("Making a component of {APP} ...");
        if tools::run(&mut componentize(root, profile, component))? {
            return Ok(());
        }
        Err(tools::failed(
            "componentize-py could not build the project",
            "the lines above say where; `python3 -m unittest discover tests` runs the same code on this machine",
        ))
    })
}

fn install(root: &Path) -> Result<(), Failure> {
    let mut venv = Command::new(PYTHON.program);
    venv.current_dir(root).args(["-m", "venv", "--clear", ".venv"]);
    if !tools::run(&mut venv)? {
        return Err(tools::failed(
            "python3 could not make the virtual environment .venv",
            "on Debian and Ubuntu: apt install python3-venv",
        ));
    }
    let mut pip = Command::new(root.join(".venv/bin/python"));
    pip.current_dir(root).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:", "--requirement", LOCK.file]);
    if tools::run(&mut pip)? {
        return Ok(());
    }
    Err(tools::failed(
        "pip could not install what requirements.txt names",
        "the lines above say why; it needs the network once, and the hash of every package or of none",
    ))
}

fn check_installed(root: &Path) -> Result<(), Failure> {
    if root.join(COMPONENTIZE).is_file() {
        return Ok(());
    }
    Err(Failure::new(code::USAGE, anyhow!("requirements.txt does not name componentize-py"))
        .hint("add a line: componentize-py==0.25.1"))
}

/// Under `strict`, all of WASI is stubbed: CPython finds no clock, no randomness, no files and no sockets.
fn componentize(root: &Path, profile: Determinism, component: &Path) -> Command {
    let mut command = Command::new(root.join(COMPONENTIZE));
    command.current_dir(root).env("VIRTUAL_ENV", root.join(".venv")).env("RUST_BACKTRACE", "0");
    command.args(["--quiet", "--wit-path", "vendor/tandem-sdk/wit", "--world", tools::world(profile)]);
    // Its name depends on what else is in the world.
    command.args(["--import-interface-name", "tandem:service/types@0.1.0=tandem_service_types"]);
    command.args(["componentize", "component", "--python-path", "src", "--python-path", "vendor/tandem-sdk"]);
    if profile == Determinism::Strict {
        command.arg("--stub-wasi");
    }
    command.arg("--output").arg(component);
    command
}
