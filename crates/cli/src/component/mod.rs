//! `tandem component`: puts components into OCI registries, where operators fetch them from, and gets them from there. Runs nothing.

mod remote;

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use tandem_engine::COMPONENT_BYTES_MAX;
use tandem_types::{ComponentDigest, OciReference};

pub(crate) use remote::{fetch, source};

use crate::{Failure, build, report};

/// Publish components in OCI registries, and get them from there.
///
/// For a private registry, set TANDEM_REGISTRY_USERNAME and TANDEM_REGISTRY_PASSWORD in the environment, and TANDEM_REGISTRY to the HOST[:PORT] that they are
/// for, as the reference has it. No other registry is shown them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Push(Push),
    Pull(Pull),
}

/// Put a component into a registry, and print what the manifest has to say of it.
#[derive(Debug, clap::Args)]
struct Push {
    /// The component, a .wasm file
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Get a component from a registry, check every digest, and print the component's.
#[derive(Debug, clap::Args)]
struct Pull {
    #[command(flatten)]
    place: Place,
    /// Where to write it; named after its digest otherwise
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Where in the registry: oci://REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: OciReference,
    /// Ask the registry without TLS; one on this machine always is
    #[arg(long)]
    plain_http: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Push(push) => push.run(),
        Command::Pull(pull) => pull.run(),
    }
}

impl Push {
    fn run(self) -> Result<(), Failure> {
        let Self { file, place } = self;
        let component = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if component.len() as u64 > COMPONENT_BYTES_MAX {
            return Err(anyhow!("{} is larger than {COMPONENT_BYTES_MAX} bytes", file.display()).into());
        }
        let digest = ComponentDigest::of(&component);
        let imports = build::imports(&component)
            .with_context(|| format!("{} is not a WebAssembly component", file.display()))
            .map_err(|error| Failure::new(2, error).hint("`tandem build` makes one, and says where it is"))?;
        let fetcher = remote::fetcher(&place.reference.registry, place.plain_http)?;
        let pushed = fetcher.push(&place.reference, component, &imports);
        let reference = remote::block_on(pushed)?.map_err(remote::failed)?;
        Ok(report::print(&format!("{}\n", remote::line(digest, &reference)))?)
    }
}

impl Pull {
    fn run(self) -> Result<(), Failure> {
        let Self { place, output } = self;
        let fetcher = remote::fetcher(&place.reference.registry, place.plain_http)?;
        let pulled = remote::block_on(fetcher.pull(&place.reference))?.map_err(remote::failed)?;
        let digest = ComponentDigest::of(&pulled.component);
        let path = output.unwrap_or_else(|| format!("{:x}.wasm", digest.0).into());
        std::fs::write(&path, &pulled.component).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{} has {} bytes.", path.display(), pulled.component.len());
        Ok(report::print(&format!("{}\n", remote::line(digest, &pulled.reference)))?)
    }
}
