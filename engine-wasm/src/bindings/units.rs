//! `units.*`.

use serde_json::Value;

use super::args::Args;
use super::{Failure, Function};
use crate::units::{SizeError, bytes_size, from_human_size, human_duration, human_size_with_precision, ram_in_bytes};

pub(super) const TABLE: &[(&str, Function)] = &[
    ("units.humanSize", |args| {
        let digits = if args.get(1).is_some() { args.count(1, "digits")? } else { 4 };
        // More than a float has; Go's `%.400g` prints no more either.
        Ok(human_size_with_precision(args.number(0, "bytes")?, digits.min(400)).into())
    }),
    ("units.bytesSize", |args| Ok(bytes_size(args.number(0, "bytes")?).into())),
    ("units.humanDuration", |args| Ok(human_duration(args.number(0, "seconds")?).into())),
    ("units.fromHumanSize", |args| size(args, from_human_size)),
    ("units.ramInBytes", |args| size(args, ram_in_bytes)),
];

fn size(args: &Args, read: fn(&str) -> Result<i64, SizeError>) -> Result<Value, Failure> {
    read(args.text(0, "size")?).map(Value::from).map_err(|error| Failure::new(error.to_string()))
}
