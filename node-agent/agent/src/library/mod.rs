//! The image library: an OCI layout directory of starter images. `build` makes it from Debian's packages, `add` takes images in,
//! `list` shows them.
//! It never writes anywhere but into the layout it was given. The registry serves it to the nodes.

mod add;
mod base;
mod build;
mod error;
mod fetch;
mod greeting;
mod layout;
mod recipe;
mod remove;
mod settled;
mod take;
mod workshop;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::Error;
pub(crate) use layout::{IMAGE_NAME, Layout, annotation};

/// Where a server that was installed, not run from a checkout, looks for its library.
const DEFAULT_DIR: &str = "/var/lib/slipway/library";

#[derive(Parser)]
#[command(name = "node-agent library", about = "The starter images that nodes can pull without the internet.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the images that are missing or whose recipe has changed.
    Build {
        /// The OCI layout to make them in.
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
        output: PathBuf,
        /// Only these images, by name, and what they start from.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// Every image there is a recipe for, those that the labs do not need as well.
        #[arg(long, conflicts_with = "only")]
        all: bool,
        /// Certificates (PEM) of a proxy that opens TLS; put into every image. May be given several times.
        #[arg(long, value_name = "FILE")]
        extra_ca: Vec<PathBuf>,
        /// The server's configuration file; its `extra_ca` is put into every image, too.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Make the images anew even if they are there, with today's packages.
        #[arg(long)]
        refresh: bool,
    },
    /// Put images into the library: from an archive (`docker save`, or an OCI layout as a tar), or from a registry.
    Add {
        /// The archive, or the image's name: nginx:1.27, registry.example.org/team/app:2.
        what: PathBuf,
        /// The OCI layout to put them in.
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
        output: PathBuf,
        /// Call the image so, not as the archive or the registry does.
        #[arg(long, value_name = "NAME[:TAG]")]
        name: Option<String>,
        /// Which of several, such as linux/arm64; by default this machine's.
        #[arg(long)]
        platform: Option<String>,
        /// Certificates (PEM) that the registry is trusted by besides the system's. May be given several times.
        #[arg(long, value_name = "FILE")]
        extra_ca: Vec<PathBuf>,
        /// Docker's directory with the credentials for the registry (config.json) [default: DOCKER_CONFIG, or ~/.docker]
        #[arg(long, value_name = "DIR")]
        docker_config: Option<PathBuf>,
    },
    /// Take images out of the library.
    Remove {
        /// Their names; one without a tag goes with all its tags.
        #[arg(required = true, value_name = "NAME[:TAG]")]
        names: Vec<String>,
        /// The OCI layout.
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
        output: PathBuf,
    },
    /// Show what the library holds.
    List {
        /// The OCI layout.
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
        output: PathBuf,
        /// Print JSON, one object an image name.
        #[arg(long)]
        json: bool,
    },
}

/// `node-agent library …`: the arguments after the word `library` in, the exit code out.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let args = std::iter::once(OsString::from("node-agent library")).chain(args);
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Only a closed stdout or stderr can make this fail, and then there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match cli.command {
        Command::Build { output, only, all, mut extra_ca, config, refresh } => {
            match config.as_deref().map(crate::config::Config::load).transpose() {
                Ok(config) => {
                    extra_ca.extend(config.and_then(|config| config.extra_ca));
                    build::run(&output, &build::Options { only, all, extra_ca, refresh })
                }
                Err(error) => {
                    eprintln!("node-agent library: {error:#}");
                    return ExitCode::FAILURE;
                }
            }
        }
        Command::Add { what, output, name, platform, extra_ca, docker_config } => {
            let options = add::Options { name, platform };
            let added = if is_file(&what) {
                add::run(&output, &what, &options)
            } else {
                let source = fetch::Source { extra_ca, docker_config };
                fetch::run(&output, &what.to_string_lossy(), &options, &source)
            };
            added.map(|names| println!("{}", names.join("\n")))
        }
        Command::Remove { names, output } => remove::run(&output, &names).map(|(gone, freed)| {
            println!("{}", gone.join("\n"));
            eprintln!("{:.1} MB freed", freed as f64 / 1e6);
        }),
        Command::List { output, json } => list(&output, json),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-agent library: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether `add` means an archive: it is there, or looks like one whose name was mistyped.
fn is_file(what: &Path) -> bool {
    let text = what.to_string_lossy();
    let ending = [".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|ending| text.ends_with(ending));
    what.is_file() || ending || text.starts_with(['/', '.'])
}

fn list(dir: &Path, json: bool) -> Result<(), Error> {
    let images = layout::Layout::open(dir)?.images()?;
    if json {
        let images: Vec<_> = images
            .iter()
            .map(|image| {
                serde_json::json!({
                    "name": image.name,
                    "digest": image.digest,
                    "size": image.size,
                    "created": image.created,
                    "platform": image.platform,
                    "standIn": image.stand_in,
                })
            })
            .collect();
        println!("{:#}", serde_json::Value::Array(images));
        return Ok(());
    }
    // One line for a repository's tags of the same image.
    let mut rows: Vec<(&str, Vec<&str>, &layout::Listed)> = Vec::new();
    for image in &images {
        let (name, tag) = image.name.rsplit_once(':').unwrap_or((&image.name, ""));
        match rows.iter_mut().find(|(other, _, first)| *other == name && first.digest == image.digest) {
            Some((_, tags, _)) => tags.push(tag),
            None => rows.push((name, vec![tag], image)),
        }
    }
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    println!("{:<20} {:<14} {:<12} {:>8}  {:<30} NOTE", "NAME", "DIGEST", "PLATFORM", "SIZE", "TAGS");
    for (name, tags, image) in rows {
        let digest = image.digest.strip_prefix("sha256:").unwrap_or(&image.digest).get(..12).unwrap_or_default();
        let size = if image.size < 100_000 {
            format!("{:.1}kB", image.size as f64 / 1e3)
        } else {
            format!("{:.1}MB", image.size as f64 / 1e6)
        };
        let note = image.stand_in.as_deref().map(|what| format!("stand-in: {what}")).unwrap_or_default();
        let line = format!(
            "{:<20} {digest:<14} {:<12} {size:>8}  {:<30} {note}",
            short(name),
            image.platform,
            tags.join(", ")
        );
        println!("{}", line.trim_end());
    }
    Ok(())
}
