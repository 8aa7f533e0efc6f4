//! Rules about `FROM`.

use std::collections::BTreeSet;

use super::{Ins, Sink};
use crate::dockerfile::hadolint::file::Base;
use crate::dockerfile::hadolint::fix;

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let mut aliases: BTreeSet<&str> = BTreeSet::new();
    let mut from_seen = false;
    for ins in list {
        if ins.name != "FROM" {
            if !from_seen && ins.name != "ARG" {
                sink.add("DL3061", ins);
            }
            if !trusted_sources(sink, ins, &aliases) {
                sink.add("DL3026", ins);
            }
            continue;
        }
        from_seen = true;
        let base = ins.base();
        let span = ins.node.args.first().map_or(ins.span.clone(), |word| word.span.clone());
        let pinned = base.name == "scratch" || base.digest || base.tag.is_some();
        if !pinned && !base.name.starts_with('$') && !aliases.contains(base.name) {
            sink.add_at("DL3006", ins, span.clone(), None);
        }
        if base.tag == Some("latest") && !base.digest {
            sink.add_at("DL3007", ins, span.clone(), None);
        }
        if !is_trusted(sink, &base, &aliases) {
            sink.add_at("DL3026", ins, span, None);
        }
        platform(sink, ins, &base);
        if let Some(alias) = base.alias {
            if matches!(alias.text.as_str(), "scratch" | "context") {
                sink.add_at("DL3063", ins, alias.span.clone(), None);
            }
            if !aliases.insert(&alias.text) {
                sink.add_at("DL3024", ins, alias.span.clone(), None);
            }
        }
    }
}

fn platform(sink: &mut Sink<'_>, ins: &Ins<'_>, base: &Base<'_>) {
    let Some(platform) = base.platform else { return };
    let Some(flag) = ins.node.flags.iter().find(|flag| flag.text.starts_with("--platform=")) else { return };
    if !platform.contains("BUILDPLATFORM") && !platform.contains("TARGETPLATFORM") {
        sink.add_at("DL3029", ins, flag.span.clone(), None);
    }
    if matches!(platform, "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        sink.add_at("DL3065", ins, flag.span.clone(), fix::platform(sink.view.text, ins.node));
    }
}

/// Whether what `COPY --from` and `RUN --mount=from=` name may be used.
fn trusted_sources(sink: &Sink<'_>, ins: &Ins<'_>, aliases: &BTreeSet<&str>) -> bool {
    match ins.name.as_str() {
        "COPY" => ins.flag("--from").is_none_or(|from| is_trusted(sink, &Base::image(from), aliases)),
        "RUN" => ins.node.flags.iter().filter_map(|flag| flag.text.strip_prefix("--mount=")).all(|mount| {
            let from = mount.split(',').find_map(|option| option.strip_prefix("from="));
            from.is_none_or(|from| is_trusted(sink, &Base::image(from), aliases))
        }),
        _ => true,
    }
}

fn is_trusted(sink: &Sink<'_>, base: &Base<'_>, aliases: &BTreeSet<&str>) -> bool {
    let trusted = &sink.options.trusted_registries;
    let matches = |registry: &str| {
        trusted.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => registry.ends_with(end),
            (_, Some(start)) => registry.starts_with(start),
            _ => registry == pattern,
        })
    };
    trusted.is_empty()
        || aliases.contains(base.name)
        || match base.registry {
            Some(registry) => matches(registry),
            None => base.name == "scratch" || matches("docker.io") || matches("hub.docker.com"),
        }
}
