//! `docker create`, and the creation that `docker run` begins with: body, missing image, warnings, cid file.

use super::Context;
use crate::client::{Client, query};
use crate::error::{CallError, Failure, go_io};
use crate::{output, pull, terminal};
use engine_wasm::cli::create::{Create, Machine, create};
use engine_wasm::cli::spec::Cmd;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

/// The machine that this process runs on.
pub(crate) struct Local(pub(crate) Rc<Client>);

impl Machine for Local {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|e| format!("open {path}: {}", go_io(&e)))
    }

    fn absolute(&self, path: &str) -> String {
        absolute_here(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn socket(&self) -> String {
        self.0.socket()
    }

    fn console(&self) -> [u16; 2] {
        terminal::size()
    }
}

/// A path of this machine made absolute and clean, by its text alone.
pub(crate) fn absolute_here(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let mut out = std::path::PathBuf::new();
    for part in here.join(path).components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out.to_string_lossy().into_owned()
}

/// docker's frame around what is wrong with a run or a create.
pub(crate) fn with_help(context: &Context, message: &str, code: u8) -> Failure {
    let name = if context.args.id() == Cmd::Run { "run" } else { "create" };
    Failure { message: format!("docker: {message}\n\nRun 'docker {name} --help' for more information"), code }
}

/// Checks the flags and makes the body.
///
/// # Errors
/// docker's, with its pointer to help.
pub(crate) fn plan(context: &Context) -> Result<Create, Failure> {
    let wrong = |e: String| with_help(context, &e, 125);
    match context.args.text("pull").unwrap_or("missing") {
        "always" | "missing" | "never" | "" => {}
        other => {
            return Err(wrong(format!(
                "invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""
            )));
        }
    }
    create(&context.args, &Local(Rc::clone(&context.client))).map_err(wrong)
}

/// The file of `--cidfile`, removed again if no container was made.
struct CidFile(Option<(String, std::fs::File)>);

impl CidFile {
    fn new(path: &str) -> Result<Self, String> {
        if path.is_empty() {
            return Ok(Self(None));
        }
        if Path::new(path).exists() {
            return Err(format!(
                "container ID file found, make sure the other container isn't running or delete {path}"
            ));
        }
        let file = std::fs::File::create(path)
            .map_err(|e| format!("failed to create the container ID file: open {path}: {}", go_io(&e)))?;
        Ok(Self(Some((path.to_owned(), file))))
    }

    fn write(mut self, id: &str) -> Result<(), String> {
        match self.0.take() {
            None => Ok(()),
            Some((path, mut file)) => file
                .write_all(id.as_bytes())
                .map_err(|e| format!("failed to write the container ID ({id}) to file: write {path}: {}", go_io(&e))),
        }
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes the container and gives its id; an image that is not there is pulled first.
///
/// # Errors
/// docker's, with its exit code and its pointer to help.
pub(crate) async fn container(context: &Context, plan: &Create) -> Result<String, Failure> {
    let wrong = |e: &dyn std::fmt::Display| with_help(context, &e.to_string(), 125);
    let args = &context.args;
    let platform = args.text_or_empty("platform");
    let mut body = plan.body.clone();
    if context.client.version().await >= (1, 44) {
        // Since then the address belongs to the endpoint only.
        if let Some(body) = body.as_object_mut() {
            body.remove("MacAddress");
        }
    }
    let cid = CidFile::new(args.text_or_empty("cidfile")).map_err(|e| wrong(&e))?;
    let reference = pull::normalize(&plan.image).map_err(|e| wrong(&e))?;
    const SYSTEMS: [&str; 16] = [
        "linux", "windows", "darwin", "freebsd", "amd64", "x86_64", "arm64", "aarch64", "arm", "386", "ppc64le",
        "s390x", "riscv64", "mips64le", "loong64", "wasm",
    ];
    let first = platform.split('/').next().unwrap_or_default();
    if !platform.is_empty() && !platform.contains('/') && !SYSTEMS.contains(&first) {
        let text = format!(
            "error parsing specified platform: {platform:?}: unknown operating system or architecture: invalid argument"
        );
        return Err(wrong(&text));
    }
    // Only `run` frames what the engine says.
    let framed = |e: CallError| if args.id() == Cmd::Run { wrong(&e) } else { e.into() };
    let quiet = args.switch("quiet");
    let mode = args.text("pull").filter(|p| !p.is_empty()).unwrap_or("missing");
    if mode == "always" {
        pull::for_create(context, &reference, platform, quiet).await.map_err(framed)?;
    }
    let path = format!("/containers/create{}", query(&[("name", args.text_or_empty("name")), ("platform", platform)]));
    let answer = match context.client.post(&path, Some(&body)).await {
        Err(e) if e.is_not_found() && mode == "missing" && reference.named => {
            if !quiet {
                output::error(&format!("Unable to find image '{}' locally", reference.familiar));
            }
            pull::for_create(context, &reference, platform, quiet).await.map_err(framed)?;
            context.client.post(&path, Some(&body)).await
        }
        other => other,
    }
    .map_err(framed)?;
    for warning in answer["Warnings"].as_array().into_iter().flatten().filter_map(|w| w.as_str()) {
        output::error(&format!("WARNING: {warning}"));
    }
    let id = answer["Id"].as_str().unwrap_or_default().to_owned();
    cid.write(&id).map_err(|e| wrong(&e))?;
    Ok(id)
}

/// `docker create`.
pub(crate) async fn command(context: &Context) -> Result<u8, Failure> {
    let plan = plan(context)?;
    let id = container(context, &plan).await?;
    output::line(&id);
    Ok(0)
}
