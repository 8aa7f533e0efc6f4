//! What each instruction of a stage does, as far as checks look at it (`dispatch…` of `dockerfile2llb/convert.go`).

use super::super::super::expand::{Event, Globals, StageScope};
use super::super::super::instructions::{Command, Fault, Files, MountKind, MountOptions, closest, with_suggestion};
use super::super::super::{ErrorKind, Word};
use super::super::run::{Check, Place, at};
use super::super::words::{self, Origin};
use super::super::{Config, ports, rules};
use super::{States, Work, image_scope};
use crate::golang::quote::quote;

/// Where `CMD`, `ENTRYPOINT` and `HEALTHCHECK` of a stage were met.
#[derive(Default)]
struct Once {
    cmd: Option<Place>,
    entrypoint: Option<Place>,
    healthcheck: Option<Place>,
}

impl<'a> Check<'a> {
    /// Goes through a stage.
    pub(super) fn stage(&mut self, globals: &Globals, states: &mut States<'a>, index: usize) -> Option<()> {
        match states.all[index].base {
            Some(base) => {
                let from = &states.all[base];
                let scope = StageScope::from_stage(&from.scope);
                let (platform, shell, set, dir) =
                    (from.platform.clone(), from.shell, from.workdir_set, from.workdir.clone());
                let state = &mut states.all[index];
                (state.scope, state.platform, state.shell, state.workdir_set, state.workdir) =
                    (scope, platform, shell, set, dir);
            }
            None => {
                let target = &self.build.target_platform;
                let state = &mut states.all[index];
                let os = state.platform.as_ref().map_or(&target.os, |platform| &platform.os);
                state.scope = image_scope(&state.image, os);
                state.shell = state.image.shell;
                state.workdir.clone_from(&state.image.workdir);
            }
        }
        states.all[index].dispatched = true;
        let mut once = Once::default();
        let work = std::mem::take(&mut states.all[index].work);
        for work in &work {
            let config = match work.node {
                Some(node) => self.config_for(node).into_owned(),
                None => self.config.clone(),
            };
            if let Err(message) = self.instruction(globals, states, index, &mut once, work, &config) {
                self.fail(message, Some(work.place.clone()))?;
            }
        }
        states.all[index].work = work;
        Some(())
    }

    fn instruction(
        &mut self,
        globals: &Globals,
        states: &mut States<'a>,
        index: usize,
        once: &mut Once,
        work: &Work<'a>,
        config: &Config,
    ) -> Result<(), String> {
        let place = &work.place;
        let mut scope = std::mem::take(&mut states.all[index].scope);
        let build = self.build;
        let step = scope.step(globals, build, &work.command, &mut |event| match event {
            Event::Unset { name, scope } => {
                let near = if self.compares(scope.names().count()) { closest(name, scope.names()) } else { None };
                let near = near.map(|near| format!("${near}"));
                let message = format!("Usage of undefined variable '${name}'");
                let place = self.variable(name, place);
                self.warn(config, &rules::UNDEFINED_VAR, place, with_suggestion(&message, near.as_deref()));
            }
            Event::Arg(pair) => self.secret(config, "ARG", &pair.name, place),
        });
        states.all[index].scope = scope;
        let step = step.map_err(|error: ErrorKind| error.to_string())?;
        match &step.command {
            Command::Env(pairs) => {
                for pair in pairs {
                    if pair.legacy {
                        self.legacy(config, work);
                    }
                    self.secret(config, "ENV", &pair.name, place);
                }
            }
            Command::Label(pairs) => {
                for pair in pairs {
                    if pair.legacy {
                        self.legacy(config, work);
                    }
                }
            }
            Command::Cmd(line) => {
                self.once(config, work, &mut once.cmd);
                self.json(config, work, line.shell && !states.all[index].shell);
            }
            Command::Entrypoint(line) => {
                self.once(config, work, &mut once.entrypoint);
                self.json(config, work, line.shell && !states.all[index].shell);
            }
            Command::Healthcheck(_) => self.once(config, work, &mut once.healthcheck),
            Command::Shell(_) => states.all[index].shell = true,
            Command::Workdir(path) => self.workdir(config, states, index, place, path),
            Command::Expose(list) => self.ports(config, place, list)?,
            Command::StopSignal(signal) if !words::is_signal(&signal.text) => {
                return Err(format!("invalid signal: {}", signal.text));
            }
            Command::Volume(volumes) if volumes.iter().any(|volume| volume.text.is_empty()) => {
                return Err(Fault::EmptyVolume.to_string());
            }
            Command::Add(add) => {
                let checksum = add.checksum.as_ref().map_or("", |word| &word.text);
                self.files(config, place, &add.files, Some(checksum), self.options.ignored.is_some())?;
            }
            Command::Copy(copy) => {
                if work.sources.first().is_some_and(|source| !states.all[*source].dispatched) {
                    let (from, stage) = (copy.from.as_ref().map_or("", |from| &from.text), states.name(index));
                    return Err(format!(
                        "cannot copy from stage {}, it needs to be defined before current stage {}",
                        quote(from),
                        quote(stage)
                    ));
                }
                self.files(config, place, &copy.files, None, work.sources.is_empty())?;
            }
            Command::Run(_) => mounts(states, index, work, &step.mounts)?,
            _ => {}
        }
        Ok(())
    }

