//! The instructions that have flags: `ADD`, `COPY`, `RUN` and `HEALTHCHECK`.

use super::super::super::{Word, heredoc};
use super::super::fault::Fault;
use super::super::flags::{Flags, Kind, Known};
use super::super::go::{parse_duration, parse_int32, upper};
use super::super::{Add, Content, Copy, Device, Files, Healthcheck, Mount, Run, Test};
use super::Reader;

const ADD: Known = &[
    ("checksum", Kind::Text),
    ("chmod", Kind::Text),
    ("chown", Kind::Text),
    ("exclude", Kind::List),
    ("keep-git-dir", Kind::Switch),
    ("link", Kind::Switch),
    ("unpack", Kind::Switch),
];
const COPY: Known = &[
    ("chmod", Kind::Text),
    ("chown", Kind::Text),
    ("exclude", Kind::List),
    ("from", Kind::Text),
    ("link", Kind::Switch),
    ("parents", Kind::Switch),
];
const RUN: Known = &[("device", Kind::List), ("mount", Kind::List), ("network", Kind::Text), ("security", Kind::Text)];
const HEALTHCHECK: Known = &[
    ("interval", Kind::Text),
    ("retries", Kind::Text),
    ("start-interval", Kind::Text),
    ("start-period", Kind::Text),
    ("timeout", Kind::Text),
];

impl Reader<'_> {
    pub(super) fn add(&mut self) -> Option<Add> {
        let (files, mut flags) = self.files("ADD", ADD)?;
        Some(Add {
            files,
            keep_git_dir: flags.switch("keep-git-dir"),
            checksum: flags.text("checksum"),
            unpack: flags.switch("unpack"),
        })
    }

    pub(super) fn copy(&mut self) -> Option<Copy> {
        let (files, mut flags) = self.files("COPY", COPY)?;
        let from = flags.text("from").filter(|from| !from.text.is_empty());
        Some(Copy { files, from, parents: flags.switch("parents").unwrap_or(false) })
    }

    fn files(&mut self, name: &'static str, known: Known) -> Option<(Files, Flags)> {
        let node = self.node;
        let [sources @ .., dest] = node.args.as_slice() else {
            return self.fault(Fault::NoDestination(name), &node.name.span);
        };
        if sources.is_empty() {
            return self.fault(Fault::NoDestination(name), &dest.span);
        }
        let mut flags = self.flags(known);
        let announced = |word: &Word| {
            // Only a word with `<<` can be one.
            word.text.contains("<<").then(|| heredoc::parse(&word.text).ok().flatten()).flatten()
        };
        if announced(dest).is_some() {
            return self.fault(Fault::HeredocDestination(name), &dest.span);
        }
        let mut files = Files {
            dest: dest.clone(),
            chown: flags.text("chown"),
            chmod: flags.text("chmod"),
            link: flags.switch("link").unwrap_or(false),
            excludes: flags.list("exclude"),
            ..Files::default()
        };
        for source in sources {
            match announced(source) {
                None => files.paths.push(source.clone()),
                Some(mut heredoc) => {
                    // The last of that name; none in the JSON form, where nothing is read.
                    if let Some(read) = node.heredocs.iter().rfind(|read| read.name == heredoc.name) {
                        heredoc.content.clone_from(&read.content);
                        heredoc.span = read.span.clone();
                    }
                    files.contents.push(Content {
                        data: heredoc.chomped(),
                        name: Word { text: heredoc.name, span: source.span.clone() },
                        expand: heredoc.expand,
                        span: heredoc.span,
                    });
                }
            }
        }
        Some((files, flags))
    }

    pub(super) fn run(&mut self) -> Option<Run> {
        let mut flags = self.flags(RUN);
        if !self.faults.is_empty() {
            return None;
        }
        let mut run = Run { line: self.line(), ..Run::default() };
        for device in flags.list("device") {
            match Device::read(&device) {
                Ok(device) => run.devices.push(device),
                Err(fault) => self.faults.push(fault),
            }
        }
        for mount in flags.list("mount") {
            match Mount::read(mount) {
                Ok(mount) => run.mounts.push(mount),
                Err(fault) => self.faults.push(fault),
            }
        }
        run.network = flags.text("network");
        if let Some(mode) = &run.network
            && !matches!(mode.text.as_str(), "default" | "none" | "host")
        {
            self.faults.push((Fault::Network(mode.text.clone()), mode.span.clone()));
        }
        run.security = flags.text("security");
        if let Some(mode) = &run.security
            && !matches!(mode.text.as_str(), "insecure" | "sandbox")
        {
            self.faults.push((Fault::Security(mode.text.clone()), mode.span.clone()));
        }
        Some(run)
    }

    pub(super) fn healthcheck(&mut self) -> Option<Healthcheck> {
        let node = self.node;
        self.at_least_one("HEALTHCHECK")?;
        let (kind, args) = node.args.split_first()?;
        let name = upper(&kind.text);
        if name == "NONE" {
            if !args.is_empty() {
                return self.fault(Fault::HealthcheckNone, &args[0].span);
            }
            return Some(Healthcheck::default());
        }
        let mut flags = self.flags(HEALTHCHECK);
        if !self.faults.is_empty() {
            return None;
        }
        if name != "CMD" {
            return self.fault(Fault::HealthcheckType(name), &kind.span);
        }
        let test = match args {
            [] => return self.fault(Fault::HealthcheckCommand, &kind.span),
            args if node.json => Test::Exec(args.to_vec()),
            args => Test::Shell(args[0].clone()),
        };
        let mut out = Healthcheck { test, ..Healthcheck::default() };
        for (name, slot) in [
            ("interval", &mut out.interval),
            ("timeout", &mut out.timeout),
            ("start-period", &mut out.start_period),
            ("start-interval", &mut out.start_interval),
        ] {
            let Some(value) = flags.text(name).filter(|value| !value.text.is_empty()) else { continue };
            match parse_duration(&value.text) {
                Ok(nanos) if nanos != 0 && nanos < 1_000_000 => {
                    self.faults.push((Fault::Interval(name), value.span));
                }
                Ok(nanos) => *slot = nanos,
                Err(error) => self.faults.push((Fault::Duration(error), value.span)),
            }
        }
        if let Some(value) = flags.text("retries").filter(|value| !value.text.is_empty()) {
            match parse_int32(&value.text) {
                Ok(retries) if retries < 0 => self.faults.push((Fault::Retries(retries.into()), value.span)),
                Ok(retries) => out.retries = retries,
                Err(error) => self.faults.push((error.into(), value.span)),
            }
        }
        Some(out)
    }
}
