//! {{name}}: greets whoever a task names.
//!
//! A component is a function from a task to bytes. Every operator runs it for itself and signs what it returns, so the same task must give the same
//! bytes everywhere: keep time, randomness, secrets and whatever changes from one moment to the next out of them.

use serde::Deserialize;
use tandem_sdk::{Error, Task, config, log};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// What `config` in tandem.toml sets.
#[derive(Deserialize)]
struct Config {
    greeting: String,
}

tandem_sdk::export!(run);

fn run(task: Task) -> Result<Vec<u8>, Error> {
    let config: Config = config::read()?;
    let name = name(task.text()?)?;
    log::info(&format!("greeting {name}"));
    Ok(format!("{}, {name}!", config.greeting).into_bytes())
}

/// Inputs come from anyone: what cannot be computed is refused, with a sentence for people.
fn name(input: &str) -> Result<&str, Error> {
    match input.trim() {
        "" => Err(Error::invalid_input("the name is empty")),
        name if name.len() > NAME_BYTES_MAX => Err(Error::invalid_input("the name is longer than 100 bytes")),
        name => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use tandem_sdk::ErrorKind;
    use tandem_sdk::testing::{Host, task};

    use super::*;

    fn greet(name: &str) -> Result<Vec<u8>, Error> {
        Host::new().config("greeting", "Hello").run(|| run(task(name)))
    }

    #[test]
    fn name_is_greeted() {
        assert_eq!(greet(" World\n"), Ok(b"Hello, World!".to_vec()));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for input in ["", " ", &"x".repeat(101)] {
            assert_eq!(greet(input).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{input}");
        }
    }

    #[test]
    fn greeting_has_to_be_configured() {
        let error = Host::new().run(|| run(task("World"))).expect_err("there is no greeting");
        assert_eq!(error.to_string(), "config `greeting` is not set");
    }
}
