//! The store in memory: what the package's `Store` object asks of it.

use serde_json::Value;

use super::args::{Args, Options as Named, expected};
use super::image::{archive, failure as image_failure, parsed};
use super::offsets::Offsets;
use super::{Failure, strings, variables};
use crate::dockerfile::expand::{self, Platform};
use crate::image::{self, ReadAt};
use crate::store::{BuildError, BuildOptions, ContextFile, Error, MAX_BYTES, SaveFormat, Store, context};

/// Images, and the files of the next build.
#[derive(Debug, Default)]
pub struct Kept {
    store: Store,
    files: Vec<ContextFile>,
    downloads: Vec<(String, Vec<u8>)>,
    /// Bytes of both.
    taken: u64,
}

impl Kept {
    /// Takes an archive's images in, those of one platform: `[{"platform": "linux/arm64"}]`. Gives the lines that `docker load` prints, as JSON.
    ///
    /// # Errors
    /// Wrong arguments, what is wrong with the archive, no image for the platform.
    pub fn load(&mut self, source: impl ReadAt + Clone + 'static, args: &str) -> Result<String, Failure> {
        let platform = parsed(Args::parse(args)?.options(0, &["platform"])?.text("platform")?)?;
        let lines = self.store.load_for(&archive(source)?.0, platform.as_ref()).map_err(failure)?;
        Ok(Value::from(lines).to_string())
    }

    /// Answers a question, or does what is asked, with JSON.
    ///
    /// # Errors
    /// [`Failure`] for an unknown question, wrong arguments, and what docker refuses.
    pub fn call(&mut self, name: &str, args: &str) -> Result<String, Failure> {
        let args = Args::parse(args)?;
        let image = || args.text(0, "image");
        let value = match name {
            "list" => self.store.list(),
            "inspect" => self.store.inspect(image()?).map_err(failure)?,
            "history" => self.store.history(image()?).map_err(failure)?,
            "diskUsage" => self.store.disk_usage().into(),
            "tag" => {
                self.store.tag(image()?, args.text(1, "name")?).map_err(failure)?;
                Value::Null
            }
            "remove" => {
                let force = args.options(1, &["force"])?.flag("force")?;
                let removed = self.store.remove(image()?, force).map_err(failure)?;
                removed.iter().map(ToString::to_string).collect()
            }
            "build" => self.build(&args)?,
            "clear" => {
                self.files();
                Value::Null
            }
            other => return Err(Failure::new(format!("a store answers no question {other:?}"))),
        };
        Ok(value.to_string())
    }

    /// An archive of images, as `docker save` writes it or as an OCI layout.
    ///
    /// # Errors
    /// An image that is not there.
    pub fn save(&self, args: &str) -> Result<Vec<u8>, Failure> {
        let args = Args::parse(args)?;
        let names = strings(args.get(0).ok_or_else(|| expected("images", "an array of strings"))?, "images")?;
        let formats = [("docker", SaveFormat::Docker), ("oci", SaveFormat::Oci)];
        let format = args.options(1, &["format"])?.choice("format", &formats)?;
        self.store.save(&names, format).map_err(failure)
    }

    /// Puts a file, directory or link into the next build's context: `["path", {"mode": 420, "symlink": "…", "directory": true, "url": true}]`.
    ///
    /// # Errors
    /// Wrong arguments; more than a build may have.
    pub fn add(&mut self, args: &str, content: Vec<u8>) -> Result<(), Failure> {
        let args = Args::parse(args)?;
        let path = args.text(0, "path")?;
        self.taken += content.len() as u64;
        if self.taken > MAX_BYTES {
            self.files();
            let (what, subject) = ("the build's context".to_owned(), "the size of its files");
            return Err(image_failure(image::Error::Limit { what, subject, limit: MAX_BYTES }));
        }
        let named = args.options(1, &["mode", "symlink", "directory", "url"])?;
        if named.flag("url")? {
            self.downloads.push((path.to_owned(), content));
            return Ok(());
        }
        let mode = named.count("mode")?.map(|mode| mode as u32 & 0o7777);
        self.files.push(match named.text("symlink")? {
            Some(target) => ContextFile::symlink(path, target),
            None if named.flag("directory")? => ContextFile::directory(path, mode.unwrap_or(0o755)),
            None => ContextFile::file(path, mode.unwrap_or(0o644), content),
        });
        Ok(())
    }

    /// Takes the files that were added.
    fn files(&mut self) -> (Vec<ContextFile>, Vec<(String, Vec<u8>)>) {
        self.taken = 0;
        (std::mem::take(&mut self.files), std::mem::take(&mut self.downloads))
    }

    /// Builds from the files that were added since the last build.
    fn build(&mut self, args: &Args) -> Result<Value, Failure> {
        let (files, downloads) = self.files();
        let text = args.text(0, "dockerfile")?;
        let named = args.options(1, &["tags", "target", "buildArgs", "labels", "platform", "epoch", "ignore"])?;
        let tags = named.get("tags").map(|tags| strings(tags, "tags")).transpose()?.unwrap_or_default();
        let options = BuildOptions {
            expand: expanded(&named)?,
            epoch: match named.get("epoch") {
                Some(epoch) => epoch.as_i64().ok_or_else(|| expected("epoch", "a whole number"))?,
                None => 0,
            },
            tags: tags.into_iter().map(str::to_owned).collect(),
            labels: variables(&named, "labels")?,
            ignore: named.text("ignore")?.map(|text| text.as_bytes().to_vec()),
            downloads: crate::order::map(downloads),
        };
        let files = context(files).map_err(failure)?;
        let built = self.store.build(text, &files, &options).map_err(|error| at(error, text))?;
        Ok(json!({ "id": built.id, "layers": built.layers }))
    }
}

/// `--target`, `--build-arg` and `--platform`.
fn expanded(named: &Named<'_>) -> Result<expand::Options, Failure> {
    let mut options = expand::Options {
        target: named.text("target")?.unwrap_or_default().to_owned(),
        build_args: variables(named, "buildArgs")?,
        ..expand::Options::default()
    };
    if let Some(text) = named.text("platform")? {
        options.target_platform = Platform::parse(text, &options.target_platform).map_err(Failure::new)?;
    }
    Ok(options)
}

/// A fault of a build, with its place in the Dockerfile.
fn at(error: BuildError, text: &str) -> Failure {
    let placed = error.lines.0 > 0;
    let inner = error.error.downcast().map(|error| failure(*error));
    Failure {
        line: placed.then_some(error.lines.0),
        span: placed.then(|| Offsets::new(text).pair(&error.span)),
        ..inner.unwrap_or_else(|error| Failure::new(error.to_string()))
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Image(error) => image_failure(error),
        Error::TooLarge(_) => Failure { code: Some("limit"), ..Failure::new(error.to_string()) },
        other => Failure::new(other.to_string()),
    }
}
