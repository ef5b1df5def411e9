//! The commands of the authors' guides in `docs/guide`, one after the other, as a reader types them. A `text` block after a command lists what it has to print;
//! `…` stands for anything. A comment `file:` before a block says which file the reader puts it into.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::authoring::{compiling, target_directory, text};

const FIRST_SERVICE: &str = include_str!("../../../../docs/guide/first-service.md");
const JAVASCRIPT: &str = include_str!("../../../../docs/guide/javascript.md");
const PYTHON: &str = include_str!("../../../../docs/guide/python.md");

/// One step of the guide.
#[derive(Debug, PartialEq)]
enum Step {
    Run(String),
    Expect(String),
    Write(String, String),
}

fn steps(guide: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = guide.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->")) {
            file = Some(name.to_owned());
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n");
        match (file.take(), language) {
            (Some(file), _) => steps.push(Step::Write(file, block + "\n")),
            (None, "sh") => steps.push(Step::Run(block)),
            (None, "text") => steps.push(Step::Expect(block)),
            (None, other) => panic!("a block of `{other}` belongs to no file"),
        }
    }
    steps
}

/// Whether the parts of `pattern` between its `…` are in one of the lines, in their order.
fn prints(output: &str, pattern: &str) -> bool {
    output.lines().any(|line| {
        let mut rest = line;
        pattern.trim().split('…').all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    })
}

/// A reader's terminal: where it is, and what was printed last.
struct Terminal {
    home: PathBuf,
    directory: PathBuf,
    printed: String,
}

impl Terminal {
    fn take(&mut self, step: Step) {
        match step {
            Step::Run(command) => self.run(&command),
            Step::Expect(lines) => {
                for line in lines.lines() {
                    assert!(prints(&self.printed, line), "`{line}` is not in:\n{}", self.printed);
                }
            }
            Step::Write(file, content) => {
                let path = self.directory.join(file);
                std::fs::create_dir_all(path.parent().expect("it is joined")).expect("directories can be made");
                std::fs::write(path, content).expect("files can be written");
            }
        }
    }

    fn run(&mut self, command: &str) {
        let binaries = Path::new(env!("CARGO_BIN_EXE_tandem")).parent().expect("a binary is in a directory");
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").expect("there is a PATH"));
        let output = Command::new("bash")
            .args(["-ec", &format!("{command}\npwd > \"$WHERE\"")])
            .current_dir(&self.directory)
            .env("PATH", path)
            .env("WHERE", self.home.join("where"))
            .env("CARGO_TARGET_DIR", target_directory())
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("RUST_LOG")
            .output()
            .expect("bash starts");
        assert!(output.status.success(), "{command}:\n{}", text(&output.stderr));
        self.printed = format!("{}\n{}", text(&output.stderr), text(&output.stdout));
        let place = std::fs::read_to_string(self.home.join("where")).expect("the shell says where it is");
        self.directory = PathBuf::from(place.trim_end());
    }
}

fn follow(guide: &str) {
    let home = tempfile::tempdir().expect("there is room for a project");
    let mut terminal =
        Terminal { home: home.path().to_owned(), directory: home.path().to_owned(), printed: String::new() };
    steps(guide).into_iter().for_each(|step| terminal.take(step));
}

#[test]
fn every_command_does_what_the_guide_says() {
    let _turn = compiling();
    follow(FIRST_SERVICE);
}

#[test]
fn javascript_guide_does_what_it_says() {
    follow(JAVASCRIPT);
}

#[test]
fn python_guide_does_what_it_says() {
    follow(PYTHON);
}

#[test]
fn guides_have_commands_and_expect_something_of_each() {
    for (guide, least) in [(FIRST_SERVICE, 7), (JAVASCRIPT, 5), (PYTHON, 5)] {
        let steps = steps(guide);
        let commands = steps.iter().filter(|step| matches!(step, Step::Run(_))).count();
        assert!(commands >= least, "{steps:?}");
        for pair in steps.windows(2) {
            assert!(!matches!(pair, [Step::Run(_), Step::Run(_) | Step::Write(..)]), "{pair:?}");
        }
    }
}

#[test]
fn gaps_stand_for_anything() {
    assert!(prints("a\nSize  12.5 KiB\n", "Size … KiB"));
    assert!(!prints("Size\nKiB", "Size…KiB"));
}
