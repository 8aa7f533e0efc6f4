//! The image library: an OCI layout directory of starter images. `build` makes it from Debian's packages, `add` takes images in,
//! `list` shows them.
//! It never writes anywhere but into the layout it was given. The registry serves it to the nodes.

mod add;
mod base;
mod build;
mod error;
mod greeting;
mod layout;
mod recipe;
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
    /// Put the images of an archive into the library: of `docker save`, or an OCI layout as a tar.
    Add {
        /// The archive.
        file: PathBuf,
        /// The OCI layout to put them in.
        #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
        output: PathBuf,
        /// Call the image so, not as the archive does.
        #[arg(long, value_name = "NAME[:TAG]")]
        name: Option<String>,
        /// Which of several, such as linux/arm64; by default this machine's.
        #[arg(long)]
        platform: Option<String>,
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
        Command::Add { file, output, name, platform } => {
            add::run(&output, &file, &add::Options { name, platform }).map(|names| println!("{}", names.join("\n")))
        }
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
                    "standIn": image.stand_in,
                })
            })
            .collect();
        println!("{:#}", serde_json::Value::Array(images));
        return Ok(());
    }
    println!("{:<34} {:<14} {:>8}  NOTE", "NAME", "DIGEST", "SIZE");
    for image in images {
        let short = image.digest.strip_prefix("sha256:").unwrap_or(&image.digest).get(..12).unwrap_or_default();
        let size = format!("{:.1}MB", image.size as f64 / 1e6);
        println!("{:<34} {short:<14} {size:>8}  {}", image.name, image.stand_in.unwrap_or_default());
    }
    Ok(())
}
