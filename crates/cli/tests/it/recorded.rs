//! `tandem test` as a process: recorded from a server once, replayed without it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::authoring::{compiling, empty_directory, tandem, text};

const KEY: &str = "hunter2/&";
const SOURCE: &str = r#"
use tandem_sdk::{Error, Task, config, http, secrets};

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    let base: String = config::require("base_url")?;
    let key = http::percent_encode(secrets::get("KEY")?.expose());
    let first = http::get(&format!("{base}/{}?key={key}", task.text()?))?.ok()?;
    let second = http::Request::post(&format!("{base}/echo"), first.body).send()?.ok()?;
    Ok(second.body)
}
"#;

/// A project with a component that asks a server twice, made and built once.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = empty_directory("asks");
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");
    let made = tandem(&directory, &["new", "asks", "--sdk", sdk]).output().expect("tandem starts");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let root = directory.join("asks");
    std::fs::write(root.join("src/lib.rs"), SOURCE).expect("the file can be written");
    grant(&root, "api.example.com");
    let built = tandem(&root, &["build"]).output().expect("tandem starts");
    assert!(built.status.success(), "{}", text(&built.stderr));
    directory
});

/// Lets the project ask `host`, which is where its setting leads.
fn grant(root: &Path, host: &str) {
    let path = root.join("tandem.toml");
    let text = std::fs::read_to_string(&path).expect("the manifest can be read");
    let kept = text.lines().filter(|line| !["config", "http", "secrets"].iter().any(|key| line.starts_with(key)));
    let more = format!(
        "config = {{ base_url = \"http://{host}\" }}\nhttp = {{ hosts = [\"{host}\"] }}\nsecrets = [\"KEY\"]\n"
    );
    std::fs::write(&path, kept.map(|line| format!("{line}\n")).collect::<String>() + &more).expect("it can be written");
}

fn project() -> (TempDir, PathBuf, File) {
    let turn = compiling();
    let directory = tempfile::tempdir().expect("there is room for a project");
    let status = std::process::Command::new("cp").arg("-Rp").arg(BUILT.join("asks")).arg(directory.path()).status();
    assert!(status.expect("cp starts").success());
    let root = directory.path().join("asks");
    (directory, root, turn)
}

fn run(root: &Path, arguments: &[&str]) -> Output {
    let mut command = tandem(root, &[&["test"], arguments].concat());
    command.env("KEY", KEY).output().expect("tandem starts")
}

/// Answers `requests` requests with what they asked for, the key included, and gives its host.
fn server(requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let host = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(requests) {
            let mut stream = stream.expect("connections arrive");
            let mut request = vec![0; 8192];
            let bytes = stream.read(&mut request).expect("requests can be read");
            let line = String::from_utf8_lossy(&request[..bytes]).lines().next().unwrap_or_default().to_owned();
            let body = format!("line one\nasked for {line}\n");
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .expect("responses can be written");
        }
    });
    host
}

#[test]
fn case_is_recorded_once_and_replayed_without_server_or_secret() {
    let (_directory, root, _turn) = project();
    grant(&root, &server(2));
    let output = run(&root, &["--record", "first", "--input", "game"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("recorded  first\n"), "{}", text(&output.stdout));

    let case = std::fs::read_to_string(root.join("tests/recorded/first.toml")).expect("the case was written");
    assert!(case.contains("/game?key=[secret KEY]") && case.contains("line one\nasked for GET "), "{case}");
    assert!(!case.contains("hunter2"), "{case}");

    // The server is gone, and the environment has no secret.
    let output = tandem(&root, &["test", "--json"]).env_remove("KEY").output().expect("tandem starts");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(
        (output.status.code(), &summary["passed"], &summary["failed"]),
        (Some(0), &1.into(), &0.into()),
        "{summary}"
    );
}

/// What the component makes of it, and what `tandem test` says.
#[test]
fn faults_of_cases_are_told() {
    let exchange =
        |url: &str| format!("[[exchange]]\nmethod = \"GET\"\nurl = \"{url}\"\nstatus = 200\nreceived = \"x\"\n");
    let asked = exchange("http://api.example.com/game?key=[secret KEY]");
    let posted = "[[exchange]]\nmethod = \"POST\"\nurl = \"http://api.example.com/echo\"\nsent = \"x\"\nstatus = 200\nreceived = \"y\"\n";
    let input = "input = \"game\"\n";
    let cases: [(String, i32, &[&str]); 7] = [
        (format!("{input}[expect]\noutput = \"y\"\n{asked}{posted}"), 0, &["passed    a", "1 passed, 0 failed"]),
        (
            format!("{input}[expect]\noutput = \"z\"\n{asked}{posted}"),
            10,
            &["FAILED    a", "expected output \"z\"", "found    output \"y\""],
        ),
        (format!("{input}{asked}{posted}"), 10, &["does not say what has to come out"]),
        (
            format!("{input}[expect]\noutput = \"y\"\n{asked}"),
            10,
            &["not recorded: POST http://api.example.com/echo", "`--record`"],
        ),
        (format!("{input}[expect]\noutput = \"y\"\n{asked}{posted}{asked}"), 0, &["recorded, and not asked for: GET "]),
        (
            format!(
                "{input}config = {{ base_url = \"http://other.example\" }}\n[expect]\nerror = \"HTTP host `other.example` is not granted\"\n"
            ),
            0,
            &["1 passed"],
        ),
        (format!("{input}[expect]\noutptu = \"y\"\n"), 2, &["a.toml is not a case", "outptu"]),
    ];
    let (_directory, root, _turn) = project();
    std::fs::create_dir_all(root.join("tests/recorded")).expect("directories can be made");
    for (case, code, parts) in cases {
        std::fs::write(root.join("tests/recorded/a.toml"), &case).expect("files can be written");
        let output = run(&root, &[]);
        let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{case}\n{told}");
        for part in parts {
            assert!(told.contains(part), "`{part}` is not in:\n{told}");
        }
    }
}

#[test]
fn arguments_are_checked_before_anything_runs() {
    let (_directory, root, _turn) = project();
    let cases: [(&[&str], &[&str]); 6] = [
        (&[], &["there is no case in tests/recorded", "tandem test --record NAME --input TEXT"]),
        (&["other"], &["there is no case `other`", "tandem test --record other"]),
        (&["--record", "--input", "x"], &["needs its name"]),
        (&["--record", "a/b", "--input", "x"], &["`a/b` is not a name for a case"]),
        (&["--record", "a", "--input", "0xzz"], &["not hexadecimal"]),
        (&["a", "--input", "x"], &["--record"]),
    ];
    for (arguments, parts) in cases {
        let output = run(&root, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
        }
    }
    let missing =
        tandem(&root, &["test", "--record", "a", "--input", "x"]).env_remove("KEY").output().expect("it starts");
    assert!(text(&missing.stderr).contains("KEY is not set"), "{}", text(&missing.stderr));
    assert!(!root.join("tests").exists(), "nothing is written before all is well");
}
