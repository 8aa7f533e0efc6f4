//! BuildKit's checks in a build: with `# check=error=true`, or the build argument `BUILDKIT_DOCKERFILE_CHECK` in its place, a finding ends
//! the build before anything is built. Otherwise only `docker build --check` tells findings: the classic output has no place for them.

use std::collections::HashMap;

use engine_wasm::dockerfile::expand::Platform;
use engine_wasm::dockerfile::lint::{self, Config, Facts, Ignored, ImageFacts, Report};
use engine_wasm::ignore::Matcher;
use slipway_images::{ImageId, Reference};

use super::options::Options;
use super::output::Output;
use super::plan::{self, From};
use super::{Build, whole};
use crate::error::{Error, Result};

/// The build argument's name.
pub(crate) const NAME: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// How `lint` begins the error that findings are.
const VIOLATION: &str = "lint violation found";

/// Whether findings are errors.
///
/// # Errors
/// BuildKit's sentence for options that cannot be read.
pub(crate) fn wanted(options: &Options, text: &str) -> Result<bool> {
    let given = options.args.get(NAME).and_then(Option::as_deref).or_else(|| Config::directive(text));
    let config = Config::parse(given.unwrap_or_default());
    config.map(|config| config.error).map_err(|e| Error::bad(format!("failed to parse check options: {e}")))
}

/// What base images have, by their whole names.
struct Bases(HashMap<String, ImageFacts>);

impl Facts for Bases {
    fn image(&self, reference: &str, _platform: &Platform) -> Option<ImageFacts> {
        self.0.get(reference).cloned()
    }
}

impl Build {
    /// Checks the Dockerfile with what its base images have, which are pulled for it as the build would.
    ///
    /// # Errors
    /// BuildKit's sentence for findings, which are told before; and for an image that cannot be had.
    pub(crate) async fn check(&self, output: &Output) -> Result<()> {
        let report = self.findings(&self.bases(output).await?)?;
        // What else is wrong the build finds itself, and says in its own words.
        let Some(error) = report.errors.iter().find(|error| error.message.starts_with(VIOLATION)) else {
            return Ok(());
        };
        let plural = if report.warnings.len() == 1 { "" } else { "s" };
        let mut text = format!("\n {} warning{plural} found:\n", report.warnings.len());
        for warning in &report.warnings {
            text += &format!(" - {}: {} (line {})\n", warning.rule, warning.message, warning.lines.0);
        }
        output.text(text + "\n").await?;
        Err(Error::bad(error.message.clone()))
    }

    fn findings(&self, bases: &Bases) -> Result<Report> {
        let told = self.options.for_buildkit()?;
        let matcher = self.context.ignored.as_deref().map(|text| Matcher::from_file(text.as_bytes()));
        // As in BuildKit, exceptions are not looked into.
        let usable = matcher.as_ref().and_then(|matcher| matcher.as_ref().ok());
        let usable = usable.filter(|matcher| !matcher.exclusions() && !matcher.patterns().is_empty());
        let matches = |path: &str| usable.is_some_and(|matcher| matcher.ignores(path).unwrap_or(false));
        let everything = |text: &str| matches!(text, "*" | "**" | "**/*");
        let ignored = usable.map(|matcher| Ignored {
            matches: &matches,
            everything: matcher.patterns().iter().any(|pattern| everything(pattern.text())),
        });
        let options = lint::Options { build: Some(&told), ignored, facts: Some(bases), go_on: false };
        Ok(lint::check_parsed(&self.context.text, &self.file, &self.program, &options))
    }

    async fn bases(&self, output: &Output) -> Result<Bases> {
        let (args, stages) = (self.global_args()?, &self.program.stages);
        let mut found = HashMap::new();
        for index in self.plan.needed.iter().copied() {
            let expand = |text: &str| whole::expand_global(&args, self.file.escape, text);
            let name = expand(&stages[index].base.text)?;
            let (From::Image(name), Ok(reference)) = (plan::base(stages, index, &name), Reference::parse(&name)) else {
                continue;
            };
            let platform = match &stages[index].platform {
                Some(platform) => expand(&platform.text)?,
                None => self.options.platform.clone(),
            };
            let id = self.image(&name, &platform, output).await?;
            found.insert(reference.with_default_tag().to_string(), self.facts(&id)?);
        }
        Ok(Bases(found))
    }

    fn facts(&self, id: &ImageId) -> Result<ImageFacts> {
        let image = self.engine.store.image(id)?;
        let config = self.config_of(id)?;
        Ok(ImageFacts {
            platform: Some(Platform::new(&image.config.os, &image.config.architecture)),
            env: config.env,
            onbuild: config.on_build.unwrap_or_default(),
            shell: config.shell.is_some_and(|shell| !shell.is_empty()),
            workdir: config.working_dir,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_errors_where_the_file_or_the_command_line_says_so() {
        let asked = |arg: Option<&str>, text: &str| {
            let args = arg.map(|value| (NAME.to_owned(), Some(value.to_owned()))).into_iter().collect();
            wanted(&Options { args, ..Options::default() }, text).map_err(|e| e.message)
        };
        assert!(asked(None, "# check=skip=StageNameCasing;error=true\nFROM a").unwrap());
        assert!(!asked(None, "FROM a\n# check=error=true").unwrap());
        assert!(
            !asked(Some("skip=all"), "# check=error=true\nFROM a").unwrap(),
            "the command line takes the file's place"
        );
        assert!(asked(Some("error=true"), "FROM a").unwrap());
        let error = asked(None, "# check=error=maybe\nFROM a").unwrap_err();
        assert!(
            error.starts_with("failed to parse check options: failed to parse check option \"error=maybe\""),
            "{error}"
        );
    }
}
