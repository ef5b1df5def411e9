//! Names of services: names of workflows that are names of crates as well.

use std::path::Path;

use tandem_types::WorkflowId;

/// What a name must be like.
pub(super) const RULE: &str =
    "a name begins with a letter and has 1 to 32 characters of a-z, 0-9 and -, such as sports-scores";

/// Names that the compiler or the project uses for something else.
const TAKEN: [&str; 10] =
    ["alloc", "build", "core", "proc-macro", "serde", "std", "tandem", "tandem-sdk", "test", "vendor"];

/// Words of the language.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "use",
];

/// Why a path does not end with a name for a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    /// It ends with `..`, with nothing, or with what is no text.
    #[error("`{0}` does not end with a name")]
    None(String),
    /// Characters or length.
    #[error("`{0}` is not a name for a service")]
    Form(String),
    /// Means something else to Rust.
    #[error("`{0}` cannot be the name of a service: it means something else in a Rust project")]
    Taken(String),
}

/// The name at the end of `path`.
pub(super) fn of(path: &Path) -> Result<String, NameError> {
    let none = || NameError::None(path.display().to_string());
    let name = path.file_name().ok_or_else(none)?.to_str().ok_or_else(none)?;
    let form = name.parse::<WorkflowId>().is_ok() && name.starts_with(|first: char| first.is_ascii_lowercase());
    if !form || name.ends_with('-') {
        return Err(NameError::Form(name.to_owned()));
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(NameError::Taken(name.to_owned()));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_part_of_a_path_is_the_name() {
        for path in ["hello", "./hello", "a b/hello", "/x/hello/"] {
            assert_eq!(of(Path::new(path)).as_deref(), Ok("hello"), "{path}");
        }
        assert_eq!(of(Path::new("sports-scores-2")).as_deref(), Ok("sports-scores-2"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["Hello", "2nd", "-a", "a-", "a_b", "a.b", "ä", "a b", &"a".repeat(33)] {
            assert_eq!(of(Path::new(name)), Err(NameError::Form(name.to_owned())), "{name}");
        }
        for name in ["", "..", "/"] {
            assert_eq!(of(Path::new(name)), Err(NameError::None(name.to_owned())), "{name}");
        }
        for name in ["test", "tandem-sdk", "fn", "core"] {
            assert_eq!(of(Path::new(name)), Err(NameError::Taken(name.to_owned())), "{name}");
        }
    }
}
