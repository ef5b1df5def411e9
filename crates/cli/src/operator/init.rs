//! `tandem operator init`: writes `operator.toml`, every key with a comment, and the directories that it names.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use tandem_node::config::{Beginning, ServiceConfig};
use tandem_types::Address;
use url::Url;

use crate::report::print;
use crate::session::code;
use crate::{Failure, units};

/// What a new operator's configuration begins with.
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The service: its ServiceManager
    #[arg(long, value_name = "ADDRESS", value_parser = units::parse_address, env = "TANDEM_SERVICE")]
    service: Address,
    /// EIP-155 id of its chain
    #[arg(long, value_name = "ID", env = "TANDEM_CHAIN_ID")]
    chain_id: u64,
    /// JSON-RPC endpoint of that chain
    #[arg(long, value_name = "URL", env = "TANDEM_RPC", hide_env_values = true)]
    rpc: Url,
    /// Directory of the keys, as `tandem keys new` wrote or will write it; seen from the file
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// Where to write operator.toml and the directories beside it
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Print one JSON object, and nothing else, to standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Init) -> Result<(), Failure> {
    let service = ServiceConfig { chain_id: args.chain_id, manager: args.service };
    let beginning = Beginning { service, rpc: args.rpc.clone(), keys: args.keys.clone() };
    for name in ["manifests", "components"] {
        let path = args.directory.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    }
    let path = args.directory.join("operator.toml");
    write_new(&path, &beginning.to_toml())?;
    let text = format!(
        "wrote {}\n\nnext:\n  put the service's manifest into {}\n  tandem keys new --directory {}\n  tandem operator register --help\n  tandem operator run --config {}\n",
        path.display(),
        args.directory.join("manifests").display(),
        args.directory.join(&args.keys).display(),
        path.display(),
    );
    let page = json!({ "ok": true, "config": path });
    Ok(print(&if args.json { format!("{page}\n") } else { text })?)
}

/// Writes a file that was not there.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = File::options().create_new(true).write(true).open(path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display())).map_err(|error| {
        Failure::new(code::USAGE, error).hint("give --directory with a place that has no operator.toml yet")
    })?;
    Ok(file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?)
}
