//! `tandem new`, `build` and `exec` in a project, as an author uses them: real processes and a real compiler. What the compiler made is kept in the
//! directory of the shipped components, so that only the project itself is compiled here.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// `tandem` with `arguments` in `directory`.
pub(crate) fn tandem(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.current_dir(directory).args(arguments).env_remove("RUST_LOG");
    command.env("CARGO_TARGET_DIR", target_directory()).env("CARGO_NET_OFFLINE", "true");
    command
}

pub(crate) fn target_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/target")
}

fn output(mut command: Command) -> Output {
    command.output().expect("tandem starts")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("tandem prints text")
}

#[track_caller]
fn succeeds(directory: &Path, arguments: &[&str]) -> String {
    let output = output(tandem(directory, arguments));
    assert!(output.status.success(), "{arguments:?}:\n{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// Asserts that `tandem` fails with `code`, prints nothing to standard output, and says `parts` on standard error.
#[track_caller]
fn fails(directory: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = output(tandem(directory, arguments));
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{arguments:?}:\n{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
    }
    // What to do: in a hint of ours, or where the parser of arguments says it.
    assert!(stderr.contains("\nhint: ") || stderr.contains("try '--help'"), "no hint:\n{stderr}");
}

/// Projects of one name would take each other's component from the shared directory: one test compiles at a time, over all processes.
pub(crate) fn compiling() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring.lock");
    let file = File::create(path).expect("there is room for a file");
    file.lock().expect("files can be locked");
    file
}

/// A directory of that name among the tests' own, with nothing in it. Only for who has the turn.
pub(crate) fn empty_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authoring").join(name);
    // Mostly it is not there.
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("there is room for a directory");
    directory
}

/// A project that was made and built once, for all tests to copy.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = empty_directory("hello");
    // The SDK where the shipped components have it: it is compiled already.
    succeeds(&directory, &["new", "hello", "--sdk", concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk")]);
    succeeds(&directory.join("hello"), &["build"]);
    directory
});

/// A copy of the built project, with its own manifest and components, and the right to compile.
fn project() -> (TempDir, PathBuf, File) {
    let turn = compiling();
    let directory = tempfile::tempdir().expect("there is room for a project");
    let status = Command::new("cp").arg("-Rp").arg(BUILT.join("hello")).arg(directory.path()).status();
    assert!(status.expect("cp starts").success());
    let root = directory.path().join("hello");
    (directory, root, turn)
}

fn edit(root: &Path, file: &str, from: &str, to: &str) {
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).expect("the file can be read");
    assert!(text.contains(from), "`{from}` is not in {file}");
    std::fs::write(path, text.replace(from, to)).expect("the file can be written");
}

fn digest(root: &Path) -> String {
    let text = std::fs::read_to_string(root.join("tandem.toml")).expect("the manifest can be read");
    let at = text.find("sha256:").expect("it has a digest");
    text[at..at + 71].to_owned()
}

#[test]
fn three_commands_lead_to_a_result() {
    let _turn = compiling();
    let directory = tempfile::tempdir().expect("there is room for a project");
    let made = succeeds(directory.path(), &["new", "hello"]);
    assert!(made.contains("cd hello\n") && made.contains("tandem build"), "{made}");
    let root = directory.path().join("hello");

    let built = succeeds(&root, &["build"]);
    assert!(built.contains(&format!("Digest     {}\n", digest(&root))), "{built}");
    for part in ["Size ", " KiB", "now names it: workflow hello", "tandem:service/config", "greeting"] {
        assert!(built.contains(part), "`{part}` is not in:\n{built}");
    }

    let result = succeeds(&root, &["exec", "--input", "World"]);
    assert!(result.contains("Result (utf8):\nHello, World!\n"), "{result}");
}

#[test]
fn build_is_told_as_json_and_repeatable() {
    let (_directory, root, _turn) = project();
    let built: Value = serde_json::from_str(&succeeds(&root, &["build", "--locked", "--json"])).expect("one object");
    assert_eq!((&built["ok"], &built["component"]), (&true.into(), &digest(&root).into()));
    assert_eq!((&built["manifest_updated"], &built["workflows"][0]), (&false.into(), &"hello".into()));
    let path = built["path"].as_str().expect("there is a path");
    assert_eq!(std::fs::metadata(path).expect("the component is there").len(), built["bytes"]);
}

#[test]
fn optimised_component_is_smaller_and_runs() {
    let (_directory, root, _turn) = project();
    let built: Value =
        serde_json::from_str(&succeeds(&root, &["build", "--optimize", "size", "--json"])).expect("one object");
    let bytes = |key: &str| built[key].as_u64().expect("sizes are numbers");
    assert!(bytes("bytes") * 4 < bytes("bytes_before") * 3, "{built}");
    assert!(succeeds(&root, &["exec", "--input", "World"]).contains("Hello, World!"));
}

