//! What the program is asked to do.

use crate::SECTIONS;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A few seconds per section; for a first look.
    Quick,
    /// Minutes.
    Full,
}

impl Effort {
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// The program's arguments.
pub(crate) struct Options {
    pub(crate) json: bool,
    pub(crate) check: bool,
    pub(crate) effort: Effort,
    pub(crate) only: Option<String>,
}

impl Options {
    /// None when help is asked for.
    pub(crate) fn parse(arguments: &[String]) -> Result<Option<Self>, String> {
        let mut options = Self { json: false, check: false, effort: Effort::Full, only: None };
        for argument in arguments {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--quick" => options.effort = Effort::Quick,
                // `cargo bench` adds it.
                "--bench" => {}
                other => options.only = Some(section(other)?),
            }
        }
        Ok(Some(options))
    }
}

fn section(argument: &str) -> Result<String, String> {
    let Some(name) = argument.strip_prefix("--only=") else {
        return Err(format!("there is no option `{argument}`"));
    };
    match SECTIONS.iter().any(|(section, ..)| *section == name) {
        true => Ok(name.to_owned()),
        false => Err(format!("there is no section `{name}`")),
    }
}

pub(crate) fn help() -> String {
    let sections: String = SECTIONS.iter().map(|(name, what, _)| format!("  {name:<12} {what}\n")).collect();
    format!(
        "Measures Tandem's network of operators, beside the plain way in the same run.\n\n\
         Usage: make bench-network BENCH_ARGS=\"[OPTIONS]\"\n\n\
         Options:\n  \
         --only=SECTION  one section\n  \
         --quick         less work, with more noise\n  \
         --check         exit with 1 when a bar is missed\n  \
         --json          the table as JSON\n  \
         --help          this text\n\n\
         Sections:\n{sections}"
    )
}
