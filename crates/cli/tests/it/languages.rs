//! Projects in JavaScript and Python, and the price oracle: what is wrong with a project or its tools is told. That they build and run is in `guide`, with
//! the real tools; here they are scripts that say what the test wants.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::authoring::{compiling, tandem, text};

/// A project, and a directory of tools that is all of its PATH.
struct Bench {
    home: TempDir,
    root: PathBuf,
}

impl Bench {
    fn new(template: &str, tools: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("there is room for a project");
        let made = tandem(home.path(), &["new", "hello", "--template", template]).output().expect("tandem starts");
        assert!(made.status.success(), "{}", text(&made.stderr));
        let bench = Self { root: home.path().join("hello"), home };
        std::fs::create_dir(bench.tools()).expect("directories can be made");
        for (name, script) in tools {
            let path = bench.tools().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("files can be written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("files can be run");
        }
        bench
    }

    fn tools(&self) -> PathBuf {
        self.home.path().join("tools")
    }

    /// Asserts that `tandem build` fails with `code` and says `parts` and a hint.
    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let output = tandem(&self.root, arguments).env("PATH", self.tools()).output().expect("tandem starts");
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{stderr}");
        for part in parts.iter().chain(&["\nhint: "]) {
            assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
        }
    }
}

const NODE: (&str, &str) = ("node", "echo v20.0.0");

/// A template, tools, and what is said with exit code.
type Case = (&'static str, &'static [(&'static str, &'static str)], i32, &'static [&'static str]);

#[test]
fn missing_and_old_tools_are_told() {
    let cases: [Case; 9] = [
        ("js", &[], 2, &["cannot run node", "Node.js 20 or newer, and npm: https://nodejs.org"]),
        ("js", &[("node", "echo v18.19.1")], 2, &["node 18.19 is too old: 20.0 or newer is needed"]),
        ("js", &[("node", "echo what")], 2, &["node does not say its version, but `what`"]),
        ("js", &[NODE], 2, &["cannot run npm"]),
        (
            "js",
            &[NODE, ("npm", "case $1 in --version) echo 10.0.0 ;; *) echo \"$@\"; echo no network; exit 1 ;; esac")],
            8,
            &[
                "Installing what package-lock.json names into node_modules",
                "ci --ignore-scripts --loglevel=error",
                "no network\n",
                "npm could not install what package-lock.json names",
            ],
        ),
        ("python", &[], 2, &["cannot run python3", "Python 3.10 or newer: https://www.python.org"]),
        ("python", &[("python3", "echo Python 3.8.1")], 2, &["python3 3.8 is too old: 3.10 or newer is needed"]),
        (
            "python",
            &[(
                "python3",
                "case $1 in --version) echo Python 3.12.0 ;; *) echo No module named ensurepip >&2; exit 1 ;; esac",
            )],
            8,
            &["No module named ensurepip", "could not make the virtual environment .venv", "apt install python3-venv"],
        ),
        (
            "python",
            &[(
                "python3",
                "case $1 in --version) echo Python 3.12.0 ;; *) /bin/mkdir -p .venv/bin; \
                 printf '#!/bin/sh\\necho hash mismatch >&2; exit 1\\n' > .venv/bin/python; /bin/chmod 755 .venv/bin/python ;; esac",
            )],
            8,
            &["hash mismatch\n", "pip could not install what requirements.txt names"],
        ),
    ];
    for (template, tools, code, parts) in cases {
        Bench::new(template, tools).fails(&["build"], code, parts);
    }
}

#[test]
fn what_a_project_lacks_is_told() {
    let npm = ("npm", "case $1 in --version) echo 10.0.0 ;; *) /bin/mkdir -p node_modules ;; esac");
    let cases: [(&str, &str, i32, &[&str]); 4] = [
        ("js", "package-lock.json", 2, &["cannot read package-lock.json", "`npm install` writes it"]),
        ("js", "src/index.js", 2, &["there is no src/index.js in ", "package.json says with \"main\""]),
        ("js", "package.json", 2, &["there is no Cargo.toml in ", "no package.json or requirements.txt either"]),
        ("python", "src/app.py", 2, &["there is no src/app.py in ", "a function `run`"]),
    ];
    for (template, file, code, parts) in cases {
        let bench = Bench::new(template, &[NODE, npm]);
        std::fs::remove_file(bench.root.join(file)).expect("the template has it");
        bench.fails(&["build"], code, parts);
    }
    let bench = Bench::new("js", &[NODE, npm]);
    bench.fails(&["build"], 2, &["package-lock.json does not name @bytecodealliance/componentize-js", "--save-exact"]);
    bench.fails(&["build", "--optimize", "size"], 2, &["--optimize is for projects in Rust"]);
}

#[test]
fn sdk_elsewhere_is_for_rust() {
    let home = tempfile::tempdir().expect("there is room for a project");
    let output = tandem(home.path(), &["new", "a", "--template", "js", "--sdk", "."]).output().expect("tandem starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--sdk is for templates in Rust"), "{}", text(&output.stderr));
}

#[track_caller]
fn succeeds(root: &Path, arguments: &[&str]) -> String {
    let output = tandem(root, arguments).output().expect("tandem starts");
    assert!(output.status.success(), "{arguments:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn oracle_builds_and_passes_its_tests_without_a_network() {
    let _turn = compiling();
    let home = tempfile::tempdir().expect("there is room for a project");
    let made = succeeds(home.path(), &["new", "prices", "--template", "oracle"]);
    assert!(made.contains("tandem exec --input ETH"), "{made}");
    let root = home.path().join("prices");
    let built = succeeds(&root, &["build"]);
    assert!(built.contains("api.coinbase.com, api.gemini.com, www.bitstamp.net"), "{built}");
    let tested = succeeds(&root, &["test"]);
    assert!(tested.contains("passed    median") && tested.contains("2 passed, 0 failed"), "{tested}");
    let mut cargo = std::process::Command::new("cargo");
    cargo.args(["test", "--quiet"]).current_dir(&root).env("CARGO_NET_OFFLINE", "true");
    let tests = cargo.env("CARGO_TARGET_DIR", crate::authoring::target_directory()).output().expect("cargo starts");
    assert!(tests.status.success(), "{}{}", text(&tests.stdout), text(&tests.stderr));
}