#[test]
fn arguments_add_to_what_the_manifest_grants() {
    let (_directory, root, _turn) = project();
    let result = succeeds(&root.join("src"), &["exec", "--input", "World", "--config", "greeting=Good day"]);
    assert!(result.contains("Good day, World!"), "{result}");
    assert!(succeeds(&root, &["exec", "--input", "World", "--trigger", "request"]).contains("Hello, World!"));
    fails(&root, &["exec", "--input", "World", "--trigger", "eclipse"], 2, &["--trigger", "request"]);
    fails(&root, &["exec", "--input", "World", "--fuel", "1000"], 4, &["used all of its 1000 fuel"]);
}

#[test]
fn names_and_places_are_checked() {
    let directory = tempfile::tempdir().expect("there is room for a file");
    let here = directory.path();
    std::fs::create_dir(here.join("used")).expect("a directory can be made");
    std::fs::write(here.join("used/x"), "").expect("a file can be written");
    std::fs::write(here.join("file"), "").expect("a file can be written");
    std::fs::create_dir(here.join("empty")).expect("a directory can be made");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["new", "Hello"], &["`Hello` is not a name for a service", "hint: a name begins with a letter"]),
        (&["new", "fn"], &["`fn` cannot be the name", "means something else"]),
        (&["new", "test"], &["`test` cannot be the name"]),
        (&["new", "used"], &["used is a directory that is not empty", "hint: choose another name"]),
        (&["new", "file"], &["file is a file"]),
        (&["new", "a", "--sdk", "empty"], &["--sdk empty is not the SDK", "crates/sdk"]),
        (&["new", "a", "--template", "cobol"], &["cobol", "service"]),
    ];
    for (arguments, parts) in cases {
        fails(here, arguments, 2, parts);
    }
    assert!(!here.join("a").exists(), "nothing is written before all is well");
    succeeds(here, &["new", "empty"]);
}

