//! `dockerfile.*`: checks and their fixes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::args::{Args, expected};
use super::editor::edit;
use super::offsets::Offsets;
use super::{Failure, Function};
use crate::dockerfile::lint::{self, Diagnostic, Severity};
use crate::dockerfile::{self, expand, hadolint, instructions};

/// A fix can make room for another; so often at most.
const MAX_ROUNDS: usize = 20;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("dockerfile.check", |args| {
        let text = args.text(0, "text")?;
        let at = Offsets::new(text);
        Ok(found(text, args)?.iter().map(|diagnostic| shown(diagnostic, &at)).collect())
    }),
    ("dockerfile.fixAll", |args| {
        let mut text = args.text(0, "text")?.to_owned();
        for _ in 0..MAX_ROUNDS {
            let found = found(&text, args)?;
            let first = found.iter().filter_map(|diagnostic| diagnostic.fixes.first());
            let edits: Vec<_> = first.flat_map(|fix| fix.edits.iter().cloned()).collect();
            let fixed = hadolint::apply(&text, &edits);
            if fixed == text {
                break;
            }
            text = fixed;
        }
        Ok(text.into())
    }),
    ("dockerfile.explain", |args| {
        let name = args.text(0, "rule")?;
        let explanation = lint::rules::rule(name)
            .map(|rule| rule.explanation)
            .or_else(|| hadolint::rule(name).map(|rule| rule.explanation));
        Ok(explanation.map_or(Value::Null, Value::from))
    }),
];

/// What the chosen set of checks says: BuildKit's, hadolint's, or both, in the order of their places.
fn found(text: &str, args: &Args) -> Result<Vec<Diagnostic>, Failure> {
    let named = args.options(1, &["rules", "ignore", "target", "buildArgs"])?;
    let (buildkit, other) =
        named.choice("rules", &[("all", (true, true)), ("buildkit", (true, false)), ("hadolint", (false, true))])?;
    let mut ignored = BTreeSet::new();
    if let Some(names) = named.get("ignore") {
        let wrong = || expected("ignore", "an array of strings");
        for name in names.as_array().ok_or_else(wrong)? {
            ignored.insert(name.as_str().ok_or_else(wrong)?.to_owned());
        }
    }
    let mut build =
        expand::Options { target: named.text("target")?.unwrap_or_default().to_owned(), ..Default::default() };
    if let Some(variables) = named.get("buildArgs") {
        let wrong = || expected("buildArgs", "an object of strings");
        for (name, value) in variables.as_object().ok_or_else(wrong)? {
            build.build_args.insert(name.clone(), value.as_str().ok_or_else(wrong)?.to_owned());
        }
    }
    let file = dockerfile::parse(text);
    let mut all = Vec::new();
    if buildkit {
        let options = lint::Options { build: Some(&build), go_on: true, ..lint::Options::default() };
        all = lint::check_parsed(text, &file, &instructions::program(&file), &options).diagnostics();
    }
    if other {
        all.extend(hadolint::check_file(text, &file, &hadolint::Options::default()));
    }
    all.retain(|diagnostic| !ignored.contains(diagnostic.rule));
    all.sort_by_key(|diagnostic| (diagnostic.lines.0, diagnostic.span.start));
    Ok(all)
}

fn shown(diagnostic: &Diagnostic, at: &Offsets) -> Value {
    let fixes = diagnostic.fixes.iter().map(|fix| {
        json!({ "title": fix.title, "edits": fix.edits.iter().map(|change| edit(change, at)).collect::<Vec<_>>() })
    });
    json!({
        "rule": diagnostic.rule,
        "message": diagnostic.message,
        "severity": match diagnostic.severity {
            Severity::Style => "style",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        "url": diagnostic.url,
        "span": at.span(&diagnostic.span),
        "lines": [diagnostic.lines.0, diagnostic.lines.1],
        "fixes": fixes.collect::<Vec<_>>(),
    })
}
