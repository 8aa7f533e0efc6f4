//! Why a call did not succeed, as JavaScript gets to see it: an `EngineError` with these fields.

use serde_json::Value;

/// What went wrong, and where in the text that was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A sentence; Docker's own where it has one.
    pub message: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1 in characters, where the source of the error counts them so.
    pub column: Option<usize>,
    /// First and last UTF-16 unit of the place.
    pub span: Option<(usize, usize)>,
    /// What kind of failure, where programs tell kinds apart: `cancelled`, `limit`.
    pub code: Option<&'static str>,
    /// Where in an archive.
    pub place: Option<Box<Place>>,
}

/// A place in an archive, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Which part: `layer sha256:…`, `manifest.json`.
    pub file: Option<String>,
    /// Where in it, in bytes.
    pub offset: Option<u64>,
    /// The entry of a tar that begins there, or a path.
    pub entry: Option<String>,
}

impl Failure {
    /// A failure without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The failure of what was told to stop.
    pub fn cancelled() -> Self {
        Self { code: Some("cancelled"), ..Self::new("cancelled") }
    }

    /// The fields as JSON; absent ones are left out.
    pub fn to_json(&self) -> Value {
        let mut out = json!({ "message": self.message });
        let fields = [("line", self.line), ("column", self.column)];
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            out[name] = value.into();
        }
        if let Some((start, end)) = self.span {
            out["span"] = json!({ "start": start, "end": end });
        }
        let (file, entry) =
            self.place.as_ref().map_or((None, None), |place| (place.file.as_deref(), place.entry.as_deref()));
        for (name, value) in [("code", self.code), ("file", file), ("entry", entry)] {
            if let Some(value) = value {
                out[name] = value.into();
            }
        }
        if let Some(offset) = self.place.as_ref().and_then(|place| place.offset) {
            out["offset"] = offset.into();
        }
        out
    }
}
