//! Rules about what is copied, from where and where to, and about directories and ports.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ins, Sink, is_drive, unquoted};
use crate::dockerfile::hadolint::script::Cmd;
use crate::dockerfile::lint::{Fix, TextEdit};

/// Endings of archives that `ADD` unpacks, as hadolint lists them.
const ARCHIVES: [&str; 15] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz", ".txz", ".xz",
];

/// Endings of files that `ADD` copies as they are.
const TEXTS: &str = "c cfg conf cpp cs css csv env go gradle h html ini java js json jsx kt lock lua md mjs mod php pl properties py rb rs \
    service sh sql sum svg toml ts tsx txt vue xml yaml yml";

/// What is known on the way through the file.
#[derive(Default)]
struct Known<'a> {
    stages: usize,
    names: BTreeSet<&'a str>,
    /// The current stage's name, or its image.
    current: &'a str,
    alias: Option<&'a str>,
    /// Stages with a `WORKDIR`.
    workdir: BTreeMap<&'a str, bool>,
    /// Archives copied in this stage, by instruction.
    archives: Vec<(usize, String)>,
}

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let mut known = Known::default();
    let mut unpacked: BTreeSet<(usize, String)> = BTreeSet::new();
    for (index, ins) in list.iter().enumerate() {
        match ins.name.as_str() {
            "FROM" => {
                let base = ins.base();
                let inherited = known.workdir.get(base.name).copied().unwrap_or(false);
                if known.stages > 0 || !known.current.is_empty() || known.workdir.contains_key("") {
                    known.workdir.insert(base.known_as(), inherited);
                }
                known.stages += 1;
                known.current = base.known_as();
                known.alias = base.alias.map(|alias| alias.text.as_str());
                known.names.extend(known.alias);
                // What was found in earlier stages is forgotten, as in hadolint.
                known.archives.clear();
                unpacked.clear();
            }
            "WORKDIR" => {
                known.workdir.insert(known.current, true);
                let path = unquoted(ins.first());
                if !path.starts_with(['$', '/']) && !is_drive(path) {
                    sink.add("DL3000", ins);
                }
            }
            "EXPOSE" => ports(sink, ins),
            "COPY" => copy(sink, ins, index, &mut known),
            "ADD" => add(sink, ins),
            "RUN" => {
                let unpacks = |archive: &str| ins.script.commands.iter().any(|cmd| unpacks(cmd, archive));
                unpacked.extend(known.archives.iter().filter(|(_, archive)| unpacks(archive)).cloned());
            }
            _ => {}
        }
    }
    unpacked.into_iter().for_each(|(index, _)| sink.add("DL3010", &list[index]));
}

fn ports(sink: &mut Sink<'_>, ins: &Ins<'_>) {
    for word in &ins.node.args {
        let range = word.text.split('/').next().unwrap_or_default();
        if range.split('-').any(|port| port.parse::<u64>().is_ok_and(|port| port > 65535)) {
            return sink.add_at("DL3011", ins, word.span.clone(), None);
        }
    }
}

fn is_archive(path: &str) -> bool {
    ARCHIVES.iter().any(|ending| unquoted(path).ends_with(ending))
}

fn basename(path: &str) -> &str {
    unquoted(path).rsplit(['/', '\\']).next().unwrap_or_default()
}

fn copy<'a>(sink: &mut Sink<'_>, ins: &Ins<'a>, index: usize, known: &mut Known<'a>) {
    let Some((sources, dest)) = ins.paths() else { return };
    let target = unquoted(&dest.text);
    if sources.len() > 1 && !target.ends_with('/') {
        let plain = sink.view.text.get(dest.span.clone()) == Some(dest.text.as_str()) && !ins.node.json;
        let fix = (plain
            && target == dest.text
            && !target.is_empty()
            && !target.contains('$')
            && ins.node.heredocs.is_empty())
        .then(|| Fix {
            title: format!("Copy into `{target}/`"),
            edits: vec![TextEdit { span: dest.span.end..dest.span.end, text: "/".to_owned() }],
        });
        sink.add_at("DL3021", ins, dest.span.clone(), fix);
    }
    let set = known.workdir.get(known.current).copied().unwrap_or(false);
    if !set && !target.starts_with(['/', '$']) && !is_drive(target) {
        sink.add_at("DL3045", ins, dest.span.clone(), None);
    }
    let Some(from) = ins.flag("--from") else {
        if is_archive(&dest.text) {
            known.archives.push((index, basename(&dest.text).to_owned()));
        } else {
            let names = sources.iter().map(|word| basename(&word.text)).filter(|name| is_archive(name));
            known.archives.extend(names.map(|name| (index, name.to_owned())));
        }
        return;
    };
    let digits: String = from.chars().take_while(char::is_ascii_digit).collect();
    let number = digits.parse::<usize>().is_ok_and(|number| number < known.stages);
    if !from.contains(':') && !known.names.contains(from) && !number {
        sink.add("DL3022", ins);
    }
    if known.alias == Some(from) {
        sink.add("DL3023", ins);
    }
    if target == "/" && sources.iter().any(|word| unquoted(&word.text) == "/") {
        sink.add("DL3067", ins);
    }
}

fn add(sink: &mut Sink<'_>, ins: &Ins<'_>) {
    let Some((sources, _)) = ins.paths() else { return };
    let is_url = |path: &str| ["http://", "https://"].iter().any(|scheme| unquoted(path).starts_with(scheme));
    let plain = |word: &&crate::dockerfile::Word| !is_archive(&word.text) && !is_url(&word.text);
    let Some(first) = sources.iter().find(plain) else { return };
    let local = |text: &str| {
        let path = unquoted(text);
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        // What `ADD` unpacks it knows by the content: a file must have a name that no archive has.
        let known = name.rsplit_once('.').is_some_and(|(_, ending)| TEXTS.split(' ').any(|text| text == ending));
        let directory = matches!(name, "." | "..") || (path.ends_with('/') && !name.contains('.'));
        (known || directory) && !path.contains([':', '$', '@', '*', '?', '[', '\\'])
    };
    let flags = ["--chown", "--chmod", "--link", "--exclude"];
    let same = ins.node.flags.iter().all(|flag| flags.contains(&flag.text.split('=').next().unwrap_or_default()));
    let name = &ins.node.name.span;
    let fix = (same && sources.iter().all(|word| local(&word.text))).then(|| Fix {
        title: "Use COPY".to_owned(),
        edits: vec![TextEdit { span: name.clone(), text: "COPY".to_owned() }],
    });
    sink.add_at("DL3020", ins, first.span.clone(), fix);
}

fn unpacks(cmd: &Cmd, archive: &str) -> bool {
    let tools = ["unzip", "gunzip", "bunzip2", "unlzma", "unxz", "zgz", "uncompress", "zcat", "gzcat"];
    let extracts = |text: &str| matches!(text, "--extract" | "--get") || (text.starts_with('-') && text.contains('x'));
    let tar = cmd.name == "tar" && cmd.args.iter().any(|arg| extracts(&arg.text));
    (tar || tools.contains(&cmd.name.as_str())) && cmd.plain(&[]).iter().any(|arg| basename(&arg.text) == archive)
}
