//! `tandem new`: writes a project that builds, tests and runs at once. It writes into no directory that holds anything, and asks no network.

mod name;
mod sdk;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::{Failure, report};
use template::Template;

/// Exit code for arguments that cannot be.
const USAGE: u8 = 2;
/// Where the SDK is in a project.
const VENDOR: &str = "vendor/tandem-sdk";

/// Make a project for a service of your own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  tandem new hello && cd hello && tandem build && tandem exec --input World")]
pub(crate) struct Args {
    /// Name of the service, and of the directory to make; or a path that ends with the name
    #[arg(value_name = "NAME")]
    path: PathBuf,

    /// What to start from
    #[arg(long, value_enum, default_value_t = Template::Service)]
    template: Template,

    /// Use the SDK for Rust in this directory, instead of a copy of the one that fits this binary
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let name = name::of(&args.path).map_err(|error| Failure::new(USAGE, error).hint(name::RULE))?;
    check_is_free(&args.path)?;
    let sdk = args.sdk.as_deref().map(|path| sdk_path(path, args.template)).transpose()?;
    write(&args.path, &files(args.template, &name, sdk.as_deref()))?;
    Ok(report::print(&next_steps(&args, &name))?)
}

fn check_is_free(path: &Path) -> Result<(), Failure> {
    let used = |what| {
        Failure::new(USAGE, anyhow!("{} {what}", path.display()))
            .hint("choose another name, or move what is there away")
    };
    match std::fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(used("is a directory that is not empty")),
            None => Ok(()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(used("is a file")),
        Err(error) => Err(Failure::new(USAGE, error).context(format!("cannot look into {}", path.display()))),
    }
}

/// The SDK's directory, whatever the working directory.
fn sdk_path(directory: &Path, template: Template) -> Result<String, Failure> {
    if !template.is_rust() {
        return Err(Failure::new(USAGE, anyhow!("--sdk is for templates in Rust"))
            .hint("leave it out: the project gets the SDK that fits this binary"));
    }
    let manifest = directory.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap_or_default();
    if !text.contains("name = \"tandem-sdk\"") {
        let error = anyhow!(
            "--sdk {} is not the SDK: there is no Cargo.toml of a crate `tandem-sdk` in it",
            directory.display()
        );
        return Err(Failure::new(USAGE, error).hint("it is crates/sdk of Tandem's repository"));
    }
    let path = directory.canonicalize().with_context(|| format!("cannot resolve {}", directory.display()))?;
    path.into_os_string().into_string().map_err(|path| {
        Failure::new(USAGE, anyhow!("--sdk {}: a path in Cargo.toml has to be UTF-8", Path::new(&path).display()))
    })
}

/// All of the project, with the SDK inside unless it is elsewhere.
fn files(template: Template, name: &str, sdk: Option<&str>) -> BTreeMap<String, String> {
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{lib}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &toml::Value::from(sdk.unwrap_or(VENDOR)).to_string())
    };
    let mut files = template.files(fill);
    if template.is_rust() {
        files.insert("Cargo.lock".to_owned(), sdk::lock());
    }
    if sdk.is_none() {
        files.extend(template.sdk().into_iter().map(|(path, text)| (format!("{VENDOR}/{path}"), text)));
    }
    files
}

fn write(root: &Path, files: &BTreeMap<String, String>) -> Result<(), Failure> {
    for (path, text) in files {
        let path = root.join(path);
        let directory = path.parent().expect("a joined path has a parent");
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn next_steps(args: &Args, name: &str) -> String {
    let path = args.path.display();
    let template::Words { test, input, source } = args.template.words();
    let exec = format!("tandem exec --input {input}");
    let width = test.len().max(exec.len()) + 2;
    format!(
        "Made {name} in {path}.\n\nNext:\n  cd {path}\n  {test:width$}# its tests, on this machine\n  \
         {build:width$}# make the component\n  {exec:width$}# run it once\n\n\
         The service is {source}, what it may use is in tandem.toml, and README.md says how it goes on.\n",
        build = "tandem build",
    )
}

#[cfg(test)]
mod tests {
    use tandem_types::Manifest;

    use super::*;

    const TEMPLATES: [Template; 4] = [Template::Service, Template::Oracle, Template::Js, Template::Python];

    #[test]
    fn nothing_is_left_to_fill_in() {
        for (path, text) in TEMPLATES.into_iter().flat_map(|template| files(template, "my-service", None)) {
            assert!(path.starts_with(VENDOR) || !text.contains("{{"), "{path}:\n{text}");
        }
    }

    #[test]
    fn manifest_is_valid() {
        for template in TEMPLATES {
            let files = files(template, "my-service", None);
            let manifest = Manifest::from_toml(&files["tandem.toml"]).expect("the template is a manifest");
            assert_eq!((manifest.name.as_str(), manifest.workflows.len()), ("my-service", 1));
        }
    }

    #[test]
    fn sdk_elsewhere_is_not_copied() {
        let files = files(Template::Service, "a", Some("/x/\"y"));
        assert!(files.keys().all(|path| !path.starts_with("vendor")));
        let manifest: toml::Table = files["Cargo.toml"].parse().expect("quotes are escaped");
        assert_eq!(manifest["dependencies"]["tandem-sdk"]["path"].as_str(), Some("/x/\"y"));
    }
}
