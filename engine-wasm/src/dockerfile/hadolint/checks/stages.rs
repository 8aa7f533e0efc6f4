//! Rules about what a stage has too much of, or too little.

use std::collections::BTreeSet;

use super::{Ins, Sink};
use crate::dockerfile::hadolint::fix;
use crate::dockerfile::lint::{Fix, TextEdit};

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    for (name, code) in [("HEALTHCHECK", "DL3012"), ("CMD", "DL4003"), ("ENTRYPOINT", "DL4004")] {
        repeated(sink, list, name, code);
    }
    health(sink, list);
    for ins in list {
        match ins.name.as_str() {
            "MAINTAINER" => {
                let fix = fix::maintainer(sink.view.text, ins.node);
                sink.add_at("DL4000", ins, ins.span.clone(), fix);
            }
            "ONBUILD" => {
                let child = ins.node.child.as_ref().map_or(String::new(), |child| child.name.text.to_ascii_uppercase());
                if matches!(child.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
                    sink.add("DL3043", ins);
                }
            }
            "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => {
                let none = ins.name == "HEALTHCHECK" && !ins.first().eq_ignore_ascii_case("cmd");
                if !ins.node.json && !none && !ins.node.args.is_empty() {
                    sink.add("DL3025", ins);
                }
            }
            _ => {}
        }
    }
}

/// Of these instructions only a stage's last one counts.
fn repeated(sink: &mut Sink<'_>, list: &[Ins<'_>], name: &str, code: &'static str) {
    let mut before: Option<&Ins<'_>> = None;
    for ins in list {
        if ins.name == "FROM" {
            before = None;
        } else if ins.name == name {
            if let Some(before) = before {
                let fix = removal(sink.view.text, before).map(|edit| Fix {
                    title: format!("Remove the {name} on line {}", before.lines.0),
                    edits: vec![edit],
                });
                sink.add_at(code, ins, ins.span.clone(), fix);
            }
            before = Some(ins);
        }
    }
}

/// Takes an instruction out with its lines.
fn removal(text: &str, ins: &Ins<'_>) -> Option<TextEdit> {
    let start = text[..ins.span.start].rfind('\n').map_or(0, |end| end + 1);
    let end = ins.span.end + text[ins.span.end..].find('\n').map(|end| end + 1)?;
    // Where anything else is on the lines, they stay.
    let clean = text[start..ins.span.start].trim().is_empty() && text[ins.span.end..end].trim().is_empty();
    (clean && ins.node.heredocs.is_empty()).then(|| TextEdit { span: start..end, text: String::new() })
}

/// A stage of the rule about missing health checks: what it is built on, its name, its instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stage<'a> {
    source: &'a str,
    name: &'a str,
    index: usize,
}

fn health(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    let mut current: Option<Stage<'_>> = None;
    for (index, ins) in list.iter().enumerate() {
        if ins.name == "FROM" {
            let base = ins.base();
            let stage = Stage { source: base.name, name: base.known_as(), index };
            let inherits = good.iter().any(|other: &Stage<'_>| other.name == stage.source);
            if inherits && current.is_some() {
                good.insert(stage)
            } else {
                bad.insert(stage)
            };
            current = Some(stage);
        } else if ins.name == "HEALTHCHECK"
            && let Some(stage) = current
        {
            // The stages that this one is built on are no longer looked at either.
            let mut next = vec![stage];
            while let Some(stage) = next.pop() {
                bad.remove(&stage);
                good.insert(stage);
                next.extend(bad.iter().filter(|other| other.name == stage.source).copied());
            }
        }
    }
    let mut missing: Vec<usize> = bad.into_iter().map(|stage| stage.index).collect();
    crate::order::sort(&mut missing);
    missing.into_iter().for_each(|index| sink.add("DL3057", &list[index]));
}