    fn secret(&mut self, config: &Config, instruction: &str, name: &Word, place: &Place) {
        if words::is_secret(&name.text) {
            let message =
                format!("Do not use ARG or ENV instructions for sensitive data ({instruction} {})", quote(&name.text));
            self.warn(config, &rules::SECRETS_USED_IN_ARG_OR_ENV, within(name, place), message);
        }
    }

    fn legacy(&mut self, config: &Config, work: &Work<'_>) {
        let name = work.name;
        let message = format!("\"{name} key=value\" should be used instead of legacy \"{name} key value\" format");
        self.warn(config, &rules::LEGACY_KEY_VALUE_FORMAT, work.place.clone(), message);
    }

    fn once(&mut self, config: &Config, work: &Work<'_>, before: &mut Option<Place>) {
        if let Some(before) = before.replace(work.place.clone()) {
            let message = format!(
                "Multiple {} instructions should not be used in the same stage because only the last one will be used",
                work.name
            );
            self.warn(config, &rules::MULTIPLE_INSTRUCTIONS_DISALLOWED, before, message);
        }
    }

    fn json(&mut self, config: &Config, work: &Work<'_>, warn: bool) {
        if warn {
            let message = format!(
                "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
                work.name
            );
            self.warn(config, &rules::JSON_ARGS_RECOMMENDED, work.place.clone(), message);
        }
    }

    fn workdir(&mut self, config: &Config, states: &mut States<'a>, index: usize, place: &Place, path: &Word) {
        let state = &mut states.all[index];
        let windows = state.platform.as_ref().is_some_and(|platform| platform.os == "windows");
        let absolute = if windows {
            let rest = path.text.strip_prefix(['c', 'C']).and_then(|rest| rest.strip_prefix(':')).unwrap_or(&path.text);
            rest.starts_with(['/', '\\']) && !path.text.starts_with("//") && !path.text.starts_with("\\\\")
        } else {
            path.text.starts_with('/')
        };
        let warn = !std::mem::replace(&mut state.workdir_set, true) && !absolute;
        state.workdir = join(&state.workdir, &path.text);
        if warn {
            let message =
                format!("Relative workdir {} can have unexpected results if the base image changes", quote(&path.text));
            self.warn(config, &rules::WORKDIR_RELATIVE_PATH, within(path, place), message);
        }
    }

