//! `ignore.*`: `.dockerignore` files.

use serde_json::Value;

use super::args::{Args, expected};
use super::{Failure, Function};
use crate::ignore::{Error, Matcher, Verdict, read};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("ignore.patterns", |args| read(args.text(0, "text")?.as_bytes()).map(Value::from).map_err(failure)),
    ("ignore.ignores", |args| {
        let matcher = matcher(args)?;
        let paths = args.get(1).and_then(Value::as_array).ok_or_else(|| expected("paths", "an array of strings"))?;
        let ignored = paths.iter().map(|path| {
            let path = path.as_str().ok_or_else(|| expected("paths", "an array of strings"))?;
            matcher.ignores(path).map_err(|error| failure(error.into()))
        });
        Ok(ignored.collect::<Result<Vec<bool>, Failure>>()?.into())
    }),
    ("ignore.walk", |args| {
        let matcher = matcher(args)?;
        let mut walk = matcher.walk();
        let entries = args.get(1).and_then(Value::as_array).ok_or_else(|| expected("entries", "an array"))?;
        let verdicts = entries.iter().map(|entry| {
            let path = entry["path"].as_str().ok_or_else(|| expected("path", "a string"))?;
            let directory = entry["directory"].as_bool().unwrap_or_default();
            let verdict = walk.visit(path, directory).map_err(|error| failure(error.into()))?;
            Ok(match verdict {
                Verdict::Keep => "keep",
                Verdict::Ignore => "ignore",
                Verdict::Descend => "descend",
            })
        });
        Ok(verdicts.collect::<Result<Vec<&str>, Failure>>()?.into())
    }),
];

fn matcher(args: &Args) -> Result<Matcher, Failure> {
    Matcher::from_file(args.text(0, "text")?.as_bytes()).map_err(failure)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failure(error: Error) -> Failure {
    Failure::new(error.to_string())
}