/// An edit of a project (file, from, to), the command that meets it, its exit code, and what it must say.
type Fault = (&'static str, &'static str, &'static str, &'static [&'static str], i32, &'static [&'static str]);

/// What can be wrong with a project, and what an author is told of it: what, where, and what to do.
#[test]
fn faults_of_a_project_are_told() {
    let cases: [Fault; 14] = [
        (
            "tandem.toml",
            "config =",
            "confg =",
            &["build"],
            2,
            &["tandem.toml is not a manifest", "confg", "hint: unknown keys are refused"],
        ),
        ("tandem.toml", "\"request\"", "\"chron\"", &["exec", "--input", "x"], 2, &["chron", "request"]),
        ("tandem.toml", "\"request\"", "\"cron\"", &["build"], 2, &["\"cron\"", "hint: this trigger has settings"]),
        (
            "tandem.toml",
            "# secrets = [\"API_KEY\"]",
            "determinism = \"strict\"\nsecrets = [\"API_KEY\"]",
            &["build"],
            2,
            &["is `strict` and names secrets", "hint: strict components compute what anyone can compute again"],
        ),
        (
            "tandem.toml",
            "# http = { hosts = [\"api",
            "http = { hosts = [\"https://api",
            &["build"],
            2,
            &["http.hosts of workflow `hello`", "is not a host"],
        ),
        (
            "tandem.toml",
            "# limits = { fuel = 1_000",
            "limits = { fuel = 9_000_000",
            &["build"],
            2,
            &["limit `fuel`", "expected 1 to"],
        ),
        (
            "tandem.toml",
            "# secrets = [\"API_KEY\"]",
            "secrets = [\"NO_SUCH_KEY\"]",
            &["exec", "--input", "x"],
            2,
            &[
                "workflow `hello` in tandem.toml names a secret",
                "NO_SUCH_KEY is not set",
                "hint: set it in the shell: export NO_SUCH_KEY=",
            ],
        ),
        (
            "tandem.toml",
            "config = {",
            "# config = {",
            &["exec", "--input", "x"],
            3,
            &["config `greeting` is not set", "hint: set it under config in tandem.toml"],
        ),
        (
            "tandem.toml",
            "greeting = \"Hello\"",
            "greeting = 5",
            &["build"],
            2,
            &["tandem.toml is not a manifest", "line"],
        ),
        ("tandem.toml", "name = \"hello\"\n#", "name = \"Hello\"\n#", &["build"], 2, &["`Hello` is not a name"]),
        (
            "Cargo.toml",
            "crate-type = [\"cdylib\"]",
            "",
            &["build"],
            8,
            &["no library for components", "crate-type = [\"cdylib\"]"],
        ),
        (
            "src/lib.rs",
            "tandem_sdk::export!(run);",
            "",
            &["build"],
            7,
            &["operators cannot run workflow `hello`", "does not export `run`", "tandem_sdk::export!(run)"],
        ),
        (
            "src/lib.rs",
            "let name = name(",
            "let name = nam(",
            &["build"],
            8,
            &["cannot find function `nam`", "error: cargo could not build the project", "hint: "],
        ),
        ("src/lib.rs", "Hello", "Hello", &["exec", "--input", ""], 3, &["(invalid-input)", "the name is empty"]),
    ];
    for (file, from, to, arguments, code, parts) in cases {
        let (_directory, root, _turn) = project();
        edit(&root, file, from, to);
        fails(&root, arguments, code, parts);
    }
}

#[test]
fn what_is_missing_is_told() {
    let nowhere = tempfile::tempdir().expect("there is room for a directory");
    for arguments in [&["build"] as &[_], &["exec", "--input", "x"], &["exec", "--input", "x", "--watch"]] {
        fails(
            nowhere.path(),
            arguments,
            2,
            &["there is no tandem.toml in ", "hint: `tandem new NAME` makes a project"],
        );
    }
    let (_directory, root, _turn) = project();
    fails(&root, &["exec", "--input", "x", "--workflow", "other"], 2, &["no workflow `other`", "--workflow: hello"]);
    let store = root.join("target/tandem").join(&digest(&root)["sha256:".len()..]).with_extension("wasm");
    std::fs::write(&store, b"\0asm\x01\0\0\0").expect("the component can be spoilt");
    fails(
        &root,
        &["exec", "--input", "x"],
        2,
        &["holds another component than its name says", "hint: run `tandem build`"],
    );
    std::fs::remove_file(&store).expect("the component can be removed");
    fails(&root, &["exec", "--input", "x"], 2, &["which is not built", "hint: run `tandem build`"]);
    std::fs::remove_file(root.join("Cargo.toml")).expect("the file can be removed");
    fails(&root, &["build"], 2, &["there is no Cargo.toml in ", "--component FILE"]);
}

#[test]
fn missing_tools_are_told() {
    let (_directory, root, _turn) = project();
    let run = |set: &[(&str, &str)]| {
        let mut command = tandem(&root, &["build"]);
        command.envs(set.iter().copied());
        let output = command.output().expect("tandem starts");
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let (code, stderr) = run(&[("RUSTC", "/no/such/rustc")]);
    assert!(code == Some(2) && stderr.contains("cannot run rustc") && stderr.contains("rustup.rs"), "{stderr}");
    // A compiler that knows the target's directory, where nothing is.
    let (code, stderr) = run(&[("RUSTC", "/bin/echo")]);
    assert!(code == Some(2) && stderr.contains("rustup target add wasm32-wasip2"), "{stderr}");
}

#[test]
fn locked_build_changes_nothing() {
    let (_directory, root, _turn) = project();
    let before = digest(&root);
    edit(&root, "src/lib.rs", "{}, {name}!", "{} {name}?");
    fails(&root, &["build", "--locked"], 9, &["the sources make sha256:", &before, "without --locked"]);
    assert_eq!(digest(&root), before);
    let output = output(tandem(&root, &["exec", "--input", "World"]));
    assert!(text(&output.stderr).contains("note: src/lib.rs is newer than the component"), "{}", text(&output.stderr));
}

/// A process that is killed with the test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(file: &Path, part: &str) {
    let end = Instant::now() + Duration::from_secs(300);
    while !std::fs::read_to_string(file).unwrap_or_default().contains(part) {
        assert!(Instant::now() < end, "`{part}` does not come:\n{}", std::fs::read_to_string(file).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn watching_runs_again_after_a_change_and_ends_with_ctrl_c() {
    let (directory, root, _turn) = project();
    let (out, err) = (directory.path().join("out"), directory.path().join("err"));
    let create = |path: &Path| Stdio::from(File::create(path).expect("a file can be made"));
    let mut command = tandem(&root, &["exec", "--input", "World", "--watch"]);
    let mut watching = Watching(command.stdout(create(&out)).stderr(create(&err)).spawn().expect("tandem starts"));
    wait_for(&out, "Hello, World!");
    wait_for(&err, "Waiting for changes");

    edit(&root, "src/lib.rs", "Ok(format!(", "Ok(frmat!(");
    wait_for(&err, "could not build the project");
    edit(&root, "src/lib.rs", "Ok(frmat!(\"{}, ", "Ok(format!(\"{} dear ");
    wait_for(&out, "Hello dear World!");

    let pid = watching.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill starts").success());
    assert_eq!(watching.0.wait().expect("it ends").code(), Some(0));
}
