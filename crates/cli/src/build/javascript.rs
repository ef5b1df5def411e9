//! Components in JavaScript, by componentize-js: the project's module and SpiderMonkey to run it. The tools are what `package-lock.json` names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use tandem_types::Determinism;

use super::code;
use super::tools::{self, Lock, Tool};
use crate::Failure;

const NODE: Tool = Tool {
    program: "node",
    version: &["--version"],
    oldest: (20, 0),
    hint: "components in JavaScript are built with Node.js 20 or newer, and npm: https://nodejs.org",
};
const NPM: Tool = Tool { program: "npm", version: &["--version"], oldest: (9, 0), ..NODE };
const LOCK: Lock = Lock {
    file: "package-lock.json",
    directory: "node_modules",
    hint: "`npm install` writes it; `tandem new NAME --template js` makes a project that has one",
};
/// The tool, once it is installed.
const COMPONENTIZE: &str = "node_modules/@bytecodealliance/componentize-js/src/cli.js";

/// What is read of `package.json`.
#[derive(Deserialize)]
struct Package {
    main: Option<String>,
}

/// Builds the project in `root`, and gives the component's file.
pub(super) fn build(root: &Path, profile: Determinism) -> Result<PathBuf, Failure> {
    let main = main(root)?;
    tools::component(root, profile, |component| {
        NODE.check()?;
        NPM.check()?;
        LOCK.install(root, || install(root))?;
        check_installed(root)?;
        eprintln!("Making a component of {main} ...");
        if tools::run(componentize(root, profile, component).arg(&main))? {
            return Ok(());
        }
        Err(tools::failed(
            "componentize-js could not build the project",
            "the lines above say where; `npm test` runs the same code in Node",
        ))
    })
}

/// The module that exports `run`.
fn main(root: &Path) -> Result<String, Failure> {
    let usage = |error: anyhow::Error| {
        Failure::new(code::USAGE, error)
            .hint("package.json says with \"main\" which module exports `run`; src/index.js if it says nothing")
    };
    let package = || -> Result<Package, anyhow::Error> {
        Ok(serde_json::from_slice(&std::fs::read(root.join("package.json"))?)?)
    };
    let package = package().context("cannot read package.json").map_err(usage)?;
    let main = package.main.unwrap_or_else(|| "src/index.js".to_owned());
    match root.join(&main).is_file() {
        true => Ok(main),
        false => Err(usage(anyhow!("there is no {main} in {}", root.display()))),
    }
}

/// No package runs code of its own here, whatever a project's `.npmrc` says or lacks: componentize-js needs none.
fn install(root: &Path) -> Result<(), Failure> {
    let mut npm = Command::new(NPM.program);
    npm.current_dir(root).args(["ci", "--ignore-scripts", "--loglevel=error"]);
    npm.args(["--no-audit", "--no-fund", "--prefer-offline"]);
    if tools::run(&mut npm)? {
        return Ok(());
    }
    Err(tools::failed(
        "npm could not install what package-lock.json names",
        "the lines above say why; it needs the network once, and a package.json that fits the lock file",
    ))
}

fn check_installed(root: &Path) -> Result<(), Failure> {
    if root.join(COMPONENTIZE).is_file() {
        return Ok(());
    }
    Err(Failure::new(code::USAGE, anyhow!("package-lock.json does not name @bytecodealliance/componentize-js"))
        .hint("npm install --save-dev --save-exact @bytecodealliance/componentize-js@0.23.0"))
}

/// `open` has what JavaScript's own library needs of the host, but for a server's side of HTTP. `strict` has nothing of it.
fn componentize(root: &Path, profile: Determinism, component: &Path) -> Command {
    let disabled: &[&str] = match profile {
        Determinism::Open => &["fetch-event"],
        Determinism::Strict => &["stdio", "random", "clocks", "http", "fetch-event"],
    };
    let mut command = Command::new(NODE.program);
    command.current_dir(root).args([COMPONENTIZE, "--wit", "vendor/tandem-sdk/wit"]);
    command.args(["--world-name", tools::world(profile), "--disable"]).args(disabled);
    command.arg("--out").arg(component);
    command
}