    fn ports(&mut self, config: &Config, place: &Place, list: &[Word]) -> Result<(), String> {
        for word in list {
            let port = &word.text;
            let form = ports::form(port)?;
            if form.casing {
                let message = format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
                self.warn(config, &rules::EXPOSE_PROTO_CASING, within(word, place), message);
            }
            if form.mapping {
                let message =
                    format!("EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'");
                self.warn(config, &rules::EXPOSE_INVALID_FORMAT, within(word, place), message);
            }
            ports::numbers(port)?;
        }
        Ok(())
    }

    /// `ADD` (with its checksum, maybe empty) or `COPY` (without).
    fn files(
        &mut self,
        config: &Config,
        place: &Place,
        files: &Files,
        checksum: Option<&str>,
        from_context: bool,
    ) -> Result<(), String> {
        if let Some(fault) = files.chmod.as_ref().and_then(|mode| words::mode_fault(&mode.text)) {
            return Err(fault);
        }
        let is_add = checksum.is_some();
        let checksum = checksum.unwrap_or_default();
        if !checksum.is_empty() {
            let [path] = files.paths.as_slice() else {
                return Err("checksum can't be specified for multiple sources".to_owned());
            };
            if words::origin(&path.text) == Origin::Path {
                return Err("checksum requires HTTP(S) or Git sources".to_owned());
            }
        }
        for path in &files.paths {
            match words::origin(&path.text) {
                Origin::Git if !is_add => return Err("source can't be a git ref for COPY".to_owned()),
                Origin::Http if !is_add => return Err("source can't be a URL for COPY".to_owned()),
                Origin::Http if !checksum.is_empty() => {
                    if let Some(fault) = words::digest_fault(checksum) {
                        return Err(fault.to_owned());
                    }
                }
                Origin::Path if from_context => self.ignored(config, place, path, is_add),
                _ => {}
            }
        }
        Ok(())
    }

    fn ignored(&mut self, config: &Config, place: &Place, path: &Word, is_add: bool) {
        let Some(ignored) = self.options.ignored else { return };
        let clean = clean(&path.text);
        if matches!(clean.as_str(), "." | "/") && !ignored.everything {
            return;
        }
        if (ignored.matches)(&clean) {
            let verb = if is_add { "Add" } else { "Copy" };
            let message = format!("Attempting to {verb} file {} that is excluded by .dockerignore", quote(&clean));
            self.warn(config, &rules::COPY_IGNORED_FILE, within(path, place), message);
        }
    }
}

/// A word's place; a trigger's words stand elsewhere, so that the stage's place is given for them.
fn within(word: &Word, place: &Place) -> Place {
    if place.span.start <= word.span.start && word.span.end <= place.span.end && !word.span.is_empty() {
        at(word, place.lines)
    } else {
        place.clone()
    }
}

/// What is wrong with the mounts of a `RUN`.
fn mounts(states: &States<'_>, index: usize, work: &Work<'_>, mounts: &[MountOptions]) -> Result<(), String> {
    for (mount, source) in mounts.iter().zip(&work.sources) {
        let from = match mount.from.as_str() {
            "" if mount.kind == MountKind::Cache => "scratch",
            from => from,
        };
        if !from.is_empty() && !states.all[*source].dispatched {
            return Err(format!(
                "cannot mount from stage {} to {}, stage needs to be defined before current command",
                quote(from),
                quote(&mount.target)
            ));
        }
        match mount.kind {
            MountKind::Ssh if !mount.source.is_empty() => return Err("ssh does not support source".to_owned()),
            MountKind::Ssh | MountKind::Secret => continue,
            _ => {}
        }
        let target = if mount.target.starts_with('/') {
            mount.target.clone()
        } else {
            clean(&format!("/{}/{}", states.all[index].workdir, mount.target))
        };
        if target == "/" {
            return Err(format!("invalid mount target {}", quote(target)));
        }
    }
    Ok(())
}

/// A directory from another one.
fn join(current: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { clean(&format!("/{current}/{path}")) }
}

/// Go's `path.Clean`.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
