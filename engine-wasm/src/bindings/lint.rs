//! `dockerfile.*`: checks and their fixes.

use serde_json::Value;

use super::args::{Args, Options, expected};
use super::editor::edit;
use super::offsets::Offsets;
use super::{Failure, Function, strings, variables};
use crate::dockerfile::hadolint::LabelKind;
use crate::dockerfile::lint::{self, Diagnostic, Ignored, Report, Severity};
use crate::dockerfile::{self, Dockerfile, expand, hadolint, instructions};
use crate::ignore::Matcher;

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
    ("dockerfile.report", |args| {
        let text = args.text(0, "text")?;
        let named = args.options(1, &["name", "target", "buildArgs", "dockerignore", "format"])?;
        let name = named.text("name")?.unwrap_or("Dockerfile");
        let report = report(text, &dockerfile::parse(text), &named, false)?;
        Ok(match named.choice("format", &[("text", false), ("json", true)])? {
            true => report.to_json(text, name),
            false => json!({ "output": report.to_text(text, name), "errors": report.errors_text(text, name) }),
        })
    }),
    ("dockerfile.rules", |_| {
        let buildkit = lint::rules::RULES.iter().map(|rule| {
            json!({
                "rule": rule.name, "set": "buildkit", "severity": severity(rule.severity), "message": rule.description,
                "explanation": rule.explanation, "url": rule.url, "onByDefault": !rule.experimental,
            })
        });
        let hadolint = hadolint::RULES.iter().map(|rule| {
            json!({
                "rule": rule.code, "set": "hadolint", "severity": rule.severity.map(severity), "message": rule.message,
                "explanation": rule.explanation, "url": rule.url, "onByDefault": rule.severity.is_some(),
            })
        });
        Ok(buildkit.chain(hadolint).collect())
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
    let named = args.options(1, &["rules", "ignore", "hadolint", "target", "buildArgs", "dockerignore"])?;
    let (buildkit, other) =
        named.choice("rules", &[("all", (true, true)), ("buildkit", (true, false)), ("hadolint", (false, true))])?;
    let ignored = named.get("ignore").map(|names| strings(names, "ignore")).transpose()?.unwrap_or_default();
    let file = dockerfile::parse(text);
    let mut all = Vec::new();
    if buildkit {
        all = report(text, &file, &named, true)?.diagnostics();
    }
    if other {
        all.extend(hadolint::check_file(text, &file, &settings(&named)?));
    }
    all.retain(|diagnostic| !ignored.contains(&diagnostic.rule));
    crate::order::sort_by_key(&mut all, |diagnostic| (diagnostic.lines.0, diagnostic.span.start));
    Ok(all)
}

/// The option `hadolint`.
fn settings(named: &Options<'_>) -> Result<hadolint::Options, Failure> {
    let mut options = hadolint::Options::default();
    let known = ["trustedRegistries", "labels", "strictLabels", "severities", "disablePragmas"];
    let named = named.options("hadolint", &known)?;
    if let Some(registries) = named.get("trustedRegistries") {
        options.trusted_registries = strings(registries, "trustedRegistries")?.into_iter().map(str::to_owned).collect();
    }
    for (label, kind) in variables(&named, "labels")? {
        let kind =
            LabelKind::named(&kind).ok_or_else(|| Failure::new(format!("there is no kind of label {kind:?}")))?;
        options.label_schema.insert(label, kind);
    }
    for (rule, level) in variables(&named, "severities")? {
        let levels = [Severity::Style, Severity::Info, Severity::Warning, Severity::Error];
        let level = levels.into_iter().find(|one| severity(*one) == level);
        let known = hadolint::rule(&rule).ok_or_else(|| Failure::new(format!("hadolint has no rule {rule:?}")))?;
        let level = level.ok_or_else(|| expected("severities", "style, info, warning or error for each rule"))?;
        options.severities.insert(known.code.to_owned(), level);
    }
    options.strict_labels = named.flag("strictLabels")?;
    options.disable_pragmas = named.flag("disablePragmas")?;
    Ok(options)
}

/// BuildKit's checks, as the options want them: all that can be found, or as far as a build comes.
fn report(text: &str, file: &Dockerfile, named: &Options<'_>, go_on: bool) -> Result<Report, Failure> {
    let build = expand::Options {
        target: named.text("target")?.unwrap_or_default().to_owned(),
        build_args: variables(named, "buildArgs")?,
        ..expand::Options::default()
    };
    let matcher = match named.text("dockerignore")? {
        Some(patterns) => {
            Some(Matcher::from_file(patterns.as_bytes()).map_err(|error| Failure::new(error.to_string()))?)
        }
        None => None,
    };
    // With exceptions, BuildKit does not check.
    let matcher = matcher.filter(|matcher| !matcher.exclusions());
    let everything =
        |matcher: &Matcher| matcher.patterns().iter().any(|pattern| matches!(pattern.text(), "*" | "**" | "**/*"));
    let matches = |path: &str| matcher.as_ref().is_some_and(|matcher| matcher.ignores(path).unwrap_or_default());
    let ignored = matcher.as_ref().map(|matcher| Ignored { matches: &matches, everything: everything(matcher) });
    let options = lint::Options { build: Some(&build), ignored, go_on, ..lint::Options::default() };
    Ok(lint::check_parsed(text, file, &instructions::program(file), &options))
}

fn shown(diagnostic: &Diagnostic, at: &Offsets) -> Value {
    let fixes = diagnostic.fixes.iter().map(|fix| {
        json!({ "title": fix.title, "edits": fix.edits.iter().map(|change| edit(change, at)).collect::<Vec<_>>() })
    });
    json!({
        "rule": diagnostic.rule,
        "message": diagnostic.message,
        "severity": severity(diagnostic.severity),
        "url": diagnostic.url,
        "span": at.span(&diagnostic.span),
        "lines": [diagnostic.lines.0, diagnostic.lines.1],
        "fixes": fixes.collect::<Vec<_>>(),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Style => "style",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
