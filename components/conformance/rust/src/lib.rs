//! Does what every language has to be able to do, for one suite of tests over all of them: `crates/engine/tests/guests/conformance.rs`. Its siblings in
//! JavaScript and Python take the same verbs. Input: a verb, and what it needs after a space.

use tandem_sdk::{Error, Task, config, http, log, secrets, store};

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    if let Some(bytes) = task.input.strip_prefix(b"echo ") {
        return Ok(bytes.to_vec());
    }
    let input = task.text()?;
    let (verb, rest) = input.split_once(' ').unwrap_or((input, ""));
    let words: Vec<&str> = rest.split(' ').collect();
    match (verb, words.as_slice()) {
        ("task", _) => Ok(format!("{} {}", task.id.len(), task.workflow).into_bytes()),
        ("config", [key]) => Ok(config::require::<String>(key)?.into_bytes()),
        ("secret", [name]) => Ok(secrets::get(name)?.expose().len().to_string().into_bytes()),
        ("leak", [name]) => leak(name),
        ("log", _) => {
            log::warn(rest);
            Ok(Vec::new())
        }
        ("error", [kind]) => Err(error(kind)),
        ("get", [url]) => Ok(http::get(url)?.ok()?.body),
        ("post", [url, body]) => Ok(http::Request::post(url, *body).send()?.ok()?.body),
        ("count", [key]) => Ok(store::increment(key, 2)?.to_string().into_bytes()),
        ("swap", [key, expected, new]) => {
            Ok(store::compare_and_swap(key, bytes(expected), bytes(new))?.to_string().into_bytes())
        }
        ("recall", [key]) => Ok(store::get(key)?.unwrap_or_else(|| b"nothing".to_vec())),
        ("spin", _) => spin(),
        ("output", [length]) => Ok(vec![b'x'; length.parse().map_err(|_| Error::invalid_input("no number"))?]),
        _ => Err(Error::invalid_input("unknown verb")),
    }
}

fn error(kind: &str) -> Error {
    match kind {
        "invalid-input" => Error::invalid_input("told so"),
        "not-ready" => Error::not_ready("told so"),
        "unavailable" => Error::unavailable("told so"),
        _ => Error::failed("told so"),
    }
}

/// Says a secret where none belongs.
fn leak(name: &str) -> Result<Vec<u8>, Error> {
    let secret = secrets::get(name)?;
    log::warn(secret.expose());
    Err(Error::failed(secret.expose()))
}

/// `-` stands for no value.
fn bytes(word: &str) -> Option<&[u8]> {
    (word != "-").then_some(word.as_bytes())
}

fn spin() -> ! {
    let mut count = 0u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}
