//! Rules about labels, most of them against the schema of the configuration.

use std::collections::BTreeSet;

use super::{Ins, Sink};
use crate::dockerfile::hadolint::LabelKind;

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let schema = &sink.options.label_schema;
    let strict = sink.options.strict_labels;
    for ins in list.iter().filter(|ins| ins.name == "LABEL") {
        let pairs = ins.pairs();
        if let Some((.., word)) = pairs.iter().find(|(key, ..)| !is_key(key)) {
            sink.add_at("DL3048", ins, word.span.clone(), None);
        }
        if let Some((.., word)) = pairs.iter().find(|(key, ..)| strict && !schema.contains_key(key)) {
            sink.add_at("DL3050", ins, word.span.clone(), None);
        }
        for (label, kind) in schema {
            let values = || pairs.iter().filter(|(key, ..)| key == label).map(|(_, value, _)| value);
            if values().any(String::is_empty) {
                sink.add_label("DL3051", ins, label);
            }
            let code = match kind {
                LabelKind::Text => continue,
                LabelKind::Url => "DL3052",
                LabelKind::Rfc3339 => "DL3053",
                LabelKind::Spdx => "DL3054",
                LabelKind::Hash => "DL3055",
                LabelKind::Semver => "DL3056",
                LabelKind::Email => "DL3058",
            };
            if values().any(|value| !kind.accepts(value)) {
                sink.add_label(code, ins, label);
            }
        }
    }
    schema.keys().for_each(|label| missing(sink, list, label));
}

fn is_key(key: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase();
    key.starts_with(lower)
        && key.ends_with(|c: char| lower(c) || c.is_ascii_digit())
        && key.chars().all(|c| lower(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '/'))
        && !["com.docker.", "io.docker.", "org.dockerproject."].iter().any(|space| key.starts_with(space))
        && !key.contains("..")
        && !key.contains("--")
}

/// Stages without a label, unless they are only there for another stage to copy from.
fn missing(sink: &mut Sink<'_>, list: &[Ins<'_>], label: &str) {
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    let mut current: Option<usize> = None;
    let alias = |index: usize| list[index].base().alias.map(|alias| alias.text.as_str());
    for (index, ins) in list.iter().enumerate() {
        match ins.name.as_str() {
            "FROM" => {
                let inherits = good.iter().any(|other: &usize| alias(*other) == Some(ins.base().name));
                if inherits {
                    good.insert(index)
                } else {
                    bad.insert(index)
                };
                current = Some(index);
            }
            "COPY" => {
                if let Some(from) = ins.flag("--from") {
                    bad.retain(|stage: &usize| alias(*stage) != Some(from));
                }
            }
            "LABEL" if ins.pairs().iter().any(|(key, ..)| key == label) => {
                if let Some(stage) = current {
                    let name = list[stage].base().known_as();
                    bad.retain(|other: &usize| alias(*other) != Some(name));
                    bad.remove(&stage);
                    good.insert(stage);
                }
            }
            _ => {}
        }
    }
    bad.into_iter().for_each(|index| sink.add_label("DL3049", &list[index], label));
}
