//! `reference.*`.

use serde_json::Value;

use super::{Failure, Function};
use crate::reference::{
    AnyReference, Error, Reference, glob_match, parse, parse_any, parse_docker_ref, parse_named, parse_normalized,
    validate_digest,
};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("reference.parse", |args| read(parse_normalized(args.text(0, "text")?))),
    ("reference.parseRaw", |args| read(parse(args.text(0, "text")?))),
    ("reference.parseCanonical", |args| read(parse_named(args.text(0, "text")?))),
    ("reference.parseDocker", |args| read(parse_docker_ref(args.text(0, "text")?))),
    ("reference.parseAny", |args| match parse_any(args.text(0, "text")?) {
        Ok(AnyReference::Digest(digest)) => Ok(json!({ "digestOnly": digest })),
        Ok(AnyReference::Named(reference)) => read(Ok(reference)),
        Err(error) => read(Err(error)),
    }),
    ("reference.matches", |args| {
        let reference = parse_normalized(args.text(0, "text")?).map_err(failure)?;
        reference.familiar_match(args.text(1, "pattern")?).map(Value::from).map_err(|e| Failure::new(e.to_string()))
    }),
    ("reference.glob", |args| {
        glob_match(args.text(0, "pattern")?, args.text(1, "text")?)
            .map(Value::from)
            .map_err(|error| Failure::new(error.to_string()))
    }),
    ("reference.validateDigest", |args| {
        validate_digest(args.text(0, "digest")?).map(|()| Value::Null).map_err(failure)
    }),
];

fn read(result: Result<Reference, Error>) -> Result<Value, Failure> {
    let reference = result.map_err(failure)?;
    Ok(json!({
        "domain": reference.domain(),
        "path": reference.path(),
        "tag": reference.tag(),
        "digest": reference.digest(),
        "name": reference.name(),
        "full": reference.to_string(),
        "familiarName": reference.familiar_name(),
        "familiar": reference.familiar_string(),
    }))
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failure(error: Error) -> Failure {
    Failure::new(error.to_string())
}
