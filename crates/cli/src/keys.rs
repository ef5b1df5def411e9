//! `tandem keys`: makes an operator's keys and shows their public halves. It never prints a secret.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use tandem_chain::Password;
use tandem_crypto::Strength;
use tandem_node::keys::{KeysError, OperatorKeys};

use crate::Failure;

/// Holds the keystores' password where no file does.
const PASSWORD_VARIABLE: &str = "TANDEM_PASSWORD";

/// Make and show an operator's keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a BLS key, a transport key and a transaction account, each in an encrypted keystore
    New(Place),
    /// Show the public halves of an operator's keys; the password proves that they open
    Show(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Directory of the keystores
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// File whose first line is the password. Without it, TANDEM_PASSWORD; without that, the terminal is asked
    #[arg(long, value_name = "FILE", env = "TANDEM_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (keys, place) = match args.command {
        Command::New(place) => {
            let password = read_password(place.password_file.as_deref(), Prompt::Twice)?;
            (OperatorKeys::create(&place.directory, &password, Strength::Standard).map_err(explain)?, place)
        }
        Command::Show(place) => (open(&place.directory, place.password_file.as_deref())?, place),
    };
    print(&keys, place.json);
    Ok(())
}

/// Opens the keys in `directory`.
pub(crate) fn open(directory: &Path, password_file: Option<&Path>) -> Result<OperatorKeys, Failure> {
    let password = read_password(password_file, Prompt::Once)?;
    OperatorKeys::open(directory, &password).map_err(explain)
}

/// The password that opens keystores: from the file, else from the environment, else from the terminal.
pub(crate) fn password(file: Option<&Path>) -> Result<Password, Failure> {
    read_password(file, Prompt::Once)
}

enum Prompt {
    Once,
    Twice,
}

fn read_password(file: Option<&Path>, prompt: Prompt) -> Result<Password, Failure> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = zeroize::Zeroizing::new(text);
        return Ok(text.lines().next().unwrap_or_default().to_owned().into());
    }
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(password.into());
    }
    let ask = |question: &str| rpassword::prompt_password(question).context("cannot ask for the password");
    let no_terminal = |error: anyhow::Error| {
        Failure::from(error).hint("give --password-file, set TANDEM_PASSWORD, or run it on a terminal")
    };
    let password = zeroize::Zeroizing::new(ask("Password of the keystores: ").map_err(no_terminal)?);
    if matches!(prompt, Prompt::Twice) {
        let again = zeroize::Zeroizing::new(ask("Once more: ").map_err(no_terminal)?);
        if password != again {
            return Err(Failure::new(2, anyhow::anyhow!("the two passwords differ")));
        }
    }
    Ok(password.as_str().to_owned().into())
}

/// What can be done about a failure of keys.
pub(crate) fn explain(error: KeysError) -> Failure {
    let hint = match &error {
        KeysError::Exists(_) => Some("choose another directory, or move the existing keystores away"),
        KeysError::Keystore { .. } => Some("check the password, or the password file for a stray character"),
        KeysError::File { .. } => Some("`tandem keys new` makes the keystores"),
        KeysError::Foreign(_) => Some("use the directory of keys whose public halves are registered"),
        KeysError::Account(error) => error.hint(),
        KeysError::Bls { .. } | KeysError::Busy(_) => None,
    };
    let failure = Failure::from(anyhow::Error::new(error));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[expect(clippy::print_stdout, reason = "standard output belongs to results")]
fn print(keys: &OperatorKeys, json: bool) {
    let key = keys.public_key();
    if json {
        let page = json!({
            "operator": keys.operator(),
            "bls": { "g1": key.g1(), "g2": key.g2() },
            "transport": keys.transport_public(),
        });
        println!("{page}");
        return;
    }
    println!("operator   {}", keys.operator());
    println!("BLS (G1)   {:?}", key.g1());
    println!("transport  {}", keys.transport_public());
}
